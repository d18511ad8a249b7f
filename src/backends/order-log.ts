/** Entries a log has room for at first; it grows. */
const FIRST_ROOM = 4096;

/** The order of an execution: the strand of every operation, free choice or not. */
export class OrderLog {
  #strands = new Int32Array(FIRST_ROOM);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(strand: number): void {
    if (this.#length === this.#strands.length) {
      const larger = new Int32Array(this.#strands.length * 2);
      larger.set(this.#strands);
      this.#strands = larger;
    }
    this.#strands[this.#length++] = strand;
  }

  /** Valid until the log is cleared. */
  get strands(): Int32Array {
    return this.#strands.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}
