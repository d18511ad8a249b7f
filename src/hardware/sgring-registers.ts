import { struct } from '../memory/index.js';
import { FieldAccess, RegisterTable, wordRegister, type RegisterField, type RegisterWord } from './register-table.js';

/** Global registers. */
export const SGRING_ID = 0x000;
export const SGRING_VERSION = 0x004;
export const SGRING_CHANNELS = 0x008;
export const SGRING_LOCAL_MEMORY = 0x00c;
/** What SGRING_ID reads: "SGR1". */
export const SGRING_ID_VALUE = 0x5347_5231;
export const SGRING_VERSION_VALUE = 0x0001_0000;

/** Channel n's registers begin at SGRING_CHANNEL_BASE + n * SGRING_CHANNEL_STRIDE. */
export const SGRING_CHANNEL_BASE = 0x100;
export const SGRING_CHANNEL_STRIDE = 0x100;
export const SGRING_CHANNELS_MAX = 8;

/** Channel registers the driver writes: the first 128 bytes of the channel, a cache line of their own. */
export const SGRING_CTRL = 0x00;
export const SGRING_RING_SIZE = 0x04;
export const SGRING_SQ_BASE_LOW = 0x08;
export const SGRING_SQ_BASE_HIGH = 0x0c;
export const SGRING_CQ_BASE_LOW = 0x10;
export const SGRING_CQ_BASE_HIGH = 0x14;
export const SGRING_SQ_TAIL = 0x18;
export const SGRING_CQ_HEAD = 0x1c;
export const SGRING_ABORT = 0x20;
export const SGRING_INT_MASK = 0x24;
export const SGRING_MODERATION = 0x28;
export const SGRING_START_INDEX = 0x2c;
/** Channel registers the device writes. */
export const SGRING_STATUS = 0x80;
export const SGRING_INT_CAUSE = 0x84;
export const SGRING_SQ_HEAD = 0x88;
export const SGRING_CQ_TAIL = 0x8c;
export const SGRING_ABORT_RESULT = 0x90;

/** Offset in BAR0 of a channel's register. */
export const sgringRegister = (channel: number, register: number): number =>
  SGRING_CHANNEL_BASE + channel * SGRING_CHANNEL_STRIDE + register;

/** CTRL bits. */
export const SGRING_CTRL_ENABLE = 1 << 0;
/** Reads 1 until the channel has been reset. */
export const SGRING_CTRL_RESET = 1 << 1;
/** Not for drivers: how a write to ABORT reaches the channel, in the latch of CTRL. */
export const SGRING_LATCH_ABORT = 1 << 2;

/** STATUS bits, and the error code in bits 8 to 15. */
export const SGRING_STATUS_RUNNING = 1 << 0;
export const SGRING_STATUS_HALTED = 1 << 1;
export const SGRING_STATUS_ERROR_SHIFT = 8;

/** Why a channel halted. */
export const SgringError = {
  None: 0,
  /** Ring size no power of two from 2 to 4096, or a base not aligned to its entries. */
  Configuration: 1,
  /** SQ_TAIL or CQ_HEAD lies further ahead than the rings allow (rule D30). */
  RingOverrun: 2,
  /** A descriptor could not be fetched. */
  DescriptorFault: 3,
  /** A completion could not be written. */
  CompletionFault: 4,
  /** Data could not be moved; the request was completed with SgringStatus.Fault. */
  DataFault: 5,
} as const;
export type SgringError = (typeof SgringError)[keyof typeof SgringError];

/** INT_CAUSE and INT_MASK bits. */
export const SGRING_INT_COMPLETION = 1 << 0;
export const SGRING_INT_ABORT_ACK = 1 << 1;
export const SGRING_INT_ERROR = 1 << 2;
const SGRING_INT_ALL = SGRING_INT_COMPLETION | SGRING_INT_ABORT_ACK | SGRING_INT_ERROR;

/** ABORT_RESULT values. */
export const SgringAbortResult = {
  /** No abort was answered since the last one was asked for. */
  None: 0,
  /** The request was stopped or taken out of the queue: its completion says Aborted and the bytes really moved. */
  Aborted: 1,
  /** No request with this tag is queued or running: it has completed, or was never submitted. */
  NotFound: 2,
} as const;
export type SgringAbortResult = (typeof SgringAbortResult)[keyof typeof SgringAbortResult];

/** MODERATION: completions in bits 0 to 15, device steps in bits 16 to 31. */
export const SGRING_MODERATION_STEPS_SHIFT = 16;

export const SGRING_RING_SIZE_MIN = 2;
export const SGRING_RING_SIZE_MAX = 4096;

/** Submission descriptor. */
export const SgringDescriptor = struct('SgringDescriptor', 8, {
  AddressLow: 0,
  AddressHigh: 1,
  LengthBytes: 2,
  Flags: 3,
  DeviceOffset: 4,
  Tag: 5,
});
export const SGRING_DESCRIPTOR_BYTES = 32;
/** Flags of a descriptor; all other bits must be 0. */
export const SGRING_FROM_DEVICE = 1 << 0;
export const SGRING_END_OF_REQUEST = 1 << 1;
/** Interrupt for this request at once, moderation notwithstanding. On the last descriptor. */
export const SGRING_INTERRUPT_NOW = 1 << 2;
export const SGRING_FLAGS_ALL = SGRING_FROM_DEVICE | SGRING_END_OF_REQUEST | SGRING_INTERRUPT_NOW;

/** Completion entry. */
export const SgringCompletion = struct('SgringCompletion', 4, { Tag: 0, BytesMoved: 1, Status: 2, Sequence: 3 });
export const SGRING_COMPLETION_BYTES = 16;
/** Bit of the sequence word that toggles with every pass over the ring: 1 in the first. */
export const SGRING_PHASE = 1 << 0;

/** Status of a completion. */
export const SgringStatus = {
  Ok: 0,
  Aborted: 1,
  /** Length 0 or a reserved flag set; nothing of this descriptor was moved. */
  BadDescriptor: 2,
  /** Device offset and length lie beyond local memory. */
  OutOfRange: 3,
  /** The IOMMU refused an access; the channel is halted. */
  Fault: 4,
  /** The device failed in the middle (an injected fault); the bytes moved are a prefix of the request. */
  DeviceError: 5,
} as const;
export type SgringStatus = (typeof SgringStatus)[keyof typeof SgringStatus];

/** Sequence word of completion number `index` (free-running) in a ring of `ringSize` entries. */
export function sgringSequence(index: number, ringSize: number): number {
  const phase = (index & ringSize) === 0 ? SGRING_PHASE : 0;
  return (index << 1) | phase;
}

function channelWords(channel: number): RegisterWord[] {
  const at = (register: number): number => sgringRegister(channel, register);
  const word = (name: string, register: number, access: FieldAccess, resetValue = 0): RegisterWord =>
    wordRegister(`${name}${channel}`, at(register), access, resetValue);
  const field = (name: string, mask: number, access: FieldAccess): RegisterField => ({ name, mask, access });
  return [
    {
      name: `CTRL${channel}`,
      offset: at(SGRING_CTRL),
      fields: [field('Enable', SGRING_CTRL_ENABLE, FieldAccess.RW), field('Reset', SGRING_CTRL_RESET, FieldAccess.RWCommand)],
    },
    { name: `RING_SIZE${channel}`, offset: at(SGRING_RING_SIZE), fields: [field('Entries', 0xffff, FieldAccess.RW)] },
    word('SQ_BASE_LOW', SGRING_SQ_BASE_LOW, FieldAccess.RW),
    word('SQ_BASE_HIGH', SGRING_SQ_BASE_HIGH, FieldAccess.RW),
    word('CQ_BASE_LOW', SGRING_CQ_BASE_LOW, FieldAccess.RW),
    word('CQ_BASE_HIGH', SGRING_CQ_BASE_HIGH, FieldAccess.RW),
    word('SQ_TAIL', SGRING_SQ_TAIL, FieldAccess.RW),
    word('CQ_HEAD', SGRING_CQ_HEAD, FieldAccess.RW),
    word('ABORT', SGRING_ABORT, FieldAccess.WO),
    { name: `INT_MASK${channel}`, offset: at(SGRING_INT_MASK), fields: [field('Causes', SGRING_INT_ALL, FieldAccess.RW)] },
    word('MODERATION', SGRING_MODERATION, FieldAccess.RW, 1),
    word('START_INDEX', SGRING_START_INDEX, FieldAccess.RW),
    word('STATUS', SGRING_STATUS, FieldAccess.RO),
    { name: `INT_CAUSE${channel}`, offset: at(SGRING_INT_CAUSE), fields: [field('Causes', SGRING_INT_ALL, FieldAccess.W1C)] },
    word('SQ_HEAD', SGRING_SQ_HEAD, FieldAccess.RO),
    word('CQ_TAIL', SGRING_CQ_TAIL, FieldAccess.RO),
    word('ABORT_RESULT', SGRING_ABORT_RESULT, FieldAccess.RO),
  ];
}

const tables = new Map<string, RegisterTable>();

/** The register table of a device with so many channels and so much local memory; worked out once each. */
export function sgringRegisters(channels: number, localMemoryBytes: number): RegisterTable {
  const key = `${channels}/${localMemoryBytes}`;
  const known = tables.get(key);
  if (known !== undefined) return known;
  const table = new RegisterTable('sgring', SGRING_CHANNEL_BASE + channels * SGRING_CHANNEL_STRIDE, [
    wordRegister('ID', SGRING_ID, FieldAccess.RO, SGRING_ID_VALUE),
    wordRegister('VERSION', SGRING_VERSION, FieldAccess.RO, SGRING_VERSION_VALUE),
    wordRegister('CHANNELS', SGRING_CHANNELS, FieldAccess.RO, channels),
    wordRegister('LOCAL_MEMORY', SGRING_LOCAL_MEMORY, FieldAccess.RO, localMemoryBytes),
    ...Array.from({ length: channels }, (_, channel) => channelWords(channel)).flat(),
  ]);
  tables.set(key, table);
  return table;
}
