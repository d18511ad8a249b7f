import { larger, TASKS_MAX } from './fast-track.js';

/**
 * What is known of the read-modify-writes of registers: who has read a register in the callback it is in, and whether
 * somebody else has written it since. Registers and tasks are small integers.
 */
export class RegisterUpdates {
  /** By `register * TASKS_MAX + task`: lanes that the task has read last, a mask; 0 for none. */
  #readLanes = new Int32Array(64 * TASKS_MAX);
  /** The same way: writes of the register at that read. */
  #writesAtRead = new Int32Array(64 * TASKS_MAX);
  readonly #writes: number[] = [];
  /** Registers each task has read since its callback began. */
  readonly #reads: number[][] = Array.from({ length: TASKS_MAX }, () => []);

  reset(): void {
    for (let task = 0; task < TASKS_MAX; task++) this.forget(task);
    this.#writes.length = 0;
  }

  /** A task's callback begins or ends: what it has read belongs to nothing it writes from now on. */
  forget(task: number): void {
    const reads = this.#reads[task]!;
    for (const register of reads) this.#readLanes[register * TASKS_MAX + task] = 0;
    reads.length = 0;
  }

  read(task: number, register: number, lanes: number): void {
    const at = register * TASKS_MAX + task;
    while (at >= this.#readLanes.length) {
      this.#readLanes = larger(this.#readLanes);
      this.#writesAtRead = larger(this.#writesAtRead);
    }
    if (this.#readLanes[at] === 0) this.#reads[task]!.push(register);
    this.#readLanes[at] = lanes;
    this.#writesAtRead[at] = this.#writes[register] ?? 0;
  }

  /** Whether a write of these lanes gives back what the task has read: the same ones. A byte of a word that was looked at as a whole is set anew. */
  isUpdate(task: number, register: number, lanes: number): boolean {
    return this.#readLanes[register * TASKS_MAX + task] === lanes;
  }

  /** Whether somebody has written the register since the task read it. */
  isStale(task: number, register: number): boolean {
    return this.#writesAtRead[register * TASKS_MAX + task] !== (this.#writes[register] ?? 0);
  }

  /** The task has written; its own write is none that happened behind its back. */
  written(task: number, register: number): void {
    this.#writes[register] = (this.#writes[register] ?? 0) + 1;
    const at = register * TASKS_MAX + task;
    if (at < this.#writesAtRead.length) this.#writesAtRead[at] = this.#writes[register]!;
  }
}
