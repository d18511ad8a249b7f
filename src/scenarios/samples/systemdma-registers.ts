/** Registers of a request line of the port: the block of line n lies at n * LINE_STRIDE; docs/sdma.md. */
export const LINE_STRIDE = 0x40;
export const POINTER = 0x00;
export const COUNT = 0x04;
export const LINE = 0x08;
/** One FIFO register for each bank of the device's memory. */
export const FIFO = 0x10;
export const FIFO_STRIDE = 4;
export const BANK_BYTES = 0x4000;
export const RING_START = 0x20;
export const RING_BYTES = 0x24;
