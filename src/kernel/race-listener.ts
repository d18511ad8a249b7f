/** What a race watch sees happen, as it happens. */
export interface RaceListener {
  synchronised(objectId: number): void;
  /** A tracked field, by number, or a word of a common buffer. */
  accessed(variable: number, isWrite: boolean): void;
  /** A field that interlocked operations touch. */
  interlocked(): void;
}
