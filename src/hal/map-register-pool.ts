import { UsageError } from '../nt/index.js';
import { NO_FRAME } from '../memory/index.js';
import { MapRegisterGrant } from './map-register-grant.js';

/** Where bounce pages and common buffers get their memory; `FrameAllocator` fits. */
export interface FrameSource {
  /** A frame, or NO_FRAME. */
  allocate(): number;
  free(frame: number): void;
  /** First of `count` adjacent frames, or NO_FRAME. */
  allocateContiguous(count: number): number;
  freeContiguous(first: number): void;
}

const SLOT_BITS = 16;
const SLOT_MASK = 0xffff;
const GENERATION_MASK = 0x3fff;

/**
 * The platform's map registers, shared by all its adapters, and the records of who holds them.
 *
 * The pool only counts; where a register's page lies is the adapter's window and, when the platform bounces, one
 * frame of `bounceFrames` a register. Records are pooled: granting allocates nothing once the pool is warm.
 */
export class MapRegisterPool {
  free: number;
  #lastNumber = 0;
  /** Records that were made, and how many of them are in use or spare; the others are from before a reset. */
  readonly #table: MapRegisterGrant[] = [];
  #records = 0;
  /** Records out of use, the last one first, linked by `next`. */
  #spare: MapRegisterGrant | null = null;
  #generation = 0;
  /** A stack; the frames above `#freeFrames` are out on loan. */
  readonly #bounceFrames: Int32Array;
  #freeFrames = 0;

  /** `frames` null: registers have no memory of their own. Throws UsageError when the frames do not suffice. */
  constructor(
    /** Names the pool in scheduling points. */
    readonly objectId: number,
    readonly total: number,
    private readonly frames: FrameSource | null,
  ) {
    this.free = total;
    this.#bounceFrames = new Int32Array(frames === null ? 0 : total);
    this.#takeFrames();
  }

  #takeFrames(): void {
    const frames = this.#bounceFrames;
    for (let i = 0; i < frames.length; i++) frames[i] = bounceFrame(this.frames!, this.total);
    this.#freeFrames = frames.length;
  }

  /** All registers are free, as at first, and handles and numbers start over; whoever gives the frames has got them back. */
  reset(): void {
    for (let slot = 0; slot < this.#records; slot++) this.#table[slot]!.clear();
    this.free = this.total;
    this.#lastNumber = this.#records = this.#generation = 0;
    this.#spare = null;
    this.#takeFrames();
  }

  /** An empty record with a handle of its own. */
  record(): MapRegisterGrant {
    const grant = this.#spare ?? this.#newRecord();
    this.#spare = grant.next;
    grant.next = null;
    this.#generation = (this.#generation % GENERATION_MASK) + 1;
    grant.handle = (this.#generation << SLOT_BITS) | grant.slot;
    return grant;
  }

  /** The live grant a map register base names; null for NULL, a stale base, or one that still waits. */
  resolve(handle: number): MapRegisterGrant | null {
    const grant = this.#table[handle & SLOT_MASK];
    return grant !== undefined && handle !== 0 && grant.handle === handle && grant.isLive ? grant : null;
  }

  /** Everything granted and not given back, in no particular order. For reports. */
  liveGrants(): readonly MapRegisterGrant[] {
    return this.#table.filter((grant) => grant.isLive);
  }

  /** Moves `registers` from the pool to the grant; the caller has checked that they are free. */
  take(grant: MapRegisterGrant, registers: number): void {
    this.free -= registers;
    if (registers > 0) grant.number = ++this.#lastNumber;
    if (this.#bounceFrames.length === 0) return;
    if (grant.bounceFrames.length < registers) grant.bounceFrames = new Int32Array(registers);
    for (let i = 0; i < registers; i++) grant.bounceFrames[i] = this.#bounceFrames[--this.#freeFrames]!;
  }

  give(grant: MapRegisterGrant, registers: number): void {
    this.free += registers;
    if (this.#bounceFrames.length === 0) return;
    for (let i = registers - 1; i >= 0; i--) this.#bounceFrames[this.#freeFrames++] = grant.bounceFrames[i]!;
  }

  /** Takes a record out of use; its handle is stale from now on. */
  recycle(grant: MapRegisterGrant): void {
    grant.clear();
    grant.next = this.#spare;
    this.#spare = grant;
  }

  #newRecord(): MapRegisterGrant {
    const slot = this.#records++;
    return (this.#table[slot] ??= new MapRegisterGrant(slot));
  }
}

function bounceFrame(frames: FrameSource, total: number): number {
  const frame = frames.allocate();
  if (frame === NO_FRAME)
    throw new UsageError('USAGE_RAM', `the machine has too little memory for ${total} bounce pages`, {
      where: 'machine.ramPages',
      expected: `at least ${total} pages beyond the buffers`,
    });
  return frame;
}
