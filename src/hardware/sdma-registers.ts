import { FieldAccess, RegisterTable, wordRegister, type RegisterWord } from './register-table.js';

/** Channels and request lines a controller can have. */
export const SDMA_CHANNELS_MAX = 4;
export const SDMA_LINES_MAX = 16;
/** Elements of a channel's list. */
export const SDMA_ELEMENTS = 4;

/** A bit a channel: its transfer has ended, one way or the other. */
export const SDMA_INT_CAUSE = 0x000;

/** Registers of channel n lie at SDMA_CHANNEL0 + n * SDMA_CHANNEL_STRIDE. */
export const SDMA_CHANNEL0 = 0x080;
export const SDMA_CHANNEL_STRIDE = 0x080;
export const SDMA_CONFIG = 0x00;
export const SDMA_COMMAND = 0x04;
export const SDMA_STATUS = 0x08;
/** Bytes of the list that are still to be moved. */
export const SDMA_COUNTER = 0x0c;
/** Number of the transfer, echoed in the status: a status that is not of this transfer is stale. */
export const SDMA_GENERATION = 0x10;
/** Address on the device's side; it does not increment. */
export const SDMA_DEVICE_ADDRESS = 0x14;
/** Number of the transfer a stop means: one that comes too late must not hit the next transfer (rule D28). */
export const SDMA_STOP_GENERATION = 0x18;
/** Most bytes of a burst on this channel; 0: as many as the controller does. */
export const SDMA_BURST = 0x1c;
/** Element n: address low, address high, length in bytes. */
export const SDMA_ELEMENT0 = 0x20;
export const SDMA_ELEMENT_BYTES = 12;

/** CONFIG: request line in bits 0-7, elements in bits 16-23, width in bytes in bits 24-31. */
export const SDMA_CONFIG_FROM_DEVICE = 1 << 8;
export const SDMA_CONFIG_DEMAND = 1 << 9;
export const SDMA_CONFIG_LOOP = 1 << 10;
export const SDMA_CONFIG_ELEMENTS_SHIFT = 16;
export const SDMA_CONFIG_WIDTH_SHIFT = 24;

export const SDMA_COMMAND_START = 1 << 0;
export const SDMA_COMMAND_STOP = 1 << 1;

/** STATUS: state in bits 0-7, generation (24 bits of it) above. */
export const SDMA_GENERATION_MASK = 0xff_ffff;

/** State of a channel, in STATUS. */
export const SdmaState = { Idle: 0, Armed: 1, Running: 2, Draining: 3, Done: 4, Cancelled: 5, Error: 6 } as const;
export const sdmaStateNames = Object.keys(SdmaState);

export const sdmaChannel = (channel: number, register: number): number => SDMA_CHANNEL0 + channel * SDMA_CHANNEL_STRIDE + register;

function channelWords(channel: number): RegisterWord[] {
  const at = (register: number): number => sdmaChannel(channel, register);
  const words: RegisterWord[] = [
    wordRegister(`CONFIG${channel}`, at(SDMA_CONFIG), FieldAccess.RW),
    {
      name: `COMMAND${channel}`,
      offset: at(SDMA_COMMAND),
      fields: [{ name: 'Command', mask: SDMA_COMMAND_START | SDMA_COMMAND_STOP, access: FieldAccess.Command }],
    },
    wordRegister(`STATUS${channel}`, at(SDMA_STATUS), FieldAccess.RO),
    wordRegister(`COUNTER${channel}`, at(SDMA_COUNTER), FieldAccess.RO),
    wordRegister(`GENERATION${channel}`, at(SDMA_GENERATION), FieldAccess.RW),
    wordRegister(`STOP_GENERATION${channel}`, at(SDMA_STOP_GENERATION), FieldAccess.RW),
    wordRegister(`DEVICE_ADDRESS${channel}`, at(SDMA_DEVICE_ADDRESS), FieldAccess.RW),
    wordRegister(`BURST${channel}`, at(SDMA_BURST), FieldAccess.RW),
  ];
  for (let i = 0; i < SDMA_ELEMENTS; i++) {
    const element = at(SDMA_ELEMENT0 + i * SDMA_ELEMENT_BYTES);
    words.push(
      wordRegister(`ELEMENT${channel}_${i}_LOW`, element, FieldAccess.RW),
      wordRegister(`ELEMENT${channel}_${i}_HIGH`, element + 4, FieldAccess.RW),
      wordRegister(`ELEMENT${channel}_${i}_LENGTH`, element + 8, FieldAccess.RW),
    );
  }
  return words;
}

export const sdmaRegisters = new RegisterTable('sdma', SDMA_CHANNEL0 + SDMA_CHANNELS_MAX * SDMA_CHANNEL_STRIDE, [
  wordRegister('INT_CAUSE', SDMA_INT_CAUSE, FieldAccess.W1C),
  ...Array.from({ length: SDMA_CHANNELS_MAX }, (_, channel) => channelWords(channel)).flat(),
]);

// ---- The peripheral's side

/** A device has one or two request lines, each with a block of these registers. */
export const PORT_LINES_MAX = 2;
export const PORT_LINE_STRIDE = 0x40;
/** Where the next byte of the FIFO lies in its bank; advances as the FIFO is read and written. */
export const PORT_POINTER = 0x00;
/** Bytes the device wants; its request line drops when they have been moved. */
export const PORT_COUNT = 0x04;
/** Bit 0: the request line. The driver raises it, the device drops it after the last byte. */
export const PORT_LINE = 0x08;
/** The registers the controller reads and writes, one a bank of the device's memory; drivers do not. */
export const PORT_FIFO = 0x10;
export const PORT_FIFO_STRIDE = 4;
export const PORT_BANKS = 4;
export const PORT_BANK_BYTES = 0x4000;
/** A length makes a ring of that part of the bank: the pointer goes round in it, and COUNT stands for ever. 0: no ring. */
export const PORT_RING_START = 0x20;
export const PORT_RING_BYTES = 0x24;

function portWords(line: number): RegisterWord[] {
  const at = (register: number): number => line * PORT_LINE_STRIDE + register;
  const suffix = line === 0 ? '' : String(line);
  return [
    wordRegister(`POINTER${suffix}`, at(PORT_POINTER), FieldAccess.RW),
    wordRegister(`COUNT${suffix}`, at(PORT_COUNT), FieldAccess.RW),
    { name: `LINE${suffix}`, offset: at(PORT_LINE), fields: [{ name: 'Request', mask: 1, access: FieldAccess.RW }] },
    ...Array.from({ length: PORT_BANKS }, (_, bank) =>
      wordRegister(`FIFO${suffix}_${bank}`, at(PORT_FIFO + bank * PORT_FIFO_STRIDE), FieldAccess.RO),
    ),
    wordRegister(`RING_START${suffix}`, at(PORT_RING_START), FieldAccess.RW),
    wordRegister(`RING_BYTES${suffix}`, at(PORT_RING_BYTES), FieldAccess.RW),
  ];
}

const portTables = Array.from(
  { length: PORT_LINES_MAX },
  (_, extra) =>
    new RegisterTable(
      'sdma-port',
      (extra + 1) * PORT_LINE_STRIDE,
      Array.from({ length: extra + 1 }, (_block, line) => portWords(line)).flat(),
    ),
);

/** Registers of a device with so many request lines. */
export function sdmaPortRegisters(requestLines: number): RegisterTable {
  return portTables[requestLines - 1]!;
}
