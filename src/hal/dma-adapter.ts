import {
  DISPATCH_LEVEL,
  NT_SUCCESS,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANCELLED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_IMPLEMENTED,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  type NtStatus,
} from '../nt/index.js';
import { PAGE_SIZE } from '../memory/index.js';
import { EventKind, completed, makeOp, OpKind, suspendedAt, type Suspending } from '../kernel/index.js';
import { AdapterResources } from './adapter-resources.js';
import type { CommonBufferRegion } from './common-buffer-allocator.js';
import { raiseHalFault } from './hal-fault.js';
import type { ListControl, MapRegisterGrant } from './map-register-grant.js';
import type { Mdl } from './mdl.js';
import { UNLIMITED } from './mdl-walk.js';
import { listSizeBytes, type ScatterGatherList } from './scatter-gather-list.js';
import { checkFlush, checkMap, checkNotMapped } from './transfer-checks.js';
import type { SystemDmaController } from './system-dma-controller.js';
import { DmaCompletionStatus, stopRunning, takePreCancel, type DmaCompletionRoutine, type TransferContext } from './transfer-context.js';

/** Answer of GetDmaTransferInfo; one object per adapter, overwritten by the next call. */
export interface DmaTransferInfo {
  mapRegisterCount: number;
  scatterGatherElementCount: number;
  scatterGatherListSizeBytes: number;
}

/**
 * A DMA adapter: one device's (or one direction's, or one system channel's) way to memory, with the operations of
 * DMA_OPERATIONS under their own names. Those that can run somebody's callback suspend; the others do not. The
 * version-2 forms differ in what they cannot do: no context, so no cancelling; no synchronous request; one element.
 */
export class DmaAdapter extends AdapterResources {
  /** Bytes the last MapTransfer(Ex) mapped: its *Length on return. */
  mappedLengthBytes = 0;
  readonly #transferInfo: DmaTransferInfo = { mapRegisterCount: 0, scatterGatherElementCount: 0, scatterGatherListSizeBytes: 0 };
  /** Live mappings made with a NULL base, on a platform without map registers. */
  #baseless: MapRegisterGrant | null = null;

  /**
   * MapTransferEx. On success `mappedLengthBytes` says how much of the range was mapped: at most the grant's
   * registers and the list's elements. A system adapter's transfer runs from here on. INVALID_PARAMETER when nothing
   * could be mapped, CANCELLED when the transfer was stopped before.
   */
  mapTransferEx(
    mdl: Mdl | null,
    base: number,
    offset: number,
    deviceAddressOffset: number,
    lengthBytes: number,
    isWrite: boolean,
    list: ScatterGatherList,
    completion: DmaCompletionRoutine | null,
  ): NtStatus {
    return this.#mapRange(mdl, base, offset, deviceAddressOffset, lengthBytes, isWrite, list, list.capacity, completion);
  }

  /** The version-2 MapTransfer: one MDL, one element - of length 0 when there is nothing to map, as it cannot fail. */
  mapTransfer(mdl: Mdl | null, base: number, currentVa: number, lengthBytes: number, isWrite: boolean, list: ScatterGatherList): NtStatus {
    const offset = mdl === null ? 0 : currentVa - mdl.virtualAddress;
    const inMdl = mdl === null ? 0 : Math.max(0, mdl.byteCount - offset);
    const status = this.#mapRange(mdl, base, offset, 0, Math.min(lengthBytes, inMdl), isWrite, list, 1, null);
    if (NT_SUCCESS(status) && this.mappedLengthBytes === 0) list.append(0, 0);
    return status;
  }

  #mapRange(
    mdl: Mdl | null,
    base: number,
    offset: number,
    deviceAddressOffset: number,
    lengthBytes: number,
    isWrite: boolean,
    list: ScatterGatherList,
    elementsMax: number,
    completion: DmaCompletionRoutine | null,
  ): NtStatus {
    const context = this.channelOwner?.context ?? null;
    if (context?.isCancelled === true) {
      this.platform.observer?.mapFailed('cancelled');
      return STATUS_CANCELLED;
    }
    const grant = this.#grantForMap(base);
    checkMap(this, grant, mdl, offset, lengthBytes);
    this.platform.mapper.close(grant, this.domain, 0);
    checkNotMapped(this, mdl, offset, lengthBytes);
    const status = this.#walkInto(grant, mdl, offset, lengthBytes, isWrite, list, elementsMax);
    if (!NT_SUCCESS(status)) return status;
    this.platform.observer?.map(offset, lengthBytes, this.mappedLengthBytes, this.isSystem ? deviceAddressOffset : null);
    if (context !== null) {
      context.isRunning = true;
      context.completion = completion;
    }
    this.#controller()?.start(this, context, list, deviceAddressOffset, isWrite);
    return STATUS_SUCCESS;
  }

  /**
   * FlushAdapterBuffers(Ex): the mapping ends; of a bounced read exactly `lengthBytes` reach the caller's buffer.
   * Must be called once for each mapping, before the registers are freed and before anyone reads the buffer.
   */
  flushAdapterBuffersEx(mdl: Mdl | null, base: number, offset: number, lengthBytes: number): NtStatus {
    const grant = this.#grantForFlush(mdl, base, offset);
    this.platform.observer?.flush(offset, lengthBytes);
    if (grant !== null) {
      checkFlush(this, grant, lengthBytes);
      if (grant.isMapped) this.#controller()?.checkFlush(this);
      this.platform.mapper.close(grant, this.domain, lengthBytes);
      if (grant === this.#baseless) this.#dropBaseless(grant);
    }
    const context = this.channelOwner?.context ?? null;
    if (context !== null) {
      context.isCancelled = false;
      stopRunning(context);
    }
    this.kernel.emit(EventKind.Flush, this.objectId, offset, lengthBytes);
    return STATUS_SUCCESS;
  }

  flushAdapterBuffers(mdl: Mdl | null, base: number, currentVa: number, lengthBytes: number): boolean {
    return NT_SUCCESS(this.flushAdapterBuffersEx(mdl, base, mdl === null ? 0 : currentVa - mdl.virtualAddress, lengthBytes));
  }

  /**
   * Get- and BuildScatterGatherList(Ex): allocates registers for the range, builds the list when they are granted
   * and calls `listControl`. `mayGrow` is Get: the HAL provides the list; Build fails with BUFFER_TOO_SMALL.
   */
  buildScatterGatherListEx(
    context: TransferContext | null,
    mdl: Mdl | null,
    offset: number,
    lengthBytes: number,
    isSynchronous: boolean,
    listControl: ListControl,
    isWrite: boolean,
    list: ScatterGatherList,
    mayGrow: boolean,
  ): Suspending<NtStatus> {
    this.requireDispatch('BuildScatterGatherListEx');
    const op = makeOp(this.platform.pool.objectId, OpKind.Acquire);
    const build = (): Suspending<NtStatus> =>
      this.#build(context, mdl, offset, lengthBytes, isSynchronous, listControl, isWrite, list, mayGrow);
    return this.kernel.at(op) ? suspendedAt(op, build) : build();
  }

  #build(
    context: TransferContext | null,
    mdl: Mdl | null,
    offset: number,
    lengthBytes: number,
    isSynchronous: boolean,
    listControl: ListControl,
    isWrite: boolean,
    list: ScatterGatherList,
    mayGrow: boolean,
  ): Suspending<NtStatus> {
    const { walk } = this.platform;
    this.#measure(mdl, offset, lengthBytes);
    if (mayGrow) list.grow(walk.elements);
    if (list.capacity < walk.elements) {
      this.platform.observer?.listTooSmall();
      return completed<NtStatus>(STATUS_BUFFER_TOO_SMALL);
    }
    const { registers } = walk;
    const isShort = !this.mayAsk(registers) || this.platform.faults?.failsAllocation('a scatter/gather list') === true;
    if (isShort) return completed<NtStatus>(STATUS_INSUFFICIENT_RESOURCES);
    if (context !== null && takePreCancel(context)) return completed<NtStatus>(STATUS_CANCELLED);
    const grant = this.newRequest(context, registers);
    checkMap(this, grant, mdl, offset, lengthBytes);
    grant.listControl = listControl;
    grant.list = list;
    grant.mdl = mdl;
    grant.offset = offset;
    grant.lengthBytes = lengthBytes;
    grant.isWrite = isWrite;
    return this.platform.queue.request(grant, isSynchronous);
  }

  /** PutScatterGatherList: flushes the whole list and frees its registers. Rule A08 when it is not outstanding. */
  putScatterGatherList(list: ScatterGatherList): Suspending<void> {
    this.requireDispatch('PutScatterGatherList');
    const op = makeOp(this.platform.pool.objectId, OpKind.Release);
    return this.kernel.at(op) ? suspendedAt(op, () => this.#putNow(list)) : this.#putNow(list);
  }

  #putNow(list: ScatterGatherList): Suspending<void> {
    const { grant } = list;
    if (!list.isOutstanding || grant === null || grant.handle !== list.grantHandle) {
      raiseHalFault(
        this.kernel,
        'put-unknown-list',
        this.label,
        `PutScatterGatherList of ${this.label} is given a list that is not outstanding`,
      );
    }
    list.isOutstanding = false;
    list.grant = null;
    list.revoke('PutScatterGatherList gave its map registers back');
    this.outstandingLists--;
    this.kernel.emit(EventKind.ScatterGatherPut, this.objectId, grant.pieces, grant.lengthBytes);
    this.platform.mapper.close(grant, this.domain, Infinity);
    const { queue } = this.platform;
    queue.release(grant);
    return queue.serve();
  }

  /** GetDmaTransferInfo: what the range would take, exactly. The answer is overwritten by the next call. */
  getDmaTransferInfo(mdl: Mdl | null, offset: number, lengthBytes: number): DmaTransferInfo {
    this.#measure(mdl, offset, lengthBytes);
    const { registers, elements } = this.platform.walk;
    return this.transferInfoOf(registers, elements);
  }

  protected transferInfoOf(registers: number, elements: number): DmaTransferInfo {
    this.#transferInfo.mapRegisterCount = this.platform.counted(registers);
    this.#transferInfo.scatterGatherElementCount = elements;
    this.#transferInfo.scatterGatherListSizeBytes = listSizeBytes(elements);
    return this.#transferInfo;
  }

  /** CalculateScatterGatherList without an MDL: registers for a page-aligned range. */
  calculateScatterGatherList(lengthBytes: number): number {
    return Math.ceil(lengthBytes / PAGE_SIZE);
  }

  /** CancelMappedTransfer: marks the context, and ends the transfer if it runs. UNSUCCESSFUL when it was marked already. */
  *cancelMappedTransfer(context: TransferContext): Suspending<NtStatus> {
    const op = this.transferOp;
    if (this.kernel.at(op)) yield op;
    if (context.isCancelled) {
      this.platform.observer?.cancelMapped('already');
      return STATUS_UNSUCCESSFUL;
    }
    context.isCancelled = true;
    this.platform.observer?.cancelMapped(context.isRunning ? 'running' : 'marked');
    if (!context.isRunning) return STATUS_SUCCESS;
    const controller = this.#controller();
    if (controller !== null) controller.stop(this);
    else yield* this.completeSystemTransfer(context, DmaCompletionStatus.DmaCancelled);
    return STATUS_SUCCESS;
  }

  /** EvtProgramDma of the mapped transfer has returned; for rule D53. */
  transferProgrammed(): void {
    this.#controller()?.programmed(this);
  }

  /** ReadDmaCounter: bytes the controller has still to move of what is mapped; of a looped transfer, in this round. 0 without a controller. */
  *readDmaCounter(): Suspending<number> {
    const controller = this.#controller();
    return controller === null ? 0 : yield* controller.counter(this);
  }

  /**
   * ConfigureAdapterChannel: a setting of the controller's channel, see SystemDmaFunction; it lasts until the channel is
   * given back. NOT_IMPLEMENTED for an unknown function or without a controller, INVALID_DEVICE_REQUEST unless the
   * channel is granted and stands still.
   */
  *configureAdapterChannel(functionNumber: number, value: number): Suspending<NtStatus> {
    const controller = this.#controller();
    if (controller === null) return STATUS_NOT_IMPLEMENTED;
    if (this.channelOwner === null) return STATUS_INVALID_DEVICE_REQUEST;
    return yield* controller.configure(this, functionNumber, value);
  }

  #controller(): SystemDmaController | null {
    return this.isSystem ? this.platform.systemDma : null;
  }

  /** The system DMA controller ends the transfer that runs under `context`; its routine runs at DISPATCH_LEVEL. */
  *completeSystemTransfer(context: TransferContext, status: DmaCompletionStatus): Suspending<void> {
    const { completion } = context;
    stopRunning(context);
    if (completion === null) return;
    const cpu = this.kernel.current;
    const irql = cpu.irql;
    if (irql < DISPATCH_LEVEL) cpu.irql = DISPATCH_LEVEL;
    yield* completion.dmaCompletion(status);
    if (cpu.irql === irql) return;
    cpu.irql = irql;
    if (cpu.dpcIsDue) yield this.kernel.standAt(makeOp(this.objectId, OpKind.Update));
  }

  /** AllocateCommonBuffer, at PASSIVE_LEVEL. Null when there is no memory for it. */
  allocateCommonBuffer(lengthBytes: number): CommonBufferRegion | null {
    this.requirePassive('AllocateCommonBuffer');
    return this.platform.commonBuffers.allocate(this, lengthBytes);
  }

  freeCommonBuffer(region: CommonBufferRegion): void {
    this.requirePassive('FreeCommonBuffer');
    this.platform.commonBuffers.free(this, region);
  }

  #measure(mdl: Mdl | null, offset: number, lengthBytes: number): void {
    // The window's real address does not matter for counting; page 0 merges the same way.
    const windowAddress = this.window === null && this.platform.addressing === 'direct' ? -1 : 0;
    this.platform.walk.run(mdl, offset, lengthBytes, UNLIMITED, UNLIMITED, windowAddress, this.frameBase, null, null);
  }

  #walkInto(
    grant: MapRegisterGrant,
    mdl: Mdl | null,
    offset: number,
    lengthBytes: number,
    isWrite: boolean,
    list: ScatterGatherList,
    elementsMax: number,
  ): NtStatus {
    const { walk, mapper } = this.platform;
    const registers = this.platform.hasMapRegisters ? grant.registers : UNLIMITED;
    list.begin();
    const elements = Math.min(elementsMax, this.#controller()?.hardware.elementsMax ?? UNLIMITED);
    walk.run(mdl, offset, lengthBytes, registers, elements, mapper.windowAddress(grant, this.window), this.frameBase, grant, list);
    if (walk.registers > 1 && this.platform.faults?.shortensMap() === true) {
      // Within the contract of MapTransfer: *Length may come back smaller, as if there were fewer registers.
      const fewer = walk.registers >> 1;
      grant.pieces = 0;
      list.begin();
      walk.run(mdl, offset, lengthBytes, fewer, elements, mapper.windowAddress(grant, this.window), this.frameBase, grant, list);
    }
    this.mappedLengthBytes = walk.lengthBytes;
    if (walk.lengthBytes === 0 && lengthBytes > 0) {
      this.platform.observer?.mapFailed('nothing');
      if (grant === this.#baseless) this.#dropBaseless(grant);
      return STATUS_INVALID_PARAMETER;
    }
    grant.mdl = mdl;
    grant.offset = offset;
    grant.lengthBytes = walk.lengthBytes;
    mapper.open(grant, this.domain, isWrite);
    this.kernel.emit(EventKind.Map, this.objectId, offset, walk.lengthBytes);
    return STATUS_SUCCESS;
  }

  #grantForMap(base: number): MapRegisterGrant {
    if (!this.platform.hasMapRegisters) {
      const grant = this.platform.pool.record();
      grant.adapter = this;
      grant.isLive = true;
      grant.next = this.#baseless;
      this.#baseless = grant;
      return grant;
    }
    const grant = this.platform.pool.resolve(base);
    if (grant === null || grant.adapter !== this)
      raiseHalFault(
        this.kernel,
        'map-unallocated',
        this.label,
        `MapTransfer of ${this.label} names a map register base that is not allocated; a transaction executed after its waiting reservation was cancelled does that (surprises 4)`,
      );
    return grant;
  }

  /** Without map registers a flush finds its mapping by the range; null when there is none. */
  #grantForFlush(mdl: Mdl | null, base: number, offset: number): MapRegisterGrant | null {
    if (this.platform.hasMapRegisters) {
      const grant = this.platform.pool.resolve(base);
      if (grant === null || grant.adapter !== this)
        raiseHalFault(
          this.kernel,
          'flush-unallocated',
          this.label,
          `FlushAdapterBuffers of ${this.label} names a map register base that is not allocated; a transaction completed while it still waits for registers does that (surprises 9)`,
        );
      return grant;
    }
    let before: MapRegisterGrant | null = null;
    for (let at = this.#baseless; at !== null; at = at.next) {
      if (at.mdl === mdl && at.offset === offset) {
        // To the front, where `#dropBaseless` takes it from.
        if (before !== null) {
          before.next = at.next;
          at.next = this.#baseless;
          this.#baseless = at;
        }
        return at;
      }
      before = at;
    }
    return null;
  }

  #dropBaseless(grant: MapRegisterGrant): void {
    this.#baseless = grant.next;
    this.platform.pool.recycle(grant);
  }
}
