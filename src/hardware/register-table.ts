import { assertInternal } from '../nt/index.js';

/**
 * How the bits of a field answer the bus.
 *
 * - `RW` kept as written. `RO` the device alone writes it. `WO` kept as written, reads as zero.
 * - `W1C` the device sets it, writing 1 clears it, writing 0 leaves it alone (rules D20, D21).
 * - `COMMAND` latches until the device takes it in a step, reads as zero (self-clearing).
 * - `RWCommand` kept as written *and* latched when 1 is written; the device clears it when it has obeyed.
 */
export const FieldAccess = { RW: 'RW', RO: 'RO', WO: 'WO', W1C: 'W1C', Command: 'COMMAND', RWCommand: 'RW-COMMAND' } as const;
export type FieldAccess = (typeof FieldAccess)[keyof typeof FieldAccess];

export interface RegisterField {
  readonly name: string;
  /** Bits of the 32-bit word; fields of one word do not overlap. */
  readonly mask: number;
  readonly access: FieldAccess;
}

/** One 32-bit word of a register block. */
export interface RegisterWord {
  readonly name: string;
  /** Byte offset in the block, a multiple of 4. */
  readonly offset: number;
  /** Value after reset. Default 0. */
  readonly resetValue?: number;
  readonly fields: readonly RegisterField[];
}

/** No command latch belongs to this word. */
export const NO_LATCH = -1;

const whole = (name: string, access: FieldAccess): RegisterField[] => [{ name, mask: 0xffff_ffff, access }];

/** A register that is one field of 32 bits. */
export function wordRegister(name: string, offset: number, access: FieldAccess, resetValue = 0): RegisterWord {
  return { name, offset, resetValue, fields: whole(name, access) };
}

/**
 * A register block as its data sheet describes it, worked out into masks once, so that an access is a few loads from
 * typed arrays. The table holds no values: those lie in machine memory, see `RegisterBlock`.
 */
export class RegisterTable {
  readonly lengthBytes: number;
  readonly words: readonly RegisterWord[];
  /** Command words of the block: one latch word each. */
  readonly latchCount: number;
  /** By word index: 1 where a register stands. */
  readonly defined: Uint8Array;
  readonly readable: Int32Array;
  readonly writable: Int32Array;
  readonly clearable: Int32Array;
  readonly commands: Int32Array;
  /** By word index: index of the latch, NO_LATCH where there is none. */
  readonly latchIndex: Int32Array;
  readonly resetValues: Int32Array;

  /** `lengthBytes` is the size of the block on the bus, a multiple of 4; throws InternalError when the words do not fit it. */
  constructor(
    readonly name: string,
    lengthBytes: number,
    words: readonly RegisterWord[],
  ) {
    assertInternal(lengthBytes > 0 && lengthBytes % 4 === 0, 'REGISTER_TABLE', `${name} has a length of ${lengthBytes} bytes`);
    this.lengthBytes = lengthBytes;
    this.words = words;
    const count = lengthBytes / 4;
    this.defined = new Uint8Array(count);
    this.readable = new Int32Array(count);
    this.writable = new Int32Array(count);
    this.clearable = new Int32Array(count);
    this.commands = new Int32Array(count);
    this.latchIndex = new Int32Array(count).fill(NO_LATCH);
    this.resetValues = new Int32Array(count);
    let latchCount = 0;
    for (const word of words) {
      const index = this.#place(word);
      if (this.commands[index] !== 0) this.latchIndex[index] = latchCount++;
    }
    this.latchCount = latchCount;
  }

  #place(word: RegisterWord): number {
    const { name, offset } = word;
    assertInternal(
      offset % 4 === 0 && offset >= 0 && offset < this.lengthBytes,
      'REGISTER_TABLE',
      `${this.name}.${name} at ${offset} lies outside the block`,
    );
    const index = offset / 4;
    assertInternal(this.defined[index] === 0, 'REGISTER_TABLE', `${this.name}.${name}: two registers at offset ${offset}`);
    this.defined[index] = 1;
    this.resetValues[index] = word.resetValue ?? 0;
    let seen = 0;
    for (const { name: field, mask, access } of word.fields) {
      assertInternal((seen & mask) === 0, 'REGISTER_TABLE', `${this.name}.${name}.${field} overlaps another field`);
      seen |= mask;
      this.#addField(index, mask, access);
    }
    return index;
  }

  #addField(index: number, mask: number, access: FieldAccess): void {
    const reads = access !== FieldAccess.WO && access !== FieldAccess.Command;
    const keeps = access === FieldAccess.RW || access === FieldAccess.WO || access === FieldAccess.RWCommand;
    if (reads) this.readable[index]! |= mask;
    if (keeps) this.writable[index]! |= mask;
    if (access === FieldAccess.W1C) this.clearable[index]! |= mask;
    if (access === FieldAccess.Command || access === FieldAccess.RWCommand) this.commands[index]! |= mask;
  }
}
