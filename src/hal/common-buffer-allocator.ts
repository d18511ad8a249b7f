import { NO_FRAME, PAGE_SIZE } from '../memory/index.js';
import { EventKind } from '../kernel/index.js';
import type { AdapterResources } from './adapter-resources.js';
import { addressEnd } from './device-description.js';
import { DomainAccess } from './dma-domain.js';
import { dmaViolation } from './hal-fault.js';
import type { HalPlatform } from './hal-platform.js';
import { NO_SLOT } from './logical-window.js';

/** What DMA verification fills the end of a common buffer's last page with. */
const PADDING = 0x0f;

/** Memory both sides see: contiguous for the CPU and for the device. */
export interface CommonBufferRegion {
  /** Address in machine memory. */
  readonly virtualAddress: number;
  /** What the device must be given. */
  readonly logicalAddress: number;
  /** As asked for; the pages behind it are whole. */
  readonly lengthBytes: number;
  readonly pages: number;
  /** First page of the translation window; NO_SLOT when the frames are seen directly. */
  readonly windowSlot: number;
  isFreed: boolean;
}

/**
 * Common buffers. They take no map registers here. Where frames are seen directly the buffer is, too, as long as the
 * device's address width reaches it; else its pages are opened in the translation window.
 */
export class CommonBufferAllocator {
  #mappingId = -1;

  constructor(private readonly platform: HalPlatform) {}

  reset(): void {
    this.#mappingId = -1;
  }

  /** Null when there is no memory, or no window, for it. Contents are zero. */
  allocate(adapter: AdapterResources, lengthBytes: number): CommonBufferRegion | null {
    const { memory, frames } = this.platform;
    const { domain } = adapter;
    if (memory === null || frames === null || domain === null) return null;
    if (this.platform.faults?.failsAllocation(`a common buffer of ${lengthBytes} bytes`) === true) return null;
    const pages = Math.max(1, Math.ceil(lengthBytes / PAGE_SIZE));
    const frame = frames.allocateContiguous(pages);
    if (frame === NO_FRAME) return null;
    const { window } = adapter;
    const windowSlot = window === null ? NO_SLOT : window.take(pages);
    const logicalAddress = window === null ? domain.frameBase + frame * PAGE_SIZE : window.address(windowSlot);
    const isBeyondReach = logicalAddress + pages * PAGE_SIZE > addressEnd(adapter.description.addressWidthBits);
    if ((window !== null && windowSlot === NO_SLOT) || isBeyondReach) {
      if (windowSlot !== NO_SLOT) window!.give(windowSlot, pages);
      frames.freeContiguous(frame);
      return null;
    }
    // Mapping ids of common buffers are negative: fault reports tell them from transfers.
    const mappingId = this.#mappingId--;
    for (let page = 0; page < pages; page++)
      domain.open(logicalAddress + page * PAGE_SIZE, frame + page, DomainAccess.Read | DomainAccess.Write, mappingId);
    memory.fill(frame * PAGE_SIZE, 0, pages * PAGE_SIZE);
    memory.fill(frame * PAGE_SIZE + lengthBytes, PADDING, pages * PAGE_SIZE - lengthBytes);
    adapter.outstandingCommonBuffers++;
    this.platform.kernel.emit(EventKind.CommonBufferAllocate, adapter.objectId, lengthBytes, pages);
    return { virtualAddress: frame * PAGE_SIZE, logicalAddress, lengthBytes, pages, windowSlot, isFreed: false };
  }

  /** Rules A05 (freed twice) and A17 (something wrote beyond the end). */
  free(adapter: AdapterResources, region: CommonBufferRegion): void {
    const { kernel, frames } = this.platform;
    if (region.isFreed) {
      dmaViolation(
        kernel,
        'A05',
        'crash',
        adapter.label,
        `a common buffer of ${region.lengthBytes} bytes of ${adapter.label} is freed twice`,
        0x03,
        1,
      );
    }
    region.isFreed = true;
    if (this.platform.dmaVerification) this.#checkPadding(adapter, region);
    const domain = adapter.domain!;
    for (let page = 0; page < region.pages; page++)
      domain.close(region.logicalAddress + page * PAGE_SIZE, DomainAccess.Read | DomainAccess.Write);
    if (region.windowSlot !== NO_SLOT) this.platform.windowOf(domain)!.give(region.windowSlot, region.pages);
    frames!.freeContiguous(region.virtualAddress / PAGE_SIZE);
    adapter.outstandingCommonBuffers--;
    kernel.emit(EventKind.CommonBufferFree, adapter.objectId, region.lengthBytes, region.pages);
  }

  #checkPadding(adapter: AdapterResources, region: CommonBufferRegion): void {
    const memory = this.platform.memory!;
    const start = region.virtualAddress + region.lengthBytes;
    const paddingBytes = region.pages * PAGE_SIZE - region.lengthBytes;
    if (paddingBytes === 0) return;
    // Compared with itself one byte on: where the first byte is right and none differs from the next, all are.
    const same = memory.u8[start] === PADDING ? memory.firstDifference(start, start + 1, paddingBytes - 1) : -2;
    if (same === -1) return;
    const beyond = same === -2 ? 0 : same + 1;
    dmaViolation(
      this.platform.kernel,
      'A17',
      'crash',
      adapter.label,
      `a common buffer of ${region.lengthBytes} bytes of ${adapter.label} was written ${beyond} bytes beyond its end`,
      0x0f,
      5,
      region.virtualAddress,
      start + beyond,
    );
  }
}
