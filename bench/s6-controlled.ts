import { runControlledStrands } from './controlled-strands.js';
import { DriverExecutions } from './driver-executions.js';
import type { Effort } from './options.js';
import { runFastCheckLoop } from './peers/fast-check-loop.js';
import { runGeneratorLoop } from './peers/generator-loop.js';
import { MODEL_STRANDS, operationsOfModel, runReferenceModel } from './reference-model.js';
import { Pct, Pos } from '../src/explore/strategies/index.js';
import { rowOf, type Figure, type Row, type Suite } from './results.js';
import { figuresOf, interleave, median, sized, type Contestant } from './rounds.js';

const STRANDS = 3;
/** As many operations as the smallest model of a cancel race has: three strands of seven. */
const SHORT = 7;
/** Executions of a driver have a few strands; fast-check and the bare loop get as many operations, spread over so many. */
const DRIVER_STRANDS = 5;

/** A whole driver with its framework is hot after some thousand executions; what counts is a long search. */
const WARM_UP_SCHEDULES = 5000;

const scheduler = 'kernel and controlled scheduler';
const driver = 'plx9x5x-cancel under control';
/** At least 0.9 times the speed of the bare loop, and 50 times that of fast-check. */
const modelOverBare = { atMost: 1.11 } as const;
const modelOverFastCheck = { atLeast: 50 } as const;

const modelPct = 'reference model, PCT-3';
const modelPos = 'reference model, POS';
const racesPct = 'PCT-3 with race detection';
const racesPos = 'POS with race detection';
/** At least 0.6 times the speed of the bare loop. */
const racesOverBare = { atMost: 1.67 } as const;
const bare = 'bare generator loop';
const fastCheck = 'fc.scheduler';

/** S6: what an operation costs under the controlled scheduler, against the least a generator scheduler can do and against fast-check's. */
export const controlledSuite: Suite = async (effort, progress) => {
  progress(`S6 ${STRANDS} strands of ${SHORT} operations`);
  const short = await measureStrands(effort);
  progress('S6 cancel-race-20');
  const model = await measureModel(effort);
  progress('S6 plx9x5x-cancel');
  const whole = await measureDriver(effort);
  return {
    rows: [...short.rows, ...model.rows, ...whole.rows],
    figures: [...short.figures, ...model.figures, ...whole.figures],
    skipped: [],
  };
};

interface Measured {
  readonly rows: readonly Row[];
  readonly figures: readonly Figure[];
}

/** Contestants that are told schedules, and sized by the operations those have. */
function schedulesOf(
  name: string,
  measureMs: number,
  operations: number,
  run: (schedules: number) => Promise<number> | number,
): Contestant {
  return sized(name, { measureMs, first: operations * 20 }, (wanted) => run(Math.max(1, Math.round(wanted / operations))));
}

async function measureStrands({ rounds, measureMs }: Effort): Promise<Measured> {
  const operations = STRANDS * SHORT;
  const series = await interleave(
    [
      schedulesOf(scheduler, measureMs, operations, (schedules) => runControlledStrands(schedules, STRANDS, SHORT)),
      schedulesOf(bare, measureMs, operations, (schedules) => runGeneratorLoop(schedules, STRANDS, SHORT)),
      schedulesOf(fastCheck, measureMs, operations, (schedules) => runFastCheckLoop(schedules, STRANDS, SHORT)),
    ],
    rounds,
  );
  const base = { suite: 'S6', workload: `${STRANDS} strands of ${SHORT} operations`, subject: scheduler } as const;
  const perSecond = 1e9 / (median(figuresOf(series, scheduler)) * operations);
  return {
    rows: [rowOf(series, { ...base, peer: bare }), rowOf(series, { ...base, peer: fastCheck, kind: 'gain' })],
    figures: [{ suite: 'S6', workload: base.workload, name: scheduler, value: perSecond, unit: 'schedules/s (drifts)' }],
  };
}

/** The smallest cancel race under the strategies that are good at it, against loops of as many operations. */
async function measureModel({ rounds, measureMs }: Effort): Promise<Measured> {
  const operations = Math.round(operationsOfModel(1000, new Pct(3)));
  const each = Math.ceil(operations / MODEL_STRANDS);
  const series = await interleave(
    [
      schedulesOf(modelPct, measureMs, operations, (schedules) => runReferenceModel(schedules, new Pct(3))),
      schedulesOf(modelPos, measureMs, operations, (schedules) => runReferenceModel(schedules, new Pos())),
      schedulesOf(racesPct, measureMs, operations, (schedules) => runReferenceModel(schedules, new Pct(3), true)),
      schedulesOf(racesPos, measureMs, operations, (schedules) => runReferenceModel(schedules, new Pos(), true)),
      schedulesOf(bare, measureMs, operations, (schedules) => runGeneratorLoop(schedules, MODEL_STRANDS, each)),
      schedulesOf(fastCheck, measureMs, operations, (schedules) => runFastCheckLoop(schedules, MODEL_STRANDS, each)),
    ],
    rounds,
  );
  const workload = `cancel-race-20, ${operations} operations`;
  const rows = [modelPct, modelPos].flatMap((subject) => {
    const base = { suite: 'S6', workload, subject } as const;
    return [
      rowOf(series, { ...base, peer: bare, goal: modelOverBare }),
      rowOf(series, { ...base, peer: fastCheck, goal: modelOverFastCheck }),
    ];
  });
  for (const subject of [racesPct, racesPos]) rows.push(rowOf(series, { suite: 'S6', workload, subject, peer: bare, goal: racesOverBare }));
  const figures = [modelPct, modelPos, racesPct, racesPos].map((name): Figure => {
    const value = 1e9 / (median(figuresOf(series, name)) * operations);
    return { suite: 'S6', workload, name, value, unit: 'schedules/s (drifts)' };
  });
  return { rows, figures };
}

async function measureDriver({ rounds, measureMs }: Effort): Promise<Measured> {
  const executions = new DriverExecutions();
  executions.run(WARM_UP_SCHEDULES);
  const operations = Math.round(executions.operations / executions.schedules);
  const each = Math.ceil(operations / DRIVER_STRANDS);
  const series = await interleave(
    [
      schedulesOf(driver, measureMs, operations, (schedules) => executions.run(schedules)),
      schedulesOf(bare, measureMs, operations, (schedules) => runGeneratorLoop(schedules, DRIVER_STRANDS, each)),
      schedulesOf(fastCheck, measureMs, operations, (schedules) => runFastCheckLoop(schedules, DRIVER_STRANDS, each)),
    ],
    rounds,
  );
  const perExecution = executions.operations / executions.schedules;
  const base = { suite: 'S6', workload: `plx9x5x-cancel, ${executions.requests} requests a schedule`, subject: driver } as const;
  const figure = (name: string, value: number, unit: string): Figure => ({ suite: 'S6', workload: base.workload, name, value, unit });
  return {
    rows: [rowOf(series, { ...base, peer: bare }), rowOf(series, { ...base, peer: fastCheck, kind: 'gain' })],
    figures: [
      figure(driver, 1e9 / (median(figuresOf(series, driver)) * perExecution), 'schedules/s (drifts)'),
      figure('operations of a schedule', perExecution, 'operations'),
    ],
  };
}
