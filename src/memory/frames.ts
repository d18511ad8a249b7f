import { assertInternal, InternalError } from '../nt/index.js';

/** Where the allocator's choices come from; the kernel's seeded source fits. */
export interface FrameChoice {
  /** A whole number in 0..bound-1. */
  below(bound: number): number;
}

/** The memory of the machine is used up; the HAL turns it into STATUS_INSUFFICIENT_RESOURCES. */
export const NO_FRAME = -1;

/** Adjacent frames, all free or all in one hand. */
interface Run {
  readonly first: number;
  count: number;
  free: boolean;
}

/**
 * Hands out page frames and fragments on purpose: a buffer of several pages gets frames from all over memory, with
 * short contiguous runs now and then, so that scatter/gather lists have real elements and real merges.
 *
 * Two ends: single frames come from a seeded shuffle of the lower part, contiguous runs from the top downwards.
 * Freed frames go to the back of a FIFO, so that a stale address keeps pointing at dead memory for a while.
 */
export class FrameAllocator {
  readonly #queue: Int32Array;
  /** The queue as it was shuffled, for `reset`. */
  readonly #shuffled: Int32Array;
  readonly #singleFrames: number;
  #head = 0;
  /** The queue is another than at first: frames were freed. */
  #isRequeued = false;
  #count: number;
  #contiguous: Run[];

  constructor(
    readonly firstFrame: number,
    readonly frameCount: number,
    contiguousFrames: number,
    choice: FrameChoice,
  ) {
    assertInternal(contiguousFrames <= frameCount, 'FRAMES_CONTIGUOUS', 'more contiguous frames than frames');
    const single = frameCount - contiguousFrames;
    this.#queue = new Int32Array(Math.max(single, 1));
    this.#count = single;
    this.#singleFrames = single;
    for (let i = 0; i < single; i++) this.#queue[i] = firstFrame + i;
    this.#shuffleInRuns(single, choice);
    this.#shuffled = this.#queue.slice();
    this.#contiguous = [this.#allContiguous()];
  }

  /** Nothing is handed out any more, and frames will come in the same order again. */
  reset(): void {
    if (this.#isRequeued) this.#queue.set(this.#shuffled);
    this.#isRequeued = false;
    this.#head = 0;
    this.#count = this.#singleFrames;
    this.#contiguous = [this.#allContiguous()];
  }

  #allContiguous(): Run {
    return { first: this.firstFrame + this.#singleFrames, count: this.frameCount - this.#singleFrames, free: true };
  }

  /** Swaps runs of one to three frames, so that about a third of neighbours stay adjacent. */
  #shuffleInRuns(single: number, choice: FrameChoice): void {
    const queue = this.#queue;
    for (let i = single - 1; i > 0; i -= 1 + choice.below(3)) {
      const j = choice.below(i + 1);
      const kept = queue[i]!;
      queue[i] = queue[j]!;
      queue[j] = kept;
    }
  }

  get freeFrames(): number {
    return this.#count;
  }

  /** One frame, or NO_FRAME. */
  allocate(): number {
    if (this.#count === 0) return NO_FRAME;
    const frame = this.#queue[this.#head]!;
    this.#head = (this.#head + 1) % this.#queue.length;
    this.#count--;
    return frame;
  }

  free(frame: number): void {
    const index = frame - this.firstFrame;
    // Not assertInternal: its message would be built on every call.
    if (this.#count >= this.#singleFrames) throw new InternalError('FRAMES_FREE', `frame ${frame} freed twice`);
    if (!(index >= 0 && index < this.#singleFrames))
      throw new InternalError('FRAMES_FREE', `frame ${frame} is not one of the single frames`);
    this.#queue[(this.#head + this.#count) % this.#queue.length] = frame;
    this.#isRequeued = true;
    this.#count++;
  }

  /** First frame of `count` adjacent ones, or NO_FRAME. For common buffers and bounce pages, first fit. */
  allocateContiguous(count: number): number {
    for (const block of this.#contiguous) {
      if (!block.free || block.count < count) continue;
      if (block.count > count) {
        this.#contiguous.splice(this.#contiguous.indexOf(block) + 1, 0, {
          first: block.first + count,
          count: block.count - count,
          free: true,
        });
        block.count = count;
      }
      block.free = false;
      return block.first;
    }
    return NO_FRAME;
  }

  freeContiguous(first: number): void {
    const index = this.#contiguous.findIndex((block) => block.first === first && !block.free);
    assertInternal(index >= 0, 'FRAMES_FREE', `no contiguous block starts at frame ${first}`);
    this.#contiguous[index]!.free = true;
    this.#mergeWithNext(index);
    if (index > 0) this.#mergeWithNext(index - 1);
  }

  #mergeWithNext(index: number): void {
    const block = this.#contiguous[index]!;
    const next = this.#contiguous[index + 1];
    if (next === undefined || !block.free || !next.free) return;
    block.count += next.count;
    this.#contiguous.splice(index + 1, 1);
  }
}
