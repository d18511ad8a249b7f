import { assertInternal } from '../nt/index.js';
import { PAGE_SIZE } from './machine-memory.js';
import { HASH_BLOCK_BYTES } from './wasm-copy.js';

/**
 * Places the machine's parts in memory, in the order they are asked for.
 *
 *     0                                    firstRamFrame * 4096                 end
 *     +--------------+---------+-----+------+----------+------------------------+
 *     | never used   | control | BARs | state | IOMMU  | RAM frames             |
 *     | (address 0   | blocks  |      | words | tables | (frame allocator)      |
 *     |  must trap)  |         |      |       |        |                        |
 *     +--------------+---------+------+-------+--------+------------------------+
 *
 * Regions are `hashed` (they belong to the machine: two backends that ran the same schedule agree on them) or
 * transport (sleep flags, heartbeats, statistics).
 */
export interface Region {
  readonly name: string;
  readonly offset: number;
  readonly lengthBytes: number;
  readonly hashed: boolean;
  /** Whole pages that are mostly empty and are written only where `MachineMemory` sees it: RAM, device memories. */
  readonly sparse: boolean;
}

export class LayoutBuilder {
  readonly regions: Region[] = [];
  #end = PAGE_SIZE;

  /** Reserves zeroed bytes at a power-of-two alignment, 32 at least (whole blocks for hashing; a sparse region has whole pages), and returns their offset. */
  reserve(name: string, lengthBytes: number, options: { align?: number; hashed?: boolean; sparse?: boolean } = {}): number {
    const { sparse = false } = options;
    const asked = options.align ?? (sparse ? PAGE_SIZE : HASH_BLOCK_BYTES);
    assertInternal(Number.isInteger(lengthBytes) && lengthBytes > 0, 'LAYOUT_LENGTH', `region ${name} has length ${lengthBytes}`);
    assertInternal(asked > 0 && (asked & (asked - 1)) === 0, 'LAYOUT_ALIGN', `region ${name} asks for alignment ${asked}`);
    const align = Math.max(asked, sparse ? PAGE_SIZE : HASH_BLOCK_BYTES);
    const offset = Math.ceil(this.#end / align) * align;
    this.regions.push({ name, offset, lengthBytes, hashed: options.hashed ?? true, sparse });
    const unit = sparse ? PAGE_SIZE : HASH_BLOCK_BYTES;
    this.#end = offset + Math.ceil(lengthBytes / unit) * unit;
    return offset;
  }

  get lengthBytes(): number {
    return Math.ceil(this.#end / PAGE_SIZE) * PAGE_SIZE;
  }
}

/** The hashed regions as ranges: neighbours merged, whole blocks of HASH_BLOCK_BYTES. */
export function hashedRanges(regions: readonly Region[]): { offset: number; lengthBytes: number }[] {
  const ranges: { offset: number; lengthBytes: number }[] = [];
  let previousHashed = false;
  for (const { offset, lengthBytes, hashed } of regions) {
    const end = offset + Math.ceil(lengthBytes / HASH_BLOCK_BYTES) * HASH_BLOCK_BYTES;
    const last = ranges[ranges.length - 1];
    // What lies between two regions is alignment, always zero.
    if (hashed && previousHashed && last !== undefined) last.lengthBytes = end - last.offset;
    else if (hashed) ranges.push({ offset, lengthBytes: end - offset });
    previousHashed = hashed;
  }
  return ranges;
}

/**
 * Checks a struct's named word offsets when the module loads: all inside the struct, none twice.
 * Returns the table, so that a struct reads `export const Desc = struct('Desc', 8, { tag: 0, ... })`.
 */
export function struct<const T extends Readonly<Record<string, number>>>(name: string, lengthWords: number, fields: T): T {
  const seen = new Map<number, string>();
  for (const [field, offset] of Object.entries(fields)) {
    assertInternal(
      Number.isInteger(offset) && offset >= 0 && offset < lengthWords,
      'STRUCT_FIELD',
      `${name}.${field} lies outside the struct`,
    );
    assertInternal(!seen.has(offset), 'STRUCT_FIELD', `${name}.${field} and ${name}.${seen.get(offset)} share word ${offset}`);
    seen.set(offset, field);
  }
  return fields;
}
