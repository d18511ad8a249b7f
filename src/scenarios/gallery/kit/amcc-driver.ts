import {
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  type Device,
  type DeviceInit,
  type HardwareResources,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import * as amcc from '../../samples/amcc5933-registers.js';

/** Complete causes by DmaDirection. */
export const COMPLETE = [1 << 18, 1 << 19] as const;

/** One direction of the chip, with its transaction. */
export class AmccHalf {
  transaction!: DmaTransaction;
  lengthBytes = 0;

  constructor(readonly direction: DmaDirection) {}
}

/**
 * A small driver for the AMCC S5933, right as it stands: both directions at once, one request at a time in each; no
 * cancellation. Both directions are enabled at D0 entry, so that writing a count starts a transfer.
 */
export class AmccDriver {
  device!: Device;
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  /** Causes of the interrupts since the last DPC; under the interrupt lock. */
  protected savedCauses = 0;
  readonly halves = [new AmccHalf(DmaDirection.ReadFromDevice), new AmccHalf(DmaDirection.WriteToDevice)] as const;

  *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({
      evtDevicePrepareHardware: (_device: Device, resources: HardwareResources) => this.#prepareHardware(resources),
      evtDeviceD0Entry: () => this.#enterD0(),
    });
    const created = deviceInit.create();
    if (!created.ok) return created.status;
    this.device = created.object;
    this.device.alignmentRequirement = 3;
    const queues = this.#createQueues();
    if (!NT_SUCCESS(queues)) return queues;
    const interrupt = Interrupt.create(this.device, {
      evtInterruptIsr: () => this.isr(),
      evtInterruptDpc: () => this.dpc(),
      evtInterruptEnable: () => this.setInterrupts(true),
      evtInterruptDisable: () => this.setInterrupts(false),
    });
    if (!interrupt.ok) return interrupt.status;
    this.interrupt = interrupt.object;
    return yield* this.#createDmaObjects();
  }

  #createQueues(): NtStatus {
    for (const [half, type] of [RequestType.Read, RequestType.Write].entries()) {
      const queue = IoQueue.create(this.device, {
        dispatchType: 'sequential',
        evtIoDefault: (_queue, request) => this.evtIo(request, this.halves[half]!),
      });
      if (!queue.ok) return queue.status;
      const status = this.device.configureRequestDispatching(queue.object, type);
      if (!NT_SUCCESS(status)) return status;
    }
    return STATUS_SUCCESS;
  }

  *#createDmaObjects(): Suspending<NtStatus> {
    // Version 3: a transaction for each direction at the same time.
    const enabler = yield* DmaEnabler.create(this.device, { profile: 'Packet', maximumLengthBytes: 65536, wdmDmaVersionOverride: 3 });
    if (!enabler.ok) return enabler.status;
    for (const half of this.halves) {
      const transaction = yield* DmaTransaction.create(enabler.object);
      if (!transaction.ok) return transaction.status;
      half.transaction = transaction.object;
    }
    return STATUS_SUCCESS;
  }

  #prepareHardware(resources: HardwareResources): NtStatus {
    this.registers = new RegisterBlock(this.device.kernel, resources.registers);
    return STATUS_SUCCESS;
  }

  *#enterD0(): Suspending<NtStatus> {
    let mcsr = 0;
    for (const { direction } of this.halves) mcsr |= amcc.MCSR_SCHEME[direction] | amcc.MCSR_ENABLE[direction];
    yield* this.registers.write32(amcc.MCSR, mcsr);
    return STATUS_SUCCESS;
  }

  protected *setInterrupts(enabled: boolean): Suspending<NtStatus> {
    yield* this.registers.write32(amcc.INTCSR, enabled ? amcc.INTCSR_ENABLES : 0);
    return STATUS_SUCCESS;
  }

  /** EvtIoRead, EvtIoWrite. */
  protected *evtIo(request: Request, half: AmccHalf): Suspending<void> {
    const { transaction } = half;
    let status = yield* transaction.initializeUsingRequest(
      request,
      (_transaction, _device, _context, _direction, list) => this.evtProgramDma(half, list),
      half.direction,
    );
    if (NT_SUCCESS(status)) status = yield* transaction.execute();
    if (NT_SUCCESS(status)) return;
    yield* transaction.release();
    yield* request.complete(status);
  }

  protected *evtProgramDma(half: AmccHalf, list: ScatterGatherList): Suspending<boolean> {
    yield* this.interrupt.acquireLock();
    yield* this.start(half, list);
    yield* this.interrupt.releaseLock();
    return true;
  }

  /** The interrupt lock is held. */
  protected *start(half: AmccHalf, list: ScatterGatherList): Suspending<void> {
    const { registers } = this;
    const { direction, transaction } = half;
    half.lengthBytes = list.lengthBytes(0);
    yield* registers.write32(amcc.STREAM_MAILBOX[direction], transaction.request!.deviceOffset + transaction.bytesTransferred);
    yield* registers.write32(amcc.ADDRESS[direction], list.address(0));
    yield* registers.write32(amcc.COUNT[direction], half.lengthBytes);
  }

  protected *isr(): Suspending<boolean> {
    const intcsr = yield* this.registers.read32(amcc.INTCSR);
    if ((intcsr & amcc.INTCSR_ASSERTED) === 0) return false;
    const causes = intcsr & amcc.INTCSR_CAUSES;
    this.savedCauses |= causes;
    yield* this.registers.write32(amcc.INTCSR, (intcsr & amcc.INTCSR_ENABLES) | causes);
    this.interrupt.queueDpcForIsr();
    return true;
  }

  protected *dpc(): Suspending<void> {
    yield* this.interrupt.acquireLock();
    const causes = this.savedCauses;
    this.savedCauses = 0;
    yield* this.interrupt.releaseLock();
    for (const half of this.halves) if ((causes & COMPLETE[half.direction]) !== 0) yield* this.transferDone(half);
  }

  protected *transferDone(half: AmccHalf): Suspending<void> {
    const { transaction } = half;
    const residualBytes = yield* this.registers.read32(amcc.COUNT[half.direction]);
    const status = yield* transaction.dmaCompletedWithLength(half.lengthBytes - residualBytes);
    if (status === STATUS_MORE_PROCESSING_REQUIRED) return;
    const request = transaction.request!;
    const bytes = transaction.bytesTransferred;
    yield* transaction.release();
    yield* request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }
}
