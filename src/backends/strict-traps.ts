import nodeCrypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { BugCheck } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';

type Callable = (this: unknown, ...args: unknown[]) => unknown;

const root = globalThis as unknown as Record<string, unknown>;

/** Where a run could get time, chance or the host's event loop from, by owner and name. */
const FUNCTIONS: readonly (readonly [owner: object, name: string, called: string])[] = [
  [root['Date'] as object, 'now', 'Date.now'],
  [Math, 'random', 'Math.random'],
  [root['performance'] as object, 'now', 'performance.now'],
  [process, 'hrtime', 'process.hrtime'],
  [process, 'nextTick', 'process.nextTick'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map((name) => [root, name, name] as const),
  ...['then', 'catch', 'finally'].map((name) => [Promise.prototype, name, `Promise.prototype.${name}`] as const),
  [root['crypto'] as object, 'getRandomValues', 'crypto.getRandomValues'],
  [root['crypto'] as object, 'randomUUID', 'crypto.randomUUID'],
  ...['randomBytes', 'randomInt', 'randomUUID', 'randomFillSync'].map((name) => [nodeCrypto, name, `crypto.${name}`] as const),
];
const CLASSES = ['Date', 'WeakRef', 'FinalizationRegistry'] as const;

/**
 * Runs `body`, an execution under control, with everything that would make two runs of one schedule differ turned into
 * the finding L-NONDETERMINISM, a crash that names the call and the callback. Everything is put back afterwards. A promise
 * that is only awaited, and functions of node:timers that a module has kept under another name, are not seen.
 */
export function withStrictTraps(kernel: Kernel, body: () => void): void {
  const undo: (() => void)[] = [];
  const report = (called: string): void => reportCall(kernel, called);
  try {
    for (const [owner, name, called] of FUNCTIONS) undo.push(trapFunction(owner, name, () => report(called)));
    for (const name of CLASSES) undo.push(trapClass(name, report));
    syncBuiltinESMExports();
    body();
  } finally {
    for (const restore of undo.reverse()) restore();
    syncBuiltinESMExports();
  }
}

function reportCall(kernel: Kernel, called: string): void {
  // A dead machine has said what it had to say; the code that reports it may do as it likes.
  if (kernel.dead !== null) return;
  const { top } = kernel.current;
  const where = top?.callbacks.at(-1) ?? top?.name ?? 'code outside of any callback';
  kernel.violation({
    rule: 'L-NONDETERMINISM',
    severity: 'crash',
    object: where,
    message: `${called} is called while ${where} runs: what it answers is not the same in every execution of a schedule; time comes from the framework's timers, chance from the scenario's parameters`,
  });
  throw new BugCheck({ rule: 'L-NONDETERMINISM', severity: 'crash', object: where, message: called });
}

function replace(owner: object, name: string, value: unknown): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { configurable: true, writable: true, enumerable: descriptor?.enumerable ?? true, value });
  return () => {
    if (descriptor === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, descriptor);
  };
}

function trapFunction(owner: object, name: string, report: () => void): () => void {
  const original = (owner as Record<string, unknown>)[name] as Callable;
  return replace(
    owner,
    name,
    // Members such as process.hrtime.bigint are traps as well.
    new Proxy(original, {
      apply(target, self, args: unknown[]) {
        report();
        return Reflect.apply(target, self, args);
      },
      get(target, key, receiver) {
        if (key === 'bigint') report();
        return Reflect.get(target, key, receiver) as unknown;
      },
    }),
  );
}

/** A date of given parts is the same always; one of now is not. */
function trapClass(name: (typeof CLASSES)[number], report: (called: string) => void): () => void {
  const original = root[name] as new (...args: unknown[]) => object;
  const value = new Proxy(original, {
    construct(target, args: unknown[], newTarget: new () => object) {
      if (name !== 'Date' || args.length === 0) report(`new ${name}`);
      return Reflect.construct(target, args, newTarget);
    },
    apply(target, self, args: unknown[]) {
      report(name);
      return Reflect.apply(target as unknown as Callable, self, args);
    },
  });
  return replace(root, name, value);
}
