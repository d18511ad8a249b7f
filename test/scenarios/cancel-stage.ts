import { expect } from 'chai';
import { EventKind, OpKind, type EventRecord } from '../../src/kernel/index.js';
import { statusName } from '../../src/nt/index.js';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { defineScenario, type ScenarioDevice } from '../../src/machine/scenario.js';
import { plx9x5xDriver } from '../../src/scenarios/samples/plx9x5x-driver.js';
import { plxCancelDriver } from '../../src/scenarios/samples/plx9x5x-cancel-driver.js';
import { systemDmaDriver } from '../../src/scenarios/samples/systemdma-driver.js';
import { DmaDirection, type DmaTransaction } from '../../src/wdf/index.js';
import { TransactionState, transactionStateName } from '../../src/wdf/dma-transaction-state.js';
import { Script, type Step } from '../backends/script.js';

/** The three kinds of profile that differ in section 8's table. */
export const KINDS = ['Packet', 'ScatterGather', 'System'] as const;
export type Kind = (typeof KINDS)[number];

/** Strands of a stage: the subject's application, that of the holder, whoever cancels the subject's request. */
export const IO = 'vCPU 0';
export const HOLDER_IO = 'vCPU 1';
export const OUTSIDE = 'vCPU 2';
export const CANCEL = 'cancellation on subject';

export interface StageOptions {
  /** Two transfers of it when it is 16384. Default 8192. */
  readonly lengthBytes?: number;
  /** Another device takes all map registers (and the channel) for its request. Default false. */
  readonly isContended?: boolean;
  /** The published sample instead, which never marks its requests. Default false. */
  readonly isUnmarked?: boolean;
}

function device(name: string, kind: Kind, isUnmarked: boolean): ScenarioDevice {
  if (kind === 'System') return { name, model: 'sdma-port', driver: systemDmaDriver };
  const driver = isUnmarked ? plx9x5xDriver : plxCancelDriver(`plx9x5x-cancel ${kind}`, kind);
  return { name, model: 'plx9656', params: { burstBytes: 512 }, driver };
}

/** What became of the subject's request. */
export interface Ending {
  /** Windows in which its cancellation came, by the lab's own count. */
  readonly window: string;
  /** Calls of EvtProgramDma, and bursts of data its device (or the controller for it) moved. */
  readonly programs: number;
  readonly bursts: number;
  /** Its device's registers were written between submission and completion. */
  readonly isHardwareTouched: boolean;
  /** How its transaction ended, and on which strand; null when it was never executed. */
  readonly transaction: string | null;
  readonly transactionEndedBy: string | null;
  readonly status: string;
  readonly bytes: number;
  readonly completedBy: string;
}

/**
 * One write request on a device, doomed to be cancelled, and on demand another device that is in its way. A script
 * says when the cancellation comes; `play` says what came of it, after it has made sure that nothing is left.
 */
export class Stage {
  readonly backend: ControlledBackend;
  readonly #kind: Kind;

  constructor(kind: Kind, options: StageOptions = {}) {
    this.#kind = kind;
    const { lengthBytes = 8192, isContended = false, isUnmarked = false } = options;
    const subject = { ...device('subject', kind, isUnmarked), workload: { cancelPerMillion: 1_000_000 } };
    const scenario = defineScenario({
      name: 'stage',
      title: 'one request to be cancelled',
      devices: isContended ? [subject, device('holder', kind, false)] : [subject],
      workload: { applications: 1, outstanding: 1, minBytes: lengthBytes, maxBytes: lengthBytes, maxMdls: 1, readsPercent: 0 },
      machine: { mapRegisters: 3, dmaChannels: 1 },
    });
    const requests = scenario.devices.length;
    this.backend = new ControlledBackend(resolveParameters(scenario, { seed: 1, workload: { requests } }));
  }

  /** The subject's. */
  get transaction(): DmaTransaction {
    const { dmaEnablers } = this.backend.machine.devices[0]!.device!;
    return [...dmaEnablers[0]!.children].find((child): child is DmaTransaction => child.typeName === 'DmaTransaction')!;
  }

  readonly poolId = (): number => this.backend.machine.platform.pool.objectId;
  readonly transactionId = (): number => this.transaction.objectId;
  /** Of the subject's request: the first one submitted on its virtual CPU. */
  readonly requestId = (): number =>
    this.#events().find(({ kind, strand }) => kind === EventKind.RequestSubmit && strand === 0)?.object ?? -1;

  #events(): EventRecord[] {
    return [...this.backend.events.newest()].sort((a, b) => a.sequence - b.sequence);
  }

  /** The transaction is there, and its request stands in that window. */
  readonly isIn = (window: string) => (): boolean => this.transaction.request?.cancelWindow === window;
  readonly isCompleted = (): boolean =>
    this.#events().some(({ kind, object }) => kind === EventKind.RequestComplete && object === this.requestId());

  /** Whoever cancels has released its lock for the last time but one: all that is left to it is to drop its part of the request. */
  readonly callbackHasDecided = (): boolean => this.#events().some(({ kind, strand }) => kind === EventKind.LockRelease && strand === 2);
  readonly hasMoved = (bursts: number) => (): boolean => this.#bursts(this.#events()) >= bursts;
  /** Between two transfers, and the registers for the next are not there. */
  readonly waitsAgain = (): boolean => {
    const { enabler, stateName } = this.transaction;
    if (stateName !== 'Transfer' || this.transaction.bytesTransferred === 0) return false;
    return enabler.wdmGetDmaAdapter(DmaDirection.WriteToDevice)!.isWaiting(this.transaction.wdmTransferContext!);
  };

  /** Steps that moved data, of the subject or of the controller for it. */
  #bursts(events: readonly EventRecord[]): number {
    const { views } = this.backend.machine;
    const mover = views[this.#kind === 'System' ? views.length - 1 : 0]!.objectId;
    return events.filter(({ kind, object, a }) => kind === EventKind.DeviceStep && object === mover && a === OpKind.Burst).length;
  }

  play(steps: readonly Step[]): Ending {
    const script = new Script(this.backend.machine.kernel, this.backend.strandNames, steps);
    script.newExecution();
    const { findings, requests } = this.backend.execute(script);
    const problem = script.unfollowed();
    if (problem !== null) throw new Error(problem);
    expect(findings.map(({ rule, message }) => `${rule}: ${message}`)).to.deep.equal([]);
    const { machine } = this.backend;
    expect(requests).to.equal(machine.devices.length);
    expect([machine.platform.pool.free, machine.platform.queue.waiting]).to.deep.equal([machine.platform.pool.total, 0]);
    return this.#ending();
  }

  #ending(): Ending {
    const { machine, strandNames } = this.backend;
    const events = this.#events();
    const request = this.requestId();
    const completions = events.filter(({ kind, object }) => kind === EventKind.RequestComplete && object === request);
    expect(completions, 'completed once').to.have.length(1);
    const [completion] = completions;
    const submitted = events.find(({ kind, object }) => kind === EventKind.RequestSubmit && object === request)!.sequence;
    const registers = machine.views[0]!.objectId;
    const transaction = this.#transactionId(events);
    const ends = events.filter(
      ({ kind, object, a }) =>
        kind === EventKind.TransactionState &&
        object === transaction &&
        (a === TransactionState.TransferCompleted || a === TransactionState.TransferFailed),
    );
    expect(ends.length, 'ended at most once').to.be.at.most(1);
    const [end] = ends;
    return {
      window: Object.keys(machine.devices[0]!.canceller!.counts.byWindow).join(),
      programs: events.filter(({ kind, object }) => kind === EventKind.TransferStage && object === transaction).length,
      bursts: this.#bursts(events),
      isHardwareTouched: events.some(
        ({ kind, object, sequence }) =>
          kind === EventKind.RegisterWrite && object === registers && sequence > submitted && sequence < completion!.sequence,
      ),
      transaction: end === undefined ? null : transactionStateName(end.a as TransactionState),
      transactionEndedBy: end === undefined ? null : strandNames[end.strand]!,
      status: statusName(completion!.a).replace('STATUS_', ''),
      bytes: completion!.b,
      completedBy: strandNames[completion!.strand]!,
    };
  }

  /** Removed with its device by now: the first one that left Created on the subject's virtual CPU. */
  #transactionId(events: readonly EventRecord[]): number {
    const initialized = events.find(
      ({ kind, a, strand }) => kind === EventKind.TransactionState && a === TransactionState.Initialized && strand === 0,
    );
    return initialized?.object ?? -1;
  }
}
