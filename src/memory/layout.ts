import { assertInternal } from '../nt/index.js';
import { PAGE_SIZE } from './machine-memory.js';

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
}

export class LayoutBuilder {
  readonly regions: Region[] = [];
  #end = PAGE_SIZE;

  /** Reserves zeroed bytes at a power-of-two alignment and returns their offset. */
  reserve(name: string, lengthBytes: number, options: { align?: number; hashed?: boolean } = {}): number {
    const align = options.align ?? 8;
    assertInternal(Number.isInteger(lengthBytes) && lengthBytes > 0, 'LAYOUT_LENGTH', `region ${name} has length ${lengthBytes}`);
    assertInternal(align > 0 && (align & (align - 1)) === 0, 'LAYOUT_ALIGN', `region ${name} asks for alignment ${align}`);
    const offset = Math.ceil(this.#end / align) * align;
    this.regions.push({ name, offset, lengthBytes, hashed: options.hashed ?? true });
    this.#end = offset + lengthBytes;
    return offset;
  }

  get lengthBytes(): number {
    return Math.ceil(this.#end / PAGE_SIZE) * PAGE_SIZE;
  }
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
