import { NT_SUCCESS, STATUS_CANCELLED, STATUS_IO_TIMEOUT, statusName, type NtStatus } from '../nt/index.js';
import {
  Dpc,
  EventKind,
  KernelEvent,
  newTimer,
  type Clock,
  type Kernel,
  type KernelTimer,
  type RandomSource,
  type Suspending,
} from '../kernel/index.js';
import type { MachineMemory } from '../memory/index.js';
import { RequestType, type Device, type FileObject, type Request } from '../wdf/index.js';
import type { Canceller } from './canceller.js';
import type { WorkloadConfig } from './config.js';
import { IOCTL_TRANSFER_READ, IOCTL_TRANSFER_WRITE, TRANSFER_INPUT_BYTES } from './control-codes.js';
import { noFaultsInjected, type FaultLedger } from './fault-ledger.js';
import type { LatencyRecorder } from './latency.js';
import { LoopbackTraffic } from './loopback-traffic.js';
import type { PayloadPattern } from './payload.js';
import type { PowerActor } from './power-actor.js';
import type { RequestSlot, SlotOwner } from './request-slot.js';
import { StorageTraffic, type Traffic } from './traffic.js';

export interface DeviceWorkloadParts {
  readonly kernel: Kernel;
  readonly memory: MachineMemory;
  readonly device: Device;
  readonly deviceName: string;
  readonly slots: readonly RequestSlot[];
  readonly pattern: PayloadPattern;
  readonly random: RandomSource;
  readonly config: WorkloadConfig;
  /** Requests this device is to complete; Infinity while only time ends the run. */
  readonly quota: number;
  /** Physical address of the device's local memory, where the oracle looks. */
  readonly localMemoryAddress: number;
  /** Null where time is virtual: what requests take says nothing there. */
  readonly latency: LatencyRecorder | null;
  /** Cancels a share of the requests; null when nothing is cancelled. */
  readonly canceller: Canceller | null;
  /** Power cycles and unplugs; null when nothing of the kind happens. */
  readonly power: PowerActor | null;
  /** What injected faults explain; absent when none are planned. */
  readonly faults?: FaultLedger;
}

/**
 * An application over one device: keeps requests in flight, and checks that each completes exactly once, with success,
 * with all its bytes, and with the right ones. What bytes are right is the affair of the traffic.
 */
export class DeviceWorkload implements SlotOwner {
  completed = 0;
  /** How the completed requests ended, by their status. */
  readonly endings = { succeeded: 0, cancelled: 0, failed: 0 };
  bytes = 0;
  failed = 0;
  /** Requests their driver gave up with IO_TIMEOUT, as an injected fault or a leap of virtual time explains. */
  timedOut = 0;
  /** Requests that completed with success and too few bytes, as injected faults explain. */
  shortened = 0;
  readonly #parts: DeviceWorkloadParts;
  readonly #traffic: Traffic;
  readonly #clock: Clock;
  readonly #free: RequestSlot[];
  readonly #wake: KernelEvent;
  readonly #faults: FaultLedger;
  #freeHead = 0;
  #freeCount: number;
  #submitted = 0;
  /** The application's open file; null where it needs none. */
  #file: FileObject | null = null;
  #filesOpened = 0;
  #isOpening = false;
  #stopping = false;
  /** Threads of the application that have not ended, and those of them that wait. */
  #threads: number;
  #pausing = 0;
  #startNs = 0;
  readonly #dueTimer: KernelTimer;

  constructor(parts: DeviceWorkloadParts) {
    this.#parts = parts;
    this.#clock = parts.kernel.clock;
    this.#faults = parts.faults ?? noFaultsInjected;
    this.#free = [...parts.slots];
    this.#freeCount = parts.slots.length;
    this.#threads = parts.config.applications;
    for (const slot of parts.slots) slot.owner = this;
    this.#wake = new KernelEvent(parts.kernel, `${parts.deviceName}: a completed request`);
    const { kernel } = parts;
    this.#traffic =
      parts.config.traffic === 'loopback'
        ? new LoopbackTraffic(parts, kernel, parts.deviceName, () => this.#wake.set())
        : new StorageTraffic(parts);
    const dueDpc = new Dpc(kernel, `${parts.deviceName}: next request is due`, () => this.#wakeWhenDue());
    this.#dueTimer = newTimer(dueDpc.name, dueDpc, kernel.current);
  }

  get deviceName(): string {
    return this.#parts.deviceName;
  }

  get bytesVerified(): number {
    return this.#traffic.bytesVerified;
  }

  get outstanding(): number {
    return this.#submitted - this.completed;
  }

  /** A request in flight, the one in the first slot that has one; null when nothing is in flight. */
  get firstInFlight(): Request | null {
    for (const { inFlight, request } of this.#parts.slots) if (inFlight) return request;
    return null;
  }

  /** Everything asked for was submitted and has completed. */
  get isDone(): boolean {
    return this.outstanding === 0 && this.#parts.power?.isBusy !== true && (this.#stopping || this.#submitted >= this.#parts.quota);
  }

  /** No more submissions; what is in flight still completes. */
  stop(): void {
    this.#stopping = true;
    this.#wake.set();
  }

  /** A thread of the application, at PASSIVE_LEVEL; there may be several. */
  *thread(): Suspending<void> {
    this.#startNs = this.#clock.nowNs();
    while (this.#goesOn()) {
      const dueNs = this.#dueNs();
      const isEarly = this.#parts.config.ratePerSecond > 0 && dueNs > this.#clock.nowNs();
      const count = isEarly ? 0 : this.#traffic.next(this.#left(), this.#freeCount);
      if (count === 0) {
        yield* this.#pause(isEarly ? dueNs : null);
        this.#pausing--;
      } else if (this.#needsFile() && this.#file?.isClosed !== false) yield* this.#openFile();
      else yield* this.#submit(count, dueNs);
    }
    this.#threads--;
  }

  /** Until something completes, or the next request is due. The traffic is asked when all threads of the application wait. */
  #pause(dueNs: number | null): Suspending<void> {
    this.#wake.clear();
    this.#pausing++;
    if (this.#freeCount > 0 && dueNs !== null) this.#parts.kernel.timers.arm(this.#dueTimer, dueNs);
    else if (this.#pausing === this.#threads) this.#traffic.waits();
    return this.#wake.wait();
  }

  /** One request, or two that go together: both are drawn at once and submitted by one thread, in order. */
  #submit(count: 1 | 2, dueNs: number): Suspending<void> {
    const first = this.#takeSlot();
    const second = count === 2 ? this.#takeSlot() : null;
    this.#prepare(first, dueNs);
    if (second === null) return this.#parts.device.submit(first.request);
    this.#prepare(second, dueNs);
    return this.#submitBoth(first.request, second.request);
  }

  *#submitBoth(first: Request, second: Request): Suspending<void> {
    const { device } = this.#parts;
    yield* device.submit(first);
    yield* device.submit(second);
  }

  /** Requests that are asked for and not submitted. */
  #left(): number {
    return this.#stopping ? 0 : Math.max(this.#parts.quota - this.#submitted, 0);
  }

  #goesOn(): boolean {
    return this.#left() > 0 || (this.#traffic.owesMore && this.#parts.power?.isGone !== true);
  }

  *#wakeWhenDue(): Suspending<void> {
    this.#wake.set();
  }

  #dueNs(): number {
    const rate = this.#parts.config.ratePerSecond;
    return rate > 0 ? this.#startNs + (this.#submitted * 1e9) / rate : this.#clock.nowNs();
  }

  #takeSlot(): RequestSlot {
    const slot = this.#free[this.#freeHead]!;
    this.#freeHead = (this.#freeHead + 1) % this.#free.length;
    this.#freeCount--;
    return slot;
  }

  #prepare(slot: RequestSlot, dueNs: number): void {
    const { kernel } = this.#parts;
    this.#traffic.prepare(slot);
    slot.dueNs = dueNs;
    slot.inFlight = true;
    slot.leapsAtSubmit = kernel.timeLeaps;
    this.#issue(slot);
    this.#submitted++;
    this.#parts.canceller?.submitted(slot);
    if (this.#parts.power?.submitted() === true) this.stop();
    kernel.emit(EventKind.RequestSubmit, slot.request.objectId, slot.lengthBytes, slot.deviceOffset);
  }

  #issue(slot: RequestSlot): void {
    const { request, lengthBytes } = slot;
    slot.fileObject = this.#file;
    if (slot.isPlainControl) {
      const ioControlCode = this.#parts.config.controlCode;
      request.prepareDeviceControl({ ioControlCode, inputBufferLengthBytes: 0, outputBufferLengthBytes: 0 }, slot, this.#file);
      return;
    }
    if (!slot.isDeviceControl) {
      request.prepare(slot.isRead ? RequestType.Read : RequestType.Write, slot.firstMdl, lengthBytes, slot.deviceOffset, slot, this.#file);
      return;
    }
    const { i32 } = this.#parts.memory;
    const systemBuffer = slot.systemBuffer!;
    i32[systemBuffer.physicalAddress(0) / 4] = slot.deviceOffset % 0x1_0000_0000;
    i32[systemBuffer.physicalAddress(4) / 4] = Math.floor(slot.deviceOffset / 0x1_0000_0000);
    request.prepareDeviceControl(
      {
        ioControlCode: slot.isRead ? IOCTL_TRANSFER_READ : IOCTL_TRANSFER_WRITE,
        inputBufferLengthBytes: TRANSFER_INPUT_BYTES,
        outputBufferLengthBytes: lengthBytes,
        systemBuffer,
        mdl: slot.firstMdl,
      },
      slot,
      this.#file,
    );
  }

  /** Where requests are cancelled by closing, and where the driver wants to know of files. */
  #needsFile(): boolean {
    return this.#parts.canceller !== null || this.#parts.device.needsFileObject;
  }

  /** One application thread opens the device; the others wait for it. A driver that refuses ends the traffic. */
  *#openFile(): Suspending<void> {
    if (this.#isOpening) {
      yield* this.#waitForOpen();
      return;
    }
    const { device, deviceName, kernel, power } = this.#parts;
    this.#isOpening = true;
    const opened = yield* device.openFile(`${deviceName} file ${++this.#filesOpened}`);
    this.#isOpening = false;
    if (opened.ok) this.#file = opened.object;
    else this.stop();
    this.#wake.set();
    if (opened.ok || power?.isGone === true) return;
    kernel.violation({
      rule: 'L-REQUEST-FAILED',
      severity: 'error',
      object: device.label,
      message: `the open of ${deviceName} completed with ${statusName(opened.status)}; no fault was injected that would explain it`,
    });
  }

  #waitForOpen(): Suspending<void> {
    this.#wake.clear();
    return this.#wake.wait();
  }

  /** The application ends: its file is closed. After the traffic has. */
  *closeFile(): Suspending<void> {
    while (this.#isOpening) yield* this.#waitForOpen();
    if (this.#file?.isClosed === false) yield* this.#file.close();
  }

  /** Called once per request, inside the call that completes it. */
  slotCompleted(slot: RequestSlot, status: NtStatus, informationBytes: number): void {
    slot.inFlight = false;
    this.completed++;
    if (NT_SUCCESS(status)) this.endings.succeeded++;
    else if (status === STATUS_CANCELLED) this.endings.cancelled++;
    else this.endings.failed++;
    this.#parts.canceller?.completed(slot, status);
    this.#traffic.completed(slot, status);
    this.bytes += informationBytes;
    this.#parts.latency?.record(this.#clock.nowNs() - slot.dueNs);
    this.#check(slot, status, informationBytes);
    this.#free[(this.#freeHead + this.#freeCount) % this.#free.length] = slot;
    this.#freeCount++;
    this.#wake.set();
  }

  #check(slot: RequestSlot, status: NtStatus, informationBytes: number): void {
    const { kernel, config } = this.#parts;
    if (status === STATUS_CANCELLED && slot.cancelWindow !== null) return;
    if (!NT_SUCCESS(status) && this.#parts.power?.isGone === true) return;
    if (!NT_SUCCESS(status)) {
      if (this.#isExplained(slot, status)) return;
      kernel.violation({
        rule: 'L-REQUEST-FAILED',
        severity: 'error',
        object: slot.request.label,
        message: `a ${this.#nameOf(slot)} completed with ${statusName(status)}; no fault was injected that would explain it`,
      });
      return;
    }
    const expected = this.#traffic.expectedBytes(slot, informationBytes);
    const isExplained = informationBytes < expected && this.#faults.explainsShortCount(this.shortened);
    if (isExplained) this.shortened++;
    else if (informationBytes !== expected) {
      kernel.violation({
        rule: 'L-SHORT-TRANSFER',
        severity: 'error',
        object: slot.request.label,
        message: `a ${this.#nameOf(slot)} completed with success and reports ${informationBytes} bytes`,
      });
      return;
    }
    const fault = config.verifyPayload && !slot.isPlainControl ? this.#traffic.check(slot, informationBytes) : null;
    if (fault === null) return;
    kernel.violation({
      rule: fault.rule,
      severity: 'error',
      object: slot.request.label,
      message: `a ${this.#nameOf(slot)} completed with success, but ${fault.text}`,
    });
  }

  #nameOf({ description }: RequestSlot): string {
    return `${description} on ${this.deviceName}`;
  }

  /** Time that leapt in a request's life makes its device a slow one: giving it up was right. Everything else a fault must explain. */
  #isExplained(slot: RequestSlot, status: NtStatus): boolean {
    const hasLeapt = status === STATUS_IO_TIMEOUT && slot.leapsAtSubmit !== this.#parts.kernel.timeLeaps;
    const isExplained = hasLeapt || this.#faults.explainsFailure(this.failed++);
    if (isExplained && status === STATUS_IO_TIMEOUT) this.timedOut++;
    return isExplained;
  }

  /** Requests in flight and where each stands, the first few by name; empty when there are none. */
  describeInFlight(): string {
    const inFlight = this.#parts.slots.filter((slot) => slot.inFlight);
    const named = inFlight
      .slice(0, DESCRIBED_MAX)
      .map((slot) => `${slot.description} (${slot.request.label}) ${whereabouts(slot.request)}`);
    const rest = inFlight.length - named.length;
    return inFlight.length === 0 ? '' : `${this.deviceName}: ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  }
}

/** Requests a report names one by one. */
const DESCRIBED_MAX = 3;

const stageTexts: Readonly<Record<string, string>> = {
  C: 'initialised, not executed',
  D: 'waits for map registers',
  E: 'has its map registers and is being programmed',
  F: 'is at the device',
  G: 'is between two transfers',
  H: 'has ended its transfers and was not completed',
};

function whereabouts(request: Request): string {
  if (!request.isDriverOwned) return 'waits in its queue';
  const { transaction } = request;
  return transaction === null
    ? 'is with the driver, without a transaction'
    : (stageTexts[transaction.cancelWindow] ?? 'is with the driver');
}
