import { expect } from 'chai';
import { describe, it } from 'mocha';
import { OpKind } from '../../src/kernel/index.js';
import { everybodyBut, run, type Step } from '../backends/script.js';
import { CANCEL, HOLDER_IO, IO, KINDS, OUTSIDE, Stage, type Ending, type Kind, type StageOptions } from './cancel-stage.js';

/*
 * Each window of transaction-state-machine section 8 as a script of scheduling points, on the sample drivers over the
 * whole road: when the cancellation comes, who ends the transaction, who completes the request, with which status.
 * `Stage.play` sees to the rest: one completion, one end, nothing found, all map registers back.
 */

interface Window {
  readonly window: string;
  readonly when: string;
  readonly options?: StageOptions;
  readonly kinds?: readonly Kind[];
  readonly script: (stage: Stage) => readonly Step[];
  readonly ending: Partial<Ending> | ((kind: Kind) => Partial<Ending>);
}

/** The cancellation from its beginning to the end of EvtRequestCancel. */
const cancelled = (): readonly Step[] => [run(CANCEL).once(), run(OUTSIDE).toItsEnd()];
/** EvtRequestCancel up to the point where only its part of the request is left to drop; the I/O path then drops its own first. */
const cancelledUpToItsPart = (stage: Stage): readonly Step[] => [
  run(CANCEL).once(),
  run(OUTSIDE).until('EvtRequestCancel has decided', stage.callbackHasDecided),
];

/** The holder has the registers, the subject waits for them and its EvtIo has returned. */
const waiting = (): readonly Step[] => [run(HOLDER_IO).toItsEnd(), run(IO).toItsEnd()];

/** Never programmed, never executed. */
const notBegun: Partial<Ending> = { programs: 0, isHardwareTouched: false, transaction: null, status: 'CANCELLED', completedBy: IO };
/** EvtProgramDma sees the cancellation and ends the transaction instead of starting the hardware. */
const givenUpByProgram: Partial<Ending> = {
  programs: 1,
  isHardwareTouched: false,
  transaction: 'TransferCompleted',
  transactionEndedBy: IO,
  status: 'CANCELLED',
};
/**
 * The same. A system transfer that was stopped before it was mapped is not even programmed: its completion callback says
 * so (section 9), and the driver takes its request line down.
 */
const notStarted = (kind: Kind): Partial<Ending> =>
  kind === 'System' ? { ...givenUpByProgram, programs: 0, bytes: 0, isHardwareTouched: true } : givenUpByProgram;
/** The hardware was started and stopped before it moved anything: it confirms, and the DPC ends the transaction. */
const stopped: Partial<Ending> = { ...givenUpByProgram, bursts: 0, isHardwareTouched: true };
/** Taken out of the queue for map registers: EvtProgramDma never comes. */
const withdrawn: Partial<Ending> = {
  transaction: 'TransferFailed',
  transactionEndedBy: OUTSIDE,
  status: 'CANCELLED',
  completedBy: OUTSIDE,
};
const moved: Partial<Ending> = { transaction: 'TransferCompleted', transactionEndedBy: IO, status: 'SUCCESS', bytes: 8192 };

const WINDOWS: readonly Window[] = [
  {
    window: 'A',
    when: 'before its driver would mark it, which it never does: the I/O path goes on and succeeds',
    options: { isUnmarked: true },
    kinds: ['ScatterGather'],
    script: (stage) => [run(IO).untilBefore(OpKind.Call, 'transaction', stage.transactionId, 2), ...cancelled()],
    ending: { ...moved, completedBy: IO },
  },
  {
    window: 'B',
    when: 'before MarkCancelableEx, which answers CANCELLED: the I/O path releases and completes, EvtRequestCancel never runs',
    script: (stage) => [run(IO).untilBefore(OpKind.Update, 'request', stage.requestId), ...cancelled()],
    ending: notBegun,
  },
  {
    window: 'C',
    when: 'marked, before Execute: EvtRequestCancel comes when EvtIo has returned, and stops what was started',
    script: (stage) => [run(IO).untilBefore(OpKind.Call, 'transaction', stage.transactionId, 2), ...cancelled()],
    ending: { ...stopped, completedBy: IO },
  },
  {
    window: 'C',
    when: 'inside Execute, before map registers are asked for: as before Execute',
    script: (stage) => [run(IO).untilBefore(OpKind.Acquire, 'pool', stage.poolId), ...cancelled()],
    ending: { ...stopped, completedBy: IO },
  },
  {
    window: 'D',
    when: 'while it waits for map registers: withdrawn, and EvtRequestCancel does everything',
    options: { isContended: true },
    script: () => [...waiting(), ...cancelled()],
    ending: { ...withdrawn, programs: 0, isHardwareTouched: false, bytes: 0 },
  },
  {
    window: 'E',
    when: 'inside EvtIo, granted at once: EvtRequestCancel comes when EvtIo has returned, and stops what was started',
    script: (stage) => [run(IO).until('window E', stage.isIn('E')), ...cancelled()],
    ending: { ...stopped, completedBy: IO },
  },
  {
    window: 'E',
    when: 'granted by the end of the other transfer: Cancel is too late, EvtProgramDma does not start the hardware',
    options: { isContended: true },
    script: (stage) => [...waiting(), everybodyBut([CANCEL], 'window E', stage.isIn('E')), ...cancelled()],
    ending: (kind) => ({ ...notStarted(kind), completedBy: IO }),
  },
  {
    window: 'E',
    when: 'the same, and the callback is the last party: it completes',
    options: { isContended: true },
    script: (stage) => [
      ...waiting(),
      everybodyBut([CANCEL], 'window E', stage.isIn('E')),
      ...cancelledUpToItsPart(stage),
      run(IO).toItsEnd(),
    ],
    ending: (kind) => ({ ...notStarted(kind), completedBy: OUTSIDE }),
  },
  {
    window: 'F',
    when: 'the hardware was just started: it confirms the stop, the DPC ends and completes',
    script: () => [run(IO).toItsEnd(), ...cancelled()],
    ending: { ...stopped, completedBy: IO },
  },
  {
    window: 'F',
    when: 'in the middle of the data: what was moved is not reported',
    script: (stage) => [everybodyBut([CANCEL], 'three bursts were moved', stage.hasMoved(3)), ...cancelled()],
    ending: { programs: 1, bytes: 0, transaction: 'TransferCompleted', transactionEndedBy: IO, status: 'CANCELLED', completedBy: IO },
  },
  {
    window: 'F',
    when: 'the DPC ends the transaction between the decision of the callback and its part: the callback completes',
    script: (stage) => [
      run(IO).toItsEnd(),
      ...cancelledUpToItsPart(stage),
      everybodyBut([OUTSIDE], 'the transaction has ended', () => stage.transaction.stateName === 'Released'),
      run(IO).toItsEnd(),
    ],
    ending: { ...stopped, completedBy: OUTSIDE },
  },
  {
    window: 'G',
    when: 'between two transfers: the next one is staged all the same, and EvtProgramDma ends the transaction',
    options: { lengthBytes: 16384 },
    script: (stage) => [everybodyBut([CANCEL], 'window G', stage.isIn('G')), ...cancelled()],
    // A packet transfer is one contiguous run, a page of these buffers here: fewer bursts before the cancellation.
    ending: { programs: 2, transaction: 'TransferCompleted', transactionEndedBy: IO, status: 'CANCELLED', completedBy: IO },
  },
  {
    window: 'G',
    when: 'scatter/gather, the registers given back were taken by another: the DPC withdraws what it has just staged',
    options: { lengthBytes: 16384, isContended: true },
    kinds: ['ScatterGather'],
    script: (stage) => [...waitingAgain(stage), ...cancelled()],
    ending: { ...withdrawn, programs: 1, transactionEndedBy: IO, completedBy: IO },
  },
  {
    window: 'G',
    when: 'scatter/gather, the same after the DPC has returned: withdrawn by EvtRequestCancel',
    options: { lengthBytes: 16384, isContended: true },
    kinds: ['ScatterGather'],
    script: (stage) => [...waitingAgain(stage), run(IO).toItsEnd(), ...cancelled()],
    ending: { ...withdrawn, programs: 1 },
  },
  {
    window: 'H',
    when: 'after the last DmaCompleted, before Unmark: all bytes were moved, the DPC is the last party',
    script: (stage) => [everybodyBut([CANCEL], 'window H', stage.isIn('H')), ...cancelled()],
    ending: { ...moved, completedBy: IO },
  },
  {
    window: 'H',
    when: 'the same, and the callback is the last party',
    script: (stage) => [everybodyBut([CANCEL], 'window H', stage.isIn('H')), ...cancelledUpToItsPart(stage), run(IO).toItsEnd()],
    ending: { ...moved, completedBy: OUTSIDE },
  },
  {
    window: 'H',
    when: 'after Unmark answered SUCCESS: the flag is set and nothing else',
    script: (stage) => [
      everybodyBut([CANCEL], 'window H', stage.isIn('H')),
      run(IO).untilBefore(OpKind.Call, 'request', stage.requestId),
      ...cancelled(),
    ],
    ending: { ...moved, completedBy: IO },
  },
  {
    window: 'I',
    when: 'after the request was completed: nobody notices',
    script: (stage) => [everybodyBut([CANCEL], 'the request is completed', stage.isCompleted)],
    ending: { ...moved, completedBy: IO },
  },
];

/** The subject's first transfer is at the device and the holder waits; then its end gives the holder the registers. */
function waitingAgain(stage: Stage): readonly Step[] {
  return [run(IO).toItsEnd(), run(HOLDER_IO).toItsEnd(), everybodyBut([CANCEL], 'the subject waits again', stage.waitsAgain)];
}

describe('a cancellation', () => {
  for (const { window, when, options, kinds, script, ending } of WINDOWS) {
    for (const kind of kinds ?? KINDS) {
      it(`in window ${window} (${kind}), ${when}`, () => {
        const stage = new Stage(kind, options);
        const expected = typeof ending === 'function' ? ending(kind) : ending;
        expect(stage.play(script(stage))).to.deep.include({ window, ...expected });
      });
    }
  }

  it('has a script for every window', () => {
    expect([...new Set(WINDOWS.map(({ window }) => window))].join('')).to.equal('ABCDEFGHI');
  });
});

describe('a script that cannot be followed', () => {
  it('says which line and why', () => {
    const stage = new Stage('ScatterGather');
    const impossible = [run(OUTSIDE).once()];
    expect(() => stage.play(impossible)).to.throw("line 1, 'vCPU 2 once': it has nothing to do");
  });

  it('says that a point was passed where there was no choice', () => {
    const stage = new Stage('ScatterGather', { isUnmarked: true });
    const never = [run(IO).until('window D', stage.isIn('D'))];
    expect(() => stage.play(never)).to.throw("'vCPU 0 until window D'");
  });
});
