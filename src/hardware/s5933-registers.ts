import { FieldAccess, RegisterTable, wordRegister, type RegisterField, type RegisterWord } from './register-table.js';

/** Register offsets of the controller's operation registers, BAR0. */
export const S5933_OMB1 = 0x00;
export const S5933_IMB1 = 0x10;
export const S5933_MAILBOXES = 4;
export const S5933_MWAR = 0x24;
export const S5933_MWTC = 0x28;
export const S5933_MRAR = 0x2c;
export const S5933_MRTC = 0x30;
export const S5933_MBEF = 0x34;
export const S5933_INTCSR = 0x38;
export const S5933_MCSR = 0x3c;
export const S5933_BAR0_BYTES = 0x40;

/** From a register of the write channel to the same register of the read channel. */
export const S5933_CHANNEL_STRIDE = 0x08;

/** INTCSR: enables and causes of the write channel; one bit higher those of the read channel. */
export const S5933_INTCSR_WRITE_ENABLE = 1 << 14;
export const S5933_INTCSR_READ_ENABLE = 1 << 15;
export const S5933_INTCSR_WRITE_COMPLETE = 1 << 18;
export const S5933_INTCSR_READ_COMPLETE = 1 << 19;
export const S5933_INTCSR_MASTER_ABORT = 1 << 20;
export const S5933_INTCSR_TARGET_ABORT = 1 << 21;
/** Read only: some enabled cause is set. */
export const S5933_INTCSR_ASSERTED = 1 << 23;

/** MCSR: what the FIFOs show between two steps of the device, both empty. */
export const S5933_MCSR_FIFOS_EMPTY = (1 << 1) | (1 << 2) | (1 << 5);
/** Read only: the count register of the channel is zero. */
export const S5933_MCSR_READ_COUNT_ZERO = 1 << 6;
export const S5933_MCSR_WRITE_COUNT_ZERO = 1 << 7;
export const S5933_MCSR_WRITE_PRIORITY = 1 << 8;
export const S5933_MCSR_WRITE_SCHEME = 1 << 9;
export const S5933_MCSR_WRITE_ENABLE = 1 << 10;
export const S5933_MCSR_READ_PRIORITY = 1 << 12;
export const S5933_MCSR_READ_SCHEME = 1 << 13;
export const S5933_MCSR_READ_ENABLE = 1 << 14;
export const S5933_MCSR_ADD_ON_RESET = 1 << 24;
export const S5933_MCSR_READ_RESET = 1 << 25;
export const S5933_MCSR_WRITE_RESET = 1 << 26;
export const S5933_MCSR_MAILBOX_RESET = 1 << 27;

/** Transfers begin at DWORDs: the two low bits of an address register do not exist. */
export const S5933_ADDRESS_MASK = ~3;
/** Counts are 26 bits of bytes (rule D09). */
export const S5933_COUNT_MASK = 0x03ff_ffff;

const field = (name: string, mask: number, access: FieldAccess): RegisterField => ({ name, mask, access });

const { RW, RO, WO, W1C, Command } = FieldAccess;

function mailboxes(name: string, first: number, access: FieldAccess): RegisterWord[] {
  return Array.from({ length: S5933_MAILBOXES }, (_, i) => wordRegister(`${name}${i + 1}`, first + i * 4, access));
}

const INTCSR_CAUSES = S5933_INTCSR_WRITE_COMPLETE | S5933_INTCSR_READ_COMPLETE | S5933_INTCSR_MASTER_ABORT | S5933_INTCSR_TARGET_ABORT;

const words: RegisterWord[] = [
  ...mailboxes('OMB', S5933_OMB1, RW),
  ...mailboxes('IMB', S5933_IMB1, RO),
  { name: 'MWAR', offset: S5933_MWAR, fields: [field('Address', S5933_ADDRESS_MASK, RW)] },
  { name: 'MWTC', offset: S5933_MWTC, fields: [field('Count', S5933_COUNT_MASK, RW)] },
  { name: 'MRAR', offset: S5933_MRAR, fields: [field('Address', S5933_ADDRESS_MASK, RW)] },
  { name: 'MRTC', offset: S5933_MRTC, fields: [field('Count', S5933_COUNT_MASK, RW)] },
  wordRegister('MBEF', S5933_MBEF, RO),
  {
    name: 'INTCSR',
    offset: S5933_INTCSR,
    fields: [
      field('Mailbox', 0x1fff, RW),
      field('Enables', S5933_INTCSR_WRITE_ENABLE | S5933_INTCSR_READ_ENABLE, RW),
      field('Causes', INTCSR_CAUSES, W1C),
      field('Asserted', S5933_INTCSR_ASSERTED, RO),
      field('Fifo', 0xff00_0000, RW),
    ],
  },
  {
    name: 'MCSR',
    offset: S5933_MCSR,
    resetValue: S5933_MCSR_FIFOS_EMPTY | S5933_MCSR_READ_COUNT_ZERO | S5933_MCSR_WRITE_COUNT_ZERO,
    fields: [
      field('Status', 0xff, RO),
      field('Control', 0x7700, RW),
      field('Resets', S5933_MCSR_ADD_ON_RESET | S5933_MCSR_READ_RESET | S5933_MCSR_WRITE_RESET, Command),
      field('MailboxReset', S5933_MCSR_MAILBOX_RESET, WO),
    ],
  },
];

export const s5933Registers = new RegisterTable('s5933', S5933_BAR0_BYTES, words);
