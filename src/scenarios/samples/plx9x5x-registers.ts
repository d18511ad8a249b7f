/** Registers of the PLX PCI 9656 as the driver uses them; the device's own page is docs/plx9656.md. */
export const INTCSR = 0x068;
export const INTCSR_PCI_ENABLE = 1 << 8;
export const INTCSR_DMA_ENABLE = [1 << 18, 1 << 19] as const;
export const INTCSR_DMA_ACTIVE = [1 << 21, 1 << 22] as const;

export const CNTRL = 0x06c;
export const CNTRL_SOFTWARE_RESET = 1 << 30;

export const DMA_MODE = [0x080, 0x094] as const;
export const MODE_CHAIN = 1 << 9;
export const MODE_DONE_INTERRUPT = 1 << 10;
export const MODE_CLEAR_COUNT = 1 << 16;
export const MODE_ROUTE_TO_PCI = 1 << 17;

export const DMA_DESCRIPTOR_POINTER = [0x090, 0x0a4] as const;
export const DPR_HOST_MEMORY = 1 << 0;
export const DPR_END_OF_CHAIN = 1 << 1;
export const DPR_TERMINAL_COUNT = 1 << 2;
/** 0: host memory to device, 1: device to host memory. */
export const DPR_FROM_DEVICE = 1 << 3;

/** One byte per channel. */
export const DMA_CSR = [0x0a8, 0x0a9] as const;
export const CSR_ENABLE = 1 << 0;
export const CSR_START = 1 << 1;
export const CSR_ABORT = 1 << 2;
export const CSR_CLEAR_INTERRUPT = 1 << 3;
export const CSR_DONE = 1 << 4;

/** High 32 bits of the descriptor addresses. */
export const DMA_DAC = [0x0b4, 0x0b8] as const;

/**
 * DMA transfer element, 32 bytes:
 *
 *     +0 PciAddressLow | +4 LocalAddress | +8 TransferSize | +12 DescPtr | +16 PciAddressHigh | +20 pad x3
 */
export const DTE_BYTES = 32;
export const DTE_PCI_ADDRESS_LOW = 0;
export const DTE_LOCAL_ADDRESS = 4;
export const DTE_TRANSFER_SIZE = 8;
export const DTE_DESCRIPTOR_POINTER = 12;
export const DTE_PCI_ADDRESS_HIGH = 16;

/** What a read gives when the device is gone. */
export const ALL_ONES = 0xffff_ffff;
export const ALL_ONES_8 = 0xff;
