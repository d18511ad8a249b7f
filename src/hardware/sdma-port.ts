import { DONE } from '../kernel/op.js';
import { BarKind, type DeviceModel, type DeviceParams } from './device-model.js';
import { PORT_BANKS, PORT_BANK_BYTES, PORT_LINES_MAX, sdmaPortRegisters } from './sdma-registers.js';

const LOCAL_BYTES = PORT_BANKS * PORT_BANK_BYTES;

const tableOf = (params: DeviceParams): ReturnType<typeof sdmaPortRegisters> => sdmaPortRegisters(params['requestLines']!);

/**
 * A device that cannot master the bus and has no interrupt: FIFO registers over 64 KiB of memory, and one or two request
 * lines to the system DMA controller. It does nothing of its own; the controller moves its data. See docs/sdma.md.
 */
export const sdmaPort: DeviceModel = {
  name: 'sdma-port',
  title: 'subordinate device: a FIFO and a request line of the system DMA controller, no interrupt',
  params: [
    {
      name: 'requestLines',
      default: 1,
      min: 1,
      max: PORT_LINES_MAX,
      unit: 'lines',
      title: 'request lines, each with registers of its own: with two, data can go both ways at once',
    },
  ],
  isSubordinate: true,
  addressBits: 64,
  aperture: 'low',
  registers: tableOf,
  bars: (params) => [
    { index: 0, kind: BarKind.Registers, lengthBytes: tableOf(params).lengthBytes },
    { index: 1, kind: BarKind.LocalMemory, lengthBytes: LOCAL_BYTES },
  ],
  stateWords: () => 1,
  localMemoryBytes: () => LOCAL_BYTES,
  vectors: () => ({ kind: 'message', count: 0 }),
  reset: () => undefined,
  pending: () => DONE,
  step: () => false,
  describe: () => [],
};

/** Request lines a device takes of the controller: none for a bus master. */
export function requestLinesOf(model: DeviceModel, params: DeviceParams): number {
  if (model.isSubordinate !== true) return 0;
  return params['requestLines'] ?? model.params.find(({ name }) => name === 'requestLines')?.default ?? 1;
}
