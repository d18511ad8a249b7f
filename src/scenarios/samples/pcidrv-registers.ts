/** Registers and structures of the network controller as the driver uses them; the device's own page is docs/e100.md. */
export const SCB = 0x00;
export const SCB_ACK = 0x01;
export const SCB_COMMAND = 0x02;
export const SCB_MASK = 0x03;
export const GENERAL_POINTER = 0x04;
export const PORT = 0x08;
export const MDI = 0x10;

export const SCB_CAUSES = 0xff00;
export const SCB_MASKED = 1 << 24;
export const MASK_ALL = 1;

export const CUS_SHIFT = 6;
export const CUS_ACTIVE = 2;
export const RUS_SHIFT = 2;
export const RUS_READY = 4;

/** The command byte: receive unit in bits 0 to 2, command unit in bits 4 to 6; 0 when the device has accepted it. */
export const RU_START = 0x01;
export const RU_COMMANDS = 0x07;
export const CU_START = 0x10;
export const CU_RESUME = 0x20;
export const LOAD_BOTH_BASES = 0x66;

export const PORT_SELECTIVE_RESET = 2;
export const PORT_OPERATION_MASK = 0xf;
export const PORT_IDLE = 0xf;

export const MDI_READ_PHY_STATUS = (2 << 26) | (1 << 21) | (1 << 16);
export const MDI_READY = 1 << 28;
export const MDI_LINK_UP = 1 << 2;

/** Words of a transmit command block (TCB) and of a receive frame descriptor (RFD), in bytes. */
export const STATUS_COMMAND = 0x0;
/** Upper byte of the command half: the bits that move when something is appended. */
export const COMMAND_HIGH = 0x3;
export const LINK = 0x4;
export const TBD_ARRAY = 0x8;
export const COUNT = 0xc;
export const BLOCK_BYTES = 16;

export const COMPLETE = 1 << 15;
export const OK = 1 << 13;
export const COMMAND_END_OF_LIST = 1 << 31;
export const COMMAND_SUSPEND = 1 << 30;
export const COMMAND_INTERRUPT = 1 << 29;
export const COMMAND_FLEXIBLE = 1 << 19;
export const COMMAND_TRANSMIT = 4 << 16;
export const HIGH_INTERRUPT = 1 << 5;

export const TBD_BYTES = 8;
export const TBD_END = 1 << 16;
export const TBD_COUNT_SHIFT = 24;
export const TRANSMIT_THRESHOLD = 0xe0 << 16;

export const RFD_DATA_BYTES = 1520;
export const RFD_SIZE_SHIFT = 16;
export const RFD_COUNT_VALID = 1 << 14;
export const RFD_COUNT_MASK = 0x3fff;

/** What a read gives when the device is gone. */
export const ALL_ONES = 0xffff_ffff;
export const ALL_ONES_BYTE = 0xff;
