import { PAGE_SIZE } from '../memory/index.js';
import type { MapRegisterGrant } from './map-register-grant.js';

/** Every MDL's virtual base is far from every other's; nothing is ever read through it. */
const VIRTUAL_STRIDE = 0x1000_0000;
let nextVirtualBase = 0x10_0000_0000;

/**
 * A memory descriptor list entry: one locked, virtually contiguous buffer and the page frames under it.
 * `virtualAddress` (MmGetMdlVirtualAddress) is an index into the MDL, not a pointer to use. Chained by `next`.
 * Objects are reused by the workload: `describe` sets another piece of the same frames.
 */
export class Mdl {
  next: Mdl | null = null;
  /** Live mappings of ranges of the chain that begins here, linked by `nextOfMdl`. For the HAL. */
  firstMapping: MapRegisterGrant | null = null;
  readonly #virtualBase: number;

  constructor(
    /** Page frame numbers, at least as many as offset and length touch; of floats where there is no machine memory to bound them. */
    readonly frames: Int32Array | Float64Array,
    /** Offset of the first byte in `frames[0]`, 0..4095. */
    public byteOffset: number,
    public byteCount: number,
    /** Pages are locked in memory (rule A16). */
    readonly pagesLocked = true,
    /** The buffer has an address in system space, which a HAL that copies through bounce pages needs (rule A32). */
    readonly hasSystemAddress = true,
  ) {
    this.#virtualBase = nextVirtualBase;
    nextVirtualBase += VIRTUAL_STRIDE;
  }

  get virtualAddress(): number {
    return this.#virtualBase + this.byteOffset;
  }

  describe(byteOffset: number, byteCount: number): void {
    this.byteOffset = byteOffset;
    this.byteCount = byteCount;
  }

  /** It describes nothing, as part of no chain, and is mapped nowhere. */
  forget(): void {
    this.next = null;
    this.firstMapping = null;
    this.describe(0, 0);
    for (let i = 0; i < this.frames.length; i++) this.frames[i] = 0;
  }

  /** Physical address of the byte at `offset` from the MDL's first byte. */
  physicalAddress(offset: number): number {
    const at = this.byteOffset + offset;
    return this.frames[Math.floor(at / PAGE_SIZE)]! * PAGE_SIZE + (at % PAGE_SIZE);
  }
}

/** Bytes in a chain. */
export function chainLengthBytes(first: Mdl | null): number {
  let total = 0;
  for (let mdl = first; mdl !== null; mdl = mdl.next) total += mdl.byteCount;
  return total;
}
