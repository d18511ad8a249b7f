import { STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import type { CommonBufferRegion } from './common-buffer-allocator.js';
import { DmaAdapter, type DmaTransferInfo } from './dma-adapter.js';
import type { DmaDomain } from './dma-domain.js';
import { raiseHalFault } from './hal-fault.js';
import { AllocationAction, type AdapterControl, type ListControl } from './map-register-grant.js';
import type { Mdl } from './mdl.js';
import { ScatterGatherList } from './scatter-gather-list.js';
import { checkInFirstMdl } from './transfer-checks.js';
import type { TransferContext } from './transfer-context.js';

/** DMA_ADAPTER_INFO: what GetDmaAdapterInfo tells of an adapter. */
export interface DmaAdapterInfo {
  readonly version: number;
  readonly isMaster: boolean;
  readonly scatterGather: boolean;
  readonly addressWidthBits: number;
  readonly maximumLengthBytes: number;
  readonly numberOfMapRegisters: number;
  /** Channels of the system DMA controller this adapter could use at once: 1 for a subordinate device, 0 for a bus master. */
  readonly dmaChannels: number;
}

/** Takes the base of a synchronous allocation that has no control routine of its own. */
class BaseTaker implements AdapterControl {
  base = 0;

  *adapterControl(mapRegisterBase: number): Suspending<AllocationAction> {
    this.base = mapRegisterBase;
    return AllocationAction.KeepObject;
  }
}

/**
 * DMA_ADAPTER as IoGetDmaAdapter and WdfDmaEnablerWdmGetDmaAdapter give it out: the operations that drivers call
 * directly and the framework does not, in their version-2 and version-3 forms.
 */
export class WdmDmaAdapter extends DmaAdapter {
  readonly #taker = new BaseTaker();

  /** The version-2 AllocateAdapterChannel, at DISPATCH_LEVEL: no context, so it cannot be withdrawn, and it may wait. */
  allocateAdapterChannel(registers: number, control: AdapterControl): Suspending<NtStatus> {
    return this.allocateAdapterChannelEx(null, registers, false, control);
  }

  /**
   * AllocateAdapterChannelEx with DMA_SYNCHRONOUS_CALLBACK and no execution routine: the base, which may be 0 for NULL,
   * or null for INSUFFICIENT_RESOURCES. The channel is kept until FreeAdapterObject or FreeAdapterChannel.
   */
  *allocateAdapterChannelNow(context: TransferContext | null, registers: number): Suspending<number | null> {
    const status = yield* this.allocateAdapterChannelEx(context, registers, true, this.#taker);
    return status === STATUS_SUCCESS ? this.#taker.base : null;
  }

  /**
   * FreeAdapterObject, for an allocation whose channel was kept: KeepObject changes nothing, DeallocateObject gives
   * everything back, DeallocateObjectKeepRegisters only the channel. Rule A06 when no channel is kept.
   */
  *freeAdapterObject(action: AllocationAction): Suspending<void> {
    const grant = this.channelOwner;
    if (grant === null)
      raiseHalFault(this.kernel, 'free-channel-unowned', this.label, `FreeAdapterObject of ${this.label}: nobody owns its channel`);
    if (action === AllocationAction.DeallocateObject) yield* this.freeAdapterChannel();
    else if (action === AllocationAction.DeallocateObjectKeepRegisters) {
      this.requireDispatch('FreeAdapterObject');
      this.channelOwner = null;
      if (!this.isSystem) return;
      this.platform.systemDma?.give(this);
      yield* this.platform.queue.serve();
    }
  }

  /** InitializeDmaTransferContext; must come before the context's first use and again before each other one. */
  initializeDmaTransferContext(context: TransferContext): void {
    context.initialize();
  }

  /** GetScatterGatherListEx: the HAL provides the list that `listControl` is given. */
  getScatterGatherListEx(
    context: TransferContext | null,
    mdl: Mdl | null,
    offset: number,
    lengthBytes: number,
    isSynchronous: boolean,
    listControl: ListControl,
    isWrite: boolean,
  ): Suspending<NtStatus> {
    const list = new ScatterGatherList(this.kernel, this.label, 0);
    return this.buildScatterGatherListEx(context, mdl, offset, lengthBytes, isSynchronous, listControl, isWrite, list, true);
  }

  /** The version-2 GetScatterGatherList; `currentVa` lies in the first MDL (rule A29). */
  getScatterGatherList(
    mdl: Mdl | null,
    currentVa: number,
    lengthBytes: number,
    listControl: ListControl,
    isWrite: boolean,
  ): Suspending<NtStatus> {
    checkInFirstMdl(this, mdl, currentVa);
    return this.getScatterGatherListEx(null, mdl, offsetIn(mdl, currentVa), lengthBytes, false, listControl, isWrite);
  }

  /** The version-2 BuildScatterGatherList: into the driver's list; BUFFER_TOO_SMALL when it has too little room. */
  buildScatterGatherList(
    mdl: Mdl | null,
    currentVa: number,
    lengthBytes: number,
    listControl: ListControl,
    isWrite: boolean,
    list: ScatterGatherList,
  ): Suspending<NtStatus> {
    checkInFirstMdl(this, mdl, currentVa);
    const offset = offsetIn(mdl, currentVa);
    return this.buildScatterGatherListEx(null, mdl, offset, lengthBytes, false, listControl, isWrite, list, false);
  }

  /**
   * CalculateScatterGatherList: what a list for the range takes; without an MDL, for a buffer anywhere in a page. Null for
   * INSUFFICIENT_RESOURCES: more map registers than the adapter has. Any level. The answer is overwritten by the next call.
   */
  calculateScatterGatherListSize(mdl: Mdl | null, currentVa: number, lengthBytes: number): DmaTransferInfo | null {
    if (mdl === null) {
      const registers = this.calculateScatterGatherList(lengthBytes) + 1;
      return registers > this.numberOfMapRegisters ? null : this.transferInfoOf(registers, registers);
    }
    const info = this.getDmaTransferInfo(mdl, offsetIn(mdl, currentVa), lengthBytes);
    return info.mapRegisterCount > this.numberOfMapRegisters ? null : info;
  }

  /** AllocateCommonBufferEx, at PASSIVE_LEVEL: null also when the buffer's logical addresses would pass `maximumAddress`. */
  allocateCommonBufferEx(maximumAddress: number | null, lengthBytes: number): CommonBufferRegion | null {
    const region = this.allocateCommonBuffer(lengthBytes);
    if (region === null || maximumAddress === null || region.logicalAddress + lengthBytes - 1 <= maximumAddress) return region;
    this.freeCommonBuffer(region);
    return null;
  }

  /** GetDmaAdapterInfo. */
  getDmaAdapterInfo(): DmaAdapterInfo {
    const { version, isMaster, scatterGather, addressWidthBits, maximumLengthBytes } = this.description;
    const { numberOfMapRegisters } = this;
    return { version, isMaster, scatterGather, addressWidthBits, maximumLengthBytes, numberOfMapRegisters, dmaChannels: isMaster ? 0 : 1 };
  }

  /** GetDmaAlignment, in bytes. */
  getDmaAlignment(): number {
    return this.alignmentBytes;
  }

  /** GetDmaDomain: the address space the adapter maps into; null where nothing checks accesses. */
  getDmaDomain(): DmaDomain | null {
    return this.domain;
  }
}

function offsetIn(mdl: Mdl | null, currentVa: number): number {
  return mdl === null ? 0 : currentVa - mdl.virtualAddress;
}
