/** The sgring device as its driver uses it; the programmer's reference is docs/sgring.md. */
export const CHANNELS = 0x008;

const CHANNEL_BASE = 0x100;
const CHANNEL_STRIDE = 0x100;
/** Offset of a channel's register in BAR 0. */
export const channelRegister = (channel: number, register: number): number => CHANNEL_BASE + channel * CHANNEL_STRIDE + register;

export const CTRL = 0x00;
export const CTRL_ENABLE = 1 << 0;
export const CTRL_RESET = 1 << 1;
export const RING_SIZE = 0x04;
export const SQ_BASE_LOW = 0x08;
export const SQ_BASE_HIGH = 0x0c;
export const CQ_BASE_LOW = 0x10;
export const CQ_BASE_HIGH = 0x14;
export const SQ_TAIL = 0x18;
export const CQ_HEAD = 0x1c;
export const ABORT = 0x20;
export const INT_MASK = 0x24;
export const MODERATION = 0x28;
export const INT_CAUSE = 0x84;
export const INT_COMPLETION = 1 << 0;
export const INT_ABORT_ACK = 1 << 1;
export const INT_ERROR = 1 << 2;
export const SQ_HEAD = 0x88;
export const CQ_TAIL = 0x8c;
export const ABORT_RESULT = 0x90;
export const ABORT_RESULT_ABORTED = 1;

/** Submission descriptor: AddressLow | AddressHigh | LengthBytes | Flags | DeviceOffset | Tag | - | - */
export const DESCRIPTOR_BYTES = 32;
export const DESCRIPTOR_ADDRESS_LOW = 0;
export const DESCRIPTOR_ADDRESS_HIGH = 4;
export const DESCRIPTOR_LENGTH = 8;
export const DESCRIPTOR_FLAGS = 12;
export const DESCRIPTOR_DEVICE_OFFSET = 16;
export const DESCRIPTOR_TAG = 20;
export const FLAG_FROM_DEVICE = 1 << 0;
export const FLAG_END_OF_REQUEST = 1 << 1;

/** Completion: Tag | BytesMoved | Status | Sequence (bit 0 is the phase, 1 in the first pass) */
export const COMPLETION_BYTES = 16;
export const COMPLETION_TAG = 0;
export const COMPLETION_BYTES_MOVED = 4;
export const COMPLETION_STATUS = 8;
export const COMPLETION_SEQUENCE = 12;
export const PHASE = 1 << 0;
export const STATUS_OK = 0;
export const STATUS_ABORTED = 1;

/** What a read gives when the device is gone. */
export const ALL_ONES = 0xffff_ffff;
