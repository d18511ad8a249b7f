import {
  DmaDirection,
  DmaTransaction,
  NT_SUCCESS,
  STATUS_DEVICE_REMOVED,
  STATUS_IO_DEVICE_ERROR,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
  WdfSpinLock,
  type Device,
  type DmaDevice,
  type DmaEnabler,
  type Interrupt,
  type IoQueue,
  type NtStatus,
  type RegisterBlock,
  type Request,
  type ScatterGatherList,
  type Suspending,
  type Timer,
} from '../../index.js';
import type { CommandPort } from './pcidrv-commands.js';
import type { ReceiveList } from './pcidrv-receive.js';
import * as csr from './pcidrv-registers.js';
import { SendContext, type SendTransaction, type TransmitRing } from './pcidrv-transmit.js';

/** Watchdog periods after which a frame that has not gone out is given up. */
const TICKS_MAX = 5;
/** A reset is looked after so often, and asked for again after so many looks. */
const RESET_LOOK_MS = 10;
const RESET_LOOKS = 100;

export interface AdapterParts {
  readonly device: Device;
  readonly enabler: DmaEnabler;
  readonly readQueue: IoQueue;
  /** Writes that found no room in the ring. */
  readonly pendingQueue: IoQueue;
  readonly transmit: TransmitRing;
  readonly receive: ReceiveList;
  readonly commands: CommandPort;
  /** One shot: deferred commands, the link, a reset under way. */
  readonly choreTimer: Timer;
}

/**
 * The paths of a frame. Locks, in the order in which they are taken: adapter lock (reset), send lock, receive lock,
 * command lock. None is held across DmaCompleted, Delete, Complete or a queue: those may call the driver back, and
 * EvtProgramDma takes the send lock (rule D37; the sample completes its DMA under the send lock and drops it around
 * Complete only).
 */
export class PcidrvAdapter {
  readonly transmit: TransmitRing;
  readonly receive: ReceiveList;
  readonly commands: CommandPort;
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  readonly #parts: AdapterParts;
  readonly #lock: WdfSpinLock;
  /** Between EvtInterruptEnable and EvtInterruptDisable; under the interrupt lock. A DPC that ends later must not unmask. */
  #mayUnmask = false;
  #isInD0 = false;
  #resetLooks = 0;
  readonly #mask = (): Suspending<boolean> => this.#writeMask(csr.MASK_ALL);
  readonly #unmask = (): Suspending<boolean> => this.unmask();
  readonly #programDma = (
    transaction: DmaTransaction,
    _device: DmaDevice,
    _context: unknown,
    _direction: DmaDirection,
    list: ScatterGatherList,
  ): Suspending<boolean> => this.#evtProgramDma(transaction as SendTransaction, list);

  constructor(parts: AdapterParts) {
    this.#parts = parts;
    this.transmit = parts.transmit;
    this.receive = parts.receive;
    this.commands = parts.commands;
    this.#lock = WdfSpinLock.create(parts.device);
  }

  // ---- Sending

  /** EvtIoWrite, and a write that has waited for room: one transaction a frame, deleted when the frame is through. */
  *startWrite(request: Request): Suspending<void> {
    const created = yield* DmaTransaction.create(this.#parts.enabler, { context: new SendContext(request) });
    if (!created.ok) {
      yield* request.complete(created.status);
      return;
    }
    const transaction = created.object;
    // A frame is one transfer or none: half of it would go out as a frame of its own.
    transaction.setSingleTransferRequirement(true);
    let status = yield* transaction.initializeUsingRequest(request, this.#programDma, DmaDirection.WriteToDevice);
    if (NT_SUCCESS(status)) status = yield* transaction.execute();
    if (NT_SUCCESS(status)) return;
    yield* transaction.delete();
    yield* request.complete(status);
  }

  *#evtProgramDma(transaction: SendTransaction, list: ScatterGatherList): Suspending<boolean> {
    if (yield* this.transmit.send(transaction, list)) return true;
    const { request } = transaction.context;
    yield* transaction.dmaCompletedFinal(0);
    yield* transaction.delete();
    if (this.transmit.isGone) {
      yield* request.complete(STATUS_DEVICE_REMOVED);
      return false;
    }
    yield* this.#letWait(request);
    yield* this.wroteToPendingQueue();
    return false;
  }

  /** One that has waited already goes back to the head of its queue: a request cannot be forwarded to where it is from. */
  *#letWait(request: Request): Suspending<void> {
    const { pendingQueue } = this.#parts;
    const status = request.queue === pendingQueue ? yield* request.requeue() : yield* request.forwardToIoQueue(pendingQueue);
    if (!NT_SUCCESS(status)) yield* request.complete(status);
  }

  /**
   * A write waits now. Room may have come between the look at the ring and the forwarding, and nobody else will look
   * again when those were the last frames under way (rules D34, D35; the sample leaves it to the next DPC).
   */
  protected wroteToPendingQueue(): Suspending<void> {
    return this.retryPendingWrites();
  }

  /** Whoever makes room calls this: the DPC, a reset, a link that came up, the way back to D0. */
  *retryPendingWrites(): Suspending<void> {
    while (this.transmit.canSend) {
      const waiting = yield* this.#parts.pendingQueue.retrieveNextRequest();
      if (!waiting.ok) return;
      yield* this.startWrite(waiting.object);
    }
  }

  *#finishSends(): Suspending<void> {
    for (let sent = yield* this.transmit.takeCompleted(); sent !== null; sent = yield* this.transmit.takeCompleted()) {
      const { request, isSent } = sent.context;
      // Always the last transfer of its transaction, so there is nothing to ask the return value.
      if (isSent) yield* sent.dmaCompleted();
      else yield* sent.dmaCompletedFinal(0);
      const bytes = sent.bytesTransferred;
      yield* sent.delete();
      if (isSent) request.setInformation(bytes);
      yield* request.complete(isSent ? STATUS_SUCCESS : STATUS_IO_DEVICE_ERROR);
    }
  }

  /** The device will not say anything any more about what is under way. */
  *#failSends(status: NtStatus): Suspending<void> {
    for (let lost = yield* this.transmit.takeAny(); lost !== null; lost = yield* this.transmit.takeAny()) {
      const { request } = lost.context;
      yield* this.endLost(lost);
      yield* request.complete(status);
    }
  }

  /** After a reset: the oldest frame is the one that did not go out, those behind it were not begun and are sent again. */
  *#giveUpOldest(): Suspending<void> {
    let isOldest = true;
    for (let lost = yield* this.transmit.takeAny(); lost !== null; lost = yield* this.transmit.takeAny()) {
      const { request } = lost.context;
      yield* this.endLost(lost);
      if (isOldest) yield* request.complete(STATUS_IO_TIMEOUT);
      else yield* this.#letWait(request);
      isOldest = false;
    }
  }

  /** The transaction ends before it is deleted; the sample's reset deletes it in the middle of its transfer (rule B18). */
  protected *endLost(transaction: SendTransaction): Suspending<void> {
    yield* transaction.dmaCompletedFinal(0);
    yield* transaction.delete();
  }

  // ---- Interrupt: masked by the ISR, drained and unmasked by the DPC

  /** Causes are not saved: the DPC looks at rings and lists, and what comes meanwhile asserts the line again when it unmasks (rule D22). */
  *evtInterruptIsr(interrupt: Interrupt): Suspending<boolean> {
    const scb = yield* this.registers.read32(csr.SCB);
    if (scb === csr.ALL_ONES || (scb & csr.SCB_MASKED) !== 0) return false;
    const causes = scb & csr.SCB_CAUSES;
    if (causes === 0) return false;
    yield* this.registers.write8(csr.SCB_MASK, csr.MASK_ALL);
    yield* this.registers.write8(csr.SCB_ACK, causes >>> 8);
    interrupt.queueDpcForIsr();
    return true;
  }

  *evtInterruptDpc(interrupt: Interrupt): Suspending<void> {
    yield* this.receive.service();
    yield* this.#finishSends();
    yield* this.retryPendingWrites();
    yield* interrupt.synchronize(this.#unmask);
  }

  /** EvtInterruptEnable and EvtInterruptDisable, under the interrupt lock. */
  *setInterrupts(enabled: boolean): Suspending<NtStatus> {
    this.#mayUnmask = enabled;
    yield* this.#unmask();
    return STATUS_SUCCESS;
  }

  /** Under the interrupt lock. */
  protected unmask(): Suspending<boolean> {
    return this.#writeMask(this.#mayUnmask && !this.transmit.isResetting ? 0 : csr.MASK_ALL);
  }

  *#writeMask(mask: number): Suspending<boolean> {
    yield* this.registers.write8(csr.SCB_MASK, mask);
    return true;
  }

  // ---- Chores and watchdog, at DISPATCH_LEVEL

  /** What could not be done at once. */
  *evtChores(): Suspending<void> {
    if (!this.#isInD0 || this.transmit.isGone) return;
    if (this.transmit.isResetting) {
      yield* this.#lookAfterReset();
      return;
    }
    yield* this.commands.retry();
    if (!this.transmit.isLinkUp) yield* this.lookForLink();
  }

  /** The transceiver was asked at D0 entry; frames wait until it says that the link is up, and until the receive unit's start is not behind theirs. */
  *lookForLink(): Suspending<void> {
    const mdi = yield* this.registers.read32(csr.MDI);
    if (mdi === csr.ALL_ONES) return;
    if ((mdi & csr.MDI_READY) === 0 || this.commands.isWaiting) this.#parts.choreTimer.start(1);
    else if ((mdi & csr.MDI_LINK_UP) !== 0) {
      this.transmit.isLinkUp = true;
      yield* this.retryPendingWrites();
    }
  }

  *evtWatchdog(): Suspending<void> {
    yield* this.#lock.acquire();
    const ticks = yield* this.transmit.tick();
    const mustReset = this.#isInD0 && !this.transmit.isGone && !this.transmit.isResetting && (ticks > TICKS_MAX || this.commands.hasFailed);
    if (mustReset) yield* this.#beginReset();
    yield* this.#lock.release();
  }

  /** Asks the device to forget everything. What is under way is its own until it says that it has (rules D05, D29). */
  *#beginReset(): Suspending<void> {
    this.transmit.isResetting = true;
    this.#resetLooks = 0;
    yield* this.interrupt.synchronize(this.#mask);
    yield* this.registers.write32(csr.PORT, csr.PORT_SELECTIVE_RESET);
    this.#parts.choreTimer.start(RESET_LOOK_MS);
  }

  *#lookAfterReset(): Suspending<void> {
    const port = yield* this.registers.read32(csr.PORT);
    if (port === csr.ALL_ONES) return;
    if ((port & csr.PORT_OPERATION_MASK) === csr.PORT_IDLE) yield* this.#finishReset();
    else if (++this.#resetLooks < RESET_LOOKS) this.#parts.choreTimer.start(RESET_LOOK_MS);
    else yield* this.#beginReset();
  }

  *#finishReset(): Suspending<void> {
    yield* this.#finishSends();
    yield* this.#giveUpOldest();
    yield* this.#lock.acquire();
    this.commands.forget();
    yield* this.transmit.rebuild();
    yield* this.receive.rebuild();
    this.transmit.isResetting = false;
    yield* this.#lock.release();
    yield* this.receive.service();
    yield* this.interrupt.synchronize(this.#unmask);
    yield* this.retryPendingWrites();
  }

  // ---- Power and plug and play, at PASSIVE_LEVEL

  *enterD0(): Suspending<void> {
    this.commands.open(this.registers);
    this.transmit.isResetting = false;
    this.transmit.isLinkUp = false;
    yield* this.transmit.rebuild();
    yield* this.receive.rebuild();
    yield* this.commands.loadBases();
    yield* this.receive.service();
    yield* this.registers.write32(csr.MDI, csr.MDI_READ_PHY_STATUS);
  }

  /** The timers may work: what they do needs a connected interrupt. */
  *startChores(): Suspending<void> {
    this.#isInD0 = true;
    yield* this.commands.retry();
    yield* this.lookForLink();
  }

  /** Before the interrupt is disabled (rule C20), and for as long as nothing needs them. */
  *stopChores(): Suspending<void> {
    this.#isInD0 = false;
    this.commands.close();
    yield* this.#parts.choreTimer.stop(true);
    yield* this.transmit.stopWatching();
  }

  *leaveD0(): Suspending<void> {
    yield* this.registers.write32(csr.PORT, csr.PORT_SELECTIVE_RESET);
  }

  /** Frames from here on wait in the pending queue; those under way go out before the queues are at rest. */
  *suspend(): Suspending<void> {
    this.transmit.isHeld = true;
    if (this.transmit.isGone) yield* this.#failSends(STATUS_DEVICE_REMOVED);
  }

  *resume(): Suspending<void> {
    this.transmit.isHeld = false;
    yield* this.retryPendingWrites();
  }
}
