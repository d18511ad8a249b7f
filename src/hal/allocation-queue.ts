import { DISPATCH_LEVEL, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import { zeroWords } from '../memory/index.js';
import { COMPLETED, Dpc, EventKind, completed, makeOp, OpKind, type Kernel, type Suspending } from '../kernel/index.js';
import type { AdapterResources } from './adapter-resources.js';
import { countOvertaken } from './allocation-waits.js';
import { GRANT_DEPTH_MAX } from './hal-policy.js';
import type { HalPlatform } from './hal-platform.js';
import { NO_SLOT } from './logical-window.js';
import { AllocationAction, type MapRegisterGrant } from './map-register-grant.js';
import { UNLIMITED } from './mdl-walk.js';
import { checkNotMapped } from './transfer-checks.js';
import type { TransferContext } from './transfer-context.js';

/**
 * Who gets map registers and channels, and when.
 *
 * Each adapter has a queue of its own; all draw from one pool. A request is granted at once when its adapter's queue
 * is empty and it fits; else it waits. Freeing looks at the adapters in the order of their creation, grants the first
 * head that fits and starts over: nobody overtakes within an adapter, other adapters may go on, and a large request
 * can starve. Execution routines - driver callbacks in the end - run right there, inside the freeing call, or from a
 * DPC if the policy says so.
 */
export class AllocationQueue {
  /** Requests that wait, over all adapters. */
  waiting = 0;
  readonly #kernel: Kernel;
  readonly #depthByCpu: Int32Array;
  /** Null when grants run inside the freeing call. */
  readonly #dpc: Dpc | null;
  /** Grants what an injected fault made wait; null while no faults are planned. */
  readonly #delayDpc: Dpc | null;

  constructor(private readonly platform: HalPlatform) {
    this.#kernel = platform.kernel;
    this.#depthByCpu = new Int32Array(platform.kernel.vcpus.length);
    this.#dpc = platform.policy.grantContext === 'dpc' ? new Dpc(platform.kernel, 'HAL grant', () => this.#pump()) : null;
    this.#delayDpc = platform.faults === null ? null : new Dpc(platform.kernel, 'HAL delayed grant', () => this.#pump());
  }

  /** Nobody waits. */
  reset(): void {
    this.waiting = 0;
    zeroWords(this.#depthByCpu, 0, this.#depthByCpu.length);
    this.#dpc?.reset();
    this.#delayDpc?.reset();
  }

  /** Answers a request: it is granted and its routine runs here, or it waits; INSUFFICIENT_RESOURCES: not at once, as `isSynchronous` wants it. */
  request(grant: MapRegisterGrant, isSynchronous: boolean): Suspending<NtStatus> {
    const adapter = grant.adapter!;
    const { observer, faults } = this.platform;
    const isDelayed = !isSynchronous && faults !== null && adapter.queueHead === null && this.#fits(grant) && faults.delaysGrant();
    if (!isDelayed && adapter.queueHead === null && this.#tryGrant(grant)) {
      observer?.allocate(grant.registers, 'granted', grant.number);
      return this.#execute(grant);
    }
    observer?.allocate(grant.registers, isSynchronous ? 'refused' : 'queued', 0);
    if (isSynchronous) {
      this.platform.pool.recycle(grant);
      return completed<NtStatus>(STATUS_INSUFFICIENT_RESOURCES);
    }
    this.#enqueue(adapter, grant);
    if (isDelayed) this.#delayDpc!.queue();
    return completed<NtStatus>(STATUS_SUCCESS);
  }

  /** Gives a grant's registers and channel back. The caller goes on with `yield* queue.serve()`. */
  release(grant: MapRegisterGrant): void {
    const adapter = grant.adapter!;
    const registers = this.platform.counted(grant.registers);
    this.platform.observer?.free(grant.number, registers);
    this.#kernel.emit(EventKind.MapRegistersFree, adapter.objectId, registers, this.platform.pool.free + registers);
    this.platform.pool.give(grant, registers);
    if (grant.windowSlot !== NO_SLOT) adapter.window!.give(grant.windowSlot, registers);
    adapter.heldRegisters -= registers;
    if (adapter.channelOwner === grant) {
      adapter.channelOwner = null;
      if (adapter.isSystem) this.platform.systemDma?.give(adapter);
    }
    this.platform.pool.recycle(grant);
  }

  /** A request waits under `context` in this adapter's queue. */
  isWaiting(adapter: AdapterResources, context: TransferContext): boolean {
    return waitingUnder(adapter, context) !== null;
  }

  /** Withdraws the request that waits under `context` in this adapter's queue; false when none does. */
  *cancel(adapter: AdapterResources, context: TransferContext): Suspending<boolean> {
    const grant = waitingUnder(adapter, context);
    this.platform.observer?.cancelAllocation(grant !== null);
    if (grant === null) return false;
    this.#unlink(adapter, grant);
    this.platform.pool.recycle(grant);
    // The withdrawn request may have been the head that nobody could pass.
    yield* this.serve();
    return true;
  }

  /** Looks at the queues, now or from the DPC; mostly nobody waits. */
  serve(): Suspending<void> {
    if (this.waiting === 0) return COMPLETED;
    if (this.#dpc === null) return this.#pump();
    this.#dpc.queue();
    return COMPLETED;
  }

  *#pump(): Suspending<void> {
    for (let grant = this.#takeGrantable(); grant !== null; grant = this.#takeGrantable()) {
      this.platform.observer?.grantWaiting(grant.number, this.platform.counted(grant.registers));
      const op = makeOp(this.platform.pool.objectId, OpKind.Grant);
      if (this.#kernel.at(op)) yield op;
      yield* this.#execute(grant);
    }
  }

  #takeGrantable(): MapRegisterGrant | null {
    const { adapters } = this.platform;
    for (let i = 0; i < adapters.length; i++) {
      const adapter = adapters[i]!;
      const head = adapter.queueHead;
      if (head === null || !this.#tryGrant(head)) continue;
      adapter.waits.waitEnded(head, this.#kernel.clock.nowNs());
      this.#unlink(adapter, head);
      return head;
    }
    return null;
  }

  /** A request fits when its registers are free and, for a system adapter, its one channel is. */
  #fits(grant: MapRegisterGrant): boolean {
    const adapter = grant.adapter!;
    if (adapter.isSystem && adapter.channelOwner !== null) return false;
    const { systemDma } = this.platform;
    if (adapter.isSystem && systemDma !== null && !systemDma.isFree(adapter)) return false;
    return this.platform.counted(grant.registers) <= this.platform.pool.free;
  }

  /** Takes what a request asks for if it fits and the adapter's window has room. */
  #tryGrant(grant: MapRegisterGrant): boolean {
    const adapter = grant.adapter!;
    const { pool } = this.platform;
    const registers = this.platform.counted(grant.registers);
    if (!this.#fits(grant)) return false;
    if (adapter.window !== null && registers > 0) {
      const slot = adapter.window.take(registers);
      if (slot === NO_SLOT) return false;
      grant.windowSlot = slot;
    }
    pool.take(grant, registers);
    grant.isLive = true;
    adapter.heldRegisters += registers;
    if (adapter.isSystem) {
      adapter.channelOwner = grant;
      this.platform.systemDma?.take(adapter);
    }
    adapter.waits.granted(registers, adapter.heldRegisters);
    if (this.waiting > 0) countOvertaken(this.platform, adapter);
    this.#kernel.emit(EventKind.MapRegistersAllocate, adapter.objectId, registers, pool.free);
    return true;
  }

  /** Runs the routine of a grant; when it returns the record may be free again. SUCCESS: what the request is answered. */
  *#execute(grant: MapRegisterGrant): Suspending<NtStatus> {
    const cpu = this.#kernel.current;
    const irql = cpu.irql;
    if (irql < DISPATCH_LEVEL) cpu.irql = DISPATCH_LEVEL;
    this.#enterRoutine(cpu.id, grant);
    let isGivenBack = false;
    if (grant.control !== null) {
      const { handle } = grant;
      const action = yield* grant.control.adapterControl(this.platform.hasMapRegisters ? handle : 0);
      if (grant.handle === handle) isGivenBack = this.#afterControl(grant, action);
    } else {
      const list = grant.list!;
      this.#buildList(grant);
      yield* grant.listControl!.listControl(list);
    }
    this.#depthByCpu[cpu.id]!--;
    if (isGivenBack) yield* this.serve();
    if (cpu.irql === irql) return STATUS_SUCCESS;
    cpu.irql = irql;
    if (cpu.dpcIsDue) yield this.#kernel.standAt(makeOp(this.platform.pool.objectId, OpKind.Release));
    return STATUS_SUCCESS;
  }

  /** Keeps what the control routine left allocated: the channel (system only) and the registers, or the registers. True when all went back. */
  #afterControl(grant: MapRegisterGrant, action: AllocationAction): boolean {
    if (action === AllocationAction.DeallocateObject) {
      this.release(grant);
      return true;
    }
    const adapter = grant.adapter!;
    if (adapter.isSystem) return false;
    if (action === AllocationAction.KeepObject) adapter.keepChannel(grant);
    else if (!this.platform.hasMapRegisters) this.platform.pool.recycle(grant);
    return false;
  }

  #buildList(grant: MapRegisterGrant): void {
    const { platform } = this;
    const adapter = grant.adapter!;
    const list = grant.list!;
    checkNotMapped(adapter, grant.mdl, grant.offset, grant.lengthBytes);
    list.begin();
    grant.pieces = 0;
    platform.walk.run(
      grant.mdl,
      grant.offset,
      grant.lengthBytes,
      UNLIMITED,
      UNLIMITED,
      platform.mapper.windowAddress(grant, adapter.window),
      adapter.frameBase,
      grant,
      list,
    );
    list.grant = grant;
    list.grantHandle = grant.handle;
    list.isOutstanding = true;
    adapter.outstandingLists++;
    platform.mapper.open(grant, adapter.domain, grant.isWrite);
    this.#kernel.emit(EventKind.ScatterGatherBuild, adapter.objectId, platform.walk.elements, platform.walk.lengthBytes);
  }

  #enterRoutine(cpuId: number, grant: MapRegisterGrant): void {
    const depth = ++this.#depthByCpu[cpuId]!;
    if (depth <= GRANT_DEPTH_MAX) return;
    const { label } = grant.adapter!;
    this.#kernel.violation({
      rule: 'L-STEP-BOUND',
      severity: 'crash',
      object: label,
      message: `${depth} execution routines of ${label} are nested on virtual CPU ${cpuId}: each transfer is completed inside the EvtProgramDma of the one before, and a kernel stack would be used up`,
    });
  }

  #enqueue(adapter: AdapterResources, grant: MapRegisterGrant): void {
    grant.isWaiting = true;
    if (adapter.queueTail === null) adapter.queueHead = grant;
    else adapter.queueTail.next = grant;
    adapter.queueTail = grant;
    this.waiting++;
    adapter.waits.enqueued(grant, this.#kernel.clock.nowNs());
  }

  #unlink(adapter: AdapterResources, grant: MapRegisterGrant): void {
    let before: MapRegisterGrant | null = null;
    for (let at = adapter.queueHead; at !== grant; at = at!.next) before = at;
    if (before === null) adapter.queueHead = grant.next;
    else before.next = grant.next;
    if (adapter.queueTail === grant) adapter.queueTail = before;
    grant.next = null;
    grant.isWaiting = false;
    this.waiting--;
    adapter.waits.queueLength--;
  }
}

/** The oldest request made with `context` that waits in the adapter's queue. */
function waitingUnder(adapter: AdapterResources, context: TransferContext): MapRegisterGrant | null {
  for (let at = adapter.queueHead; at !== null; at = at.next) if (at.context === context) return at;
  return null;
}
