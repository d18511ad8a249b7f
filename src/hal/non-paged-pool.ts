import { NO_FRAME, PAGE_SIZE } from '../memory/index.js';
import type { HalPlatform } from './hal-platform.js';
import { Mdl } from './mdl.js';

/**
 * Non-paged pool: blocks of adjacent page frames, each with its MDL, so that a driver may let a device at them. A block
 * has its pages to itself, as under special pool.
 */
export class NonPagedPool {
  /** Blocks that were taken and not given back. */
  outstanding = 0;

  constructor(private readonly platform: HalPlatform) {}

  /** Null when there is no memory for it. Contents are what was there before. */
  allocate(lengthBytes: number): Mdl | null {
    const { memory, frames, faults } = this.platform;
    if (memory === null || frames === null) return null;
    if (faults?.failsAllocation(`${lengthBytes} bytes of pool`) === true) return null;
    const pages = Math.ceil(lengthBytes / PAGE_SIZE);
    const first = frames.allocateContiguous(pages);
    if (first === NO_FRAME) return null;
    this.outstanding++;
    return new Mdl(
      Int32Array.from({ length: pages }, (_, i) => first + i),
      0,
      lengthBytes,
    );
  }

  free(block: Mdl): void {
    this.outstanding--;
    this.platform.frames!.freeContiguous(block.frames[0]!);
  }
}
