import { struct } from '../memory/index.js';
import { FieldAccess, RegisterTable, wordRegister, type RegisterWord } from './register-table.js';

/** System control block: status in the low half, command in the high half. Drivers reach its bytes one by one. */
export const E100_SCB = 0x00;
/** Write-1-to-clear byte of causes. */
export const E100_SCB_ACK = 0x01;
/** Command byte: 0 as soon as the device has accepted what stood there. */
export const E100_SCB_COMMAND = 0x02;
/** Byte with the interrupt mask. */
export const E100_SCB_MASK = 0x03;
/** Operand of the start and load commands. */
export const E100_GENERAL_POINTER = 0x04;
export const E100_PORT = 0x08;
export const E100_EEPROM = 0x0c;
export const E100_MDI = 0x10;
/** Not on the chip, which tells by dumped statistics: frames that found no receive frame descriptor. */
export const E100_RX_DROPPED = 0x40;
export const E100_CSR_BYTES = 0x80;

/** Causes, bits of the SCB status. */
export const E100_CAUSE_CX = 1 << 15;
export const E100_CAUSE_FR = 1 << 14;
export const E100_CAUSE_CNA = 1 << 13;
export const E100_CAUSE_RNR = 1 << 12;
export const E100_CAUSE_MDI = 1 << 11;
export const E100_CAUSE_SWI = 1 << 10;
export const E100_CAUSES = 0xff00;

/** States of the command unit, bits 6 and 7 of the SCB status. */
export const E100_CUS_SHIFT = 6;
export const E100_CUS_MASK = 3 << E100_CUS_SHIFT;
export const E100Cus = { Idle: 0, Suspended: 1, Active: 2 } as const;

/** States of the receive unit, bits 2 to 5 of the SCB status. */
export const E100_RUS_SHIFT = 2;
export const E100_RUS_MASK = 0xf << E100_RUS_SHIFT;
export const E100Rus = { Idle: 0, Suspended: 1, NoResources: 2, Ready: 4 } as const;

/** Commands of the two units, in the word of the SCB. */
export const E100_RUC_SHIFT = 16;
export const E100_CUC_SHIFT = 20;
export const E100_COMMAND_MASK = (7 << E100_RUC_SHIFT) | (7 << E100_CUC_SHIFT);
export const E100Cuc = { Start: 1, Resume: 2, LoadBase: 6 } as const;
export const E100Ruc = { Start: 1, Resume: 2, Abort: 4, LoadBase: 6 } as const;

/** Bit 0 of the mask byte: no cause asserts the line; bit 1 raises cause SWI. */
export const E100_MASK_ALL = 1 << 24;
export const E100_SOFTWARE_INTERRUPT = 1 << 25;

/** Operations of the PORT register, its low four bits. */
export const E100Port = { SoftwareReset: 0, SelfTest: 1, SelectiveReset: 2, Dump: 3 } as const;
export const E100_PORT_OPERATION_MASK = 0xf;
/** What PORT reads when the operation written last has been obeyed, and after power on (model). */
export const E100_PORT_IDLE = 0xf;

/** MDI control. */
export const E100_MDI_REGISTER_SHIFT = 16;
export const E100_MDI_OPCODE_SHIFT = 26;
export const E100_MDI_OPCODE_READ = 2 << E100_MDI_OPCODE_SHIFT;
export const E100_MDI_READY = 1 << 28;
export const E100_MDI_INTERRUPT = 1 << 29;
/** Register of the transceiver that tells of the link, and its bit. */
export const E100_PHY_STATUS = 1;
export const E100_PHY_LINK_UP = 1 << 2;

/**
 * Transmit command block, 16 bytes and what follows them; 16-byte boundary.
 *
 *         31            24 23            16 15                             0
 *        +--------------------------------+--------------------------------+
 *   +0x0 | EL S I - ... SF | opcode       | C - OK U                       |
 *   +0x4 | link: offset of the next block                                  |
 *   +0x8 | offset of the array of buffer descriptors (TBD)                 |
 *   +0xc | TBDs           | threshold     | bytes that follow the block    |
 *        +-----------------------------------------------------------------+
 */
export const E100Block = struct('E100Block', 4, { StatusCommand: 0, Link: 1, Pointer: 2, Count: 3 });
export const E100_BLOCK_BYTES = 16;
export const E100_COMPLETE = 1 << 15;
export const E100_OK = 1 << 13;
export const E100_UNDERRUN = 1 << 12;
/** Of a received frame: it did not fit. */
export const E100_OVERRUN = 1 << 9;
export const E100_END_OF_LIST = 1 << 31;
export const E100_SUSPEND = 1 << 30;
export const E100_INTERRUPT = 1 << 29;
export const E100_FLEXIBLE = 1 << 19;
export const E100_OPCODE_SHIFT = 16;
export const E100_OPCODE_MASK = 7 << E100_OPCODE_SHIFT;
export const E100Opcode = { Nop: 0, Address: 1, Configure: 2, Multicast: 3, Transmit: 4 } as const;
export const E100_COUNT_MASK = 0x3fff;
export const E100_TBD_COUNT_SHIFT = 24;

/**
 * Transmit buffer descriptor, 8 bytes.
 *
 *        +--------------------------------------------------+
 *   +0x0 | buffer address                                   |
 *   +0x4 | EL (16) | size (0-13)                            |
 *        +--------------------------------------------------+
 */
export const E100Tbd = struct('E100Tbd', 2, { Address: 0, Size: 1 });
export const E100_TBD_BYTES = 8;
export const E100_TBD_END = 1 << 16;

/**
 * Receive frame descriptor: the same four words, data behind them.
 *
 *         31                            16 15 14 13                       0
 *        +--------------------------------+--------------------------------+
 *   +0x0 | EL S - ...                     | C - OK - overrun               |
 *   +0x4 | link: offset of the next descriptor                             |
 *   +0x8 | buffer descriptor, not used in this mode                        |
 *   +0xc | size of the data area          | EOF F | actual count           |
 *  +0x10 | data ...                                                        |
 *        +-----------------------------------------------------------------+
 */
export const E100_RFD_EOF = 1 << 15;
export const E100_RFD_F = 1 << 14;
export const E100_RFD_SIZE_SHIFT = 16;

/** Longest frame the device takes, and the distance between frames on its wire. */
export const E100_FRAME_BYTES_MAX = 1536;

const words: readonly RegisterWord[] = [
  {
    name: 'SCB',
    offset: E100_SCB,
    fields: [
      { name: 'UnitStates', mask: E100_CUS_MASK | E100_RUS_MASK, access: FieldAccess.RO },
      { name: 'Causes', mask: E100_CAUSES, access: FieldAccess.W1C },
      { name: 'Commands', mask: E100_COMMAND_MASK, access: FieldAccess.RWCommand },
      { name: 'Mask', mask: E100_MASK_ALL, access: FieldAccess.RW },
      { name: 'SoftwareInterrupt', mask: E100_SOFTWARE_INTERRUPT, access: FieldAccess.Command },
    ],
  },
  wordRegister('GENERAL_POINTER', E100_GENERAL_POINTER, FieldAccess.RW),
  wordRegister('PORT', E100_PORT, FieldAccess.RW, E100_PORT_IDLE),
  wordRegister('EEPROM', E100_EEPROM, FieldAccess.RW),
  wordRegister('MDI', E100_MDI, FieldAccess.RW),
  wordRegister('RX_DROPPED', E100_RX_DROPPED, FieldAccess.RO),
];

export const e100Registers = new RegisterTable('e100', E100_CSR_BYTES, words);
