import type { HalObserver } from '../hal/index.js';

/** Writes the HAL boundary down in the form of a vector's `hal` list. */
export class HalTrace implements HalObserver {
  readonly entries: unknown[] = [];

  allocate(registers: number, answer: 'granted' | 'queued' | 'refused' | 'too-many', grant: number): void {
    this.entries.push(answer === 'granted' ? ['alloc', registers, answer, grant] : ['alloc', registers, answer]);
  }

  grantWaiting(grant: number, registers: number): void {
    this.entries.push(['grant', grant, registers]);
  }

  free(grant: number, registers: number): void {
    this.entries.push(['free', grant, registers]);
  }

  cancelAllocation(found: boolean): void {
    this.entries.push(['cancelAlloc', found]);
  }

  map(offset: number, askedBytes: number, mappedBytes: number, deviceAddressOffset: number | null): void {
    this.entries.push(
      deviceAddressOffset === null
        ? ['map', offset, askedBytes, mappedBytes]
        : ['map', offset, askedBytes, mappedBytes, deviceAddressOffset],
    );
  }

  mapFailed(why: 'cancelled' | 'nothing'): void {
    this.entries.push(['map', why]);
  }

  flush(offset: number, lengthBytes: number): void {
    this.entries.push(['flush', offset, lengthBytes]);
  }

  cancelMapped(found: 'running' | 'marked' | 'already'): void {
    this.entries.push(['cancelMapped', found]);
  }

  listTooSmall(): void {
    this.entries.push(['sg', 'buffer-too-small']);
  }
}
