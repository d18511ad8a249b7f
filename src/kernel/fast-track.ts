/** Tasks that are told apart at once. A task that ended gives its place to one that begins much later. */
export const TASKS_MAX = 64;
/** An epoch is clock * TASKS_MAX + task: "that task, at that moment". 0 is none, since clocks begin at 1. */
const TASK_BITS = 6;
const TASK_MASK = TASKS_MAX - 1;
/** Clocks start anew from here on: half of what an epoch has room for. */
const CLOCK_MAX = 1 << 24;
/** `#readRows` of a variable whose reads are one epoch. */
const NO_ROW = -1;

/**
 * Happens-before by FastTrack (Flanagan, Freund, PLDI 2009): a variable remembers its last write and, while reads are
 * ordered, its last read, as one epoch each; only reads that are concurrent cost a vector clock. A conflicting access
 * that no chain of synchronisation orders is a race, and up to the first race of a variable none is missed or invented.
 *
 * Tasks, synchronisation objects and variables are small integers; an access allocates nothing. `site` is the caller's:
 * a number that says where the access stood.
 */
export class FastTrack {
  /** Where the access stood that the last race was with, what it was, and who did it. */
  otherSite = 0;
  otherIsWrite = false;
  otherTask = -1;
  /** Clock of task t: `#stride` words from `t * #stride`. */
  readonly #clocks: Int32Array;
  readonly #stride: number;
  /** Own epoch by task: what an access writes down. */
  readonly #epochs = new Int32Array(TASKS_MAX);
  /** Places of ended tasks, oldest first: a ring. */
  readonly #ended = new Int32Array(TASKS_MAX);
  #endedFirst = 0;
  #endedCount = 0;
  /** Places in use since the last reset; clocks are that wide. */
  #width = 0;
  #syncs: Int32Array;
  #syncCount = 0;
  #writes = new Int32Array(256);
  #writeSites = new Int32Array(256);
  #reads = new Int32Array(256);
  #readSites = new Int32Array(256);
  #readRows = new Int32Array(256);
  #variableCount = 0;
  /** Clocks, and behind them sites, of reads that are concurrent. */
  #rows: Int32Array;
  #rowCount = 0;

  /** `tasksMax` tasks at once: a power of two, at most and by default `TASKS_MAX`. */
  constructor(tasksMax = TASKS_MAX) {
    this.#stride = tasksMax;
    this.#clocks = new Int32Array(tasksMax * tasksMax);
    this.#syncs = new Int32Array(64 * tasksMax);
    this.#rows = new Int32Array(16 * 2 * tasksMax);
  }

  /** Forgets everything. */
  reset(): void {
    this.#clocks.fill(0, 0, this.#width * this.#stride);
    this.#syncs.fill(0, 0, this.#syncCount * this.#stride);
    this.#endedFirst = this.#endedCount = 0;
    this.#width = this.#syncCount = this.#rowCount = 0;
    this.forgetAccesses();
    this.#variableCount = 0;
  }

  /** The same tasks, synchronisation objects and variables, as if nothing had happened yet; only while no task has ended. */
  rewind(): void {
    const clocks = this.#clocks;
    const width = this.#width;
    const stride = this.#stride;
    let latest = 0;
    for (let task = 0; task < width; task++) latest = Math.max(latest, clocks[task * stride + task]!);
    if (latest > CLOCK_MAX) latest = this.#forgetClocks();
    // Nothing is cleared: every task comes after all there has been, and what comes after cannot race with it.
    for (let task = 0; task < width; task++) {
      for (let other = 0; other < width; other++) clocks[task * stride + other] = latest;
      this.#tick(task);
    }
    if (this.#rowCount === 0) return;
    this.#readRows.fill(NO_ROW, 0, this.#variableCount);
    this.#rowCount = 0;
  }

  /** All of it, after many rewinds, before epochs have no room for them. */
  #forgetClocks(): number {
    this.#syncs.fill(0, 0, this.#syncCount * this.#stride);
    this.forgetAccesses();
    return 0;
  }

  /** Every variable as if nobody had touched it yet. */
  forgetAccesses(): void {
    this.#writes.fill(0, 0, this.#variableCount);
    this.#reads.fill(0, 0, this.#variableCount);
    this.#readRows.fill(NO_ROW, 0, this.#variableCount);
    this.#rowCount = 0;
  }

  /** A task that comes after all that `parent` (-1: nobody) has done so far; -1 when all places are taken. */
  begin(parent: number): number {
    const task = this.#takePlace();
    if (task < 0) return -1;
    if (parent >= 0) {
      this.#join(this.#clocks, task * this.#stride, this.#clocks, parent * this.#stride);
      this.#tick(parent);
    }
    this.#tick(task);
    return task;
  }

  /** An ended task's place goes to the task that begins after all other places were used; its accesses then count as ordered. */
  end(task: number): void {
    this.#ended[(this.#endedFirst + this.#endedCount++) & (this.#stride - 1)] = task;
  }

  #takePlace(): number {
    if (this.#width < this.#stride) return this.#width++;
    if (this.#endedCount === 0) return -1;
    const task = this.#ended[this.#endedFirst]!;
    this.#endedFirst = (this.#endedFirst + 1) & (this.#stride - 1);
    this.#endedCount--;
    return task;
  }

  newSync(): number {
    const needed = (this.#syncCount + 1) * this.#stride;
    if (needed > this.#syncs.length) this.#syncs = larger(this.#syncs);
    return this.#syncCount++;
  }

  newVariable(): number {
    const variable = this.#variableCount++;
    if (variable === this.#writes.length) {
      this.#writes = larger(this.#writes);
      this.#writeSites = larger(this.#writeSites);
      this.#reads = larger(this.#reads);
      this.#readSites = larger(this.#readSites);
      this.#readRows = larger(this.#readRows);
    }
    this.#writes[variable] = this.#reads[variable] = 0;
    this.#readRows[variable] = NO_ROW;
    return variable;
  }

  /** Whoever acquires `sync` from now on comes after what `task` has done so far. */
  release(task: number, sync: number): void {
    this.#join(this.#syncs, sync * this.#stride, this.#clocks, task * this.#stride);
    this.#tick(task);
  }

  /** Nothing has been released to `sync`. */
  clear(sync: number): void {
    this.#syncs.fill(0, sync * this.#stride, (sync + 1) * this.#stride);
  }

  /** What was released to `from` is released to `into` as well. */
  pass(from: number, into: number): void {
    this.#join(this.#syncs, into * this.#stride, this.#syncs, from * this.#stride);
  }

  /** `task` comes after everything released to `sync`. */
  acquire(task: number, sync: number): void {
    this.#join(this.#clocks, task * this.#stride, this.#syncs, sync * this.#stride);
  }

  /** True: some write of another task is not ordered before this read; `otherSite` says where. */
  read(task: number, variable: number, site: number): boolean {
    const epoch = this.#epochs[task]!;
    const row = this.#readRows[variable]!;
    const last = this.#reads[variable]!;
    if (row === NO_ROW && last === epoch) return false;
    const raced =
      this.#isUnordered(task, this.#writes[variable]!) && this.#report(this.#writes[variable]!, this.#writeSites[variable]!, true);
    if (row !== NO_ROW) this.#readIn(row, task, site);
    else if (this.#isUnordered(task, last)) this.#share(variable, last, task, site);
    else {
      this.#reads[variable] = epoch;
      this.#readSites[variable] = site;
    }
    return raced;
  }

  /** True: some access of another task is not ordered before this write; `otherSite` says where. */
  write(task: number, variable: number, site: number): boolean {
    const epoch = this.#epochs[task]!;
    const last = this.#writes[variable]!;
    if (last === epoch && this.#reads[variable] === 0 && this.#readRows[variable] === NO_ROW) return false;
    const raced =
      (this.#isUnordered(task, last) && this.#report(last, this.#writeSites[variable]!, true)) || this.#racesWithReads(task, variable);
    this.#writes[variable] = epoch;
    this.#writeSites[variable] = site;
    // Reads before this write matter no more: whatever races with them races with the write.
    this.#reads[variable] = 0;
    this.#readRows[variable] = NO_ROW;
    return raced;
  }

  /** Where the last write of the variable stood; anything when there was none. */
  lastWriteSite(variable: number): number {
    return this.#writeSites[variable]!;
  }

  #racesWithReads(task: number, variable: number): boolean {
    const row = this.#readRows[variable]!;
    const last = this.#reads[variable]!;
    if (row === NO_ROW) return this.#isUnordered(task, last) && this.#report(last, this.#readSites[variable]!, false);
    const at = row * 2 * this.#stride;
    for (let other = 0; other < this.#width; other++) {
      const clock = this.#rows[at + other]!;
      if (clock > this.#clocks[task * this.#stride + other]!)
        return this.#report((clock << TASK_BITS) | other, this.#rows[at + this.#stride + other]!, false);
    }
    return false;
  }

  /** Two concurrent reads: from here on a clock remembers them all. */
  #share(variable: number, first: number, task: number, site: number): void {
    const row = this.#rowCount++;
    if (this.#rowCount * 2 * this.#stride > this.#rows.length) this.#rows = larger(this.#rows);
    const at = row * 2 * this.#stride;
    this.#rows.fill(0, at, at + this.#stride);
    this.#rows[at + (first & TASK_MASK)] = first >> TASK_BITS;
    this.#rows[at + this.#stride + (first & TASK_MASK)] = this.#readSites[variable]!;
    this.#readIn(row, task, site);
    this.#readRows[variable] = row;
  }

  #readIn(row: number, task: number, site: number): void {
    const at = row * 2 * this.#stride + task;
    this.#rows[at] = this.#epochs[task]! >> TASK_BITS;
    this.#rows[at + this.#stride] = site;
  }

  #isUnordered(task: number, epoch: number): boolean {
    return epoch >> TASK_BITS > this.#clocks[task * this.#stride + (epoch & TASK_MASK)]!;
  }

  #report(epoch: number, site: number, isWrite: boolean): true {
    this.otherTask = epoch & TASK_MASK;
    this.otherSite = site;
    this.otherIsWrite = isWrite;
    return true;
  }

  #join(into: Int32Array, intoAt: number, from: Int32Array, fromAt: number): void {
    const width = this.#width;
    for (let i = 0; i < width; i++) {
      const clock = from[fromAt + i]!;
      if (clock > into[intoAt + i]!) into[intoAt + i] = clock;
    }
  }

  #tick(task: number): void {
    const clock = ++this.#clocks[task * this.#stride + task]!;
    this.#epochs[task] = (clock << TASK_BITS) | task;
  }
}

/** Twice as many words, the first half as before. */
export function larger(words: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(words.length * 2);
  grown.set(words);
  return grown;
}
