import type { Strategy } from '../../src/backends/strategy.js';
import type { StrandModel, StrandProgram } from '../../src/explore/index.js';
import { DONE, makeOp, OpKind, opKind, opObject, type Op } from '../../src/kernel/index.js';

/** A strand that performs the given operations and nothing else. */
function straightProgram(name: string, ops: readonly Op[]): StrandProgram {
  let at = 0;
  return {
    name,
    get pending() {
      return ops[at] ?? DONE;
    },
    reset: () => (at = 0),
    step: () => at++,
  };
}

/** Strands of straight operations; nothing is ever wrong. */
export function straightModel(...strands: readonly (readonly Op[])[]): StrandModel {
  const programs = strands.map((ops, i) => straightProgram(`strand ${i}`, ops));
  return { name: 'straight', strands: programs, reset: () => programs.forEach((program) => program.reset()), isWrong: () => false };
}

/** One strand polls a word until the other, after `work` operations, has set it. */
export function pollingModel(work: number): StrandModel {
  let isSet = false;
  let polling = true;
  let left = work;
  const poll = makeOp(1, OpKind.Read);
  const set = makeOp(1, OpKind.Write);
  const programs: StrandProgram[] = [
    {
      name: 'poller',
      get pending() {
        return polling ? poll : DONE;
      },
      reset: () => (polling = true),
      step: () => (polling = !isSet),
    },
    {
      name: 'setter',
      get pending() {
        return left >= 0 ? set : DONE;
      },
      reset: () => (left = work),
      step: () => (isSet = left-- === 0),
    },
  ];
  const reset = (): void => {
    isSet = false;
    programs.forEach((program) => program.reset());
  };
  return { name: 'polling', strands: programs, reset, isWrong: () => false };
}

/** What one execution did: strands and operations in order. */
export interface History {
  readonly strands: number[];
  readonly ops: Op[];
}

/** Lets `inner` choose and keeps what was executed. */
export function recording(inner: Strategy): Strategy & { readonly history: History } {
  const history: History = { strands: [], ops: [] };
  return {
    history,
    name: inner.name,
    newExecution: (seed) => {
      history.strands.length = history.ops.length = 0;
      return inner.newExecution(seed);
    },
    pick: (enabled, count, current, ops) => inner.pick(enabled, count, current, ops),
    executed: (strand, op) => {
      history.strands.push(strand);
      history.ops.push(op);
      inner.executed(strand, op);
    },
    finished: (outcome) => inner.finished(outcome),
  };
}

/**
 * The Mazurkiewicz trace of an execution as text, worked out without any notion of the reduction: for each object the
 * order of what was done to it, reads between two writes as a set.
 */
export function traceOf({ strands, ops }: History): string {
  const objects = new Map<number, string[][]>();
  const counts: number[] = [];
  let previousWrites = new Set<number>();
  strands.forEach((strand, i) => {
    const number = (counts[strand] = (counts[strand] ?? 0) + 1);
    const op = ops[i]!;
    const groups = objects.get(opObject(op)) ?? [];
    objects.set(opObject(op), groups);
    const isRead = opKind(op) === OpKind.Read;
    const joins = isRead && groups.length > 0 && !previousWrites.has(opObject(op));
    if (joins) groups.at(-1)!.push(`${strand}.${number}`);
    else groups.push([`${strand}.${number}`]);
    if (isRead) previousWrites = new Set([...previousWrites].filter((object) => object !== opObject(op)));
    else previousWrites.add(opObject(op));
  });
  const lines = [...objects]
    .sort(([a], [b]) => a - b)
    .map(([object, groups]) => `${object}:${groups.map((group) => group.sort().join(',')).join('>')}`);
  return lines.join(' ');
}
