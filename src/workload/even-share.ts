/**
 * Picks a share of a sequence without chance: the first one, and from there on every so many, so that of any hundred in
 * a row as many are picked as the share says, give or take one.
 */
export class EvenShare {
  #seen = 0;

  /** `share` of `whole`: both whole numbers, share at most whole. */
  constructor(
    private readonly share: number,
    private readonly whole: number,
  ) {}

  /** Whether the next one is among them. */
  next(): boolean {
    const { share, whole } = this;
    const before = Math.ceil((this.#seen * share) / whole);
    // Forgotten once it repeats itself, so that a long run stays in whole numbers.
    this.#seen = (this.#seen + 1) % whole;
    const after = this.#seen === 0 ? share : Math.ceil((this.#seen * share) / whole);
    return after > before;
  }
}
