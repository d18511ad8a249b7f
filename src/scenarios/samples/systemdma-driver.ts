import {
  DmaDirection,
  DmaEnabler,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type Suspending,
} from '../../index.js';
import { DemandTransfer } from './systemdma-demand.js';
import { LoopTransfer } from './systemdma-loop-transfer.js';
import * as port from './systemdma-registers.js';
import { requestOwner, type PortTransfer } from './systemdma-transfer.js';

/*
 * A driver for a device that cannot master the bus and has no interrupt: the system DMA controller moves its data and
 * says when it has. With one request line (profile System) reads and writes take turns; with two (SystemDuplex) each
 * direction has a line, a channel, an adapter and a queue of its own.
 */

const MAXIMUM_TRANSFER_BYTES = 16 * 1024;

class SystemDmaContext {
  enabler!: DmaEnabler;
  /** One a request line; with two, by direction. */
  transfers: readonly PortTransfer[] = [];
}
const systemDmaContext = declareContext('SYSTEM_DMA_CONTEXT', SystemDmaContext);

const DIRECTIONS = [DmaDirection.ReadFromDevice, DmaDirection.WriteToDevice] as const;

interface SystemDmaOptions {
  /** Profile SystemDuplex: the device has two request lines. */
  readonly isDuplex: boolean;
  /** Looped transfers; else demand mode, in which so many looks without progress are a timeout. */
  readonly isLooped: boolean;
  readonly idleChecksMax: number;
}

/** Its transfers can be replaced by a derived driver. */
export class SystemDmaDriver implements DriverConfig {
  readonly name: string;
  readonly #options: SystemDmaOptions;

  constructor(name: string, options: Partial<SystemDmaOptions>) {
    this.name = name;
    this.#options = { isDuplex: false, isLooped: false, idleChecksMax: 600, ...options };
  }

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({
      evtDevicePrepareHardware: (device, resources) => this.#prepareHardware(device, resources),
      evtDeviceSurpriseRemoval: (device) => noteRemoval(device),
      evtDeviceSelfManagedIoSuspend,
    });
    deviceInit.setRequestContext(requestOwner);
    const created = deviceInit.create(systemDmaContext);
    if (!created.ok) return created.status;
    const device = created.object;
    const context = systemDmaContext(device);
    const { isDuplex } = this.#options;
    const enabler = yield* DmaEnabler.create(device, {
      profile: isDuplex ? 'SystemDuplex' : 'System',
      maximumLengthBytes: MAXIMUM_TRANSFER_BYTES,
    });
    if (!enabler.ok) return enabler.status;
    context.enabler = enabler.object;
    context.transfers = (isDuplex ? [0, 1] : [0]).map((line) => this.createTransfer(device, enabler.object, line));
    for (const transfer of context.transfers) {
      const status = transfer.createTimer(device);
      if (!NT_SUCCESS(status)) return status;
    }
    return this.#createQueues(device);
  }

  protected createTransfer(device: Device, enabler: DmaEnabler, line: number): PortTransfer {
    const { isLooped, idleChecksMax } = this.#options;
    return isLooped ? new LoopTransfer(device, enabler, line) : new DemandTransfer(device, enabler, line, idleChecksMax);
  }

  /** Sequential ones: a request line works on one request at a time. */
  #createQueues(device: Device): NtStatus {
    for (const transfer of systemDmaContext(device).transfers) {
      const queue = IoQueue.create(device, {
        dispatchType: 'sequential',
        evtIoDefault: (_queue, request) => startTransfer(transfer, request),
      });
      if (!queue.ok) return queue.status;
      // The first queue takes the reads, and without a second one everything.
      if (this.#options.isDuplex && transfer === systemDmaContext(device).transfers[1])
        device.configureRequestDispatching(queue.object, RequestType.Write);
      else if (this.#options.isDuplex) device.configureRequestDispatching(queue.object, RequestType.Read);
      else device.setDefaultQueue(queue.object);
    }
    return STATUS_SUCCESS;
  }

  /** The DMA resources say which channels and which request lines; only now can the adapters be had. */
  *#prepareHardware(device: Device, resources: HardwareResources): Suspending<NtStatus> {
    const { enabler, transfers } = systemDmaContext(device);
    const lines = resources.translated.filter((resource) => resource.type === 'dma');
    const registers = new RegisterBlock(device.kernel, resources.registers);
    for (const [line, transfer] of transfers.entries()) {
      const dmaDescriptor = lines[line];
      if (dmaDescriptor === undefined) return STATUS_INVALID_DEVICE_REQUEST;
      const { isLooped } = this.#options;
      const deviceAddress = line * port.LINE_STRIDE + port.FIFO;
      const config = { deviceAddress, dmaWidthBits: 32, dmaDescriptor, demandMode: !isLooped, loopedTransfer: isLooped } as const;
      const status = enabler.configureSystemProfile(config, DIRECTIONS[line]!);
      if (!NT_SUCCESS(status)) return status;
      transfer.registers = registers;
    }
    for (const transfer of transfers) {
      const status = yield* transfer.createTransaction();
      if (!NT_SUCCESS(status)) return status;
    }
    return STATUS_SUCCESS;
  }
}

function* startTransfer(transfer: PortTransfer, request: Request): Suspending<void> {
  yield* transfer.start(request, request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice);
}

/** Only notes it: requests must not be completed here (rule C18). */
function noteRemoval(device: Device): void {
  for (const transfer of systemDmaContext(device).transfers) transfer.isGone = true;
}

/** Before the queues stop: what the controller works on for a device that is gone must be stopped, or it waits for ever. */
function* evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
  for (const transfer of systemDmaContext(device).transfers) if (transfer.isGone) yield* transfer.deviceRemoved();
  return STATUS_SUCCESS;
}

/** One request line, demand mode. */
export const systemDmaDriver: DriverConfig = new SystemDmaDriver('systemdma', {});
/** The same without patience: the first look that finds no progress since the one before gives the transfer up. */
export const systemDmaImpatientDriver: DriverConfig = new SystemDmaDriver('systemdma', { idleChecksMax: 0 });
/** A request line, a channel and a queue for each direction. */
export const systemDmaDuplexDriver: DriverConfig = new SystemDmaDriver('systemdma-duplex', { isDuplex: true });
/** Looped transfers both ways at once. */
export const systemDmaLoopDriver: DriverConfig = new SystemDmaDriver('systemdma-loop', { isDuplex: true, isLooped: true });
