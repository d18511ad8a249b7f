import { ControlledBackend } from '../../src/backends/controlled.js';
import { Dpor } from '../../src/explore/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { EverySchedule, exhaust, type Bounds } from '../explore/traces.js';
import { InstrumentedLab } from './accesses/audit.js';

/** A search of one device's machine: what, and within which bounds. */
interface Searching {
  readonly scenario: string;
  readonly overrides: Overrides;
  readonly bounds: Bounds;
}

const ONE_REQUEST = { requests: 1, outstanding: 1, applications: 1, minBytes: 64, maxBytes: 64, maxMdls: 1 };
const one = (scenario: string, workload: Overrides['workload'], bounds: Bounds, overrides: Partial<Overrides> = {}): Searching => ({
  scenario,
  overrides: { seed: 1, ...overrides, workload: { ...ONE_REQUEST, ...workload } },
  bounds,
});

/** Every schedule is executed, and its trace compared with those of `dpor`. */
const COMPARED: readonly Searching[] = [
  one('plx9x5x', { readsPercent: 100 }, { leaps: 1 }, { races: true }),
  one('systemdma', { readsPercent: 0 }, { leaps: 1 }, { races: true }),
  one('ring', { readsPercent: 0, cancelPerMillion: 1_000_000 }, { preemptions: 1, leaps: 0 }),
  one('systemdma-cancel', {}, { preemptions: 1, leaps: 0 }),
];

/** The documented cancel pattern, exhausted: no finding. */
const PATTERN: readonly Searching[] = [
  one('systemdma-cancel', {}, { leaps: 0 }, { races: true }),
  one('systemdma-cancel', { cancelPerMillion: 0 }, { leaps: 1 }, { races: true }),
  one('systemdma-cancel', {}, { preemptions: 1, leaps: 1 }),
  one('systemdma-cancel', {}, { leaps: 1 }, { races: true, granularity: 'calls' }),
];

/** Executions in which every access of the machine's code is compared with the relation. */
const AUDITED_MAX = 3000;

function backendOf({ scenario, overrides }: Searching): ControlledBackend {
  const { devices, ...found } = builtInScenarios.find(({ name }) => name === scenario)!;
  return new ControlledBackend(resolveParameters({ ...found, devices: devices.slice(0, 1) }, overrides));
}

function textOf({ scenario, bounds, overrides }: Searching): string {
  const relation = overrides.races === true && bounds.preemptions === undefined ? 'objects told apart' : 'processors depend on each other';
  const points = overrides.granularity === undefined ? '' : `, points at ${overrides.granularity}`;
  return `${scenario}, preemptions ${bounds.preemptions ?? 'any'}, leaps ${bounds.leaps ?? 0}, ${relation}${points}`;
}

function compare(what: Searching, print: (line: string) => void): boolean {
  const searched = exhaust(backendOf(what), new Dpor('dpor', what.bounds));
  const every = exhaust(backendOf(what), new EverySchedule(what.bounds));
  const missing = [...every.traces].filter((trace) => !searched.traces.has(trace)).length;
  const invented = [...searched.traces].filter((trace) => !every.traces.has(trace)).length;
  // With a bound on preemptions a trace may be executed more than once.
  const isOnce = what.bounds.preemptions !== undefined || searched.executions === every.traces.size;
  print(
    `${textOf(what)}: ${every.executions} schedules, ${every.traces.size} traces; dpor ${searched.executions} executions, ${missing} traces missing, ${invented} invented`,
  );
  return missing === 0 && invented === 0 && isOnce && every.found.size === 0 && searched.found.size === 0;
}

function exhaustPattern(what: Searching, print: (line: string) => void): boolean {
  const { executions, redundant, found } = exhaust(backendOf(what), new Dpor('dpor', what.bounds));
  print(
    `${textOf(what)}: all ${executions} executions explored, ${redundant} given up as known, found: ${[...found].join(' ') || 'nothing'}`,
  );
  return found.size === 0;
}

/** Whatever two strands both access is ordered by steps that depend on each other. */
async function audit(print: (line: string) => void): Promise<boolean> {
  const lab = await InstrumentedLab.create();
  let isGreen = true;
  try {
    for (const what of [...COMPARED, ...PATTERN]) {
      const { executions, pairs, unordered } = lab.audit({ ...what, executionsMax: AUDITED_MAX });
      const places = [...unordered].map(([name, count]) => `${name} ${count} times`).join(', ');
      print(`${textOf(what)}: ${executions} executions, ${pairs} pairs of conflicting accesses, not ordered: ${places || 'none'}`);
      isGreen &&= unordered.size === 0;
    }
  } finally {
    lab.close();
  }
  return isGreen;
}

/** `npm run gates -- dpor`: true when all of it is green. */
export async function dporGate(print: (line: string) => void): Promise<boolean> {
  let isGreen = true;
  for (const what of COMPARED) isGreen = compare(what, print) && isGreen;
  for (const what of PATTERN) isGreen = exhaustPattern(what, print) && isGreen;
  return (await audit(print)) && isGreen;
}
