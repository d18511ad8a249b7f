import { DISPATCH_LEVEL, PASSIVE_LEVEL, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, irqlName, type NtStatus } from '../nt/index.js';
import { completed, makeOp, OpKind, suspendedAt, type Kernel, type Op, type Suspending } from '../kernel/index.js';
import { AllocationWaits } from './allocation-waits.js';
import type { DeviceDescription } from './device-description.js';
import type { DmaDomain } from './dma-domain.js';
import { dmaViolation, raiseHalFault } from './hal-fault.js';
import type { HalPlatform } from './hal-platform.js';
import type { LogicalWindow } from './logical-window.js';
import type { AdapterControl, MapRegisterGrant } from './map-register-grant.js';
import { checkUnmapped } from './transfer-checks.js';
import { stopRunning, takePreCancel, type TransferContext } from './transfer-context.js';

/** What an adapter has given out and not got back. */
export interface OutstandingResources {
  readonly mapRegisters: number;
  readonly channels: number;
  readonly lists: number;
  readonly commonBuffers: number;
}

/** The part of an adapter that owns things: its place in the queue, its channel, what it has given out. */
export abstract class AdapterResources {
  readonly objectId: number;
  readonly label: string;
  readonly kernel: Kernel;
  readonly frameBase: number;
  /** Stands before a mapping or a flush. */
  readonly transferOp: Op;
  /** Pages the device sees instead of the frames; null when it sees those, or when there is no address space to speak of. */
  readonly window: LogicalWindow | null;
  /** Waiting requests, oldest first. For the allocation queue. */
  queueHead: MapRegisterGrant | null = null;
  queueTail: MapRegisterGrant | null = null;
  readonly waits = new AllocationWaits();
  /** Who has the channel: of a system adapter from the grant, of a bus master when its control routine kept the object. */
  channelOwner: MapRegisterGrant | null = null;
  heldRegisters = 0;
  outstandingLists = 0;
  outstandingCommonBuffers = 0;
  #isReleased = false;

  constructor(
    readonly platform: HalPlatform,
    readonly description: DeviceDescription,
    readonly domain: DmaDomain | null,
    /** Most registers one operation may have. */
    readonly numberOfMapRegisters: number,
    /** Device it serves, for reports; null when nobody said. */
    readonly owner: string | null = null,
  ) {
    this.kernel = platform.kernel;
    this.objectId = this.kernel.nextObjectId('DmaAdapter');
    // A system transfer begins and ends in the controller's registers.
    const systemDma = description.isMaster ? null : platform.systemDma;
    this.transferOp = makeOp(systemDma?.hardware.objectId ?? this.objectId, OpKind.Update);
    this.label = `DmaAdapter#${this.objectId}`;
    this.frameBase = domain?.frameBase ?? 0;
    this.window = platform.needsWindow(domain, description) ? platform.windowOf(domain) : null;
  }

  get isSystem(): boolean {
    return !this.description.isMaster;
  }

  /** GetDmaAlignment, in bytes. */
  get alignmentBytes(): number {
    return 1;
  }

  /** AllocateAdapterChannel(Ex): `control` runs when the registers (and a system adapter's channel) are granted, perhaps before this returns. */
  allocateAdapterChannelEx(
    context: TransferContext | null,
    registers: number,
    isSynchronous: boolean,
    control: AdapterControl,
  ): Suspending<NtStatus> {
    this.requireDispatch('AllocateAdapterChannelEx');
    const op = makeOp(this.platform.pool.objectId, OpKind.Acquire);
    return this.kernel.at(op)
      ? suspendedAt(op, () => this.#allocate(context, registers, isSynchronous, control))
      : this.#allocate(context, registers, isSynchronous, control);
  }

  #allocate(context: TransferContext | null, registers: number, isSynchronous: boolean, control: AdapterControl): Suspending<NtStatus> {
    const isShort = !this.mayAsk(registers) || this.platform.faults?.failsAllocation('map registers') === true;
    if (isShort) return completed<NtStatus>(STATUS_INSUFFICIENT_RESOURCES);
    if (context !== null && takePreCancel(context)) return completed<NtStatus>(STATUS_CANCELLED);
    const grant = this.newRequest(context, registers);
    grant.control = control;
    return this.platform.queue.request(grant, isSynchronous);
  }

  /** FreeMapRegisters: flushed before, all of them at once (rules A07, A18). */
  freeMapRegisters(base: number, count: number): Suspending<void> {
    this.requireDispatch('FreeMapRegisters');
    const op = makeOp(this.platform.pool.objectId, OpKind.Release);
    return this.kernel.at(op) ? suspendedAt(op, () => this.#freeRegisters(base, count)) : this.#freeRegisters(base, count);
  }

  #freeRegisters(base: number, count: number): Suspending<void> {
    const grant = this.platform.pool.resolve(base);
    if (grant === null)
      raiseHalFault(
        this.kernel,
        'free-unallocated',
        this.label,
        `FreeMapRegisters of ${this.label} names a map register base that is not allocated`,
      );
    if (grant.registers !== count)
      raiseHalFault(
        this.kernel,
        'free-count',
        this.label,
        `FreeMapRegisters of ${this.label} gives back ${count} map registers of an allocation of ${grant.registers}`,
      );
    checkUnmapped(this, grant, 'A18', 0x10);
    this.platform.mapper.close(grant, this.domain, 0);
    const { queue } = this.platform;
    queue.release(grant);
    return queue.serve();
  }

  /** A bus master's control routine has answered KeepObject. Rule A13: one channel at a time. For the allocation queue. */
  keepChannel(grant: MapRegisterGrant): void {
    if (this.channelOwner !== null && this.platform.dmaVerification)
      dmaViolation(
        this.kernel,
        'A13',
        'crash',
        this.label,
        `${this.label} keeps a second adapter channel (KeepObject, ${grant.registers} map registers) while the first, with ${this.channelOwner.registers}, was not freed`,
        0x0b,
        2,
      );
    this.channelOwner = grant;
  }

  /** FreeAdapterChannel: the channel and its registers. */
  freeAdapterChannel(): Suspending<void> {
    this.requireDispatch('FreeAdapterChannel');
    const op = makeOp(this.platform.pool.objectId, OpKind.Release);
    return this.kernel.at(op) ? suspendedAt(op, () => this.#freeChannel()) : this.#freeChannel();
  }

  #freeChannel(): Suspending<void> {
    const grant = this.channelOwner;
    if (grant === null)
      raiseHalFault(this.kernel, 'free-channel-unowned', this.label, `FreeAdapterChannel of ${this.label}: nobody owns its channel`);
    if (grant.context !== null) stopRunning(grant.context);
    checkUnmapped(this, grant, 'A15', 0x0d);
    this.platform.mapper.close(grant, this.domain, 0);
    const { queue } = this.platform;
    queue.release(grant);
    return queue.serve();
  }

  /** An allocation request waits under `context`: it could still be withdrawn. */
  isWaiting(context: TransferContext): boolean {
    return this.platform.queue.isWaiting(this, context);
  }

  /** CancelAdapterChannel: true when the request was waiting and its routine will not run. */
  *cancelAdapterChannel(context: TransferContext): Suspending<boolean> {
    const op = makeOp(this.platform.pool.objectId, OpKind.Update);
    if (this.kernel.at(op)) yield op;
    if (this.platform.policy.preCancel && context.isStarting) {
      context.isPreCancelled = true;
      return true;
    }
    return yield* this.platform.queue.cancel(this, context);
  }

  outstanding(): OutstandingResources {
    return {
      mapRegisters: this.heldRegisters,
      channels: this.channelOwner === null ? 0 : 1,
      lists: this.outstandingLists,
      commonBuffers: this.outstandingCommonBuffers,
    };
  }

  /** PutDmaAdapter. Rules A09-A12: everything must have been given back; A19: only once. */
  putDmaAdapter(): void {
    if (this.#isReleased && this.platform.dmaVerification)
      dmaViolation(
        this.kernel,
        'A19',
        'crash',
        this.label,
        `PutDmaAdapter is called on ${this.label} once more than it was obtained; the framework gives the adapters of its enablers back itself`,
        0x11,
        -1,
        this.objectId,
      );
    if (this.platform.dmaVerification) this.#auditRelease();
    this.#isReleased = true;
    const at = this.platform.adapters.indexOf(this);
    if (at >= 0) this.platform.adapters.splice(at, 1);
  }

  #auditRelease(): void {
    const held = this.outstanding();
    const leaks = [
      ['A09', 0x07, held.commonBuffers, 'common buffers'],
      ['A12', 0x0a, held.lists, 'scatter/gather lists'],
      ['A10', 0x08, held.channels, 'channels'],
      ['A11', 0x09, held.mapRegisters, 'map registers'],
    ] as const;
    for (const [rule, code, count, what] of leaks) {
      if (count > 0)
        dmaViolation(
          this.kernel,
          rule,
          'crash',
          this.label,
          `${this.label} is released with ${count} ${what} outstanding`,
          code,
          this.objectId,
          count,
        );
    }
  }

  /** Rule A14: an operation never gets more registers than the adapter has. Without map registers nothing is too much. */
  protected mayAsk(registers: number): boolean {
    if (!this.platform.hasMapRegisters || registers <= this.numberOfMapRegisters) return true;
    this.platform.observer?.allocate(registers, 'too-many', 0);
    if (this.platform.dmaVerification) {
      dmaViolation(
        this.kernel,
        'A14',
        'crash',
        this.label,
        `${registers} map registers are requested of ${this.label}, which has ${this.numberOfMapRegisters}`,
        0x0c,
        registers,
        this.numberOfMapRegisters,
      );
    }
    return false;
  }

  protected newRequest(context: TransferContext | null, registers: number): MapRegisterGrant {
    const grant = this.platform.pool.record();
    grant.adapter = this;
    grant.context = context;
    grant.registers = registers;
    if (context !== null) context.isStarting = false;
    return grant;
  }

  /** Rule A20: exactly DISPATCH_LEVEL. */
  protected requireDispatch(operation: string): void {
    if (this.#isReleased)
      dmaViolation(
        this.kernel,
        'A24',
        'crash',
        this.label,
        `${operation} is called on ${this.label} after PutDmaAdapter`,
        0x18,
        this.objectId,
      );
    const { irql } = this.kernel.current;
    if (irql === DISPATCH_LEVEL || !this.platform.dmaVerification) return;
    dmaViolation(
      this.kernel,
      'A20',
      'crash',
      this.label,
      `${operation} of ${this.label} is called at ${irqlName(irql)}; it needs ${irqlName(DISPATCH_LEVEL)}`,
      0x13,
      1,
      DISPATCH_LEVEL,
      irql,
    );
  }

  /** Rule A21. */
  protected requirePassive(operation: string): void {
    const { irql } = this.kernel.current;
    if (irql === PASSIVE_LEVEL || !this.platform.dmaVerification) return;
    dmaViolation(
      this.kernel,
      'A21',
      'crash',
      this.label,
      `${operation} of ${this.label} is called at ${irqlName(irql)}; the highest legal level is ${irqlName(PASSIVE_LEVEL)}`,
      0x13,
      2,
      PASSIVE_LEVEL,
      irql,
    );
  }
}
