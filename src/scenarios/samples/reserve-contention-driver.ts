import {
  DmaDirection,
  DmaEnabler,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_DEVICE_REMOVED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  WdfSpinLock,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaDevice,
  type DmaTransaction,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { BlockChannel, acknowledgeChannels, setInterrupts } from './reserve-contention-channel.js';

/*
 * Two drivers for a board with a PLX bridge whose packet transactions contend for one small pool of map registers
 * with everybody else's. Each exists in the form that goes wrong and in the repaired one; the difference is when map
 * registers are reserved, and whether anybody waits for more while it holds some (rule D36).
 */

class BoardContext {
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  driver!: BoardDriver;
  /** Guards which path ends a transfer. */
  lock!: WdfSpinLock;
  /** The hardware was pulled. */
  isGone = false;
  readonly channels = [new BlockChannel(0), new BlockChannel(1)] as const;
  request: Request | null = null;
  /** Transactions of the request that have not ended. */
  partsLeft = 0;
  status: NtStatus = STATUS_SUCCESS;
  bytes = 0;
}
export const boardContext = declareContext('CONTENTION_BOARD', BoardContext);

/** What both drivers share: one request at a time over one or two block-mode channels. */
abstract class BoardDriver implements DriverConfig {
  constructor(
    readonly name: string,
    private readonly maximumLengthBytes: number,
  ) {}

  /** EvtIo of the board's only queue, which is sequential. */
  protected abstract evtIo(device: Device, request: Request): Suspending<void>;
  /** The request's transactions have ended: release them, in whatever way the driver keeps map registers. */
  protected abstract releaseParts(device: Device): Suspending<void>;

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({
      evtDevicePrepareHardware: (device, resources) => this.prepareHardware(device, resources),
      evtDeviceReleaseHardware: (device) => this.releaseHardware(device),
      // Only notes it: requests must not be completed there (rule C18).
      evtDeviceSurpriseRemoval: (device) => void (boardContext(device).isGone = true),
      evtDeviceSelfManagedIoSuspend: (device) => this.#endLostTransfers(device),
    });
    const created = deviceInit.create(boardContext);
    if (!created.ok) return created.status;
    const device = created.object;
    boardContext(device).driver = this;
    boardContext(device).lock = WdfSpinLock.create(device);
    const queue = IoQueue.create(device, {
      dispatchType: 'sequential',
      evtIoDefault: (owner, request) => this.evtIo(owner.device, request),
    });
    if (!queue.ok) return queue.status;
    device.setDefaultQueue(queue.object);
    const interrupt = Interrupt.create(device, {
      evtInterruptIsr: (source) => acknowledgeChannels(source, boardContext(source.device).registers, boardContext(source.device).channels),
      evtInterruptDpc: (source, owner) => this.#evtInterruptDpc(source, owner),
      evtInterruptEnable: (_source, owner) => setInterrupts(boardContext(owner).registers, true),
      evtInterruptDisable: (_source, owner) => setInterrupts(boardContext(owner).registers, false),
    });
    if (!interrupt.ok) return interrupt.status;
    boardContext(device).interrupt = interrupt.object;
    return yield* this.#createDmaObjects(device);
  }

  *#createDmaObjects(device: Device): Suspending<NtStatus> {
    // One adapter for both directions: only packet and system profiles can reserve.
    const enabler = yield* DmaEnabler.create(device, {
      profile: 'Packet64',
      maximumLengthBytes: this.maximumLengthBytes,
      wdmDmaVersionOverride: 3,
    });
    if (!enabler.ok) return enabler.status;
    for (const channel of boardContext(device).channels) {
      const status = yield* channel.create(enabler.object);
      if (!NT_SUCCESS(status)) return status;
    }
    return STATUS_SUCCESS;
  }

  protected *prepareHardware(device: Device, resources: HardwareResources): Suspending<NtStatus> {
    boardContext(device).registers = new RegisterBlock(device.kernel, resources.registers);
    return STATUS_SUCCESS;
  }

  protected *releaseHardware(_device: Device): Suspending<NtStatus> {
    return STATUS_SUCCESS;
  }

  /** Initialises and executes one part of the request on one channel. `parts` were counted before: it may end inside. */
  protected *executePart(device: Device, channel: BlockChannel, offset: number, lengthBytes: number): Suspending<void> {
    const request = boardContext(device).request!;
    const { transaction } = channel;
    channel.isRead = request.type === RequestType.Read;
    channel.deviceOffset = request.deviceOffset + offset;
    let status = yield* transaction.initializeUsingOffset(evtProgramDma, directionOf(request), request.mdl, offset, lengthBytes);
    if (NT_SUCCESS(status)) status = yield* transaction.execute(channel);
    if (!NT_SUCCESS(status)) yield* this.partEnded(device, status, 0);
  }

  *#evtInterruptDpc(interrupt: Interrupt, device: Device): Suspending<void> {
    const { channels } = boardContext(device);
    yield* interrupt.acquireLock();
    const isFirstDone = channels[0].takeDone();
    const isSecondDone = channels[1].takeDone();
    yield* interrupt.releaseLock();
    if (isFirstDone) yield* this.#transferDone(device, channels[0]);
    if (isSecondDone) yield* this.#transferDone(device, channels[1]);
  }

  *program(device: Device, channel: BlockChannel, list: ScatterGatherList): Suspending<boolean> {
    const { registers, lock } = boardContext(device);
    const { transaction } = channel;
    yield* lock.acquire();
    const { isGone } = boardContext(device);
    if (!isGone) {
      channel.beginTransfer();
      yield* channel.start(registers, list, channel.deviceOffset + transaction.bytesTransferred);
    }
    yield* lock.release();
    if (isGone) yield* this.#giveUp(device, channel);
    return true;
  }

  /** Nothing will be moved any more for a device that is gone. */
  *#giveUp(device: Device, { transaction }: BlockChannel): Suspending<void> {
    yield* transaction.dmaCompletedFinal(0);
    yield* this.partEnded(device, STATUS_DEVICE_REMOVED, 0);
  }

  /** Before the queues stop: what a pulled chip worked on will never be confirmed, so it ends here. */
  *#endLostTransfers(device: Device): Suspending<NtStatus> {
    const { isGone, lock, channels } = boardContext(device);
    if (!isGone) return STATUS_SUCCESS;
    for (const channel of channels) {
      yield* lock.acquire();
      const isOurs = channel.takeTransfer();
      yield* lock.release();
      if (isOurs) yield* this.#giveUp(device, channel);
    }
    return STATUS_SUCCESS;
  }

  *#transferDone(device: Device, channel: BlockChannel): Suspending<void> {
    const { lock } = boardContext(device);
    const { transaction } = channel;
    yield* lock.acquire();
    const isOurs = channel.takeTransfer();
    yield* lock.release();
    if (!isOurs) return;
    const status = yield* transaction.dmaCompleted();
    // The next transfer is staged already, perhaps finished: nothing of this one may be touched.
    if (status !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.partEnded(device, status, transaction.bytesTransferred);
  }

  /** One of the request's transactions has ended, or never began; the last one completes the request. */
  protected *partEnded(device: Device, status: NtStatus, bytes: number): Suspending<void> {
    const context = boardContext(device);
    if (!NT_SUCCESS(status)) context.status = status;
    context.bytes += bytes;
    context.partsLeft--;
    if (context.partsLeft > 0) return;
    const request = context.request!;
    const { status: ended, bytes: moved } = context;
    // Everything is given back before: completing presents the next request, which uses these very objects.
    yield* this.releaseParts(device);
    yield* request.completeWithInformation(ended, NT_SUCCESS(ended) ? moved : 0);
  }

  /** EvtIo has a request in hand. */
  protected begin(device: Device, request: Request, parts: number): void {
    const context = boardContext(device);
    context.request = request;
    context.partsLeft = parts;
    context.status = STATUS_SUCCESS;
    context.bytes = 0;
  }
}

/**
 * One transaction a request. Without a reservation a large one waits until nearly the whole pool is free at once, and
 * while small requests come and go it never is (L-STARVATION). Repaired: a modest number is reserved when the hardware
 * is prepared and held over all transactions until it is released; a large request then takes several transfers
 * (rule D38: the fragmentation is accepted).
 */
class PlainDriver extends BoardDriver {
  constructor(
    name: string,
    maximumLengthBytes: number,
    /** Map registers held as long as the driver has its hardware; 0 for none. */
    private readonly reservedRegisters: number,
  ) {
    super(name, maximumLengthBytes);
  }

  protected override *prepareHardware(device: Device, resources: HardwareResources): Suspending<NtStatus> {
    yield* super.prepareHardware(device, resources);
    if (this.reservedRegisters === 0) return STATUS_SUCCESS;
    const { transaction } = boardContext(device).channels[0];
    // At once or not at all: starting a device must not wait for what others hold.
    transaction.setImmediateExecution(true);
    const status = yield* transaction.allocateResources(DmaDirection.ReadFromDevice, this.reservedRegisters, () => undefined);
    if (status !== STATUS_INSUFFICIENT_RESOURCES) return status;
    // Somebody else was first: each transaction asks for itself.
    return yield* transaction.release();
  }

  protected override *releaseHardware(device: Device): Suspending<NtStatus> {
    if (this.reservedRegisters > 0) yield* boardContext(device).channels[0].transaction.freeResources();
    return STATUS_SUCCESS;
  }

  protected *evtIo(device: Device, request: Request): Suspending<void> {
    this.begin(device, request, 1);
    yield* this.executePart(device, boardContext(device).channels[0], 0, request.lengthBytes);
  }

  protected *releaseParts(device: Device): Suspending<void> {
    yield* boardContext(device).channels[0].transaction.release();
  }
}

/**
 * Requests striped over both channels, half and half, each channel with a reservation of its own for the time of the
 * request. Waiting for the second reservation with the first in hand is the deadlock of two holders (rule D36).
 * Repaired: the second is asked for with immediate execution, and when it is refused the first channel does it all.
 */
export class StripeDriver extends BoardDriver {
  constructor(
    name: string,
    private readonly stripeBytes: number,
    private readonly waitsHolding: boolean,
  ) {
    super(name, stripeBytes);
  }

  protected *evtIo(device: Device, request: Request): Suspending<void> {
    this.begin(device, request, 2);
    const { transaction } = boardContext(device).channels[0];
    const status = yield* transaction.allocateResources(
      directionOf(request),
      this.registersOfHalf,
      (_transaction, context) => this.firstReserved(context as Device, directionOf(request)),
      device,
    );
    if (!NT_SUCCESS(status)) yield* this.#refuse(device, status);
  }

  /** Registers for half of the largest request, wherever in a page it begins. */
  protected get registersOfHalf(): number {
    return Math.ceil(this.stripeBytes / 4096) + 1;
  }

  *#refuse(device: Device, status: NtStatus): Suspending<void> {
    const { channels, request } = boardContext(device);
    yield* channels[0].transaction.release();
    yield* request!.complete(status);
  }

  /** EvtReserveDma of channel 0: it holds its registers from here on. */
  protected *firstReserved(device: Device, direction: DmaDirection): Suspending<void> {
    const context = boardContext(device);
    const { transaction } = context.channels[1];
    if (!this.waitsHolding) transaction.setImmediateExecution(true);
    const status = yield* transaction.allocateResources(
      direction,
      this.registersOfHalf,
      (_transaction, owner) => this.bothReserved(owner as Device),
      device,
    );
    if (NT_SUCCESS(status)) return;
    yield* transaction.release();
    context.partsLeft = 1;
    yield* this.executePart(device, context.channels[0], 0, context.request!.lengthBytes);
  }

  /** EvtReserveDma of channel 1: both halves can go. */
  protected *bothReserved(device: Device): Suspending<void> {
    const { channels, request } = boardContext(device);
    const { lengthBytes } = request!;
    const half = Math.floor(lengthBytes / 8) * 4;
    yield* this.executePart(device, channels[0], 0, half);
    // The first half may have ended, the request has not: two parts were counted.
    yield* this.executePart(device, channels[1], half, lengthBytes - half);
  }

  protected *releaseParts(device: Device): Suspending<void> {
    for (const { transaction } of boardContext(device).channels)
      if (transaction.stateName !== 'Created' && transaction.stateName !== 'Released') yield* transaction.freeResources();
  }
}

function directionOf(request: Request): DmaDirection {
  return request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
}

function* evtProgramDma(
  _transaction: DmaTransaction,
  device: DmaDevice,
  context: unknown,
  _direction: DmaDirection,
  list: ScatterGatherList,
): Suspending<boolean> {
  return yield* boardContext(device).driver.program(device as Device, context as BlockChannel, list);
}

export const BULK_BYTES = 64 * 1024;
/** Nine map registers carry 32 KiB wherever it begins in a page: half of a large request. */
const BULK_RESERVED_REGISTERS = 9;
export const STRIPE_BYTES = 8 * 1024;
export const QUICK_BYTES = 4 * 1024;

/** Large requests that wait for their map registers one by one: they starve. */
export const bulkWaitingDriver: DriverConfig = new PlainDriver('bulk-waiting', BULK_BYTES, 0);
/** The same with a reservation held from the start. */
export const bulkReservedDriver: DriverConfig = new PlainDriver('bulk-reserved', BULK_BYTES, BULK_RESERVED_REGISTERS);
/** Small requests, two map registers each: the crowd. */
export const quickDriver: DriverConfig = new PlainDriver('quick', QUICK_BYTES, 0);
/** Two reservations a request, the second waited for with the first in hand: two such devices can deadlock. */
export const stripeHoldingDriver: DriverConfig = new StripeDriver('stripe-holding', STRIPE_BYTES, true);
/** The same, and nobody waits while it holds. */
export const stripeImmediateDriver: DriverConfig = new StripeDriver('stripe-immediate', STRIPE_BYTES, false);
