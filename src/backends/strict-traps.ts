import nodeCrypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import nodeOs from 'node:os';
import nodeTimers from 'node:timers';
import { promiseHooks } from 'node:v8';
import { BugCheck } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';

type Callable = (this: unknown, ...args: unknown[]) => unknown;

const root = globalThis as unknown as Record<string, unknown>;

/** Where a run could get time, chance or the host's event loop from, by owner and name. */
const FUNCTIONS: readonly (readonly [owner: object, name: string, called: string])[] = [
  [root['Date'] as object, 'now', 'Date.now'],
  [Math, 'random', 'Math.random'],
  [root['performance'] as object, 'now', 'performance.now'],
  [root['performance'] as object, 'mark', 'performance.mark'],
  ...['hrtime', 'nextTick', 'uptime', 'cpuUsage', 'memoryUsage', 'resourceUsage'].map(
    (name) => [process, name, `process.${name}`] as const,
  ),
  ...['uptime', 'loadavg', 'freemem'].map((name) => [nodeOs, name, `os.${name}`] as const),
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map((name) => [root, name, name] as const),
  ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => [nodeTimers, name, name] as const),
  ...['then', 'catch', 'finally'].map((name) => [Promise.prototype, name, `Promise.prototype.${name}`] as const),
  [AbortSignal, 'timeout', 'AbortSignal.timeout'],
  [root['crypto'] as object, 'getRandomValues', 'crypto.getRandomValues'],
  [root['crypto'] as object, 'randomUUID', 'crypto.randomUUID'],
  ...['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync', 'generateKeySync', 'generateKeyPairSync'].map(
    (name) => [nodeCrypto, name, `crypto.${name}`] as const,
  ),
];
const CLASSES = ['Date', 'WeakRef', 'FinalizationRegistry', 'MessageChannel', 'BroadcastChannel'] as const;

/** Machine whose strict execution runs on this thread now; null between executions, when nothing is trapped. */
let watched: Kernel | null = null;
/** Takes the traps away; null when there are none. */
let disarm: (() => void) | null = null;

/**
 * Puts the traps in place for good: called before the code under test is loaded, so that what its modules keep under other
 * names is trapped, too. They let everything pass but in a strict execution. Once is enough.
 */
export function armStrictTraps(): void {
  disarm ??= arm();
}

function arm(): () => void {
  const undo: (() => void)[] = [];
  for (const [owner, name, called] of FUNCTIONS) undo.push(trapFunction(owner, name, () => report(called)));
  for (const name of CLASSES) undo.push(trapClass(name, report));
  undo.push(trapDateFormat());
  syncBuiltinESMExports();
  return () => {
    for (const restore of undo.reverse()) restore();
    syncBuiltinESMExports();
  };
}

/**
 * Runs `body`, an execution under control, with everything that would make two runs of one schedule differ turned into
 * the finding L-NONDETERMINISM, a crash that names the call and the callback. Where nobody has armed the traps they are
 * put back afterwards, and what a module has kept under another name before is not seen.
 */
export function withStrictTraps(kernel: Kernel, body: () => void): void {
  const undo = disarm === null ? arm() : null;
  // Async functions, await and import() make promises without calling anything that could be trapped.
  const ignorePromises = promiseHooks.onInit(reportPromise) as () => void;
  watched = kernel;
  try {
    body();
  } finally {
    watched = null;
    ignorePromises();
    undo?.();
  }
}

function report(called: string): void {
  if (watched !== null) reportCall(watched, called);
}

/** An exception of this hook would end the process: the machine is dead from here on, and says so at its next operation. */
function reportPromise(): void {
  try {
    report('a promise (async, await, import)');
  } catch (error) {
    if (!(error instanceof BugCheck)) throw error;
  }
}

function reportCall(kernel: Kernel, called: string): void {
  // A dead machine has said what it had to say; the code that reports it may do as it likes.
  if (kernel.dead !== null) return;
  const { top } = kernel.current;
  const where = top?.callback?.name ?? top?.name ?? 'code outside of any callback';
  kernel.violation({
    rule: 'L-NONDETERMINISM',
    severity: 'crash',
    object: where,
    message: `${called} is ${called.startsWith('a promise') ? 'made' : 'called'} while ${where} runs: what it answers is not the same in every execution of a schedule; time comes from the framework's timers, chance from the scenario's parameters`,
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

/** A given date is formatted the same always; none given, it is now. */
function trapDateFormat(): () => void {
  const { prototype } = Intl.DateTimeFormat;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'format')!;
  type Format = (date?: Date | number) => string;
  Object.defineProperty(prototype, 'format', {
    ...descriptor,
    get(this: Intl.DateTimeFormat) {
      const format = descriptor.get!.call(this) as Format;
      return (date?: Date | number) => {
        if (date === undefined) report('Intl.DateTimeFormat.format');
        return format(date);
      };
    },
  });
  return () => void Object.defineProperty(prototype, 'format', descriptor);
}
