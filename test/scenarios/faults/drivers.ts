import {
  BugCheck,
  CommonBuffer,
  DmaDirection,
  InternalError,
  IoQueue,
  Mdl,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  UsageError,
  WdfSpinLock,
  type Device,
  type DriverConfig,
  type HardwareResources,
  type Interrupt,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../src/index.js';
import { AllocationAction, ScatterGatherList as ListBuffer, type DmaAdapter } from '../../../src/hal/index.js';
import * as ring from '../../../src/scenarios/samples/ring-registers.js';
import { SmallDriver, must, smallContext } from './small-driver.js';

/** Drivers with one planted fault each. */

export class CompletesTwice extends SmallDriver {
  override *finish(device: Device, request: Request, status: NtStatus, bytes: number): Suspending<void> {
    yield* super.finish(device, request, status, bytes);
    yield* request.complete(status);
  }
}

/** Forgets the third request: it ends the transaction and drops the handle. */
export class LosesRequest extends SmallDriver {
  #finished = 0;

  override *d0Entry(device: Device): Suspending<NtStatus> {
    this.#finished = 0;
    return yield* super.d0Entry(device);
  }

  override *finish(device: Device, request: Request, status: NtStatus, bytes: number): Suspending<void> {
    if (++this.#finished === 3) return;
    yield* super.finish(device, request, status, bytes);
  }
}

/** Reports one byte less than the device moved. */
export class ReportsShort extends SmallDriver {
  override *finish(device: Device, request: Request, status: NtStatus, bytes: number): Suspending<void> {
    yield* super.finish(device, request, status, bytes - 1);
  }
}

function adapterOf(device: Device): DmaAdapter {
  return smallContext(device).enabler.wdmGetDmaAdapter(DmaDirection.ReadFromDevice)!;
}

/** Allocates a common buffer through the WDM adapter and never frees it. */
export class LeaksCommonBuffer extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    if (adapterOf(device).allocateCommonBuffer(4096) === null) throw new Error('no memory for the common buffer');
    return yield* super.d0Entry(device);
  }
}

/** Keeps two map registers of an adapter channel for ever. */
export class LeaksMapRegisters extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    const control = {
      *adapterControl(): Suspending<AllocationAction> {
        return AllocationAction.DeallocateObjectKeepRegisters;
      },
    };
    const lock = WdfSpinLock.create(device);
    yield* lock.acquire();
    yield* adapterOf(device).allocateAdapterChannelEx(null, 2, false, control);
    yield* lock.release();
    return yield* super.d0Entry(device);
  }
}

/** Builds a scatter/gather list over a buffer of its own and never puts it. */
export class LeaksList extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    const buffer = must(yield* CommonBuffer.create(smallContext(device).enabler, 64));
    const mdl = new Mdl(Int32Array.of(Math.floor(buffer.virtualAddress / 4096)), 0, 64);
    const list = new ListBuffer(device.kernel, 'leaked list', 1);

    const control = { *listControl(): Suspending<void> {} };
    const lock = WdfSpinLock.create(device);
    yield* lock.acquire();
    yield* adapterOf(device).buildScatterGatherListEx(null, mdl, 0, 64, false, control, true, list, false);
    yield* lock.release();
    return yield* super.d0Entry(device);
  }
}

/** The last descriptor is a page longer than what was mapped. */
export class PointsPastMapping extends SmallDriver {
  override elementLengthBytes(list: ScatterGatherList, index: number): number {
    return list.lengthBytes(index) + (index === list.count - 1 ? 4096 : 0);
  }
}

/** Gives the device addresses of processor memory instead of logical ones (rule D07). */
export class UsesPhysicalAddress extends SmallDriver {
  override elementAddress(device: Device, list: ScatterGatherList, index: number): number {
    return list.address(index) - adapterOf(device).frameBase;
  }
}

/** EvtProgramDma takes the interrupt lock and keeps it. */
export class KeepsInterruptLock extends SmallDriver {
  override *program(device: Device, direction: DmaDirection, list: ScatterGatherList): Suspending<boolean> {
    yield* device.interrupts[0]!.acquireLock();
    return yield* super.program(device, direction, list);
  }
}

/** EvtIo takes a spin lock and keeps it. */
export class KeepsSpinLock extends SmallDriver {
  override *evtIo(device: Device, request: Request): Suspending<void> {
    yield* WdfSpinLock.create(device).acquire();
    yield* super.evtIo(device, request);
  }
}

/**
 * Requests arrive in a parallel queue, are counted and forwarded to the one that dispatches them. Counting takes two
 * locks; the DPC takes the same two in the opposite order. The interrupt is that of the second channel and runs on the
 * other virtual CPU.
 */
export class LocksInOppositeOrder extends SmallDriver {
  protected override readonly channel = 1;
  #first!: WdfSpinLock;
  #second!: WdfSpinLock;

  override createQueue(device: Device): IoQueue {
    const work = super.createQueue(device);
    this.#first = WdfSpinLock.create(device);
    this.#second = WdfSpinLock.create(device);
    const arrivals = IoQueue.create(device, { dispatchType: 'parallel', evtIoDefault: (_queue, request) => this.#arrived(request, work) });
    return must(arrivals);
  }

  *#arrived(request: Request, work: IoQueue): Suspending<void> {
    yield* this.#count(this.#first, this.#second);
    yield* request.forwardToIoQueue(work);
  }

  *#count(outer: WdfSpinLock, inner: WdfSpinLock): Suspending<void> {
    yield* outer.acquire();
    yield* inner.acquire();
    yield* inner.release();
    yield* outer.release();
  }

  override *dpc(device: Device): Suspending<void> {
    yield* this.#count(this.#second, this.#first);
    yield* super.dpc(device);
  }
}

/** Reads a register now and then, when chance from outside the machine says so. */
export class ThrowsDice extends SmallDriver {
  override *evtIo(device: Device, request: Request): Suspending<void> {
    if (Math.random() < 0.5) yield* smallContext(device).registers.read32(0);
    yield* super.evtIo(device, request);
  }
}

/** EvtDeviceD0Entry refuses. */
export class RefusesToStart extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    yield* super.d0Entry(device);
    return STATUS_UNSUCCESSFUL;
  }
}

/** Takes a reference on its device and never drops it. */
export class KeepsDeviceAlive extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    device.reference();
    return yield* super.d0Entry(device);
  }
}

/** Reads a register at an offset that no access of four bytes may have. */
export class ReadsAcrossRegisters extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    yield* smallContext(device).registers.read32(2);
    return yield* super.d0Entry(device);
  }
}

/** EvtDriverDeviceAdd succeeds without a device. */
export const createsNoDevice: DriverConfig = {
  name: 'creates no device',

  *evtDriverDeviceAdd(): Suspending<NtStatus> {
    return STATUS_SUCCESS;
  },
};

/** Error classes that the lab exports and uses itself. */
export const LAB_ERRORS = ['UsageError', 'InternalError', 'BugCheck'] as const;

/** Throws an error that only the lab should. */
export class ThrowsLabError extends SmallDriver {
  constructor(private readonly kind: (typeof LAB_ERRORS)[number]) {
    super(`throws ${kind}`);
  }

  override *evtIo(device: Device, request: Request): Suspending<void> {
    yield* smallContext(device).registers.read32(0);
    if (this.kind === 'UsageError') throw new UsageError('USAGE_MINE', `${request.label} is used wrongly`);
    if (this.kind === 'InternalError') throw new InternalError('MINE', `${request.label} is wrong inside`);
    throw new BugCheck({ rule: 'A01', severity: 'crash', object: request.label, message: 'no such thing happened' });
  }
}

/** The ISR acknowledges the device and forgets the DPC now and then: nobody will look at the completion. */
export class DropsDpc extends SmallDriver {
  #interrupts = 0;

  override *isr(interrupt: Interrupt): Suspending<boolean> {
    this.#interrupts++;
    if (this.#interrupts % 3 !== 0) return yield* super.isr(interrupt);
    yield* this.write(interrupt.device, ring.INT_CAUSE, ring.INT_COMPLETION);
    return true;
  }
}

/** The DPC masks the device's interrupts while it works and does not unmask them the third time. */
export class LeavesMasked extends SmallDriver {
  #runs = 0;

  override *dpc(device: Device): Suspending<void> {
    yield* this.setMask(device, 0);
    yield* super.dpc(device);
    this.#runs++;
    if (this.#runs !== 3) yield* this.setMask(device, ring.INT_COMPLETION | ring.INT_ERROR);
  }
}

/** EvtIoStop does nothing, and nobody completes the request it was called for. */
export class IgnoresStop extends SmallDriver {
  override createQueue(device: Device): IoQueue {
    return must(IoQueue.create(device, { dispatchType: 'parallel', evtIoDefault: () => undefined, evtIoStop: () => undefined }));
  }
}

/** Reports a byte more than was moved, so that the framework ends the transaction with an error, and completes the request as done. */
export class IgnoresTransactionStatus extends SmallDriver {
  override *transferDone(device: Device, _isOk: boolean, movedBytes: number): Suspending<void> {
    const { transaction } = smallContext(device);
    const request = transaction.request!;
    yield* transaction.dmaCompletedWithLength(movedBytes + 1);
    yield* transaction.release();
    yield* this.finish(device, request, STATUS_SUCCESS, request.lengthBytes);
  }
}

/** Asks the enabler for the adapter of a direction that is none, and uses what it gets. */
export class UsesNullAdapter extends SmallDriver {
  override *d0Entry(device: Device): Suspending<NtStatus> {
    smallContext(device).enabler.wdmGetDmaAdapter(7)!.allocateCommonBuffer(64);
    return yield* super.d0Entry(device);
  }
}

/** Wants a version of the DMA operations that nobody has heard of. */
export class AsksForUnknownVersion extends SmallDriver {
  override prepareHardware(device: Device, resources: HardwareResources): NtStatus {
    const { platform, domain } = resources;
    const description = { version: 4, isMaster: true, scatterGather: true, addressWidthBits: 64, maximumLengthBytes: 4096 };
    return platform.getDmaAdapter(description, domain) === null ? STATUS_UNSUCCESSFUL : super.prepareHardware(device, resources);
  }
}
