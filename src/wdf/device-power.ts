import {
  DRIVER_POWER_STATE_FAILURE,
  InternalError,
  NT_SUCCESS,
  STATUS_DEVICE_REMOVED,
  STATUS_SUCCESS,
  type NtStatus,
} from '../nt/index.js';
import {
  answered,
  Dpc,
  EventKind,
  KernelEvent,
  type FxObject,
  makeOp,
  newTimer,
  OpKind,
  type Activation,
  type KernelTimer,
  type Suspending,
} from '../kernel/index.js';
import type { Device } from './device.js';
import type { BusResources } from './hardware-resources.js';
import { PowerCallbacks, type PnpPowerEventCallbacks } from './power-callbacks.js';

/**
 * PnP and power states of a device and what the managers may ask in each. KMDF's own machines have some three hundred
 * states; these are the ones a driver can tell apart.
 */
export const PNP_TRANSITIONS = {
  NotStarted: { start: 'D0', surpriseRemove: 'SurpriseRemoved', remove: 'Removed' },
  D0: { powerDown: 'Dx', stop: 'Stopped', surpriseRemove: 'SurpriseRemoved', remove: 'Removed' },
  Dx: { powerUp: 'D0', stop: 'Stopped', surpriseRemove: 'SurpriseRemoved', remove: 'Removed' },
  Stopped: { start: 'D0', surpriseRemove: 'SurpriseRemoved', remove: 'Removed' },
  /** A step of the way up failed and was undone: the hardware is released. */
  Failed: { surpriseRemove: 'SurpriseRemoved', remove: 'Removed' },
  SurpriseRemoved: { remove: 'Removed' },
  Removed: {},
} as const;
export type PnpState = keyof typeof PNP_TRANSITIONS;
const PNP_STATES = Object.keys(PNP_TRANSITIONS);
export type PnpRequest = 'start' | 'powerDown' | 'powerUp' | 'stop' | 'surpriseRemove' | 'remove';

/** A power transition that takes longer than this is a hang: bug check 0x9F, rule B01. Kernel time. */
export const POWER_TRANSITION_TIMEOUT_NS = 60e9;

/** The order of queues-requests-cancel sections 9 and 10, for one device. */
export class DevicePower {
  readonly #device: Device;
  readonly #bus: BusResources;
  readonly #callbacks: PowerCallbacks;
  readonly #watchdog: KernelTimer;
  /** Set while no transition runs. */
  readonly #idle: KernelEvent;
  #state: PnpState = 'NotStarted';
  #transition: PnpRequest | null = null;
  /** SelfManagedIoInit has been called: Suspend, Restart, Flush and Cleanup apply. */
  #selfManagedIo = false;
  #isPresent = true;
  /** EvtDevicePrepareHardware runs. */
  #isPreparing = false;
  /** What runs EvtDeviceSurpriseRemoval now; null otherwise. */
  #surpriseCaller: Activation | null = null;

  constructor(device: Device, bus: BusResources, callbacks: PnpPowerEventCallbacks) {
    const { kernel, label } = device;
    this.#device = device;
    this.#bus = bus;
    this.#callbacks = new PowerCallbacks(callbacks);
    this.#idle = new KernelEvent(kernel, `${label}: the power transition before`);
    this.#idle.set();
    this.#watchdog = newTimer(
      `${label} power watchdog`,
      new Dpc(kernel, `${label} power watchdog`, () => this.#expired()),
      kernel.vcpus[0]!,
    );
  }

  get state(): PnpState {
    return this.#state;
  }

  /** Interrupt objects can be created: in EvtDriverDeviceAdd, before anything was asked of the device, and in EvtDevicePrepareHardware. */
  get takesInterrupts(): boolean {
    return this.#isPreparing || (this.#state === 'NotStarted' && this.#transition === null);
  }

  *start(): Suspending<NtStatus> {
    if (!(yield* this.#begin('start'))) return STATUS_DEVICE_REMOVED;
    this.#bus.setPowerState(0);
    this.#device.resources.registers.closedBecause = null;
    this.#isPreparing = true;
    let status = yield* this.#call('evtDevicePrepareHardware');
    this.#isPreparing = false;
    if (NT_SUCCESS(status)) {
      status = yield* this.#enterD0();
      if (!NT_SUCCESS(status)) yield* this.#releaseHardware();
    } else this.#closeHardware('EvtDevicePrepareHardware has failed');
    this.#end(NT_SUCCESS(status) ? 'D0' : 'Failed');
    return status;
  }

  *powerDown(): Suspending<NtStatus> {
    if (!(yield* this.#begin('powerDown'))) return STATUS_DEVICE_REMOVED;
    yield* this.#leaveD0();
    this.#end('Dx');
    return STATUS_SUCCESS;
  }

  *powerUp(): Suspending<NtStatus> {
    if (!(yield* this.#begin('powerUp'))) return STATUS_DEVICE_REMOVED;
    this.#bus.setPowerState(0);
    this.#device.resources.registers.closedBecause = null;
    const status = yield* this.#enterD0();
    if (!NT_SUCCESS(status)) yield* this.#releaseHardware();
    this.#end(NT_SUCCESS(status) ? 'D0' : 'Failed');
    return status;
  }

  *stop(): Suspending<NtStatus> {
    if (!(yield* this.#begin('stop'))) return STATUS_DEVICE_REMOVED;
    if (this.#state === 'D0') yield* this.#leaveD0();
    yield* this.#releaseHardware();
    this.#end('Stopped');
    return STATUS_SUCCESS;
  }

  *surpriseRemove(): Suspending<void> {
    const { kernel, resources } = this.#device;
    // The pull is an operation on the device itself: it stands between two of its steps.
    const pull = makeOp(resources.registers.objectId, OpKind.Update);
    if (kernel.at(pull)) yield pull;
    if (!('surpriseRemove' in PNP_TRANSITIONS[this.#state])) return;
    this.#isPresent = false;
    this.#bus.setPresent(false);
    yield* this.#tellSurpriseRemoval();
    if (!(yield* this.#begin('surpriseRemove'))) return;
    if (this.#state === 'D0') yield* this.#leaveD0();
    if (this.#state === 'D0' || this.#state === 'Dx') yield* this.#releaseHardware();
    yield* this.#purgeQueues();
    this.#end('SurpriseRemoved');
  }

  *remove(): Suspending<void> {
    yield* this.#begin('remove');
    if (this.#state === 'D0') yield* this.#leaveD0();
    if (this.#state === 'D0' || this.#state === 'Dx') yield* this.#releaseHardware();
    if (this.#state !== 'SurpriseRemoved') yield* this.#purgeQueues();
    if (this.#selfManagedIo) yield* this.#call('evtDeviceSelfManagedIoCleanup');
    this.#end('Removed');
    yield* this.#device.delete();
  }

  /** One transition at a time; the watchdog runs until `#end`. False: the device went away while this request was on its way. */
  #begin(request: PnpRequest): Suspending<boolean> {
    return this.#transition === null ? answered(this.#beginNow(request)) : this.#beginLater(request);
  }

  *#beginLater(request: PnpRequest): Suspending<boolean> {
    while (this.#transition !== null) yield* this.#idle.wait();
    return this.#beginNow(request);
  }

  #beginNow(request: PnpRequest): boolean {
    const { kernel, label } = this.#device;
    if (!(request in PNP_TRANSITIONS[this.#state])) {
      if (this.#isGone && request !== 'remove') return false;
      throw new InternalError('PNP_REQUEST', `${request} is asked of ${label}, which is ${this.#state}`);
    }
    this.#transition = request;
    this.#idle.clear();
    kernel.watchdogs.arm(this.#watchdog, kernel.clock.nowNs() + POWER_TRANSITION_TIMEOUT_NS);
    return true;
  }

  get #isGone(): boolean {
    return this.#state === 'SurpriseRemoved' || this.#state === 'Failed' || this.#state === 'Removed';
  }

  #end(state: PnpState): void {
    const { kernel, objectId } = this.#device;
    this.#state = state;
    this.#transition = null;
    kernel.watchdogs.cancel(this.#watchdog);
    kernel.emit(EventKind.PowerState, objectId, PNP_STATES.indexOf(state), 0);
    this.#idle.set();
  }

  *#expired(): Suspending<void> {
    const { kernel, label, objectId, queues, resources } = this.#device;
    const waiting = queues.flatMap(({ label: queue, power }) =>
      power.unanswered === 0 ? [] : [`${power.unanswered} requests of ${queue}`],
    );
    const why =
      waiting.length === 0 ? 'a callback has not returned' : `neither completed nor acknowledged after EvtIoStop: ${waiting.join(', ')}`;
    this.#reportUnanswered();
    kernel.violation({
      rule: 'B01',
      severity: 'crash',
      object: label,
      message: `${this.#transition} of ${resources.deviceName} (${label}) did not end within ${POWER_TRANSITION_TIMEOUT_NS / 1e9} s: ${why}`,
      bugCheck: { code: DRIVER_POWER_STATE_FAILURE, parameters: [3, objectId] },
    });
  }

  /** Whose fault the hang is: C15 for each EvtIoStop without an answer, D46 for requests that outlive their hardware. */
  #reportUnanswered(): void {
    const { kernel, queues, label, resources } = this.#device;
    for (const { power, label: queue } of queues) {
      for (const request of power.unansweredStops) {
        kernel.violation({
          rule: 'C15',
          severity: 'error',
          object: request.label,
          message: `EvtIoStop of ${queue} was called for ${request.label}, and ${POWER_TRANSITION_TIMEOUT_NS / 1e9} s later the driver has neither completed nor acknowledged it`,
        });
      }
    }
    const left = queues.reduce((sum, { driverOwnedCount }) => sum + driverOwnedCount, 0);
    if (this.#isPresent || left === 0) return;
    kernel.violation({
      rule: 'D46',
      severity: 'error',
      object: label,
      message: `the hardware of ${resources.deviceName} was pulled out, and the driver still keeps ${left} requests: they must be finished without it`,
    });
  }

  // ---- Up (section 9)

  *#enterD0(): Suspending<NtStatus> {
    const { interrupts } = this.#device;
    this.#bus.setBusMaster(true);
    let status = yield* this.#call('evtDeviceD0Entry');
    if (!NT_SUCCESS(status)) {
      this.#bus.setBusMaster(false);
      this.#closeHardware('EvtDeviceD0Entry has failed');
      return status;
    }
    for (const interrupt of interrupts) {
      status = yield* interrupt.connect();
      if (!NT_SUCCESS(status)) break;
    }
    if (NT_SUCCESS(status)) status = yield* this.#call('evtDeviceD0EntryPostInterruptsEnabled');
    if (NT_SUCCESS(status)) status = yield* this.#powerUpEnablers();
    if (!NT_SUCCESS(status)) {
      yield* this.#interruptsOffAndExit();
      return status;
    }
    return yield* this.#resumeIo();
  }

  /** Stops at the first enabler that fails; then all of them get PowerDown. */
  *#powerUpEnablers(): Suspending<NtStatus> {
    const { dmaEnablers } = this.#device;
    for (const enabler of dmaEnablers) {
      const status = yield* enabler.powerUp();
      if (NT_SUCCESS(status)) continue;
      for (const every of dmaEnablers) yield* every.powerDown();
      return status;
    }
    return STATUS_SUCCESS;
  }

  /** All queues are powered before one of them dispatches. A driver whose own I/O does not start loses D0 again. */
  *#resumeIo(): Suspending<NtStatus> {
    const { queues } = this.#device;
    for (const queue of queues) yield* queue.resumeForPower();
    for (const queue of queues) yield* queue.dispatchForPower();
    const isFirst = !this.#selfManagedIo;
    this.#selfManagedIo = true;
    const status = yield* this.#call(isFirst ? 'evtDeviceSelfManagedIoInit' : 'evtDeviceSelfManagedIoRestart');
    if (!NT_SUCCESS(status)) yield* this.#stopIoAndExit();
    return status;
  }

  // ---- Down (section 9)

  *#leaveD0(): Suspending<void> {
    if (this.#selfManagedIo) yield* this.#call('evtDeviceSelfManagedIoSuspend');
    yield* this.#stopIoAndExit();
  }

  *#stopIoAndExit(): Suspending<void> {
    const { queues, dmaEnablers } = this.#device;
    for (const queue of queues) yield* queue.beginPowerDown();
    for (const queue of queues) yield* queue.holdForPower();
    for (const enabler of dmaEnablers) yield* enabler.powerDown();
    yield* this.#interruptsOffAndExit();
  }

  *#interruptsOffAndExit(): Suspending<void> {
    const { interrupts } = this.#device;
    yield* this.#call('evtDeviceD0ExitPreInterruptsDisabled');
    for (const interrupt of interrupts) yield* interrupt.disconnect();
    yield* this.#call('evtDeviceD0Exit');
    this.#bus.setBusMaster(false);
    this.#closeHardware('the device is not in D0');
  }

  *#releaseHardware(): Suspending<void> {
    this.#closeHardware('the device is not in D0');
    yield* this.#call('evtDeviceReleaseHardware');
    this.#closeHardware('its hardware has been released');
  }

  /** The bus driver takes the power away, and from here on nobody may touch a register (rule D47). */
  #closeHardware(why: string): void {
    if (this.#isPresent) this.#bus.setPowerState(3);
    this.#device.resources.registers.closedBecause = why;
  }

  /** Removal: what waits is cancelled, what the driver has must be completed; its self-managed I/O goes between the two kinds of queues. */
  *#purgeQueues(): Suspending<void> {
    const { queues } = this.#device;
    for (const queue of queues) if (queue.isPowerManaged) yield* queue.purgeForRemoval();
    if (this.#selfManagedIo) yield* this.#call('evtDeviceSelfManagedIoFlush');
    for (const queue of queues) if (!queue.isPowerManaged) yield* queue.purgeForRemoval();
  }

  // ---- Surprise removal (section 10)

  *#tellSurpriseRemoval(): Suspending<void> {
    this.#surpriseCaller = this.#device.kernel.current.top!;
    yield* this.#call('evtDeviceSurpriseRemoval');
    this.#surpriseCaller = null;
  }

  checkSurpriseRemoval(ddi: string, object: FxObject): void {
    const { kernel, label } = this.#device;
    if (this.#surpriseCaller === null || this.#surpriseCaller !== kernel.current.top) return;
    kernel.violation({
      rule: 'C18',
      severity: 'error',
      object: label,
      message: `${ddi} is called for ${object.label} inside EvtDeviceSurpriseRemoval of ${label}: requests are finished from EvtIoStop or the self-managed I/O callbacks`,
    });
  }

  #call(name: keyof PnpPowerEventCallbacks): Suspending<NtStatus> {
    return this.#callbacks.call(this.#device, name);
  }
}
