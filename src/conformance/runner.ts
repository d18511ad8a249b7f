import {
  BugCheck,
  STATUS_MORE_PROCESSING_REQUIRED,
  WdfViolation,
  assertInternal,
  statusByName,
  statusName,
  type NtStatus,
} from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import { DmaCompletionStatus, isFault, type Mdl, type ScatterGatherList } from '../hal/index.js';
import { DmaDirection, DmaEnabler, type DmaEnablerCallbacks, type DmaEnablerConfig, type DmaProfile } from '../wdf/dma-enabler.js';
import { transactionStateName, type TransactionState } from '../wdf/dma-transaction-state.js';
import { DmaTransaction } from '../wdf/dma-transaction.js';
import { TestMachine } from './test-machine.js';
import type { Vector, VectorCall, VectorDirection } from './vector.js';

/** What a run of a vector gave: the events in the order they happened, and the calls on the HAL boundary. */
export interface VectorOutcome {
  readonly events: readonly unknown[];
  readonly hal: readonly unknown[];
}

/**
 * Runs a vector's script on the DMA objects over the test HAL. Pure: the same vector always gives the same events.
 * `suspendEverywhere` leaves the script at every scheduling point and comes back, which must not change anything.
 */
export function runVector(vector: Vector, options: { readonly suspendEverywhere?: boolean } = {}): VectorOutcome {
  const run = new VectorRun(vector);
  return { events: run.run(options.suspendEverywhere ?? false), hal: run.machine.trace.entries };
}

interface NamedTransaction {
  readonly name: string;
  readonly transaction: DmaTransaction;
  /** Delete was called; further calls are skipped. */
  isDeleted: boolean;
  readonly callbackCounts: Map<string, number>;
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

const POWER_CALLBACKS = ['Fill', 'Enable', 'SelfManagedIoStart', 'SelfManagedIoStop', 'Disable', 'Flush'] as const;
const shortStatus = (status: NtStatus): string => statusName(status).replace(/^STATUS_/, '');
const directionName = (direction: DmaDirection): string => (direction === DmaDirection.ReadFromDevice ? 'Read' : 'Write');
const directionValue = (direction: VectorDirection): number =>
  direction === 'Read' ? DmaDirection.ReadFromDevice : direction === 'Write' ? DmaDirection.WriteToDevice : direction;
const completionName = (status: DmaCompletionStatus): string => Object.keys(DmaCompletionStatus)[status]!;

class VectorRun {
  readonly machine: TestMachine;
  readonly #events: unknown[] = [];
  readonly #transactions = new Map<string, NamedTransaction>();
  #enabler: DmaEnabler | null = null;

  constructor(private readonly vector: Vector) {
    this.machine = new TestMachine(vector);
  }

  run(suspendEverywhere: boolean): readonly unknown[] {
    try {
      if (suspendEverywhere) this.#runPointByPoint();
      else this.machine.kernel.runStraight('script', this.#script());
    } catch (error) {
      if (!(error instanceof BugCheck)) throw error;
      this.#events.push(this.#deathEvent(error));
    }
    return this.#events;
  }

  #runPointByPoint(): void {
    const { kernel } = this.machine;
    const cpu = kernel.vcpus[0]!;
    kernel.gate = { at: () => true };
    cpu.queueThread('script', cpu.objectId, this.#script());
    while (cpu.isEnabled()) cpu.advance();
  }

  *#script(): Suspending<void> {
    yield* this.#createEnabler();
    for (const call of this.vector.script) yield* this.#call(call, true);
    for (const named of this.#transactions.values()) {
      if (!named.isDeleted) this.#events.push(['final', named.name, this.#snapshot(named)]);
    }
    const { pool, queue } = this.machine.platform;
    this.#events.push(['final', 'hal', pool.free, queue.waiting]);
  }

  #deathEvent({ violation }: BugCheck): unknown {
    if (isFault(violation)) return violation.fault === 'ACCESS_VIOLATION' ? ['crash', violation.fault] : ['halFault', violation.fault];
    const [type, , state] = violation.bugCheck?.parameters ?? [];
    if (type === WdfViolation.REQUIRED_PARAMETER_IS_NULL) return ['bugcheck', 'WDF_REQUIRED_PARAMETER_IS_NULL'];
    if (type === WdfViolation.DMA_FATAL_ERROR) return ['bugcheck', 'WDF_DMA_FATAL_ERROR', transactionStateName(state as TransactionState)];
    return ['bugcheck', violation.rule, violation.message];
  }

  // --- the enabler ------------------------------------------------------------------------------------------------

  *#createEnabler(): Suspending<void> {
    const { enabler: config } = this.vector;
    const created = yield* DmaEnabler.create(this.machine.device, this.#enablerConfig());
    this.#events.push(['ret', 'EnablerCreate', null, shortStatus(created.status)]);
    if (!created.ok) return;
    this.#enabler = created.object;
    if (config.maxScatterGatherElements !== undefined) created.object.setMaximumScatterGatherElements(config.maxScatterGatherElements);
    this.#configureSystemProfile(created.object);
    const info = [DmaDirection.ReadFromDevice, DmaDirection.WriteToDevice].map((direction) => created.object.adapterInfo(direction));
    this.#events.push([
      'limits',
      created.object.maximumLengthBytes,
      info.map((i) => i.maximumFragmentLengthBytes),
      info.map((i) => i.numberOfMapRegisters),
    ]);
  }

  #configureSystemProfile(enabler: DmaEnabler): void {
    if (enabler.kind !== 'system') return;
    const directions = this.vector.enabler.configure ?? (enabler.profile === 'SystemDuplex' ? ['Read', 'Write'] : ['Read']);
    for (const direction of directions) {
      const status = enabler.configureSystemProfile(
        { deviceAddress: 0, dmaWidthBits: 32, dmaDescriptor: { channel: 0, requestLine: 0 } },
        directionValue(direction),
      );
      this.#events.push(['ret', `ConfigureSystemProfile:${direction}`, null, shortStatus(status)]);
    }
  }

  #enablerConfig(): DmaEnablerConfig {
    const { enabler: config } = this.vector;
    return {
      // An unknown profile is part of what is tested.
      profile: config.profile as DmaProfile,
      maximumLengthBytes: config.maximumLength,
      wdmDmaVersionOverride: config.dmaVersion ?? 3,
      addressWidthOverride: config.addressWidth ?? 0,
      noScatterGatherListPreallocation: config.noSgPrealloc ?? false,
      requireSingleTransfer: config.singleTransfer ?? false,
      ...(config.configSize === undefined ? {} : { size: config.configSize }),
      ...this.#powerCallbacks(),
    };
  }

  #powerCallbacks(): DmaEnablerCallbacks {
    const callbacks: Record<string, () => NtStatus> = {};
    for (const name of POWER_CALLBACKS) {
      const status = this.vector.enabler.power?.[name];
      if (status === undefined) continue;
      callbacks[`evtDmaEnabler${name}`] = () => {
        this.#events.push(['cb', `EvtDmaEnabler${name}`, null]);
        return statusByName(status)!;
      };
    }
    return callbacks;
  }

  // --- calls ------------------------------------------------------------------------------------------------------

  *#call([op, tx, argument]: VectorCall, isTopLevel: boolean): Suspending<void> {
    const name = typeof tx === 'string' ? tx : null;
    if (this.#isSkipped(op, name)) {
      this.#events.push(['skip', op, name]);
      return;
    }
    const value = name === null ? yield* this.#enablerCall(this.#enabler!, op, argument) : yield* this.#transactionCall(name, op, argument);
    const event: unknown[] = ['ret', op, name, value];
    if (isTopLevel && name !== null) event.push(this.#snapshot(this.#transactions.get(name)!));
    this.#events.push(event);
  }

  #isSkipped(op: string, name: string | null): boolean {
    if (this.#enabler === null) return true;
    if (name === null) return false;
    const named = this.#transactions.get(name);
    if (op === 'Create') return named !== undefined;
    if (named === undefined || named.isDeleted) return true;
    return op === 'HalComplete' && named.transaction.wdmTransferContext?.isRunning !== true;
  }

  *#enablerCall(enabler: DmaEnabler, op: string, argument: unknown): Suspending<unknown> {
    switch (op) {
      case 'SetMaximumScatterGatherElements':
        enabler.setMaximumScatterGatherElements(argument as number);
        return null;
      case 'GetMaximumScatterGatherElements':
        return enabler.maximumScatterGatherElements;
      case 'EnablerGetMaximumLength':
        return enabler.maximumLengthBytes;
      case 'EnablerGetFragmentLength':
        return enabler.fragmentLengthBytes(directionValue(argument as VectorDirection));
      case 'PowerUp':
        return shortStatus(yield* enabler.powerUp());
      case 'PowerDown':
        return shortStatus(yield* enabler.powerDown());
      default:
        return unknownOperation(op);
    }
  }

  *#transactionCall(name: string, op: string, argument: unknown): Suspending<unknown> {
    if (op === 'Create') return yield* this.#create(name);
    const named = this.#transactions.get(name)!;
    const { transaction } = named;
    switch (op) {
      case 'Initialize':
      case 'InitializeUsingOffset':
      case 'InitializeUsingRequest':
      case 'Execute':
      case 'AllocateResources':
        return shortStatus(yield* this.#start(named, op, argument));
      case 'DmaCompleted':
        return completion(yield* transaction.dmaCompleted());
      case 'DmaCompletedWithLength':
        return completion(yield* transaction.dmaCompletedWithLength(argument as number));
      case 'DmaCompletedFinal':
        return completion(yield* transaction.dmaCompletedFinal(argument as number));
      case 'Release':
        return shortStatus(yield* transaction.release());
      case 'Delete':
        named.isDeleted = true;
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
        yield* this.#completeByController(transaction, argument as keyof typeof DmaCompletionStatus);
        return null;
      default:
        return this.#settingOrQuery(named, op, argument);
    }
  }

  *#create(name: string): Suspending<unknown> {
    const created = yield* DmaTransaction.create(this.#enabler!, { evtDestroyCallback: () => this.#events.push(['destroyed', name]) });
    if (created.ok) this.#transactions.set(name, { name, transaction: created.object, isDeleted: false, callbackCounts: new Map() });
    return shortStatus(created.status);
  }

  *#start(named: NamedTransaction, op: string, argument: unknown): Suspending<NtStatus> {
    const { transaction } = named;
    if (op === 'Execute') return yield* transaction.execute();
    if (op === 'InitializeUsingRequest') {
      const { request, dir } = argument as { request: string; dir: VectorDirection };
      return yield* transaction.initializeUsingRequest(this.machine.requests.get(request)!, this.#programDma(named), directionValue(dir));
    }
    if (op === 'AllocateResources') {
      const { registers, dir, callback } = argument as ReserveArgument;
      return yield* transaction.allocateResources(directionValue(dir), registers, callback === null ? null : this.#reserveDma(named));
    }
    const { buffer, offset, length, dir, program } = argument as BufferArgument;
    const mdl = buffer === null ? null : this.machine.buffers.get(buffer)!;
    const programDma = program === null ? null : this.#programDma(named);
    if (op === 'InitializeUsingOffset')
      return yield* transaction.initializeUsingOffset(programDma, directionValue(dir), mdl, offset, length);
    return yield* transaction.initialize(programDma, directionValue(dir), mdl, (mdl?.virtualAddress ?? 0) + offset, length);
  }

  #settingOrQuery(named: NamedTransaction, op: string, argument: unknown): unknown {
    const { transaction } = named;
    switch (op) {
      case 'SetMaximumLength':
        transaction.setMaximumLength(argument as number);
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
        transaction.setChannelConfigurationCallback(argument === true ? this.#configureChannel(named) : null);
        return null;
      case 'SetTransferCompleteCallback':
        transaction.setTransferCompleteCallback(argument === true ? this.#transferComplete(named) : null);
        return null;
      case 'GetBytesTransferred':
        return transaction.bytesTransferred;
      case 'GetCurrentDmaTransferLength':
        return transaction.currentDmaTransferLengthBytes;
      case 'GetRequest':
        return this.machine.requestName(transaction.request);
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

  *#completeByController(transaction: DmaTransaction, status: keyof typeof DmaCompletionStatus): Suspending<void> {
    const adapter =
      this.#enabler!.wdmGetDmaAdapter(DmaDirection.ReadFromDevice) ?? this.#enabler!.wdmGetDmaAdapter(DmaDirection.WriteToDevice);
    yield* adapter!.completeSystemTransfer(transaction.wdmTransferContext!, DmaCompletionStatus[status]);
  }

  // --- callbacks --------------------------------------------------------------------------------------------------

  #programDma(named: NamedTransaction) {
    const run = this;
    return function* (
      _transaction: unknown,
      _device: unknown,
      _context: unknown,
      direction: DmaDirection,
      list: ScatterGatherList,
    ): Suspending<boolean> {
      const elements: unknown[] = [];
      for (let i = 0; i < list.count; i++) elements.push([`0x${list.address(i).toString(16)}`, list.lengthBytes(i)]);
      run.#events.push(['cb', 'EvtProgramDma', named.name, directionName(direction), elements]);
      yield* run.#callbackBody(named, 'EvtProgramDma');
      return true;
    };
  }

  #reserveDma(named: NamedTransaction) {
    const run = this;
    return function* (): Suspending<void> {
      run.#events.push(['cb', 'EvtReserveDma', named.name]);
      yield* run.#callbackBody(named, 'EvtReserveDma');
    };
  }

  #configureChannel(named: NamedTransaction) {
    const run = this;
    return function* (
      _transaction: unknown,
      _device: unknown,
      _context: unknown,
      mdl: Mdl | null,
      offset: number,
      lengthBytes: number,
    ): Suspending<boolean> {
      run.#events.push(['cb', 'EvtConfigureDmaChannel', named.name, run.machine.bufferName(mdl), offset, lengthBytes]);
      return yield* run.#callbackBody(named, 'EvtConfigureDmaChannel');
    };
  }

  #transferComplete(named: NamedTransaction) {
    const run = this;
    return function* (
      _transaction: unknown,
      _device: unknown,
      _context: unknown,
      direction: DmaDirection,
      status: DmaCompletionStatus,
    ): Suspending<void> {
      run.#events.push(['cb', 'EvtDmaTransferComplete', named.name, directionName(direction), completionName(status)]);
      yield* run.#callbackBody(named, 'EvtDmaTransferComplete');
    };
  }

  /** The calls of this invocation; the result is what `Return` says, true without one. */
  *#callbackBody(named: NamedTransaction, callback: string): Suspending<boolean> {
    const count = named.callbackCounts.get(callback) ?? 0;
    named.callbackCounts.set(callback, count + 1);
    let result = true;
    for (const call of this.vector.callbacks?.[named.name]?.[callback]?.[count] ?? []) {
      if (call[0] === 'Return') result = call[1] as boolean;
      else yield* this.#call(call, false);
    }
    return result;
  }

  // --- snapshots --------------------------------------------------------------------------------------------------

  #snapshot({ transaction }: NamedTransaction): unknown[] {
    const { free } = this.machine.platform.pool;
    if (transaction.isDestroyed) return ['(gone)', 0, 0, free];
    const snapshot: unknown[] = [transaction.stateName, transaction.bytesTransferred, transaction.currentDmaTransferLengthBytes, free];
    const { request } = transaction;
    if (request !== null) snapshot.push(request.dmaReferences);
    return snapshot;
  }
}

function completion(status: NtStatus): [boolean, string] {
  return [status !== STATUS_MORE_PROCESSING_REQUIRED, shortStatus(status)];
}

function unknownOperation(op: string): never {
  assertInternal(false, 'CONFORMANCE_OP', `the vector makes a call nobody knows: ${op}`);
}
