import type { Kernel } from './kernel.js';
import type { RaceWatch } from './race-watch.js';

/**
 * Looks after the fields of `object` when races are looked for (`explore --races`), and else does nothing: a driver's context, or a
 * part of one. Fields that hold a value or a reference now are watched, private (`#`) ones and those added later are not; of a
 * field that holds an object only the reference is. `interlocked` names fields that stand for
 * what interlocked operations touch: those do not race, they order. Reads and writes add no scheduling points. Returns `object`.
 */
export function trackFields<T extends object>(kernel: Kernel, object: T, name: string, interlocked: readonly (keyof T & string)[] = []): T {
  const watch = kernel.races;
  if (watch === null) return object;
  const values = object as Record<string, unknown>;
  for (const [field, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
    if (!('value' in descriptor) || descriptor.writable !== true || descriptor.configurable !== true) continue;
    const isInterlocked = (interlocked as readonly string[]).includes(field);
    const accessors = isInterlocked ? orderedAccessors(watch, values[field]) : watchedAccessors(watch, values[field], `${name}.${field}`);
    Object.defineProperty(object, field, { configurable: true, enumerable: descriptor.enumerable ?? true, ...accessors });
  }
  return object;
}

/** What a tracked field's getter is known by: reads the field without anybody's noticing. */
const UNSEEN = Symbol('unseen');

interface TrackedGetter {
  (): unknown;
  [UNSEEN]?: () => unknown;
}

/** What the tracked field of this descriptor holds, read without anybody's noticing; undefined when another's getter is in it. */
export function untracked(descriptor: PropertyDescriptor): unknown {
  return (descriptor as { readonly get?: TrackedGetter }).get?.[UNSEEN]?.();
}

interface Accessors {
  readonly get: TrackedGetter;
  readonly set: (value: unknown) => void;
}

function watchedAccessors(watch: RaceWatch, initial: unknown, name: string): Accessors {
  const variable = watch.newVariable(name);
  let value = initial;
  const get: TrackedGetter = () => {
    watch.read(variable);
    return value;
  };
  get[UNSEEN] = () => value;
  return {
    get,
    set: (next) => {
      watch.write(variable);
      value = next;
    },
  };
}

function orderedAccessors(watch: RaceWatch, initial: unknown): Accessors {
  const sync = watch.newSync();
  let value = initial;
  const get: TrackedGetter = () => {
    watch.interlocked(sync);
    return value;
  };
  get[UNSEEN] = () => value;
  return {
    get,
    set: (next) => {
      watch.interlocked(sync);
      value = next;
    },
  };
}
