import { makeOp, opKind, opKindName, opObject, type Kernel, type Op, type OpKind } from '../../src/kernel/index.js';
import type { Strategy } from '../../src/backends/strategy.js';

type Chosen = number | 'done' | { readonly problem: string };

/** One line of a script; ids of strands are found by name when the script is played. */
export interface Step {
  readonly text: string;
  /** Index into `enabled`, or why not. */
  choose(script: Script, enabled: Int32Array, count: number, ops: Int32Array): Chosen;
  /** `strand` has performed `op` while this was the current line. A text: that it should not have. */
  performed(script: Script, strand: number, op: Op): string | null;
}

/**
 * A schedule written by hand: "run this strand until it stands before that operation, then let that one go". Behind
 * the last line everybody goes on, in the order of strands. A line that cannot be followed is `problem`, and the rest of
 * the execution tells nothing.
 */
export class Script implements Strategy {
  readonly name = 'script';
  problem: string | null = null;
  #line = 0;

  constructor(
    readonly kernel: Kernel,
    /** By strand id. */
    private readonly names: readonly string[],
    private readonly steps: readonly Step[],
  ) {}

  /** After the execution: the first line that was not followed to its end; null when all were. */
  unfollowed(): string | null {
    // Where there was no choice any more nobody was asked whether the last lines are through.
    this.pick(new Int32Array(0), 0, -1, new Int32Array(0));
    return this.problem;
  }

  /** Id of the strand of that name. */
  strand(name: string): number {
    const id = this.names.indexOf(name);
    if (id < 0) throw new Error(`there is no strand '${name}', only ${this.names.join(', ')}`);
    return id;
  }

  newExecution(): boolean {
    this.#line = 0;
    this.problem = null;
    return true;
  }

  pick(enabled: Int32Array, count: number, _current: number, ops: Int32Array): number {
    while (this.problem === null && this.#line < this.steps.length) {
      const step = this.steps[this.#line]!;
      const chosen = step.choose(this, enabled, count, ops);
      if (typeof chosen === 'number') return chosen;
      if (chosen === 'done') this.#line++;
      else this.problem = `line ${this.#line + 1}, '${step.text}': ${chosen.problem}`;
    }
    return 0;
  }

  executed(strand: number, op: Op): void {
    const step = this.steps[this.#line];
    if (this.problem !== null || step === undefined) return;
    const problem = step.performed(this, strand, op);
    if (problem !== null) this.problem = `line ${this.#line + 1}, '${step.text}': ${problem}`;
  }

  finished(): void {}
}

function indexOf(strand: number, enabled: Int32Array, count: number): number {
  for (let i = 0; i < count; i++) if (enabled[i] === strand) return i;
  return -1;
}

/** Moves one strand as long as `isThere` says no. */
class OneStrandStep implements Step {
  /** Operations of the strand that `counts` picked out. */
  #performed = 0;

  constructor(
    private readonly name: string,
    private readonly what: string,
    /** `op` is -1 while the strand cannot run. */
    private readonly isThere: (op: Op, performed: number, script: Script) => boolean,
    private readonly counts: (op: Op) => boolean = () => true,
    /** The operation must not be performed so often. */
    private readonly performedMax = Infinity,
  ) {}

  get text(): string {
    return `${this.name} ${this.what}`;
  }

  choose(script: Script, enabled: Int32Array, count: number, ops: Int32Array): Chosen {
    const strand = script.strand(this.name);
    const at = indexOf(strand, enabled, count);
    if (this.isThere(at < 0 ? -1 : ops[at]!, this.#performed, script)) return 'done';
    return at < 0 ? { problem: whyNot(script, strand) } : at;
  }

  performed(script: Script, strand: number, op: Op): string | null {
    if (strand !== script.strand(this.name) || !this.counts(op)) return null;
    this.#performed++;
    return this.#performed >= this.performedMax ? 'nobody else could run there, so it went on' : null;
  }
}

/** Lines that move one strand. */
export interface OneStrand {
  /** Until it stands before the `nth` operation (from 1) of that kind on that object, which it does not perform. */
  untilBefore(kind: OpKind, object: string, objectId: () => number, nth?: number): Step;
  /** Until `holds`, looked at wherever it stands. */
  until(text: string, holds: () => boolean): Step;
  /** One operation. */
  once(): Step;
  /** Until it has nothing left to do. */
  toItsEnd(): Step;
}

export function run(name: string): OneStrand {
  return {
    untilBefore(kind, object, objectId, nth = 1) {
      const matches = (op: Op): boolean => op >= 0 && opKind(op) === kind && opObject(op) === objectId();
      const what = `until before ${nth === 1 ? '' : `number ${nth} of `}${opKindName(makeOp(0, kind))} ${object}`;
      return new OneStrandStep(name, what, (op, performed) => matches(op) && performed === nth - 1, matches, nth);
    },
    until: (text, holds) => new OneStrandStep(name, `until ${text}`, holds),
    once: () => new OneStrandStep(name, 'once', (_op, performed) => performed > 0),
    toItsEnd: () => new OneStrandStep(name, 'to its end', (op, _performed, script) => op < 0 && isAtEnd(script, name)),
  };
}

function isAtEnd(script: Script, name: string): boolean {
  const cpu = script.kernel.vcpus[script.strand(name)];
  return cpu === undefined || cpu.isIdle;
}

/** Everybody but the strands named, in the order of strands, until `holds`. */
export function everybodyBut(names: readonly string[], text: string, holds: () => boolean): Step {
  return {
    text: `everybody but ${names.join(', ')} until ${text}`,
    choose(script, enabled, count) {
      if (holds()) return 'done';
      const kept = names.map((name) => script.strand(name));
      for (let i = 0; i < count; i++) if (!kept.includes(enabled[i]!)) return i;
      return { problem: 'nobody else can run' };
    },
    performed: () => null,
  };
}

function whyNot(script: Script, strand: number): string {
  const cpu = script.kernel.vcpus[strand];
  const waits = cpu?.top?.blockedOn?.name;
  return waits === undefined ? 'it has nothing to do' : `it waits for ${waits}`;
}
