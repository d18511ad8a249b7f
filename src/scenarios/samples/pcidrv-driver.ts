import {
  DmaDirection,
  DmaEnabler,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_BUFFER_SIZE,
  STATUS_SUCCESS,
  Timer,
  declareContext,
  type Device,
  type DeviceInit,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type Suspending,
} from '../../index.js';
import { PcidrvAdapter, type AdapterParts } from './pcidrv-adapter.js';
import { CommandPort } from './pcidrv-commands.js';
import { ReceiveList } from './pcidrv-receive.js';
import { ELEMENTS_MAX, TransmitRing } from './pcidrv-transmit.js';

/*
 * A driver for the e100 network controller in the manner of the published PCIDRV sample: a transaction for each frame, a
 * ring of command blocks, a list of receive descriptors, reads that wait in a manual queue, writes that wait for room in
 * another. Its defects are repaired, each where it stands: the gap in the ring and the resume (pcidrv-transmit.ts), the
 * lock of the command byte (pcidrv-commands.ts), the retry of waiting writes, the locks across calls that come back, a
 * reset that waits for the device and ends its transactions, an interrupt that stays masked once it is disabled
 * (pcidrv-adapter.ts). Not taken over: control requests, and a receive list that grows.
 */

/** Longest frame without its check sequence. */
const FRAME_BYTES_MAX = 1514;
/** Frames under way at once: at most this many, and half of the map registers, two pages a frame (rule D36). */
const FRAMES_MAX = 64;
const PAGE_BYTES = 4096;
/** Receive frame descriptors: more than the frames of a usual application that are on their way. */
const RECEIVE_FRAMES = 20;

class PcidrvContext {
  adapter!: PcidrvAdapter;
}
const pcidrvContext = declareContext('PCIDRV_CONTEXT', PcidrvContext);
const adapterOf = (device: Device): PcidrvAdapter => pcidrvContext(device).adapter;

/** Parts of it can be replaced by a derived driver. */
export class PcidrvDriver implements DriverConfig {
  constructor(readonly name: string) {}

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks(pnpPowerEventCallbacks);
    const created = deviceInit.create(pcidrvContext);
    if (!created.ok) return created.status;
    const device = created.object;
    device.alignmentRequirement = 15;
    const adapter = yield* this.#createAdapter(device);
    if (typeof adapter === 'number') return adapter;
    pcidrvContext(device).adapter = adapter;
    const interrupt = Interrupt.create(device, {
      evtInterruptIsr: (own) => adapter.evtInterruptIsr(own),
      evtInterruptDpc: (own) => adapter.evtInterruptDpc(own),
      evtInterruptEnable: () => adapter.setInterrupts(true),
      evtInterruptDisable: () => adapter.setInterrupts(false),
    });
    if (!interrupt.ok) return interrupt.status;
    adapter.interrupt = interrupt.object;
    return STATUS_SUCCESS;
  }

  *#createAdapter(device: Device): Suspending<PcidrvAdapter | NtStatus> {
    const queues = createQueues(device);
    if (typeof queues === 'number') return queues;
    const choreTimer = Timer.create(device, { evtTimerFunc: () => adapterOf(device).evtChores() });
    if (!choreTimer.ok) return choreTimer.status;
    const watchdog = Timer.create(device, { evtTimerFunc: () => adapterOf(device).evtWatchdog() });
    if (!watchdog.ok) return watchdog.status;
    const enabler = yield* DmaEnabler.create(device, {
      profile: 'ScatterGather',
      // What it takes to be given two map registers for each frame.
      maximumLengthBytes: (FRAMES_MAX * 2 - 1) * PAGE_BYTES,
      wdmDmaVersionOverride: 3,
    });
    if (!enabler.ok) return enabler.status;
    enabler.object.setMaximumScatterGatherElements(ELEMENTS_MAX);
    // One register of those obtained is for a ragged start.
    const registers = enabler.object.fragmentLengthBytes(DmaDirection.WriteToDevice) / PAGE_BYTES + 1;
    const capacity = Math.min(Math.floor(registers / 2), FRAMES_MAX);
    if (capacity === 0) return STATUS_INSUFFICIENT_RESOURCES;
    const memory = yield* TransmitRing.allocate(enabler.object, capacity);
    if (typeof memory === 'number') return memory;
    const frames = yield* ReceiveList.allocate(enabler.object, this.receiveFrames);
    if (typeof frames === 'number') return frames;
    const commands = new CommandPort(device, choreTimer.object);
    return this.createAdapter({
      readQueue: queues.readQueue,
      pendingQueue: queues.pendingQueue,
      device,
      enabler: enabler.object,
      commands,
      choreTimer: choreTimer.object,
      transmit: this.createTransmitRing(device, memory, capacity, commands, watchdog.object),
      receive: this.createReceiveList(device, frames, queues.readQueue, commands),
    });
  }

  protected get receiveFrames(): number {
    return RECEIVE_FRAMES;
  }

  protected createAdapter(parts: AdapterParts): PcidrvAdapter {
    return new PcidrvAdapter(parts);
  }

  protected createReceiveList(...parts: ConstructorParameters<typeof ReceiveList>): ReceiveList {
    return new ReceiveList(...parts);
  }

  protected createTransmitRing(...parts: ConstructorParameters<typeof TransmitRing>): TransmitRing {
    return new TransmitRing(...parts);
  }
}

/** Writes are presented in parallel; reads wait in one manual queue, writes without room in another, where both can be cancelled. */
function createQueues(device: Device): Pick<AdapterParts, 'readQueue' | 'pendingQueue'> | NtStatus {
  const writeQueue = IoQueue.create(device, { dispatchType: 'parallel', evtIoWrite });
  if (!writeQueue.ok) return writeQueue.status;
  const pendingQueue = IoQueue.create(device, { dispatchType: 'manual' });
  if (!pendingQueue.ok) return pendingQueue.status;
  const readQueue = IoQueue.create(device, { dispatchType: 'manual' });
  if (!readQueue.ok) return readQueue.status;
  let status = device.configureRequestDispatching(writeQueue.object, RequestType.Write);
  if (NT_SUCCESS(status)) status = device.configureRequestDispatching(readQueue.object, RequestType.Read);
  return NT_SUCCESS(status) ? { readQueue: readQueue.object, pendingQueue: pendingQueue.object } : status;
}

function evtIoWrite(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  if (lengthBytes > FRAME_BYTES_MAX) return request.complete(STATUS_INVALID_BUFFER_SIZE);
  return adapterOf(queue.device).startWrite(request);
}

const pnpPowerEventCallbacks = {
  evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
    adapterOf(device).registers = new RegisterBlock(device.kernel, resources.registers);
    return STATUS_SUCCESS;
  },
  *evtDeviceD0Entry(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).enterD0();
    return STATUS_SUCCESS;
  },
  *evtDeviceD0EntryPostInterruptsEnabled(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).startChores();
    return STATUS_SUCCESS;
  },
  *evtDeviceSelfManagedIoInit(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).resume();
    return STATUS_SUCCESS;
  },
  *evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).suspend();
    return STATUS_SUCCESS;
  },
  *evtDeviceSelfManagedIoRestart(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).resume();
    return STATUS_SUCCESS;
  },
  *evtDeviceD0ExitPreInterruptsDisabled(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).stopChores();
    return STATUS_SUCCESS;
  },
  *evtDeviceD0Exit(device: Device): Suspending<NtStatus> {
    yield* adapterOf(device).leaveD0();
    return STATUS_SUCCESS;
  },
  /** Only notes it: requests must not be completed here (rule C18). */
  evtDeviceSurpriseRemoval(device: Device): void {
    adapterOf(device).transmit.isGone = true;
  },
};

export const pcidrvDriver: DriverConfig = new PcidrvDriver('pcidrv');
