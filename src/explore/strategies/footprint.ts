const WORDS = 12;
/** Objects of the machine told apart; those beyond share a place, which only makes more steps dependent. */
const OBJECTS = 256;
/** Tracked fields told apart. */
const FIELDS = 96;

/** Things that are no objects of the machine. */
export const Thing = {
  /** Armed timers, and how often time has leapt. */
  Timers: OBJECTS + FIELDS,
  /** Which requests there are. */
  Requests: OBJECTS + FIELDS + 1,
  /** Whether anybody can go on but time. */
  Readiness: OBJECTS + FIELDS + 2,
  /** The framework as a whole: queues, requests, transactions, the HAL's pool. */
  Framework: OBJECTS + FIELDS + 3,
  /** Whatever else drivers' code shares, such as the context of a device. */
  DriversData: OBJECTS + FIELDS + 4,
  /** Fields of drivers that interlocked operations touch. */
  Interlocked: OBJECTS + FIELDS + 5,
} as const;

/** Number of the thing that stands for a tracked field. */
export const fieldThing = (variable: number): number => OBJECTS + (variable % FIELDS);

/** Number of the thing that stands for an object of the machine. */
const objectThing = (objectId: number): number => Math.min(objectId, OBJECTS - 1);

/**
 * What one step read, what it changed, and whose code it put off, started or queued. Steps are independent when neither has
 * to do with what the other changed: then their order makes no difference.
 */
export class Footprint {
  readonly #written = new Int32Array(WORDS);
  readonly #read = new Int32Array(WORDS);
  /** Bit mask of strands: the performer, and those it did something to that no thing stands for. */
  strands = 0;
  /** Strands that stood before another operation, or could go on, before the step: they may want to go first. */
  displaced = 0;

  clear(): void {
    this.#written.fill(0);
    this.#read.fill(0);
    this.strands = this.displaced = 0;
  }

  writeObject(objectId: number): void {
    this.write(objectThing(objectId));
  }

  /** `thing` is one of `Thing`, or a number that a function above gave. */
  write(thing: number): void {
    this.#written[thing >> 5]! |= 1 << (thing & 31);
  }

  read(thing: number): void {
    this.#read[thing >> 5]! |= 1 << (thing & 31);
  }

  readObject(objectId: number): void {
    this.read(objectThing(objectId));
  }

  writeAll(): void {
    this.#written.fill(-1);
  }

  writes(thing: number): boolean {
    return (this.#written[thing >> 5]! & (1 << (thing & 31))) !== 0;
  }

  writesObject(objectId: number): boolean {
    return this.writes(objectThing(objectId));
  }

  dependsOn(other: Footprint): boolean {
    if ((this.strands & other.strands) !== 0) return true;
    for (let i = 0; i < WORDS; i++) {
      const written = this.#written[i]!;
      const othersWritten = other.#written[i]!;
      if ((written & (othersWritten | other.#read[i]!)) !== 0 || (othersWritten & this.#read[i]!) !== 0) return true;
    }
    return false;
  }
}
