import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { UsageError } from '../../src/nt/index.js';
import {
  decodeChoices,
  explainFailure,
  explainSchedule,
  explore,
  findReordering,
  parseOverrides,
  parseScheduleJson,
  Pos,
  Replay,
  replaySchedule,
  traceExecution,
  type Schedule,
  type Trace,
  type TraceStep,
} from '../../src/explore/index.js';
import { makeOp, OpKind } from '../../src/kernel/index.js';
import type { Explanation } from '../../src/machine/explanation.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { formatExplainReport, createPaint } from '../../src/report/index.js';
import { gallery } from '../../src/scenarios/index.js';
import { sampleSchedule } from './sample-schedule.js';

const scenario = gallery.find(({ defect }) => defect.name === 'cancel-against-dpc')!.defect;

describe('explaining a failing schedule', function () {
  this.timeout(60_000);
  let outDir: string;
  let report: ExploreReport;
  let schedule: Schedule;
  let explanation: Explanation;
  before(async () => {
    outDir = mkdtempSync(join(tmpdir(), 'dmalab-explain-'));
    report = await explore(scenario, {
      overrides: { seed: 1 },
      strategy: new Pos(),
      schedules: 10_000,
      outDir,
      scenarioReference: scenario.name,
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    const file = report.findings[0]!.schedule!;
    schedule = parseScheduleJson(JSON.parse(readFileSync(file, 'utf8')), file);
    explanation = explain(schedule)!;
  });
  after(() => rmSync(outDir, { recursive: true }));

  const overridesOf = ({ seed, parameters }: Schedule) => parseOverrides(seed, parameters, 'x');
  const explain = (of: Schedule, rule = of.finding!.rule): Explanation | null =>
    explainFailure(scenario, overridesOf(of), decodeChoices(of.choices, 'x'), rule);
  const trace = (choices: string): Trace => {
    const backend = new ControlledBackend(resolveParameters(scenario, overridesOf(schedule)));
    const replay = new Replay(decodeChoices(choices, 'x'));
    replay.newExecution();
    return traceExecution(backend, replay);
  };

  it('measures prefixes from none to all; behind the inevitable choice all fail, before it not', () => {
    const { curve, inevitableAfter, choices } = explanation;
    expect(curve[0]!.choices).to.equal(0);
    expect(curve.at(-1)).to.deep.equal({ choices, continuations: 1, failing: 1 });
    for (const { choices: prefix, continuations, failing } of curve) {
      expect(failing).to.be.within(0, continuations);
      if (prefix >= inevitableAfter) expect(failing).to.equal(continuations);
    }
    const last = curve.findLast((odds) => odds.choices < inevitableAfter)!;
    expect(last.choices).to.equal(inevitableAfter - 1);
    expect(last.failing).to.be.lessThan(last.continuations);
  });

  it('names strand, virtual CPU, callback, operation and object of the step', () => {
    const inevitable = explanation.inevitable!;
    expect(inevitable.choice).to.equal(explanation.inevitableAfter);
    expect(inevitable.strand).to.equal(`vCPU ${inevitable.vcpu}`);
    expect(inevitable.text).to.match(/^EvtInterruptDpc on vCPU 0 completed Request#\d+$/);
  });

  it('finds a schedule that passes, begins alike, and shows the two beside each other where they part', () => {
    const passing = explanation.passing!;
    const passed = trace(passing.choices);
    expect(passed.execution.findingsTotal).to.equal(0);
    const failing = decodeChoices(schedule.choices, 'x');
    expect(passed.choices.slice(0, passing.common)).to.deep.equal(failing.slice(0, passing.common));
    expect(passed.choices[passing.common]).to.not.equal(failing[passing.common]);
    expect(passing.sideBySide.some((line) => line.failing !== line.passing)).to.equal(true);
    expect(explanation.reordering!.first.text).to.contain('EvtInterruptDpc');
  });

  it('counts steps as the finding and the replay do: all operations of the schedule', async () => {
    const replayed = await replaySchedule(scenario, schedule, 'x', 'dmalab');
    const traced = trace(schedule.choices);
    expect([report.findings[0]!.step, replayed.findings[0]!.step]).to.deep.equal([traced.steps.length, traced.steps.length]);
    expect(replayed.steps).to.equal(traced.execution.steps).and.to.be.at.least(traced.steps.length);
    expect(explanation.inevitable!.step).to.be.at.most(traced.steps.length);
  });

  it('says the same every time', () => {
    expect(explain(schedule)).to.deep.equal(explanation);
  });

  it('is null for a schedule that does not break the rule', () => {
    expect(explain({ ...schedule, choices: explanation.passing!.choices })).to.equal(null);
    expect(explain(schedule, 'A36')).to.equal(null);
  });

  it('explore says it in a sentence or two', () => {
    expect(report.explanation).to.match(/^It became inevitable at step \d+ \(choice \d+ of \d+\), when EvtInterruptDpc on vCPU 0 /);
  });

  it('as a report: sentences, the picture of P by prefix, the schedules beside each other', async () => {
    const explained = await explainSchedule(scenario, schedule, 'a.json', 'dmalab');
    expect(explained).to.include({ verdict: 'finding', rule: schedule.finding!.rule, divergence: null });
    const text = formatExplainReport(explained, createPaint(false));
    expect(text).to.contain(explanation.sentences[0]);
    expect(text).to.match(/#{40} {2}1\.00 {2}\(\d+ of \d+\) {2}<- inevitable/);
    expect(text).to.contain('the nearest that passes');
    expect(formatExplainReport(explained, createPaint(false), true)).to.not.contain('####');
  });

  it('a schedule that fails no more diverged, one that never failed is a usage error', async () => {
    const passing = { ...schedule, choices: explanation.passing!.choices };
    const report = await explainSchedule(scenario, passing, 'a.json', 'dmalab');
    expect(report).to.include({ verdict: 'diverged', explanation: null });
    const error: unknown = await explainSchedule(scenario, sampleSchedule, 'a.json', 'dmalab').catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UsageError).and.include({ code: 'USAGE_NOTHING_TO_EXPLAIN' });
  });
});

describe('the reordering that decides', () => {
  const step = (strand: number, op: number, callback = ''): TraceStep => ({ strand, op, choice: 0, callback, events: [] });
  const traceOf = (steps: TraceStep[]): Trace => ({ steps, choices: [], enabled: [], execution: null as never });
  const [read, write, other] = [makeOp(5, OpKind.Read), makeOp(5, OpKind.Write), makeOp(6, OpKind.Write)];

  it('is the first pair on one object in the opposite order', () => {
    const failing = traceOf([step(0, other), step(0, read), step(1, other), step(1, write)]);
    const passing = traceOf([step(0, other), step(1, other), step(1, write), step(0, read)]);
    expect(findReordering(failing, passing)).to.deep.equal({ first: 1, second: 2, isConflict: true });
  });

  it('takes no pair of reads, none of the same code, and none that is ordered alike', () => {
    const failing = traceOf([step(0, read), step(1, read), step(1, other)]);
    const passing = traceOf([step(1, read), step(0, read), step(1, other)]);
    expect(findReordering(failing, passing)).to.deep.equal({ first: 0, second: 0, isConflict: false });
    const own = traceOf([step(0, read), step(0, write)]);
    expect(findReordering(own, traceOf([step(0, write), step(0, read)]))!.isConflict).to.equal(false);
  });

  it('an operation that the finding came before counts as later', () => {
    const failing = traceOf([step(0, read)]);
    expect(findReordering(failing, traceOf([step(1, write), step(0, read)]))).to.deep.equal({ first: 0, second: 0, isConflict: true });
    expect(findReordering(failing, failing)).to.equal(null);
  });
});
