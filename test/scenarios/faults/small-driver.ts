import {
  CommonBuffer,
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_IO_DEVICE_ERROR,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../src/index.js';
import * as ring from '../../../src/scenarios/samples/ring-registers.js';

/** Entries of both rings. */
const ENTRIES = 32;
const MASK = ENTRIES - 1;

/** What the driver keeps of its device. */
export class SmallContext {
  registers!: RegisterBlock;
  enabler!: DmaEnabler;
  submission!: CommonBuffer;
  completion!: CommonBuffer;
  transaction!: DmaTransaction;
  submitted = 0;
  reaped = 0;
}
export const smallContext = declareContext('SMALL_CONTEXT', SmallContext);

/** How a created object is unwrapped where the test would make no sense without it. */
export function must<T>(created: { readonly ok: true; readonly object: T } | { readonly ok: false; readonly status: NtStatus }): T {
  if (!created.ok) throw new Error(`a framework object was not created: ${created.status}`);
  return created.object;
}

/**
 * The shortest right driver for one channel of sgring: one request at a time, one transaction, an interrupt for each
 * completion. Faulty drivers inherit from it and change one step.
 */
export class SmallDriver implements DriverConfig {
  /** Channel of the device, and so the message and the virtual CPU of its interrupt. */
  protected readonly channel: number = 0;

  constructor(readonly name: string = 'small') {}

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({
      evtDevicePrepareHardware: (device, resources) => this.prepareHardware(device, resources),
      evtDeviceD0Entry: (device) => this.d0Entry(device),
      evtDeviceD0Exit: (device) => this.d0Exit(device),
    });
    const device = must(deviceInit.create(smallContext));
    device.alignmentRequirement = 63;
    device.setDefaultQueue(this.createQueue(device));
    Interrupt.create(device, {
      evtInterruptIsr: (interrupt) => this.isr(interrupt),
      evtInterruptDpc: (_interrupt, owner) => this.dpc(owner),
      evtInterruptEnable: (_interrupt, owner) => this.setMask(owner, ring.INT_COMPLETION | ring.INT_ERROR),
      evtInterruptDisable: (_interrupt, owner) => this.setMask(owner, 0),
      resourceIndex: this.channel,
    });
    yield* this.createDmaObjects(device);
    return STATUS_SUCCESS;
  }

  createQueue(device: Device): IoQueue {
    return must(
      IoQueue.create(device, { dispatchType: 'sequential', evtIoDefault: (queue, request) => this.evtIo(queue.device, request) }),
    );
  }

  *createDmaObjects(device: Device): Suspending<void> {
    const context = smallContext(device);
    const config = { profile: 'ScatterGather64', maximumLengthBytes: 32 * 1024, wdmDmaVersionOverride: 3 } as const;
    context.enabler = must(yield* DmaEnabler.create(device, config));
    context.submission = must(yield* CommonBuffer.create(context.enabler, ENTRIES * ring.DESCRIPTOR_BYTES));
    context.completion = must(yield* CommonBuffer.create(context.enabler, ENTRIES * ring.COMPLETION_BYTES));
    context.transaction = must(yield* DmaTransaction.create(context.enabler));
  }

  prepareHardware(device: Device, resources: HardwareResources): NtStatus {
    smallContext(device).registers = new RegisterBlock(device.kernel, resources.registers);
    return STATUS_SUCCESS;
  }

  *write(device: Device, register: number, value: number): Suspending<void> {
    yield* smallContext(device).registers.write32(ring.channelRegister(this.channel, register), value);
  }

  *d0Entry(device: Device): Suspending<NtStatus> {
    const { submission, completion } = smallContext(device);
    yield* this.write(device, ring.RING_SIZE, ENTRIES);
    yield* this.write(device, ring.SQ_BASE_LOW, submission.logicalAddress % 0x1_0000_0000);
    yield* this.write(device, ring.SQ_BASE_HIGH, Math.floor(submission.logicalAddress / 0x1_0000_0000));
    yield* this.write(device, ring.CQ_BASE_LOW, completion.logicalAddress % 0x1_0000_0000);
    yield* this.write(device, ring.CQ_BASE_HIGH, Math.floor(completion.logicalAddress / 0x1_0000_0000));
    yield* this.write(device, ring.CTRL, ring.CTRL_ENABLE);
    return STATUS_SUCCESS;
  }

  *d0Exit(device: Device): Suspending<NtStatus> {
    yield* this.write(device, ring.CTRL, 0);
    return STATUS_SUCCESS;
  }

  *setMask(device: Device, causes: number): Suspending<NtStatus> {
    yield* this.write(device, ring.INT_MASK, causes);
    return STATUS_SUCCESS;
  }

  *evtIo(device: Device, request: Request): Suspending<void> {
    const { transaction } = smallContext(device);
    const direction = request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
    const evtProgramDma = (_t: DmaTransaction, _d: Device, _c: unknown, _x: DmaDirection, list: ScatterGatherList): Suspending<boolean> =>
      this.program(device, direction, list);
    let status = yield* transaction.initializeUsingRequest(request, evtProgramDma, direction);
    if (NT_SUCCESS(status)) status = yield* transaction.execute();
    if (NT_SUCCESS(status)) return;
    yield* transaction.release();
    yield* request.complete(status);
  }

  *program(device: Device, direction: DmaDirection, list: ScatterGatherList): Suspending<boolean> {
    const context = smallContext(device);
    const { transaction, submission } = context;
    const fromDevice = direction === DmaDirection.ReadFromDevice ? ring.FLAG_FROM_DEVICE : 0;
    let deviceOffset = transaction.request!.deviceOffset + transaction.bytesTransferred;
    for (let i = 0; i < list.count; i++) {
      const at = (context.submitted & MASK) * ring.DESCRIPTOR_BYTES;
      const address = this.elementAddress(device, list, i);
      const last = i === list.count - 1;
      submission.write32(at + ring.DESCRIPTOR_ADDRESS_LOW, address % 0x1_0000_0000);
      submission.write32(at + ring.DESCRIPTOR_ADDRESS_HIGH, Math.floor(address / 0x1_0000_0000));
      submission.write32(at + ring.DESCRIPTOR_LENGTH, this.elementLengthBytes(list, i));
      submission.write32(at + ring.DESCRIPTOR_FLAGS, fromDevice | (last ? ring.FLAG_END_OF_REQUEST : 0));
      submission.write32(at + ring.DESCRIPTOR_DEVICE_OFFSET, deviceOffset);
      submission.write32(at + ring.DESCRIPTOR_TAG, i);
      deviceOffset += list.lengthBytes(i);
      context.submitted = (context.submitted + 1) | 0;
    }
    yield* this.write(device, ring.SQ_TAIL, context.submitted);
    return true;
  }

  elementAddress(_device: Device, list: ScatterGatherList, index: number): number {
    return list.address(index);
  }

  elementLengthBytes(list: ScatterGatherList, index: number): number {
    return list.lengthBytes(index);
  }

  *isr(interrupt: Interrupt): Suspending<boolean> {
    const { registers } = smallContext(interrupt.device);
    const at = ring.channelRegister(this.channel, ring.INT_CAUSE);
    const causes = yield* registers.read32(at);
    if (causes === 0) return false;
    yield* registers.write32(at, causes);
    interrupt.queueDpcForIsr();
    return true;
  }

  *dpc(device: Device): Suspending<void> {
    const context = smallContext(device);
    for (;;) {
      const at = (context.reaped & MASK) * ring.COMPLETION_BYTES;
      const phase = (context.reaped & ENTRIES) === 0 ? ring.PHASE : 0;
      if ((context.completion.observe32(at + ring.COMPLETION_SEQUENCE) & ring.PHASE) !== phase) return;
      context.reaped = (context.reaped + 1) | 0;
      yield* this.write(device, ring.CQ_HEAD, context.reaped);
      const isOk = context.completion.read32(at + ring.COMPLETION_STATUS) === ring.STATUS_OK;
      yield* this.transferDone(device, isOk, context.completion.read32(at + ring.COMPLETION_BYTES_MOVED));
    }
  }

  *transferDone(device: Device, isOk: boolean, movedBytes: number): Suspending<void> {
    const { transaction } = smallContext(device);
    const ended = isOk ? yield* transaction.dmaCompletedWithLength(movedBytes) : yield* transaction.dmaCompletedFinal(movedBytes);
    if (ended === STATUS_MORE_PROCESSING_REQUIRED) return;
    const request = transaction.request!;
    const bytes = transaction.bytesTransferred;
    yield* transaction.release();
    yield* this.finish(device, request, isOk ? ended : STATUS_IO_DEVICE_ERROR, bytes);
  }

  *finish(_device: Device, request: Request, status: NtStatus, bytes: number): Suspending<void> {
    yield* request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }
}
