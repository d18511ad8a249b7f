import { BugCheck, WdfViolation, type NtStatus } from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import { isFault } from '../hal/index.js';
import { DmaDirection, DmaEnabler, type DmaEnablerCallbacks, type DmaEnablerConfig, type DmaProfile } from '../wdf/dma-enabler.js';
import { transactionStateName, type TransactionState } from '../wdf/dma-transaction-state.js';
import { DmaTransaction } from '../wdf/dma-transaction.js';
import { directionValue, shortStatus, statusOf, unknownOperation } from './names.js';
import { ScriptedTransaction, type ScriptHost } from './scripted-transaction.js';
import { TestMachine } from './test-machine.js';
import type { Vector, VectorCall, VectorDirection } from './vector.js';

/** What a run of a vector gave: the events in the order they happened, and the calls on the HAL boundary. */
export interface VectorOutcome {
  readonly events: readonly unknown[];
  readonly hal: readonly unknown[];
  /** Misuse and defects the lab noticed on the way, by rule. */
  readonly findings: ReadonlyMap<string, number>;
}

/**
 * Runs a vector's script on the DMA objects over the test HAL. Pure: the same vector always gives the same events.
 * `suspendEverywhere` leaves the script at every scheduling point and comes back, which must not change anything.
 */
export function runVector(vector: Vector, options: { readonly suspendEverywhere?: boolean } = {}): VectorOutcome {
  const run = new VectorRun(vector);
  const events = run.run(options.suspendEverywhere ?? false);
  return { events, hal: run.machine.trace.entries, findings: run.machine.kernel.findings.byRule };
}

const POWER_CALLBACKS = ['Fill', 'Enable', 'SelfManagedIoStart', 'SelfManagedIoStop', 'Disable', 'Flush'] as const;
class VectorRun implements ScriptHost {
  readonly machine: TestMachine;
  readonly #events: unknown[] = [];
  readonly #transactions = new Map<string, ScriptedTransaction>();
  #enabler: DmaEnabler | null = null;

  constructor(readonly vector: Vector) {
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
    for (const call of this.vector.script) yield* this.call(call, true);
    for (const named of this.#transactions.values()) {
      if (!named.isDeleted) this.#events.push(['final', named.name, named.snapshot()]);
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
        return statusOf(status);
      };
    }
    return callbacks;
  }

  // --- calls ------------------------------------------------------------------------------------------------------

  record(event: unknown): void {
    this.#events.push(event);
  }

  /** Makes one call of a script or of a callback and records what it returned. */
  *call([op, tx, argument]: VectorCall, isTopLevel: boolean): Suspending<void> {
    const name = typeof tx === 'string' ? tx : null;
    if (this.#isSkipped(op, name)) {
      this.#events.push(['skip', op, name]);
      return;
    }
    const value = name === null ? yield* this.#enablerCall(this.#enabler!, op, argument) : yield* this.#transactionCall(name, op, argument);
    const event: unknown[] = ['ret', op, name, value];
    if (isTopLevel && name !== null) event.push(this.#transactions.get(name)!.snapshot());
    this.#events.push(event);
  }

  #isSkipped(op: string, name: string | null): boolean {
    if (this.#enabler === null) return true;
    if (name === null) return false;
    const named = this.#transactions.get(name);
    if (op === 'Create') return named !== undefined;
    if (named === undefined || named.isDeleted) return true;
    return op === 'HalComplete' && !named.isRunning;
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
    if (op !== 'Create') return yield* this.#transactions.get(name)!.call(op, argument);
    const created = yield* DmaTransaction.create(this.#enabler!, { evtDestroyCallback: () => this.record(['destroyed', name]) });
    if (created.ok) this.#transactions.set(name, new ScriptedTransaction(name, created.object, this));
    return shortStatus(created.status);
  }
}
