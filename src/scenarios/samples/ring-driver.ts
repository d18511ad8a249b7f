import {
  DmaDirection, DmaEnabler, DmaTransaction, Interrupt, IoQueue, NT_SUCCESS, RegisterBlock, STATUS_SUCCESS, declareContext,
  type Device, type DeviceInit, type DriverConfig, type HardwareResources, type NtStatus, type Request, type ScatterGatherList, type Suspending,
} from '../../index.js';
import { RingChannel, RingSlot } from './ring-channel.js';
import * as ring from './ring-registers.js';

/*
 * A driver for sgring: one transaction a request, many in flight, requests spread over the channels. Transactions are
 * made when they are first needed and reused; a request that finds all in use is not presented (the queue's bound).
 */

const MAXIMUM_TRANSFER_BYTES = 32 * 1024;
/** Pages of the longest transfer, and ragged ends of a few chained MDLs. */
const ELEMENTS_MAX = 16;
const REQUESTS_PRESENTED_MAX = 512;

class RingContext {
  registers!: RegisterBlock;
  enabler!: DmaEnabler;
  channels: RingChannel[] = [];
  readonly slots: RingSlot[] = [];
  freeSlots: RingSlot | null = null;
}
const ringContext = declareContext('RING_CONTEXT', RingContext);

function* evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({ evtDevicePrepareHardware, evtDeviceD0Entry, evtDeviceD0Exit });
  const created = deviceInit.create(ringContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = 63;
  const queue = IoQueue.create(device, { dispatchType: 'parallel', numberOfPresentedRequests: REQUESTS_PRESENTED_MAX, evtIoRead, evtIoWrite });
  if (!queue.ok) return queue.status;
  device.setDefaultQueue(queue.object);
  return yield* createDmaObjects(device, deviceInit.resources);
}

function* createDmaObjects(device: Device, resources: HardwareResources): Suspending<NtStatus> {
  const context = ringContext(device);
  const enabler = yield* DmaEnabler.create(device, { profile: 'ScatterGather64Duplex', maximumLengthBytes: MAXIMUM_TRANSFER_BYTES, wdmDmaVersionOverride: 3 });
  if (!enabler.ok) return enabler.status;
  context.enabler = enabler.object;
  enabler.object.setMaximumScatterGatherElements(ELEMENTS_MAX);
  for (let index = 0; index < resources.vectors.length; index++) {
    const channel = yield* RingChannel.create(device, enabler.object, index, context.slots);
    if (typeof channel === 'number') return channel;
    channel.slotFinished = (slot) => freeSlot(context, slot);
    context.channels.push(channel);
    const interrupt = createInterrupt(device, channel);
    if (!NT_SUCCESS(interrupt)) return interrupt;
  }
  return STATUS_SUCCESS;
}

/** One message a channel: its ISR and DPC touch that channel only. */
function createInterrupt(device: Device, channel: RingChannel): NtStatus {
  return Interrupt.create(device, {
    *evtInterruptIsr(interrupt) {
      const ours = yield* channel.acknowledge();
      if (ours) interrupt.queueDpcForIsr();
      return ours;
    },
    *evtInterruptDpc() {
      yield* channel.reap();
    },
    *evtInterruptEnable() {
      yield* channel.setInterruptMask(ring.INT_COMPLETION | ring.INT_ERROR);
      return STATUS_SUCCESS;
    },
    *evtInterruptDisable() {
      yield* channel.setInterruptMask(0);
      return STATUS_SUCCESS;
    },
  }).status;
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

function* evtIoRead(queue: IoQueue, request: Request): Suspending<void> {
  yield* start(queue.device, request, DmaDirection.ReadFromDevice);
}

function* evtIoWrite(queue: IoQueue, request: Request): Suspending<void> {
  yield* start(queue.device, request, DmaDirection.WriteToDevice);
}

function* start(device: Device, request: Request, direction: DmaDirection): Suspending<void> {
  const context = ringContext(device);
  const slot = takeSlot(context) ?? (yield* createSlot(context));
  if (typeof slot === 'number') {
    yield* request.complete(slot);
    return;
  }
  slot.direction = direction;
  const { transaction } = slot;
  let status = yield* transaction.initializeUsingRequest(request, evtProgramDma, direction);
  if (NT_SUCCESS(status)) status = yield* transaction.execute(slot);
  if (NT_SUCCESS(status)) return;
  yield* transaction.release();
  freeSlot(context, slot);
  yield* request.complete(status);
}

function* evtProgramDma(_transaction: DmaTransaction, _device: Device, context: unknown, _direction: DmaDirection, list: ScatterGatherList): Suspending<boolean> {
  const slot = context as RingSlot;
  yield* slot.channel.program(slot, list);
  return true;
}

/** Taking and freeing a slot contain no scheduling point: no other processor can come between. */
function takeSlot(context: RingContext): RingSlot | null {
  const slot = context.freeSlots;
  if (slot !== null) context.freeSlots = slot.next;
  return slot;
}

function freeSlot(context: RingContext, slot: RingSlot): void {
  slot.next = context.freeSlots;
  context.freeSlots = slot;
}

function* createSlot(context: RingContext): Suspending<RingSlot | NtStatus> {
  const tag = context.slots.length;
  const slot = new RingSlot(tag, context.channels[tag % context.channels.length]!);
  context.slots.push(slot);
  const transaction = yield* DmaTransaction.create(context.enabler);
  if (!transaction.ok) return transaction.status;
  slot.transaction = transaction.object;
  return slot;
}

export const ringDriver: DriverConfig = { name: 'ring', evtDriverDeviceAdd };
