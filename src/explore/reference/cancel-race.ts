import { DONE, makeOp, OpKind, type Op } from '../../kernel/index.js';
import { ModelRaces } from './model-races.js';
import type { StrandModel, StrandProgram } from './strand-program.js';

/**
 * The smallest race of a cancellation with a completion that has all its parts: a device that moves two buffers and
 * raises its interrupt, the DPC that completes the request, and somebody who cancels it. Nine shared words, three
 * strands, at most 20 operations. Whoever takes the request out of its state completes it:
 *
 *     take, fixed      one compare-and-swap
 *     take, planted    a read and, in a later step, a write: both may take it, and it completes twice (rule C08)
 */
const Word = {
  Doorbell: 0,
  Abort: 1,
  Status: 2,
  Interrupt: 3,
  RequestState: 4,
  Completions: 5,
  CancelFlag: 6,
  Buffer0: 7,
  Buffer1: 8,
} as const;
const WORDS = 9;

const readOf = (word: number): Op => makeOp(word + 1, OpKind.Read);
const writeOf = (word: number): Op => makeOp(word + 1, OpKind.Write);
const updateOf = (word: number): Op => makeOp(word + 1, OpKind.Update);

const STATUS_DONE = 1;
const STATUS_ABORTED = 3;

const readDoorbell = readOf(Word.Doorbell);
const readAbort = readOf(Word.Abort);
const writeAbort = writeOf(Word.Abort);
const readStatus = readOf(Word.Status);
const writeStatus = writeOf(Word.Status);
const readInterrupt = readOf(Word.Interrupt);
const writeInterrupt = writeOf(Word.Interrupt);
const readState = readOf(Word.RequestState);
const writeState = writeOf(Word.RequestState);
const swapState = updateOf(Word.RequestState);
const writeCompletions = writeOf(Word.Completions);
const writeCancelFlag = writeOf(Word.CancelFlag);
const readBuffer0 = readOf(Word.Buffer0);
const writeBuffer0 = writeOf(Word.Buffer0);
const writeBuffer1 = writeOf(Word.Buffer1);

/** Moves two buffers, looking for an abort before each; at most 7 operations. */
class Device implements StrandProgram {
  readonly name = 'device';
  pending: Op = readDoorbell;
  #moved = 0;
  #status = STATUS_DONE;

  constructor(private readonly words: Int32Array) {}

  reset(): void {
    this.pending = readDoorbell;
    this.#moved = 0;
    this.#status = STATUS_DONE;
  }

  step(): void {
    const { words } = this;
    switch (this.pending) {
      case readDoorbell:
        this.pending = words[Word.Doorbell] === 0 ? DONE : readAbort;
        return;
      case readAbort:
        if (words[Word.Abort] !== 0) this.#end(STATUS_ABORTED);
        else this.pending = this.#moved === 0 ? writeBuffer0 : writeBuffer1;
        return;
      case writeBuffer0:
        words[Word.Buffer0] = 1;
        this.#moved = 1;
        this.pending = readAbort;
        return;
      case writeBuffer1:
        words[Word.Buffer1] = 1;
        this.#end(STATUS_DONE);
        return;
      case writeStatus:
        words[Word.Status] = this.#status;
        this.pending = writeInterrupt;
        return;
      default:
        words[Word.Interrupt] = 1;
        this.pending = DONE;
    }
  }

  #end(status: number): void {
    this.#status = status;
    this.pending = writeStatus;
  }
}

/** What DPC and canceller do alike: take the request, in one step or in two. */
class Taker {
  /** What a planted take read. */
  #seen = 0;

  constructor(
    private readonly words: Int32Array,
    private readonly isPlanted: boolean,
    private readonly takenState: number,
  ) {}

  get first(): Op {
    return this.isPlanted ? readState : swapState;
  }

  /** Performs one step of the take: the operation that follows it, DONE when the request is another's, 0 when it is taken. */
  step(op: Op): Op {
    const { words } = this;
    if (op === readState) {
      this.#seen = words[Word.RequestState]!;
      return this.#seen === 0 ? writeState : DONE;
    }
    if (op === swapState && words[Word.RequestState] !== 0) return DONE;
    words[Word.RequestState] = this.takenState;
    return TAKEN;
  }
}
const TAKEN = 0;

/** Polls for the interrupt at most twice, takes the request and completes it; at most 7 operations. */
class DpcStrand implements StrandProgram {
  readonly name = 'DPC';
  readonly #taker: Taker;
  pending: Op = readInterrupt;
  #polls = 0;

  constructor(
    private readonly words: Int32Array,
    isPlanted: boolean,
  ) {
    this.#taker = new Taker(words, isPlanted, 1);
  }

  reset(): void {
    this.pending = readInterrupt;
    this.#polls = 0;
  }

  step(): void {
    const { words } = this;
    switch (this.pending) {
      case readInterrupt:
        if (words[Word.Interrupt] !== 0) this.pending = readStatus;
        else if (++this.#polls === 2) this.pending = DONE;
        return;
      case readStatus:
        this.pending = this.#taker.first;
        return;
      case writeCompletions:
        words[Word.Completions]!++;
        this.pending = readBuffer0;
        return;
      case readBuffer0:
        this.pending = DONE;
        return;
      default: {
        const next = this.#taker.step(this.pending);
        this.pending = next === TAKEN ? writeCompletions : next === DONE ? readBuffer0 : next;
      }
    }
  }
}

/** Cancels: takes the request, aborts the device and completes the request; at most 6 operations. */
class CancellerStrand implements StrandProgram {
  readonly name = 'canceller';
  readonly #taker: Taker;
  pending: Op = writeCancelFlag;

  constructor(
    private readonly words: Int32Array,
    isPlanted: boolean,
  ) {
    this.#taker = new Taker(words, isPlanted, 2);
  }

  reset(): void {
    this.pending = writeCancelFlag;
  }

  step(): void {
    const { words } = this;
    switch (this.pending) {
      case writeCancelFlag:
        words[Word.CancelFlag] = 1;
        this.pending = this.#taker.first;
        return;
      case writeAbort:
        words[Word.Abort] = 1;
        this.pending = readStatus;
        return;
      case readStatus:
        this.pending = writeCompletions;
        return;
      case writeCompletions:
        words[Word.Completions]!++;
        this.pending = DONE;
        return;
      default: {
        const next = this.#taker.step(this.pending);
        this.pending = next === TAKEN ? writeAbort : next;
      }
    }
  }
}

/** Race detection for the model: the device's registers order, and so does a take by compare-and-swap. */
export function cancelRaceDetector(): ModelRaces {
  const registers = (1 << Word.Doorbell) | (1 << Word.Abort) | (1 << Word.Status) | (1 << Word.Interrupt);
  return new ModelRaces(3, WORDS, registers);
}

/** The cancel race with three strands and at most 20 operations. `planted` has the bug, `fixed` has not. */
export function cancelRace(variant: 'planted' | 'fixed'): StrandModel {
  const words = new Int32Array(WORDS);
  const isPlanted = variant === 'planted';
  const strands = [new Device(words), new DpcStrand(words, isPlanted), new CancellerStrand(words, isPlanted)];
  return {
    name: `cancel-race-20, ${variant}`,
    strands,
    reset() {
      words.fill(0);
      words[Word.Doorbell] = 1;
      for (const strand of strands) strand.reset();
    },
    isWrong: () => words[Word.Completions]! > 1,
  };
}
