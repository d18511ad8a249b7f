import { struct } from '../memory/index.js';
import { FieldAccess, RegisterTable, wordRegister, type RegisterField, type RegisterWord } from './register-table.js';

/** Register offsets of the bridge in BAR0. */
export const PLX_INTCSR = 0x068;
export const PLX_CNTRL = 0x06c;
export const PLX_DMAMODE0 = 0x080;
export const PLX_DMAPADR0 = 0x084;
export const PLX_DMALADR0 = 0x088;
export const PLX_DMASIZ0 = 0x08c;
export const PLX_DMADPR0 = 0x090;
export const PLX_DMAMODE1 = 0x094;
export const PLX_DMAPADR1 = 0x098;
export const PLX_DMALADR1 = 0x09c;
export const PLX_DMASIZ1 = 0x0a0;
export const PLX_DMADPR1 = 0x0a4;
/** Command and status of both channels: a byte each, so drivers reach them by 8-bit accesses. */
export const PLX_DMACSR0 = 0x0a8;
export const PLX_DMACSR1 = 0x0a9;
export const PLX_DMADAC0 = 0x0b4;
export const PLX_DMADAC1 = 0x0b8;
export const PLX_BAR0_BYTES = 0x200;

/** From a channel-0 register to the same register of channel 1. */
export const PLX_CHANNEL_STRIDE = 0x14;

/** INTCSR bits. */
export const PLX_INTCSR_PCI_ENABLE = 1 << 8;
export const PLX_INTCSR_DMA0_ENABLE = 1 << 18;
export const PLX_INTCSR_DMA1_ENABLE = 1 << 19;
export const PLX_INTCSR_DMA0_ACTIVE = 1 << 21;
export const PLX_INTCSR_DMA1_ACTIVE = 1 << 22;

/** CNTRL bits. */
export const PLX_CNTRL_SOFTWARE_RESET = 1 << 30;

/** Mode register bits. */
export const PLX_MODE_CHAIN = 1 << 9;
export const PLX_MODE_DONE_INTERRUPT = 1 << 10;
export const PLX_MODE_CLEAR_COUNT = 1 << 16;
export const PLX_MODE_INTERRUPT_TO_PCI = 1 << 17;

/** Descriptor pointer bits, in the register and in a transfer element. */
export const PLX_DPR_IN_HOST_MEMORY = 1 << 0;
export const PLX_DPR_END_OF_CHAIN = 1 << 1;
export const PLX_DPR_INTERRUPT_AT_TERMINAL_COUNT = 1 << 2;
export const PLX_DPR_FROM_DEVICE = 1 << 3;
export const PLX_DPR_ADDRESS_MASK = ~0xf;

/** Bits of a channel's CSR byte. */
export const PLX_CSR_ENABLE = 1 << 0;
export const PLX_CSR_START = 1 << 1;
export const PLX_CSR_ABORT = 1 << 2;
export const PLX_CSR_CLEAR_INTERRUPT = 1 << 3;
export const PLX_CSR_DONE = 1 << 4;
/** Not on the chip, where the cause of an abort stands in the PCI status: the channel ended by a master abort or a bad local address. */
export const PLX_CSR_ERROR = 1 << 5;

/** Transfer counts are 23 bits wide; higher bits of a descriptor's size are ignored (rule D09). */
export const PLX_SIZE_MASK = 0x7f_ffff;

/** A transfer element (DTE) in host memory: 32 bytes on a 16-byte boundary. */
export const PlxDte = struct('PlxDte', 8, { PciAddressLow: 0, LocalAddress: 1, TransferSize: 2, DescriptorPointer: 3, PciAddressHigh: 4 });
export const PLX_DTE_BYTES = 32;

export const PLX_SRAM_BYTES = 0x2_0000;

const rw = (name: string, mask: number): RegisterField => ({ name, mask, access: FieldAccess.RW });

const INTCSR_READ_ONLY = PLX_INTCSR_DMA0_ACTIVE | PLX_INTCSR_DMA1_ACTIVE;

function csrFields(channel: number): RegisterField[] {
  const shift = channel * 8;
  const at = (bits: number): number => bits << shift;
  return [
    rw(`Enable${channel}`, at(PLX_CSR_ENABLE)),
    { name: `Start${channel}`, mask: at(PLX_CSR_START), access: FieldAccess.Command },
    { name: `Abort${channel}`, mask: at(PLX_CSR_ABORT), access: FieldAccess.Command },
    // Takes effect in registerWritten, at once: an ISR that has cleared must see the line drop before it returns.
    { name: `ClearInterrupt${channel}`, mask: at(PLX_CSR_CLEAR_INTERRUPT), access: FieldAccess.WO },
    { name: `Done${channel}`, mask: at(PLX_CSR_DONE), access: FieldAccess.RO },
    { name: `Error${channel}`, mask: at(PLX_CSR_ERROR), access: FieldAccess.RO },
  ];
}

const words: RegisterWord[] = [
  {
    name: 'INTCSR',
    offset: PLX_INTCSR,
    fields: [rw('Enables', ~INTCSR_READ_ONLY), { name: 'DmaActive', mask: INTCSR_READ_ONLY, access: FieldAccess.RO }],
  },
  {
    name: 'CNTRL',
    offset: PLX_CNTRL,
    fields: [
      rw('Eeprom', ~PLX_CNTRL_SOFTWARE_RESET),
      { name: 'SoftwareReset', mask: PLX_CNTRL_SOFTWARE_RESET, access: FieldAccess.RWCommand },
    ],
  },
  wordRegister('DMAMODE0', PLX_DMAMODE0, FieldAccess.RW),
  wordRegister('DMAPADR0', PLX_DMAPADR0, FieldAccess.RW),
  wordRegister('DMALADR0', PLX_DMALADR0, FieldAccess.RW),
  wordRegister('DMASIZ0', PLX_DMASIZ0, FieldAccess.RW),
  wordRegister('DMADPR0', PLX_DMADPR0, FieldAccess.RW),
  wordRegister('DMAMODE1', PLX_DMAMODE1, FieldAccess.RW),
  wordRegister('DMAPADR1', PLX_DMAPADR1, FieldAccess.RW),
  wordRegister('DMALADR1', PLX_DMALADR1, FieldAccess.RW),
  wordRegister('DMASIZ1', PLX_DMASIZ1, FieldAccess.RW),
  wordRegister('DMADPR1', PLX_DMADPR1, FieldAccess.RW),
  // Both channels are idle, that is done, after a reset.
  { name: 'DMACSR', offset: PLX_DMACSR0, resetValue: PLX_CSR_DONE | (PLX_CSR_DONE << 8), fields: [...csrFields(0), ...csrFields(1)] },
  wordRegister('DMADAC0', PLX_DMADAC0, FieldAccess.RW),
  wordRegister('DMADAC1', PLX_DMADAC1, FieldAccess.RW),
];

export const plx9656Registers = new RegisterTable('plx9656', PLX_BAR0_BYTES, words);
