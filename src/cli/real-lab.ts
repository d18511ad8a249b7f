import { runOnThreads } from '../backends/index.js';
import { deviceModels } from '../hardware/index.js';
import { explore, parseScheduleJson, replaySchedule, strategies } from '../explore/index.js';
import { builtInScenarios } from '../scenarios/index.js';
import type { Overrides } from '../machine/parameters.js';
import { given } from './given.js';
import type { ExecutionOptions, Lab, Ratio, RunOptions } from './lab.js';

/** Opens the laboratory itself; loaded only by commands that need it, so that `--help` stays quick. */
export function openLab(): Promise<Lab> {
  return Promise.resolve(lab);
}

const lab: Lab = {
  scenarios: () => builtInScenarios,
  devices: () => [...deviceModels.values()].map(({ name, title }) => ({ name, title })),
  strategies: () => strategies.map(({ name, title }) => ({ name, title })),

  run: (scenario, options, hooks) =>
    runOnThreads(scenario, {
      overrides: runOverrides(options),
      durationSeconds: options.durationSeconds ?? null,
      preempt: options.preempt ?? null,
      keepGoing: options.keepGoing,
      blocking: options.blocking,
      again: options.paste.again,
      ...hooks,
    }),

  explore: (scenario, options, hooks) =>
    explore(scenario, {
      overrides: { seed: options.seed, workload: trafficOf(options) },
      strategy: strategies.find(({ name }) => name === options.strategy)!.create(),
      schedules: options.schedules,
      outDir: options.outDir,
      scenarioReference: options.scenarioReference,
      program: options.paste.program,
      signal: hooks.signal,
      onProgress: (schedules, seconds, findings) => hooks.onProgress({ schedules, target: options.schedules, seconds, findings }),
    }),

  async replay(json, options) {
    const schedule = parseScheduleJson(json, options.file);
    const scenario = await options.loadScenario(schedule.scenario);
    return replaySchedule(scenario, schedule, options.file, options.paste.program);
  },
};

function trafficOf(options: ExecutionOptions): NonNullable<Overrides['workload']> {
  return {
    ...given('requests', options.requests),
    ...given('outstanding', options.outstanding),
    ...given('cancelPerMillion', perMillion(options.cancel)),
    ...given('powerCyclesPerMillion', perMillion(options.powerCycle)),
    ...given('unplugPerMillion', perMillion(options.unplug)),
  };
}

function perMillion(ratio: Ratio | undefined): number | undefined {
  return ratio === undefined ? undefined : Math.round((ratio.numerator * 1_000_000) / ratio.denominator);
}

/** Requests of a run that nobody bounded, neither by number nor by time. */
const DEFAULT_REQUESTS = 10_000;

function runOverrides(options: RunOptions): Overrides {
  const unbounded = options.requests === undefined && options.durationSeconds === undefined;
  return {
    seed: options.seed,
    ...given('instances', options.devices),
    machine: { ...given('mapRegisters', options.mapRegisters), ...given('addressing', options.addressing) },
    workload: {
      ...(unbounded ? { requests: DEFAULT_REQUESTS } : {}),
      ...trafficOf(options),
      ...given('ratePerSecond', options.ratePerSecond),
      ...given('readsPercent', options.readsPercent),
      ...given('minBytes', options.minBytes),
      ...given('maxBytes', options.maxBytes),
      verifyPayload: options.verifyPayload,
    },
  };
}
