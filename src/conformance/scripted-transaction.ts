import type { NtStatus } from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import { DmaCompletionStatus, type Mdl, type ScatterGatherList } from '../hal/index.js';
import { DmaDirection } from '../wdf/dma-enabler.js';
import type {
  DmaTransaction,
  EvtConfigureDmaChannel,
  EvtDmaTransferComplete,
  EvtProgramDma,
  EvtReserveDma,
} from '../wdf/dma-transaction.js';
import {
  completionResult,
  completionStatusName,
  directionName,
  directionValue,
  shortStatus,
  sizeT,
  ulong,
  unknownOperation,
} from './names.js';
import type { TestMachine } from './test-machine.js';
import type { Vector, VectorCall, VectorDirection } from './vector.js';

/** The run a transaction belongs to. */
export interface ScriptHost {
  readonly vector: Vector;
  readonly machine: TestMachine;
  record(event: unknown): void;
  call(call: VectorCall, isTopLevel: boolean): Suspending<void>;
}

interface BufferArgument {
  readonly buffer: string | null;
  readonly offset: number;
  readonly length: number;
  readonly dir: VectorDirection;
  readonly program?: null;
}

interface ReserveArgument {
  readonly registers: number;
  readonly dir: VectorDirection;
  readonly callback?: null;
}

/** A transaction of a script: the calls made on it and the callbacks it makes, with the calls a vector puts inside. */
export class ScriptedTransaction {
  /** Delete was called; further calls are skipped. */
  isDeleted = false;
  readonly #callbackCounts = new Map<string, number>();

  constructor(
    readonly name: string,
    readonly transaction: DmaTransaction,
    private readonly host: ScriptHost,
  ) {}

  /** The system DMA controller works for it. */
  get isRunning(): boolean {
    return this.transaction.transferContext?.isRunning === true;
  }

  snapshot(): unknown[] {
    const { transaction } = this;
    const { free } = this.host.machine.platform.pool;
    if (transaction.isDestroyed) return ['(gone)', 0, 0, free];
    const snapshot: unknown[] = [transaction.stateName, transaction.bytesTransferred, transaction.lengthInFlightBytes, free];
    const { request } = transaction;
    if (request !== null) snapshot.push(request.dmaReferences);
    return snapshot;
  }

  *call(op: string, argument: unknown): Suspending<unknown> {
    const { transaction } = this;
    switch (op) {
      case 'Initialize':
      case 'InitializeUsingOffset':
      case 'InitializeUsingRequest':
      case 'Execute':
      case 'AllocateResources':
        return shortStatus(yield* this.#start(op, argument));
      case 'DmaCompleted':
        return completionResult(yield* transaction.dmaCompleted());
      case 'DmaCompletedWithLength':
        return completionResult(yield* transaction.dmaCompletedWithLength(sizeT(argument)));
      case 'DmaCompletedFinal':
        return completionResult(yield* transaction.dmaCompletedFinal(sizeT(argument)));
      case 'Release':
        return shortStatus(yield* transaction.release());
      case 'Delete':
        this.isDeleted = true;
        yield* transaction.delete();
        return null;
      case 'FreeResources':
        yield* transaction.freeResources();
        return null;
      case 'Cancel':
        return yield* transaction.cancel();
      case 'StopSystemTransfer':
        yield* transaction.stopSystemTransfer();
        return null;
      case 'HalComplete':
        yield* this.#completeByController(argument as keyof typeof DmaCompletionStatus);
        return null;
      default:
        return this.#settingOrQuery(op, argument);
    }
  }

  *#start(op: string, argument: unknown): Suspending<NtStatus> {
    const { transaction } = this;
    if (op === 'Execute') return yield* transaction.execute();
    if (op === 'InitializeUsingRequest') {
      const { request, dir } = argument as { request: string; dir: VectorDirection };
      return yield* transaction.initializeUsingRequest(this.host.machine.requests.get(request)!, this.#programDma, directionValue(dir));
    }
    if (op === 'AllocateResources') {
      const { registers, dir, callback } = argument as ReserveArgument;
      return yield* transaction.allocateResources(directionValue(dir), ulong(registers), callback === null ? null : this.#reserveDma);
    }
    const { buffer, offset, length, dir, program } = argument as BufferArgument;
    const mdl = buffer === null ? null : this.host.machine.buffers.get(buffer)!;
    const programDma = program === null ? null : this.#programDma;
    if (op === 'InitializeUsingOffset')
      return yield* transaction.initializeUsingOffset(programDma, directionValue(dir), mdl, offset, length);
    return yield* transaction.initialize(programDma, directionValue(dir), mdl, (mdl?.virtualAddress ?? 0) + offset, length);
  }

  #settingOrQuery(op: string, argument: unknown): unknown {
    const { transaction } = this;
    switch (op) {
      case 'SetMaximumLength':
        transaction.setMaximumLength(sizeT(argument));
        return null;
      case 'SetDeviceAddressOffset':
        transaction.setDeviceAddressOffset(argument as number);
        return null;
      case 'SetSingleTransferRequirement':
        transaction.setSingleTransferRequirement(argument as boolean);
        return null;
      case 'SetImmediateExecution':
        transaction.setImmediateExecution(argument as boolean);
        return null;
      case 'SetChannelConfigurationCallback':
        transaction.setChannelConfigurationCallback(argument === true ? this.#configureChannel : null);
        return null;
      case 'SetTransferCompleteCallback':
        transaction.setTransferCompleteCallback(argument === true ? this.#transferComplete : null);
        return null;
      case 'GetBytesTransferred':
        return transaction.bytesTransferred;
      case 'GetCurrentDmaTransferLength':
        return transaction.currentDmaTransferLengthBytes;
      case 'GetRequest':
        return this.host.machine.requestName(transaction.request);
      case 'GetTransferInfo': {
        const { mapRegisters, elements } = transaction.getTransferInfo();
        return [mapRegisters, elements];
      }
      case 'WdmGetTransferContext':
        return transaction.wdmTransferContext !== null;
      default:
        return unknownOperation(op);
    }
  }

  *#completeByController(status: keyof typeof DmaCompletionStatus): Suspending<void> {
    const { enabler, transferContext } = this.transaction;
    const adapter = enabler.wdmGetDmaAdapter(DmaDirection.ReadFromDevice) ?? enabler.wdmGetDmaAdapter(DmaDirection.WriteToDevice);
    yield* adapter!.completeSystemTransfer(transferContext!, DmaCompletionStatus[status]);
  }

  // --- callbacks --------------------------------------------------------------------------------------------------

  readonly #programDma: EvtProgramDma = (_transaction, _device, _context, direction, list) => this.#onProgramDma(direction, list);
  readonly #reserveDma: EvtReserveDma = () => this.#onReserveDma();
  readonly #configureChannel: EvtConfigureDmaChannel = (_transaction, _device, _context, mdl, offset, lengthBytes) =>
    this.#onConfigureChannel(mdl, offset, lengthBytes);
  readonly #transferComplete: EvtDmaTransferComplete = (_transaction, _device, _context, direction, status) =>
    this.#onTransferComplete(direction, status);

  *#onProgramDma(direction: DmaDirection, list: ScatterGatherList): Suspending<boolean> {
    const elements: unknown[] = [];
    for (let i = 0; i < list.count; i++) elements.push([`0x${list.address(i).toString(16)}`, list.lengthBytes(i)]);
    this.host.record(['cb', 'EvtProgramDma', this.name, directionName(direction), elements]);
    yield* this.#callbackBody('EvtProgramDma');
    return true;
  }

  *#onReserveDma(): Suspending<void> {
    this.host.record(['cb', 'EvtReserveDma', this.name]);
    yield* this.#callbackBody('EvtReserveDma');
  }

  *#onConfigureChannel(mdl: Mdl | null, offset: number, lengthBytes: number): Suspending<boolean> {
    this.host.record(['cb', 'EvtConfigureDmaChannel', this.name, this.host.machine.bufferName(mdl), offset, lengthBytes]);
    return yield* this.#callbackBody('EvtConfigureDmaChannel');
  }

  *#onTransferComplete(direction: DmaDirection, status: DmaCompletionStatus): Suspending<void> {
    this.host.record(['cb', 'EvtDmaTransferComplete', this.name, directionName(direction), completionStatusName(status)]);
    yield* this.#callbackBody('EvtDmaTransferComplete');
  }

  /** The calls of this invocation; the result is what `Return` says, true without one. */
  *#callbackBody(callback: string): Suspending<boolean> {
    const count = this.#callbackCounts.get(callback) ?? 0;
    this.#callbackCounts.set(callback, count + 1);
    let result = true;
    for (const call of this.host.vector.callbacks?.[this.name]?.[callback]?.[count] ?? []) {
      if (call[0] === 'Return') result = call[1] as boolean;
      else yield* this.host.call(call, false);
    }
    return result;
  }
}
