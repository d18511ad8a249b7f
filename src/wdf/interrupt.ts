import {
  DISPATCH_LEVEL,
  NT_SUCCESS,
  PASSIVE_LEVEL,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  type Irql,
  type NtStatus,
} from '../nt/index.js';
import {
  COMPLETED,
  Dpc,
  FxObject,
  KernelEvent,
  makeOp,
  OpKind,
  SpinLock,
  SUCCEEDED,
  suspendingCallback,
  type DriverCallback,
  type Suspending,
} from '../kernel/index.js';
import { effectiveLock, type CallbackLock } from './callback-lock.js';
import type { Created } from './created.js';
import type { Device } from './device.js';
import { InterruptWorkItem } from './interrupt-work-item.js';
import type { InterruptVector } from './interrupt-vector.js';
import type { WdfSpinLock } from './wdf-spin-lock.js';
import { WdfWaitLock } from './wdf-wait-lock.js';

/** WDF_INTERRUPT_CONFIG. */
export interface InterruptConfig {
  /** At DIRQL with the interrupt spin lock held. True: mine. It must acknowledge the device before it returns true. */
  readonly evtInterruptIsr: DriverCallback<[interrupt: Interrupt, messageId: number], boolean>;
  /** At DISPATCH_LEVEL; one object an interrupt, so it must drain everything that was saved since it last ran. */
  readonly evtInterruptDpc?: DriverCallback<[interrupt: Interrupt, device: Device], void>;
  /** Instead of the DPC: the same at PASSIVE_LEVEL. Not both. */
  readonly evtInterruptWorkItem?: DriverCallback<[interrupt: Interrupt, device: Device], void>;
  /** One lock for several interrupts: their ISRs exclude each other at the highest DIRQL of the set. Default: a lock of its own. */
  readonly spinLock?: WdfSpinLock;
  /**
   * The ISR, Enable and Disable run at PASSIVE_LEVEL under a wait lock; the vector stays masked until the ISR has ended.
   * Such an interrupt is not shared. Default false.
   */
  readonly passiveHandling?: boolean;
  /** One wait lock for several interrupts with passive handling, which only those may have. Default: a lock of its own. */
  readonly waitLock?: WdfWaitLock;
  /** Unmask at the device; at DIRQL under the interrupt lock. */
  readonly evtInterruptEnable?: DriverCallback<[interrupt: Interrupt, device: Device], NtStatus>;
  /** Mask at the device; at DIRQL under the interrupt lock. */
  readonly evtInterruptDisable?: DriverCallback<[interrupt: Interrupt, device: Device], NtStatus>;
  /** The DPC, or the work item where the device's execution level is `passive`, takes the device's callback lock. It never covers the ISR. Default false. */
  readonly automaticSerialization?: boolean;
  /** Which of the device's interrupt resources; default: the next one not yet taken, as the framework assigns them. */
  readonly resourceIndex?: number;
}

// What stands in for a callback that the driver has not registered.
const doNothing = (): Suspending<void> => COMPLETED;
const succeed = (): Suspending<NtStatus> => SUCCEEDED;

/** WDF_INTERRUPT_INFO: the resource behind an interrupt. */
export interface InterruptInfo {
  readonly messageNumber: number;
  readonly vector: number;
  readonly irql: Irql;
  readonly mode: 'line' | 'edge' | 'message';
  readonly messageSignaled: boolean;
}

/** WDFINTERRUPT: the interrupt spin lock, one ISR, one DPC object (queues-requests-cancel sections 6 and 7). */
export class Interrupt extends FxObject {
  readonly vector: InterruptVector;
  readonly #lock: SpinLock;
  /** Instead of the spin lock, when the interrupt is handled at PASSIVE_LEVEL; null otherwise. */
  readonly #waitLock: WdfWaitLock | null;
  readonly #dpc: Dpc;
  readonly #workItem: InterruptWorkItem;
  readonly #isr: (interrupt: Interrupt, messageId: number) => Suspending<boolean>;
  readonly #dpcRoutine: (interrupt: Interrupt, device: Device) => Suspending<void>;
  readonly #enable: (interrupt: Interrupt, device: Device) => Suspending<NtStatus>;
  readonly #disable: (interrupt: Interrupt, device: Device) => Suspending<NtStatus>;
  /** Held around its DPC or work item; null without automatic serialization. */
  readonly callbackLock: CallbackLock | null;
  #connected = false;
  /** Its device is in D0, or on the way: the framework has connected it, unless the driver had disabled it. */
  #isPowered = false;
  /** EvtInterruptEnable was called, EvtInterruptDisable not yet. */
  #isEnabled = false;
  #isDisconnecting = false;
  /** Set when it has been disconnected; null while nobody waits for that. */
  #disconnected: KernelEvent | null = null;
  /** WdfInterruptDisable was called: it stays disconnected, over power cycles too, until WdfInterruptEnable. */
  #isForcedOff = false;
  #isActive = false;

  private constructor(
    readonly device: Device,
    config: InterruptConfig,
    vector: InterruptVector,
    readonly messageId: number,
    callbackLock: CallbackLock | null,
  ) {
    super(device.kernel, 'Interrupt', device);
    this.vector = vector;
    this.#lock = config.spinLock?.atLeast(vector.irql) ?? new SpinLock(device.kernel, `${this.label} lock`, vector.irql);
    this.#waitLock = config.passiveHandling === true ? (config.waitLock ?? WdfWaitLock.create(this)) : null;
    this.#dpc = new Dpc(device.kernel, `${this.label} DPC`, () => this.#runDpc());
    const { evtInterruptWorkItem, evtInterruptDpc, evtInterruptEnable, evtInterruptDisable } = config;
    this.#workItem = new InterruptWorkItem(this, evtInterruptWorkItem === undefined ? doNothing : suspendingCallback(evtInterruptWorkItem));
    this.#isr = suspendingCallback(config.evtInterruptIsr);
    this.#dpcRoutine = evtInterruptDpc === undefined ? doNothing : suspendingCallback(evtInterruptDpc);
    this.#enable = evtInterruptEnable === undefined ? succeed : suspendingCallback(evtInterruptEnable);
    this.#disable = evtInterruptDisable === undefined ? succeed : suspendingCallback(evtInterruptDisable);
    this.callbackLock = callbackLock;
  }

  /**
   * WdfInterruptCreate, in EvtDriverDeviceAdd or EvtDevicePrepareHardware, else INVALID_DEVICE_STATE. INVALID_PARAMETER: the device
   * has no such interrupt resource, both a DPC and a work item, a spin lock with passive handling, a wait lock without it;
   * WDF_INCOMPATIBLE_EXECUTION_LEVEL: automatic serialization of a DPC with passive callbacks, or of a work item with others.
   */
  static create(device: Device, config: InterruptConfig): Created<Interrupt> {
    if (!device.takesInterrupts) return { ok: false, status: STATUS_INVALID_DEVICE_STATE };
    const lockOfOtherKind = config.passiveHandling === true ? config.spinLock : config.waitLock;
    if (lockOfOtherKind !== undefined || (config.evtInterruptDpc !== undefined && config.evtInterruptWorkItem !== undefined))
      return { ok: false, status: STATUS_INVALID_PARAMETER };
    const resourceIndex = config.resourceIndex ?? device.interrupts.length;
    const vector = device.resources.vectors[resourceIndex];
    if (vector === undefined) return { ok: false, status: STATUS_INVALID_PARAMETER };
    const level = config.evtInterruptWorkItem === undefined ? 'dispatch' : 'passive';
    const { status, lock } = effectiveLock(device, config.automaticSerialization ?? false, level);
    if (status !== STATUS_SUCCESS) return { ok: false, status };
    const interrupt = new Interrupt(device, config, vector, resourceIndex, lock);
    device.interrupts.push(interrupt);
    return { ok: true, status: STATUS_SUCCESS, object: interrupt };
  }

  /** Raises to DIRQL and takes the interrupt spin lock. Not recursive. While the interrupt is not connected: rule C20, no lock is taken. */
  acquireLock(): Suspending<void> {
    return this.#isConnected('WdfInterruptAcquireLock') ? this.#takeLock() : COMPLETED;
  }

  /** WdfInterruptTryToAcquireLock, for interrupts handled at PASSIVE_LEVEL, from threads that must not wait. False: held by somebody, not connected, not passive (rule C20), or above PASSIVE_LEVEL (C01). */
  *tryToAcquireLock(): Suspending<boolean> {
    if (this.#waitLock === null) {
      this.#reportConnection('WdfInterruptTryToAcquireLock', 'which is not handled at PASSIVE_LEVEL: no lock is taken');
      return false;
    }
    if (!this.kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfInterruptTryToAcquireLock')) return false;
    if (!this.#isConnected('WdfInterruptTryToAcquireLock')) return false;
    return yield* this.#waitLock.tryToAcquire();
  }

  releaseLock(): Suspending<void> {
    const isHeld = this.#waitLock?.isHeldByCurrent ?? this.#lock.isHeldByCurrent;
    return isHeld || this.#isConnected('WdfInterruptReleaseLock') ? this.#freeLock() : COMPLETED;
  }

  /** Runs `callback` at DIRQL under the interrupt lock and returns what it returns (WdfInterruptSynchronize); false while not connected (rule C20), or above PASSIVE_LEVEL with passive handling (C01). */
  *synchronize(callback: DriverCallback<[interrupt: Interrupt], boolean>): Suspending<boolean> {
    if (this.isPassive && !this.kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfInterruptSynchronize')) return false;
    if (!this.#isConnected('WdfInterruptSynchronize')) return false;
    yield* this.#takeLock();
    const body = suspendingCallback(callback);
    const result = yield* body(this);
    yield* this.#freeLock();
    return result;
  }

  #takeLock(): Suspending<void> {
    return this.#waitLock === null ? this.#lock.acquire() : this.#waitLock.acquire();
  }

  #freeLock(): Suspending<void> {
    return this.#waitLock === null ? this.#lock.release() : this.#waitLock.release();
  }

  #isConnected(ddi: string): boolean {
    if (this.#connected) return true;
    this.kernel.violation({
      rule: 'C20',
      severity: 'warning',
      object: this.label,
      message: `${ddi} is called on ${this.label} before EvtInterruptEnable or after EvtInterruptDisable: no lock is taken`,
    });
    return false;
  }

  /** True: queued. False: already queued and not yet started, nothing was added; that DPC must drain this event too. */
  queueDpcForIsr(): boolean {
    return this.#dpc.queue();
  }

  /** As `queueDpcForIsr`, for EvtInterruptWorkItem. From an ISR it goes through a DPC, since a thread cannot be woken there. */
  queueWorkItemForIsr(): boolean {
    return this.#workItem.queue();
  }

  get isPassive(): boolean {
    return this.#waitLock !== null;
  }

  /** The vector asks this sharer; a disconnected interrupt answers false. */
  *service(): Suspending<boolean> {
    if (!this.#isActive) return false;
    yield* this.#takeLock();
    let claimed = false;
    // While it waited for the lock it may have been disconnected: its ISR must not run any more.
    if (this.#isActive) {
      const irql = this.kernel.enter(this.objectId, 'EvtInterruptIsr');
      claimed = yield* this.#isr(this, this.messageId);
      this.kernel.leave(irql, this.objectId, 'EvtInterruptIsr');
    }
    yield* this.#freeLock();
    return claimed;
  }

  /** The vector leaves a passive ISR to a thread, masks itself, and hears the answer from there. */
  serviceAtPassive(): void {
    this.vector.cpu.queueThread(`${this.label} passive ISR`, this.objectId, this.#serviceThread());
  }

  *#serviceThread(): Suspending<void> {
    this.vector.unmask(yield* this.service());
  }

  *#runDpc(): Suspending<void> {
    const lock = this.callbackLock;
    if (lock !== null) yield* lock.acquire();
    const irql = this.kernel.enter(this.objectId, 'EvtInterruptDpc');
    yield* this.#dpcRoutine(this, this.device);
    this.kernel.leave(irql, this.objectId, 'EvtInterruptDpc');
    if (lock !== null) yield* lock.release();
  }

  /** WdfInterruptGetInfo. */
  get info(): InterruptInfo {
    this.requireLive('WdfInterruptGetInfo');
    const { index, irql, source } = this.vector;
    return { messageNumber: this.messageId, vector: index, irql, mode: source.kind, messageSignaled: source.kind === 'message' };
  }

  /**
   * WdfInterruptEnable, at PASSIVE_LEVEL, not from request handlers: connects an interrupt that WdfInterruptDisable has
   * disconnected, EvtInterruptEnable included. Rule C20 while it is connected, and outside of D0, where it is connected
   * at the next D0 entry.
   */
  *enable(): Suspending<void> {
    if (!(yield* this.#enterPassive('WdfInterruptEnable'))) return;
    this.#isForcedOff = false;
    if (this.#connected) this.#reportConnection('WdfInterruptEnable', 'which is connected already: ignored');
    else if (this.#isPowered) yield* this.#connect();
    else this.#reportConnection('WdfInterruptEnable', 'whose device is not in D0: it is connected at the next D0 entry');
  }

  /**
   * WdfInterruptDisable, at PASSIVE_LEVEL, not from request handlers: EvtInterruptDisable, then the ISR cannot be reached.
   * Power transitions leave the interrupt alone until WdfInterruptEnable.
   */
  *disable(): Suspending<void> {
    if (!(yield* this.#enterPassive('WdfInterruptDisable'))) return;
    this.#isForcedOff = true;
    yield* this.#disconnect();
  }

  *#enterPassive(ddi: string): Suspending<boolean> {
    const op = makeOp(this.objectId, OpKind.Update);
    if (this.kernel.at(op)) yield op;
    this.requireLive(ddi);
    return this.kernel.requireIrqlAtMost(PASSIVE_LEVEL, ddi);
  }

  /** WdfInterruptReportInactive, at or below DISPATCH_LEVEL: no interrupts are expected; the system calls its ISR no more. Rule C20 while not connected. */
  reportInactive(): void {
    this.#setActive('WdfInterruptReportInactive', false);
  }

  /** WdfInterruptReportActive, at or below DISPATCH_LEVEL: interrupts are expected again. Rule C20 while not connected. */
  reportActive(): void {
    this.#setActive('WdfInterruptReportActive', true);
  }

  #setActive(ddi: string, isActive: boolean): void {
    this.requireLive(ddi);
    if (!this.kernel.requireIrqlAtMost(DISPATCH_LEVEL, ddi)) return;
    if (!this.#connected) this.#reportConnection(ddi, 'which is not connected: ignored');
    else {
      this.#isActive = isActive;
      this.vector.expectationsChanged();
    }
  }

  /** Its ISR may be called. */
  get isActive(): boolean {
    return this.#isActive;
  }

  #reportConnection(ddi: string, what: string): void {
    this.kernel.violation({ rule: 'C20', severity: 'warning', object: this.label, message: `${ddi} is called on ${this.label}, ${what}` });
  }

  /** Power up: connect, then EvtInterruptEnable at DIRQL under the lock. */
  connect(): Suspending<NtStatus> {
    this.#isPowered = true;
    return this.#isForcedOff ? SUCCEEDED : this.#connect();
  }

  *#connect(): Suspending<NtStatus> {
    this.#connected = true;
    this.#isActive = true;
    this.vector.connect(this);
    this.#isEnabled = true;
    const status = yield* this.#atDevice(this.#enable, 'EvtInterruptEnable');
    if (!NT_SUCCESS(status)) this.#leaveVector();
    return status;
  }

  /** Power down: EvtInterruptDisable, then the ISR is unreachable; queued DPCs and work items have ended when this returns. */
  disconnect(): Suspending<void> {
    this.#isPowered = false;
    return this.#disconnect();
  }

  /** Who comes while another thread disconnects waits for its end: the caller may power the device off then. */
  *#disconnect(): Suspending<void> {
    if (this.#isDisconnecting) {
      this.#disconnected ??= new KernelEvent(this.kernel, `${this.label} to be disconnected`);
      yield* this.#disconnected.wait();
      return;
    }
    if (!this.#isEnabled) return;
    this.#isDisconnecting = true;
    this.#isEnabled = false;
    yield* this.#atDevice(this.#disable, 'EvtInterruptDisable');
    // Flushed before the interrupt is disconnected, as the framework does: what still runs may take its lock.
    yield* this.#dpc.flush();
    yield* this.#workItem.flush();
    // Disconnecting waits for an ISR that another processor is in: on a shared vector a neighbour's interrupt calls it.
    yield* this.#takeLock();
    this.#leaveVector();
    yield* this.#freeLock();
    this.#isDisconnecting = false;
    this.#disconnected?.set();
    this.#disconnected = null;
  }

  *#atDevice(callback: (interrupt: Interrupt, device: Device) => Suspending<NtStatus>, name: string): Suspending<NtStatus> {
    yield* this.#takeLock();
    // Somebody disconnected it while this waited for the lock: there is nothing to enable any more.
    if (callback === this.#enable && !this.#isEnabled) {
      yield* this.#freeLock();
      return STATUS_SUCCESS;
    }
    const irql = this.kernel.enter(this.objectId, name);
    const status = yield* callback(this, this.device);
    this.kernel.leave(irql, this.objectId, name);
    yield* this.#freeLock();
    return status;
  }

  #leaveVector(): void {
    this.#connected = false;
    this.#isEnabled = false;
    this.#isActive = false;
    this.vector.disconnect(this);
  }
}
