import type { FastTrack } from './fast-track.js';

/**
 * What register writes on their way carry along: whoever made one, up to that moment, comes before the device's steps behind its
 * arrival, and not before. Writes to one device arrive in the order in which they were made.
 */
export class PostedOrder {
  readonly #track: FastTrack;
  /** By device: synchronisation objects of the writes on their way, the oldest first, and those that are free. */
  readonly #onTheirWay = new Map<number, number[]>();
  readonly #free: number[] = [];

  constructor(track: FastTrack) {
    this.#track = track;
  }

  reset(): void {
    this.#onTheirWay.clear();
    this.#free.length = 0;
  }

  /** `task`, -1 for nobody's code, has sent a write off. */
  posted(device: number, task: number): void {
    const sync = this.#free.pop() ?? this.#track.newSync();
    this.#track.clear(sync);
    if (task >= 0) this.#track.release(task, sync);
    const waiting = this.#onTheirWay.get(device);
    if (waiting === undefined) this.#onTheirWay.set(device, [sync]);
    else waiting.push(sync);
  }

  /** The oldest of them has arrived: what it carried is released to `into`. */
  arrived(device: number, into: number): void {
    const sync = this.#onTheirWay.get(device)?.shift();
    if (sync === undefined) return;
    this.#track.pass(sync, into);
    this.#free.push(sync);
  }
}
