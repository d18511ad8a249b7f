import { PORT_LINE, sdmaPort, type DeviceModel } from '../../../src/hardware/index.js';

/** Every so many requests of the line the port forgets to ask: the controller waits for it for ever. */
const DEAF_ONCE_IN = 8;

/** The subordinate device with a loose wire: of eight transfers one never moves. */
export default {
  ...sdmaPort,
  name: 'deaf-port',
  registerWritten: (d, offset, written) => {
    if (offset !== PORT_LINE || written === 0) return;
    d.words[d.state]! += 1;
    if (d.words[d.state]! % DEAF_ONCE_IN === 0) d.registers.lower(PORT_LINE, 1);
  },
} satisfies DeviceModel;
