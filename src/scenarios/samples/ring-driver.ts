import {
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  STATUS_SUCCESS,
  declareContext,
  trackFields,
  type Device,
  type DeviceInit,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type Suspending,
} from '../../index.js';
import { transferLink } from './cancelable-transfer.js';
import { ELEMENTS_MAX, REQUESTS_PER_CHANNEL, RingChannel, RingSlot, RingSlotPool } from './ring-channel.js';
import * as ring from './ring-registers.js';
import { Watchdog } from './watchdog.js';

/*
 * A driver for sgring: one transaction a request, many in flight, requests spread over the channels, each of them
 * cancelable at any time (withdrawn while it waits for map registers, aborted by its tag while the device works on
 * it). A watchdog resets a channel that hangs. Transactions are made when they are first needed and reused; the queue presents no more requests than fit.
 */

const MAXIMUM_TRANSFER_BYTES = 32 * 1024;

class RingContext {
  registers!: RegisterBlock;
  enabler!: DmaEnabler;
  readonly channels: RingChannel[] = [];
  readonly pool = new RingSlotPool();
}
const ringContext = declareContext('RING_CONTEXT', RingContext);

function* evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({
    evtDevicePrepareHardware,
    evtDeviceD0Entry,
    evtDeviceD0ExitPreInterruptsDisabled: (device) => stopWatchdog(device),
    evtDeviceD0Exit,
    evtDeviceSurpriseRemoval,
    evtDeviceSelfManagedIoSuspend,
  });
  deviceInit.setRequestContext(transferLink);
  const created = deviceInit.create(ringContext);
  if (!created.ok) return created.status;
  const device = created.object;
  trackFields(device.kernel, ringContext(device).pool, `${device.deviceName} slots`, ['freeSlots', 'isGone']);
  device.alignmentRequirement = 63;
  const { vectors } = deviceInit.resources;
  const queue = IoQueue.create(device, {
    dispatchType: 'parallel',
    numberOfPresentedRequests: REQUESTS_PER_CHANNEL * vectors.length,
    evtIoRead,
    evtIoWrite,
  });
  if (!queue.ok) return queue.status;
  device.setDefaultQueue(queue.object);
  const watchdog = createWatchdog(device, deviceInit.queryParameter('timeoutMs'));
  if (!NT_SUCCESS(watchdog)) return watchdog;
  return yield* createDmaObjects(device, vectors.length);
}

/** Looks at every channel that has something in flight. */
function createWatchdog(device: Device, timeoutMs: number | null): NtStatus {
  const { channels, pool } = ringContext(device);
  const watchdog = Watchdog.create(device, {
    timeoutMs,
    look: () => lookAt(device, channels),
    isBusy: () => isAnyBusy(channels),
  });
  if (watchdog.ok) pool.watchdog = watchdog.object;
  return watchdog.status;
}

function* lookAt(device: Device, channels: readonly RingChannel[]): Suspending<void> {
  for (const channel of channels) yield* channel.look(device.interrupts[channel.index]!);
}

function* isAnyBusy(channels: readonly RingChannel[]): Suspending<boolean> {
  for (const channel of channels) if (yield* channel.isBusy()) return true;
  return false;
}

/** Nothing is in flight any more, and no look may be under way when the device loses its power. */
function* stopWatchdog(device: Device): Suspending<NtStatus> {
  yield* ringContext(device).pool.watchdog.stop();
  return STATUS_SUCCESS;
}

function* createDmaObjects(device: Device, channels: number): Suspending<NtStatus> {
  const context = ringContext(device);
  const enabler = yield* DmaEnabler.create(device, {
    profile: 'ScatterGather64Duplex',
    maximumLengthBytes: MAXIMUM_TRANSFER_BYTES,
    wdmDmaVersionOverride: 3,
  });
  if (!enabler.ok) return enabler.status;
  context.enabler = enabler.object;
  enabler.object.setMaximumScatterGatherElements(ELEMENTS_MAX);
  for (let index = 0; index < channels; index++) {
    const channel = yield* RingChannel.create(device, enabler.object, index, context.pool.slots);
    if (typeof channel === 'number') return channel;
    context.channels.push(channel);
    const interrupt = createInterrupt(device, channel);
    if (!NT_SUCCESS(interrupt)) return interrupt;
  }
  return STATUS_SUCCESS;
}

/** One message a channel: its ISR and DPC touch that channel only. */
function createInterrupt(device: Device, channel: RingChannel): NtStatus {
  return Interrupt.create(device, {
    evtInterruptIsr: (interrupt) => evtInterruptIsr(interrupt, channel),
    evtInterruptDpc: (interrupt) => channel.service(interrupt),
    evtInterruptEnable: () => setInterruptMask(channel, ring.INT_COMPLETION | ring.INT_ABORT_ACK | ring.INT_ERROR),
    evtInterruptDisable: () => setInterruptMask(channel, 0),
  }).status;
}

function* evtInterruptIsr(interrupt: Interrupt, channel: RingChannel): Suspending<boolean> {
  const ours = yield* channel.acknowledge();
  if (ours) interrupt.queueDpcForIsr();
  return ours;
}

function* setInterruptMask(channel: RingChannel, causes: number): Suspending<NtStatus> {
  yield* channel.setInterruptMask(causes);
  return STATUS_SUCCESS;
}

function evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
  ringContext(device).registers = new RegisterBlock(device.kernel, resources.registers);
  return STATUS_SUCCESS;
}

function* evtDeviceD0Entry(device: Device): Suspending<NtStatus> {
  const { channels, registers } = ringContext(device);
  for (const channel of channels) yield* channel.enable(registers);
  return STATUS_SUCCESS;
}

function* evtDeviceD0Exit(device: Device): Suspending<NtStatus> {
  for (const channel of ringContext(device).channels) yield* channel.disable();
  return STATUS_SUCCESS;
}

/** Only notes it: requests must not be completed here (rule C18). */
function evtDeviceSurpriseRemoval(device: Device): void {
  ringContext(device).pool.isGone = true;
}

/** The power-down sequence runs without hardware: what the device worked on will never be confirmed, so it ends here. */
function* evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
  const { pool, channels } = ringContext(device);
  if (pool.isGone) for (const channel of channels) yield* channel.removed();
  return STATUS_SUCCESS;
}

function* evtIoRead(queue: IoQueue, request: Request): Suspending<void> {
  yield* start(queue.device, request, DmaDirection.ReadFromDevice);
}

function* evtIoWrite(queue: IoQueue, request: Request): Suspending<void> {
  yield* start(queue.device, request, DmaDirection.WriteToDevice);
}

function* start(device: Device, request: Request, direction: DmaDirection): Suspending<void> {
  const slot = ringContext(device).pool.take() ?? (yield* createSlot(device));
  if (typeof slot === 'number') yield* request.complete(slot);
  else yield* slot.start(request, direction);
}

function* createSlot(device: Device): Suspending<RingSlot | NtStatus> {
  const { pool, channels, enabler } = ringContext(device);
  const index = pool.slots.length;
  const slot = new RingSlot(device, index, channels[index % channels.length]!, pool);
  pool.slots.push(trackFields(device.kernel, slot, `${device.deviceName} slot ${index}`));
  const transaction = yield* DmaTransaction.create(enabler);
  if (!transaction.ok) return transaction.status;
  slot.transaction = transaction.object;
  return slot;
}

export const ringDriver: DriverConfig = { name: 'ring', evtDriverDeviceAdd };
