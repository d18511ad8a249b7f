import { FastTrack, OpKind, opKind, opObject, type Op } from '../../kernel/index.js';

/** Strands and words of the largest model. */
const STRANDS_MAX = 4;

/**
 * Data races in a model of strands. Operations on its synchronising words - registers, and whatever is only touched by
 * compare-and-swap - order; all other words are data.
 */
export class ModelRaces {
  /** Data races of the last execution, one a word at most; and all since the beginning. */
  races = 0;
  total = 0;
  readonly #track = new FastTrack(STRANDS_MAX);
  /** Bit w: a race of word w was counted in this execution. */
  #counted = 0;

  /** Bit w of `synchronising`: the word w orders. At most 4 strands and 31 words. */
  constructor(
    strands: number,
    words: number,
    private readonly synchronising: number,
  ) {
    if (strands > STRANDS_MAX || words > 31) throw new RangeError(`a model of ${strands} strands and ${words} words is too large`);
    const track = this.#track;
    for (let i = 0; i < strands; i++) track.begin(-1);
    for (let i = 0; i < words; i++) {
      track.newVariable();
      track.newSync();
    }
  }

  /** An execution begins. */
  reset(): void {
    this.#track.rewind();
    this.races = 0;
    this.#counted = 0;
  }

  /** `strand` performs `op`. */
  performed(strand: number, op: Op): void {
    const track = this.#track;
    const word = opObject(op) - 1;
    const kind = opKind(op);
    if (kind === OpKind.Update || ((this.synchronising >> word) & 1) !== 0) {
      if (kind !== OpKind.Write) track.acquire(strand, word);
      if (kind !== OpKind.Read) track.release(strand, word);
      return;
    }
    const raced = kind === OpKind.Read ? track.read(strand, word, op) : track.write(strand, word, op);
    if (!raced || ((this.#counted >> word) & 1) !== 0) return;
    this.#counted |= 1 << word;
    this.races++;
    this.total++;
  }
}
