import { STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import { PAGE_SIZE } from '../memory/index.js';
import type { Mdl } from '../hal/index.js';

/** Worst alignment a later transfer of a transaction can have: the last byte of a page. */
export const WORST_PAGE_OFFSET = PAGE_SIZE - 1;

/** A size_t the framework stores as a ULONG: what lies beyond 32 bits is lost without a word. */
export function asUlong(value: number): number {
  return value % 0x1_0000_0000;
}

/** Pages that `lengthBytes` touch when the first byte lies at `address`. */
export function spanPages(address: number, lengthBytes: number): number {
  return Math.floor(((address % PAGE_SIZE) + lengthBytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

/**
 * How much of a range a number of map registers can carry (transaction-state-machine section 3): scatter/gather
 * transactions size their transfers with it. Results stay in the fields.
 */
export class RegisterEstimate {
  /** Registers, one a page and MDL, for the whole range asked for. */
  registers = 0;
  /** The range itself when its registers suffice, else the longest run of whole MDLs that does. */
  possibleLengthBytes = 0;

  /**
   * BUFFER_TOO_SMALL when the chain ends a page or more before the range does; a shorter overrun goes unnoticed, as
   * in the framework. The fields are unchanged in that case.
   */
  estimate(first: Mdl, offset: number, lengthBytes: number, availableRegisters: number): NtStatus {
    let mdl = first;
    let start = offset;
    let covered = 0;
    let registers = 0;
    let possible = 0;
    let inMdl = mdl.byteCount - start;
    while (covered + inMdl < lengthBytes && mdl.next !== null) {
      registers += spanPages(mdl.byteOffset + start, inMdl);
      covered += inMdl;
      if (registers <= availableRegisters) possible = covered;
      mdl = mdl.next;
      start = 0;
      inMdl = mdl.byteCount;
    }
    const pageOffset = (mdl.byteOffset + start) % PAGE_SIZE;
    if (covered + inMdl + PAGE_SIZE < lengthBytes + pageOffset) return STATUS_BUFFER_TOO_SMALL;
    // The last MDL counts for the bytes that are used of it.
    registers += spanPages(pageOffset, lengthBytes - covered);
    this.registers = registers;
    this.possibleLengthBytes = registers <= availableRegisters ? lengthBytes : possible;
    return STATUS_SUCCESS;
  }
}

/** A place in an MDL chain, moved on by what was transferred. */
export class ChainPosition {
  mdl: Mdl | null = null;
  offset = 0;

  set(mdl: Mdl | null, offset: number): void {
    this.mdl = mdl;
    this.offset = offset;
  }

  /** False when the chain ends first: the framework would follow its NULL link. The end of an MDL is the start of the next. */
  advance(lengthBytes: number): boolean {
    let mdl = this.mdl;
    let left = this.offset + lengthBytes;
    while (mdl !== null && left >= mdl.byteCount) {
      left -= mdl.byteCount;
      mdl = mdl.next;
    }
    if (mdl === null) return false;
    this.mdl = mdl;
    this.offset = left;
    return true;
  }
}

/**
 * Bytes that `registers` reserved map registers can carry from `offset` in a chain. The MDL is looked for so that an
 * offset exactly at an MDL's end still counts as that MDL's: its page offset, not the next one's, is used. The
 * framework does the same, and sizes such a transfer wrongly; `isRight` looks at the next one's. Null when the chain
 * ends first: it would follow NULL.
 */
export function reservedLengthBytes(first: Mdl | null, offset: number, registers: number, isRight = false): number | null {
  let mdl = first;
  let left = offset;
  while (mdl !== null && (mdl.byteCount < left || (isRight && mdl.byteCount === left && mdl.next !== null))) {
    left -= mdl.byteCount;
    mdl = mdl.next;
  }
  if (mdl === null) return null;
  const pageOffset = (mdl.byteOffset + left) % PAGE_SIZE;
  return PAGE_SIZE * (registers - 1) + (PAGE_SIZE - pageOffset);
}
