/** Operation registers of the AMCC S5933 as the drivers use them; the device's own page is docs/s5933.md. */

/** Where on the board the stream of a direction begins; the board reads it when a transfer starts. */
export const STREAM_MAILBOX = [0x00, 0x04] as const;
/** Master address and count, by DmaDirection: the chip's "write" reads from the device, its "read" writes to it. */
export const ADDRESS = [0x24, 0x2c] as const;
export const COUNT = [0x28, 0x30] as const;

export const INTCSR = 0x38;
export const INTCSR_ENABLE = [1 << 14, 1 << 15] as const;
export const INTCSR_ENABLES = INTCSR_ENABLE[0] | INTCSR_ENABLE[1];
export const INTCSR_MASTER_ABORT = 1 << 20;
export const INTCSR_TARGET_ABORT = 1 << 21;
export const INTCSR_ABORTS = INTCSR_MASTER_ABORT | INTCSR_TARGET_ABORT;
/** All write-1-to-clear bits: both complete causes and the aborts. */
export const INTCSR_CAUSES = (1 << 18) | (1 << 19) | INTCSR_ABORTS;
export const INTCSR_ASSERTED = 1 << 23;

export const MCSR = 0x3c;
export const MCSR_COUNT_IS_ZERO = [1 << 7, 1 << 6] as const;
/** FIFO management scheme and transfer enable of a direction. */
export const MCSR_SCHEME = [1 << 9, 1 << 13] as const;
export const MCSR_ENABLE = [1 << 10, 1 << 14] as const;
/** Byte 3 of MCSR: the resets, and nothing that must not be written with them. */
export const MCSR_RESETS = 0x3f;
export const RESETS_CHANNEL = [1 << 2, 1 << 1] as const;

/** What a read gives when the device is gone. */
export const ALL_ONES = 0xffff_ffff;
