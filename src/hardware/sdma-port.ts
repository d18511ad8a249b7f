import { DONE } from '../kernel/op.js';
import { BarKind, type DeviceModel } from './device-model.js';
import { sdmaPortRegisters } from './sdma-registers.js';

const LOCAL_BYTES = 0x1_0000;

/**
 * A device that cannot master the bus and has no interrupt: a FIFO register over 64 KiB of memory, and a request line
 * to the system DMA controller. It does nothing of its own; the controller moves its data. See docs/sdma.md.
 */
export const sdmaPort: DeviceModel = {
  name: 'sdma-port',
  title: 'subordinate device: a FIFO and a request line of the system DMA controller, no interrupt',
  params: [],
  isSubordinate: true,
  addressBits: 64,
  aperture: 'low',
  registers: () => sdmaPortRegisters,
  bars: () => [
    { index: 0, kind: BarKind.Registers, lengthBytes: sdmaPortRegisters.lengthBytes },
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
