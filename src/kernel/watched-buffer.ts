/** What `WatchedBuffer` needs of the watch. */
interface Variables {
  newVariable(name: string, offset: number): number;
  newSync(): number;
}

/** What orders tasks by what others released. */
interface Ordering {
  acquire(task: number, sync: number): void;
}

/** A buffer that driver and device share, word by word, while data races are looked for. */
export class WatchedBuffer {
  /** By word, plus 1, made when first asked for: its variable, and what the device releases when it stores the word. */
  readonly #variables: Int32Array;
  readonly #stores: Int32Array;

  /** `address` is where the buffer lies in memory, `objectId` names what its ordered stores release. */
  constructor(
    private readonly watch: Variables,
    readonly label: string,
    readonly objectId: number,
    readonly address: number,
    readonly lengthBytes: number,
  ) {
    this.#variables = new Int32Array(Math.ceil(lengthBytes / 4));
    this.#stores = new Int32Array(this.#variables.length);
  }

  /** Words that `bytes` from `offset` on touch: from the first to before the last; none for what lies outside, which is A17's. */
  firstWord(offset: number): number {
    return Math.max(0, Math.floor(offset / 4));
  }

  endWord(offset: number, bytes: number): number {
    return Math.min(this.#variables.length, Math.ceil((offset + bytes) / 4));
  }

  variable(word: number): number {
    if (this.#variables[word] === 0) this.#variables[word] = this.watch.newVariable(this.label, word * 4) + 1;
    return this.#variables[word]! - 1;
  }

  /** The task comes after the device's stores of these words so far. */
  acquireStores(track: Ordering, task: number, offset: number, bytes: number): void {
    const end = this.endWord(offset, bytes);
    for (let word = this.firstWord(offset); word < end; word++) {
      const store = this.#stores[word]!;
      if (store !== 0) track.acquire(task, store - 1);
    }
  }

  /** What the device releases when it stores the word. */
  store(word: number): number {
    if (this.#stores[word] === 0) this.#stores[word] = this.watch.newSync() + 1;
    return this.#stores[word]! - 1;
  }
}

/** Finds the buffer that an address of memory belongs to; buffers never share a page. */
export class WatchedBuffers {
  readonly #byPage = new Map<number, WatchedBuffer>();

  constructor(private readonly pageBytes: number) {}

  clear(): void {
    this.#byPage.clear();
  }

  add(buffer: WatchedBuffer): void {
    this.#eachPage(buffer, (page) => this.#byPage.set(page, buffer));
  }

  remove(buffer: WatchedBuffer): void {
    this.#eachPage(buffer, (page) => this.#byPage.delete(page));
  }

  at(address: number): WatchedBuffer | undefined {
    return this.#byPage.get(Math.floor(address / this.pageBytes));
  }

  #eachPage({ address, lengthBytes }: WatchedBuffer, visit: (page: number) => void): void {
    const last = Math.floor((address + lengthBytes - 1) / this.pageBytes);
    for (let page = Math.floor(address / this.pageBytes); page <= last; page++) visit(page);
  }
}
