import { FxObject, Kernel, untracked, VirtualCpu } from '../kernel/index.js';
import { MachineMemory } from '../memory/index.js';

/** Values that are looked at in one state: more than any driver keeps, and a bound for what hangs on to the whole process. */
const VALUES_MAX = 100_000;

/**
 * Everything a driver keeps that can be seen from outside, in a fixed order: data fields of its objects and of what they refer to,
 * elements of arrays, typed arrays, maps and sets. Not seen are local variables, private (`#`) fields and what getters would
 * compute. Framework objects are looked at elsewhere (`FxObject`) or belong to the lab, and end the walk.
 */
export class VisibleData {
  readonly #parts: unknown[];
  readonly #seen = new Map<object, number>();
  #left = VALUES_MAX;

  /** Values go to the end of `parts`; `memory` is compared by its hash and left out here. */
  constructor(
    parts: unknown[],
    private readonly memory: MachineMemory,
  ) {
    this.#parts = parts;
  }

  add(owner: unknown): void {
    // A list of what is still to be looked at: chains of a driver's objects may be longer than the stack is deep.
    const waiting: unknown[] = [owner];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      for (const value of this.#valuesOf(next)) this.#note(value, waiting);
  }

  #note(value: unknown, waiting: unknown[]): void {
    if (this.#left-- <= 0) return;
    if (typeof value === 'function' || typeof value === 'symbol') return;
    if (typeof value !== 'object' || value === null) {
      this.#parts.push(value);
      return;
    }
    if (value instanceof FxObject) {
      this.#parts.push(value.objectId);
      return;
    }
    const known = this.#seen.get(value);
    this.#parts.push(known ?? this.#seen.size);
    if (known !== undefined || isOfTheLab(value)) return;
    this.#seen.set(value, this.#seen.size);
    waiting.push(value);
  }

  /** Asks for nothing that could run code. */
  #valuesOf(owner: unknown): Iterable<unknown> {
    if (typeof owner !== 'object' || owner === null) return [];
    if (ArrayBuffer.isView(owner)) return this.#elementsOf(owner);
    const fields = Object.values(Object.getOwnPropertyDescriptors(owner)).map(fieldValue);
    if (owner instanceof Map) return [...fields, ...[...(owner as Map<unknown, unknown>)].flat()];
    return owner instanceof Set ? [...fields, ...(owner as Set<unknown>)] : fields;
  }

  #elementsOf(view: ArrayBufferView): Iterable<unknown> {
    if (view.buffer === this.memory.u8.buffer) return [];
    const elements = view instanceof DataView ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : (view as Uint8Array);
    return elements.subarray(0, this.#left);
  }
}

function fieldValue(descriptor: PropertyDescriptor): unknown {
  return 'value' in descriptor ? descriptor.value : untracked(descriptor);
}

/** Kernel and memory count what happens, and what belongs to a machine leads there. */
function isOfTheLab(value: object): boolean {
  return value instanceof Kernel || value instanceof VirtualCpu || value instanceof MachineMemory || 'kernel' in value;
}
