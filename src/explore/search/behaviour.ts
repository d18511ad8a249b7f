import { opKind, opObject, OpKind, type Op } from '../../kernel/index.js';
import { PairCounts } from './pair-counts.js';

/** Words that `Behaviour.end` adds. */
export const BEHAVIOUR_WORDS = 4;

/** Strands and objects that are told apart; operations beyond do not enter. */
const STRANDS_MAX = 4095;
const OBJECTS_MAX = 1 << 16;
const OBJECTS_FIRST = 512;

/** Nobody has changed the object yet. */
const NOBODY = STRANDS_MAX << 4;

/*
 * What is known of an object, in one line of the cache:
 *
 *     word 0                       1                                      2                            3
 *     hash of its last change | sum of the hashes of the reads since | strand << 4 | kind of that | unused
 */
const WORDS = 4;
const READS = 1;
const WRITER = 2;

/**
 * Watches the operations of executions and says what behaviour each was, in two grains, whatever the order of
 * operations that have nothing to do with each other:
 *
 *     order        which order the operations on each object had: a hash of the partial order (Mazurkiewicz trace; as Musuvathi
 *                  and Qadeer hash happens-before relations). Two reads of one object have no order.
 *     reads-from   pairs: who changed an object last when somebody came to it, and by which kinds of operation
 *
 * An operation here is what it names, as in `conflicts`: a hint, not a proof. Nothing is allocated per operation.
 */
export class Behaviour {
  readonly pairs = new PairCounts();
  readonly #strandHash = new Int32Array(STRANDS_MAX);
  #objects = new Int32Array(OBJECTS_FIRST * WORDS);
  #schedule = 0;
  #setLow = 0;
  #setHigh = 0;
  /** Strands and objects from 0 that have been seen. */
  #strandCount = 0;
  #objectCount = 0;

  /** Schedule `schedule` begins. */
  begin(schedule: number): void {
    this.#schedule = schedule;
    this.#setLow = this.#setHigh = 0;
    this.#strandHash.fill(0, 0, this.#strandCount);
    this.#forget(0, this.#objectCount);
  }

  #forget(from: number, end: number): void {
    this.#objects.fill(0, from * WORDS, end * WORDS);
    for (let object = from; object < end; object++) this.#objects[object * WORDS + WRITER] = NOBODY;
  }

  performed(strand: number, op: Op): void {
    const object = opObject(op);
    if (strand >= STRANDS_MAX || object < 0) return;
    if (strand >= this.#strandCount) this.#strandCount = strand + 1;
    if (object >= this.#objectCount && !this.#seeObject(object)) return;
    const objects = this.#objects;
    const at = object * WORDS;
    const high = (strand << 16) | objects[at + WRITER]!;
    if (this.pairs.note(op, high, this.#schedule)) this.#addToSet(op, high);
    const before = this.#strandHash[strand]!;
    const kind = opKind(op);
    if (kind === OpKind.Read) {
      const hash = mix(before, op, objects[at]!);
      this.#strandHash[strand] = hash;
      objects[at + READS] = (objects[at + READS]! + hash) | 0;
      return;
    }
    const hash = mix(before, op, (objects[at]! + Math.imul(objects[at + READS]!, 0x85ebca77)) | 0);
    this.#strandHash[strand] = hash;
    objects[at] = hash;
    objects[at + READS] = 0;
    objects[at + WRITER] = (strand << 4) | kind;
  }

  #seeObject(object: number): boolean {
    if (object >= OBJECTS_MAX) return false;
    if (object * WORDS >= this.#objects.length) {
      let { length } = this.#objects;
      while (length <= object * WORDS) length *= 2;
      const larger = new Int32Array(length);
      larger.set(this.#objects);
      this.#objects = larger;
    }
    this.#forget(this.#objectCount, object + 1);
    this.#objectCount = object + 1;
    return true;
  }

  /** Sums, because a set has no order. */
  #addToSet(low: number, high: number): void {
    const hash = mix(0, low, high);
    this.#setLow = (this.#setLow + hash) | 0;
    this.#setHigh = (this.#setHigh + mix(hash, high, low)) | 0;
  }

  /** The schedule has ended: adds BEHAVIOUR_WORDS words, the hash of its partial order and that of its set of pairs. */
  end(words: number[]): void {
    let low = 0;
    let high = 0;
    for (let strand = 0; strand < this.#strandCount; strand++) {
      const hash = mix(this.#strandHash[strand]!, strand, 0);
      low = (low + hash) | 0;
      high = (high + mix(hash, strand, 1)) | 0;
    }
    words.push(low, high, this.#setLow, this.#setHigh);
  }
}

function mix(hash: number, op: number, other: number): number {
  const mixed = Math.imul(hash ^ Math.imul(op, 0x9e3779b1) ^ Math.imul(other, 0xc2b2ae3d), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
