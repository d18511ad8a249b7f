/** Methods of containers that change them; all others read. */
const MUTATORS = new Set('add clear copyWithin delete fill pop push reverse set shift sort splice unshift'.split(' '));

/** What one step read and wrote: locations by number. */
export class StepAccesses {
  readonly reads = new Set<number>();
  readonly writes = new Set<number>();
}

type Container = readonly unknown[] | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>;
type Words = Int32Array | Uint8Array | Uint16Array | Float64Array;

/** The place in a container of whatever is in it. */
const CONTENTS = '[]';

/**
 * Where instrumented code says what it reads and writes. A location is a property of an object, the contents of a
 * container, or a word of a typed array's buffer; what nobody may look at is not noted (`isMuted`).
 */
export class AccessNotes {
  step: StepAccesses | null = null;
  isMuted = true;
  /** By location's number: what it is, for people. */
  readonly names: string[] = [];
  #numbers = new WeakMap<object, Map<string | number, number>>();

  /** Objects of another machine, or of an execution that is over, are forgotten. */
  forget(): void {
    this.#numbers = new WeakMap();
    this.names.length = 0;
  }

  /** What `look` reads is not noted. */
  muted<T>(look: () => T): T {
    const was = this.isMuted;
    this.isMuted = true;
    try {
      return look();
    } finally {
      this.isMuted = was;
    }
  }

  #location(object: object, key: string | number): number {
    let keys = this.#numbers.get(object);
    if (keys === undefined) this.#numbers.set(object, (keys = new Map<string | number, number>()));
    let number = keys.get(key);
    if (number === undefined) {
      number = this.names.length;
      this.names.push(`${object.constructor?.name ?? 'object'}.${String(key)}`);
      keys.set(key, number);
    }
    return number;
  }

  #note(object: unknown, key: string | number, isRead: boolean, isWrite: boolean): void {
    if (this.isMuted || this.step === null || object === null) return;
    if (typeof object !== 'object') return;
    const location = this.#location(object, key);
    if (isRead) this.step.reads.add(location);
    if (isWrite) this.step.writes.add(location);
  }

  // Called by instrumented code.

  read<T>(object: T, name: string): T {
    if (name === 'length' && Array.isArray(object)) this.#note(object, CONTENTS, true, false);
    else if (!isTyped(object)) this.#note(object, isContainer(object) ? CONTENTS : name, true, false);
    return object;
  }

  written<T>(object: T, name: string): T {
    this.#note(object, isContainer(object) ? CONTENTS : name, false, true);
    return object;
  }

  updated<T>(object: T, name: string): T {
    this.#note(object, isContainer(object) ? CONTENTS : name, true, true);
    return object;
  }

  called<T>(object: T, name: string): T {
    if (isContainer(object)) this.#note(object, CONTENTS, true, MUTATORS.has(name));
    else if (isTyped(object)) {
      // Parts of a typed array are views; whoever writes through one is noted there.
      if (name !== 'subarray') this.#note(object, CONTENTS, true, MUTATORS.has(name));
    } else this.#note(object, name, true, false);
    return object;
  }

  taken<T>(object: T, names: readonly string[]): T {
    for (const name of names) this.read(object, name);
    return object;
  }

  iterated<T>(object: T, names?: readonly string[]): T | Iterable<unknown> {
    if (isContainer(object) || isTyped(object)) this.#note(object, CONTENTS, true, false);
    if (names === undefined) return object;
    return this.#each(object as Iterable<unknown>, names);
  }

  *#each(over: Iterable<unknown>, names: readonly string[]): Generator<unknown> {
    for (const each of over) yield this.taken(each, names);
  }

  element(object: Words & Record<string | number, unknown>, index: string | number): unknown {
    this.#elementNote(object, index, true, false);
    return object[index];
  }

  setElement(object: Record<string | number, unknown>, index: string | number, value: unknown): unknown {
    this.#elementNote(object, index, false, true);
    return (object[index] = value);
  }

  changeElement(object: Record<string | number, unknown>, index: string | number, change: (old: unknown) => unknown): unknown {
    this.#elementNote(object, index, true, true);
    return (object[index] = change(object[index]));
  }

  stepElement(object: Record<string | number, unknown>, index: string | number, change: (old: unknown) => unknown): unknown {
    this.#elementNote(object, index, true, true);
    const old = object[index];
    object[index] = change(old);
    return old;
  }

  #elementNote(object: unknown, index: string | number, isRead: boolean, isWrite: boolean): void {
    if (isTyped(object)) this.#note(object.buffer, (object.byteOffset + Number(index) * object.BYTES_PER_ELEMENT) >>> 2, isRead, isWrite);
    else this.#note(object, isContainer(object) ? CONTENTS : index, isRead, isWrite);
  }

  /** A method that the machine's memory has, called on it or on something else. */
  bulk(object: object, method: string, ...given: number[]): unknown {
    const { u8 } = object as { readonly u8?: Uint8Array };
    if (u8 === undefined) this.called(object, method);
    else if (method === 'copy') {
      this.#bytes(u8, given[1]!, given[2]!, false);
      this.#bytes(u8, given[0]!, given[2]!, true);
    } else if (method === 'firstDifference') {
      this.#bytes(u8, given[0]!, given[2]!, false);
      this.#bytes(u8, given[1]!, given[2]!, false);
    } else this.#bytes(u8, given[0]!, given[method === 'fill' ? 2 : 1]!, true);
    return (object as Record<string, (...given: number[]) => unknown>)[method]!(...given);
  }

  #bytes(u8: Uint8Array, from: number, lengthBytes: number, isWrite: boolean): void {
    for (let word = from >>> 2; word < (from + lengthBytes + 3) >>> 2; word++) this.#note(u8.buffer, word, !isWrite, isWrite);
  }

  atomic(method: string, words: Int32Array, index: number, ...rest: number[]): unknown {
    this.#elementNote(words, index, method !== 'store', method !== 'load');
    return (Atomics as unknown as Record<string, (...given: unknown[]) => unknown>)[method]!(words, index, ...rest);
  }
}

const isContainer = (object: unknown): object is Container => Array.isArray(object) || object instanceof Map || object instanceof Set;
const isTyped = (object: unknown): object is Words => ArrayBuffer.isView(object) && !(object instanceof DataView);
