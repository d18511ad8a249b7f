/** Sets of locks as small integers: 0 is the empty set. What was combined once is looked up from then on. */
export class LockSets {
  readonly #locks: (readonly number[])[] = [[]];
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #added = new Map<number, number>();
  readonly #removed = new Map<number, number>();

  /** The set with `lock` in it; lock numbers below 65536. */
  add(set: number, lock: number): number {
    return this.#step(this.#added, set, lock, () => [...this.#locks[set]!.filter((held) => held !== lock), lock]);
  }

  remove(set: number, lock: number): number {
    return this.#step(this.#removed, set, lock, () => this.#locks[set]!.filter((held) => held !== lock));
  }

  locksOf(set: number): readonly number[] {
    return this.#locks[set]!;
  }

  #step(steps: Map<number, number>, set: number, lock: number, change: () => number[]): number {
    const key = set * 65536 + lock;
    const known = steps.get(key);
    if (known !== undefined) return known;
    const number = this.#number(change().sort((a, b) => a - b));
    steps.set(key, number);
    return number;
  }

  #number(locks: readonly number[]): number {
    const key = locks.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#locks.length;
    this.#locks.push(locks);
    this.#numbers.set(key, number);
    return number;
  }
}
