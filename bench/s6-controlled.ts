import { runControlledStrands } from './controlled-strands.js';
import { DriverExecutions } from './driver-executions.js';
import type { Effort } from './options.js';
import { runFastCheckLoop } from './peers/fast-check-loop.js';
import { runGeneratorLoop } from './peers/generator-loop.js';
import { rowOf, type Figure, type Row, type Suite } from './results.js';
import { figuresOf, interleave, median, sized, type Contestant } from './rounds.js';

const STRANDS = 3;
/** As many operations as the smallest model of a cancel race has: three strands of seven. */
const SHORT = 7;
/** Executions of a driver have a few strands; fast-check and the bare loop get as many operations, spread over so many. */
const DRIVER_STRANDS = 5;

const scheduler = 'kernel and controlled scheduler';
const driver = 'plx9x5x under control';
const bare = 'bare generator loop';
const fastCheck = 'fc.scheduler';

/** S6: what an operation costs under the controlled scheduler, against the least a generator scheduler can do and against fast-check's. */
export const controlledSuite: Suite = async (effort, progress) => {
  progress(`S6 ${STRANDS} strands of ${SHORT} operations`);
  const short = await measureStrands(effort);
  progress('S6 plx9x5x');
  const whole = await measureDriver(effort);
  return { rows: [...short.rows, ...whole.rows], figures: [...short.figures, ...whole.figures], skipped: [] };
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

async function measureDriver({ rounds, measureMs }: Effort): Promise<Measured> {
  const executions = new DriverExecutions();
  executions.run(1);
  const operations = Math.round(executions.operations);
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
  const base = { suite: 'S6', workload: `plx9x5x, ${executions.requests} requests a schedule`, subject: driver } as const;
  const figure = (name: string, value: number, unit: string): Figure => ({ suite: 'S6', workload: base.workload, name, value, unit });
  return {
    rows: [rowOf(series, { ...base, peer: bare }), rowOf(series, { ...base, peer: fastCheck, kind: 'gain' })],
    figures: [
      figure(driver, 1e9 / (median(figuresOf(series, driver)) * perExecution), 'schedules/s (drifts)'),
      figure('operations of a schedule', perExecution, 'operations'),
    ],
  };
}
