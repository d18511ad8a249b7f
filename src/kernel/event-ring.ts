/**
 * What happened, in order: fixed records of eight words in a ring, cheap enough to stay on. The verifier, traces and
 * reports read it; nothing of the machine depends on it.
 *
 *     word 0      1       2         3    4    5        6              7
 *     sequence | kind | objectId | a  | b  | strand | irql<<16|depth | thread
 */
export const EventKind = {
  CallbackEnter: 1,
  CallbackLeave: 2,
  InterruptDeliver: 3,
  DpcStart: 4,
  DpcQueue: 5,
  LockAcquire: 6,
  LockRelease: 7,
  RegisterRead: 8,
  RegisterWrite: 9,
  DeviceStep: 10,
  RequestPresent: 11,
  RequestComplete: 12,
  TransactionState: 13,
  TransferStage: 14,
  MapRegistersAllocate: 15,
  MapRegistersFree: 16,
  Map: 17,
  Flush: 18,
  ScatterGatherBuild: 19,
  ScatterGatherPut: 20,
  CommonBufferAllocate: 21,
  CommonBufferFree: 22,
  PowerState: 23,
  TimerFire: 24,
  Violation: 25,
  RequestSubmit: 26,
  CancelRequest: 27,
  /** A register write that was on its way has reached its device. */
  RegisterArrive: 28,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

const eventNames = new Map<number, string>(Object.entries(EventKind).map(([name, value]) => [value, name]));
export const eventName = (kind: number): string => eventNames.get(kind) ?? `event ${kind}`;

export interface EventRecord {
  readonly sequence: number;
  readonly kind: number;
  readonly object: number;
  readonly a: number;
  readonly b: number;
  readonly strand: number;
  readonly irql: number;
  readonly depth: number;
  readonly thread: number;
}

const WORDS = 8;

const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Eight digits, from a table: `toString` divides a number above 2^31 as a fraction. */
function hexOf(word: number): string {
  return HEX_BYTES[word >>> 24]! + HEX_BYTES[(word >>> 16) & 0xff]! + HEX_BYTES[(word >>> 8) & 0xff]! + HEX_BYTES[word & 0xff]!;
}

export class EventRing {
  readonly #words: Int32Array;
  readonly #mask: number;
  #sequence = 0;
  /** Records in the ring, at most `capacity`; the sequence itself wraps around. */
  #kept = 0;
  #hashLow = 0;
  #hashHigh = 0;

  /** `capacity` records are kept, a power of two; older ones are overwritten. `words` may lie in shared memory. */
  constructor(
    readonly capacity: number,
    words?: Int32Array,
  ) {
    if (capacity < 1 || (capacity & (capacity - 1)) !== 0) throw new RangeError(`event ring capacity ${capacity} is no power of two`);
    this.#words = words ?? new Int32Array(capacity * WORDS);
    this.#mask = capacity - 1;
    this.reset();
  }

  get sequence(): number {
    return this.#sequence;
  }

  record(kind: EventKind, object: number, a: number, b: number, strand: number, irqlAndDepth: number, thread: number): void {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) | 0;
    if (this.#kept < this.capacity) this.#kept++;
    const at = (sequence & this.#mask) * WORDS;
    const words = this.#words;
    words[at] = sequence;
    words[at + 1] = kind;
    words[at + 2] = object;
    words[at + 3] = a;
    words[at + 4] = b;
    words[at + 5] = strand;
    words[at + 6] = irqlAndDepth;
    words[at + 7] = thread;
    this.#mix(kind ^ Math.imul(object, 0x9e3779b1));
    this.#mix(a ^ Math.imul(b, 0x85ebca77) ^ Math.imul(strand, 0xc2b2ae3d) ^ irqlAndDepth);
  }

  /** Object of the record with that sequence number, which must still be kept. */
  objectAt(sequence: number): number {
    return this.#words[(sequence & this.#mask) * WORDS + 2]!;
  }

  /** Kind of that record. */
  kindAt(sequence: number): number {
    return this.#words[(sequence & this.#mask) * WORDS + 1]!;
  }

  /** Takes an operation into the hash without keeping a record of it: who performed what, in order. */
  mixOperation(strand: number, op: number): void {
    this.#mix(Math.imul(op, 0x9e3779b1) ^ strand);
  }

  /** Two multiplicative lanes: order matters, thread and sequence do not enter. */
  #mix(value: number): void {
    const low = Math.imul(this.#hashLow ^ value, 0x01000193);
    this.#hashLow = low ^ (low >>> 15);
    const high = Math.imul(this.#hashHigh + value, 0x5bd1e995);
    this.#hashHigh = high ^ (high >>> 13);
  }

  /** Hash of every event since the last reset, sixteen hex digits. */
  hash(): string {
    return hexOf(this.#hashHigh) + hexOf(this.#hashLow);
  }

  /** The two halves of the hash as signed numbers. */
  get hashLow(): number {
    return this.#hashLow;
  }

  get hashHigh(): number {
    return this.#hashHigh;
  }

  /** Empties the ring; the next record gets `firstSequence`, 0 unless a test wants to stand near the wrap. */
  reset(firstSequence: number = 0): void {
    this.#sequence = firstSequence | 0;
    this.#kept = 0;
    this.#hashLow = 0x811c9dc5 | 0;
    this.#hashHigh = 0x2545f491;
  }

  /** The newest records, oldest first; all that are kept unless `limit` says fewer. */
  *newest(limit: number = this.capacity): Generator<EventRecord> {
    const count = Math.min(limit, this.#kept);
    const end = this.#sequence;
    for (let age = count; age > 0; age--) {
      const at = ((end - age) & this.#mask) * WORDS;
      const w = this.#words;
      const level = w[at + 6]!;
      yield {
        sequence: w[at]!,
        kind: w[at + 1]!,
        object: w[at + 2]!,
        a: w[at + 3]!,
        b: w[at + 4]!,
        strand: w[at + 5]!,
        irql: level >> 16,
        depth: level & 0xffff,
        thread: w[at + 7]!,
      };
    }
  }
}
