import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { runOnThreads } from '../backends/index.js';
import { armStrictTraps } from '../backends/strict-traps.js';
import { deviceModels } from '../hardware/index.js';
import {
  EPOCH_REQUESTS,
  explainSchedule,
  explore,
  failNth,
  parseScheduleJson,
  record,
  replaySchedule,
  shrinkSchedule,
  strategies,
  strategyNamed,
  sweep,
  TIMED_SCHEDULES_MAX,
  type Schedule,
} from '../explore/index.js';
import { builtInScenarios, gallery, galleryScenarios, reserveScenes } from '../scenarios/index.js';
import type { Overrides } from '../machine/parameters.js';
import type { RunReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { watchForForgottenYields } from '../wdf/index.js';
import { given } from './given.js';
import type {
  ControlOptions,
  ExecutionOptions,
  ExploreOptions,
  Lab,
  Ratio,
  RecordOptions,
  ReplayOptions,
  RunHooks,
  RunOptions,
} from './lab.js';

/** Opens the laboratory itself; loaded only by commands that need it, so that `--help` stays quick. */
export function openLab(): Promise<Lab> {
  return Promise.resolve(lab);
}

const lab: Lab = {
  scenarios: () => [...builtInScenarios, ...reserveScenes.flatMap(({ defect, repaired }) => [defect, repaired]), ...galleryScenarios],
  gallery: () =>
    [...reserveScenes, ...gallery].map(({ defect, repaired, expects }) => ({ defect: defect.name, repaired: repaired.name, expects })),
  devices: () => [...deviceModels.values()].map(({ name, title }) => ({ name, title })),
  strategies: () => strategies.map(({ name, title }) => ({ name, title })),

  run(scenario, options, hooks) {
    watchModules(options.scenarioReference);
    if (options.record !== undefined) return recordOnThreads(scenario, options, options.record, hooks);
    return runOnThreads(scenario, {
      overrides: runOverrides(scenario, options),
      durationSeconds: options.durationSeconds ?? null,
      preempt: options.preempt ?? null,
      keepGoing: options.keepGoing,
      blocking: options.blocking,
      again: options.paste.again,
      ...hooks,
    });
  },

  failNth(scenario, options, hooks) {
    watchModules(options.scenarioReference);
    return failNth(scenario, {
      overrides: runOverrides(scenario, options),
      again: options.paste.again,
      signal: hooks.signal,
      onProgress: (requests, seconds, findings) =>
        hooks.onProgress({ requests, target: null, seconds, durationSeconds: null, bytes: 0, findings }),
    });
  },

  explore(scenario, options, hooks) {
    watchModules(options.scenarioReference);
    return explore(scenario, {
      overrides: {
        seed: options.seed,
        ...machineOverrides(options),
        workload: trafficOf(options),
        ...controlOverrides(options),
        ...given('granularity', options.granularity),
        ...given('leapDistance', options.leapDistance),
      },
      strategy: strategyNamed(options.strategy)!.create(),
      schedules: options.schedules ?? TIMED_SCHEDULES_MAX,
      ...given('seconds', options.seconds),
      workers: options.workers ?? defaultWorkers(options),
      outDir: options.outDir,
      scenarioReference: options.scenarioReference,
      program: options.paste.program,
      again: options.paste.again,
      signal: hooks.signal,
      onProgress: (schedules, seconds, findings) =>
        hooks.onProgress({ schedules, target: options.schedules ?? null, seconds, durationSeconds: options.seconds ?? null, findings }),
    });
  },

  async replay(json, options) {
    const schedule = parseScheduleJson(json, options.file);
    const scenario = await scenarioOf(schedule, options);
    return replaySchedule(scenario, schedule, options.file, options.paste.program, options.backend, options.lineFlags);
  },

  async shrink(json, options) {
    const schedule = parseScheduleJson(json, options.file);
    const scenario = await scenarioOf(schedule, options);
    return shrinkSchedule(scenario, schedule, options.file, options.out, options.paste.program);
  },

  sweep(scenario, options, hooks) {
    watchModules(options.scenarioReference);
    const { event, requests, orders, outDir, scenarioReference } = options;
    return sweep(scenario, {
      overrides: { seed: options.seed, ...machineOverrides(options), ...controlOverrides(options) },
      event,
      requests,
      orders,
      outDir,
      scenarioReference,
      program: options.paste.program,
      signal: hooks.signal,
      onProgress: (schedules, seconds, findings) => hooks.onProgress({ schedules, target: null, seconds, durationSeconds: null, findings }),
    });
  },

  async explain(json, options) {
    const schedule = parseScheduleJson(json, options.file);
    const scenario = await scenarioOf(schedule, options);
    return explainSchedule(scenario, schedule, options.file, options.paste.program, options.lineFlags);
  },
};

/** Loads what a schedule file names. A strict one has traps in place before. */
function scenarioOf({ scenario, parameters }: Schedule, { loadScenario }: Pick<ReplayOptions, 'loadScenario'>): Promise<Scenario> {
  watchModules(scenario);
  if (parameters['strict'] === true) armStrictTraps();
  return loadScenario(scenario);
}

/** A search is shared among threads by itself when it is long enough for their start to pay; measured in docs/exploring.md. */
const SHARED_FROM_SCHEDULES = 40_000;
const SHARED_FROM_SECONDS = 10;

function defaultWorkers({ strategy, schedules = Infinity, seconds = Infinity }: ExploreOptions): number {
  const isLong = schedules >= SHARED_FROM_SCHEDULES && seconds >= SHARED_FROM_SECONDS;
  return isLong && strategyNamed(strategy)!.create().isIndependent === true ? availableParallelism() : 1;
}

function recordOnThreads(scenario: Scenario, options: RunOptions, asked: RecordOptions, hooks: RunHooks): Promise<RunReport> {
  return record(scenario, {
    overrides: runOverrides(scenario, options),
    epochRequests: asked.epochRequests ?? EPOCH_REQUESTS,
    keepRecording: asked.keepRecording,
    durationSeconds: options.durationSeconds ?? null,
    preempt: options.preempt ?? null,
    keepGoing: options.keepGoing,
    outDir: options.outDir,
    scenarioReference: options.scenarioReference,
    program: options.paste.program,
    again: options.paste.again,
    ...hooks,
  });
}

/** Built-in drivers are checked by the build; plain JavaScript for forgotten `yield*` only here. */
export function watchModules(scenarioReference: string): void {
  if (isAbsolute(scenarioReference)) watchForForgottenYields();
}

function machineOverrides(options: ExecutionOptions): Pick<Overrides, 'instances' | 'faults' | 'machine'> {
  return {
    ...given('instances', options.devices),
    ...given('faults', options.faults),
    machine: {
      ...given('mapRegisters', options.mapRegisters),
      ...given('addressing', options.addressing),
      ...given('ordering', options.ordering),
    },
  };
}

function controlOverrides({ races, stepsMax, strict }: ControlOptions): Pick<Overrides, 'races' | 'stepsMax' | 'strict'> {
  return { ...given('races', races ? true : undefined), ...given('stepsMax', stepsMax), ...given('strict', strict) };
}

function trafficOf(options: ExecutionOptions): NonNullable<Overrides['workload']> {
  return {
    ...given('requests', options.requests),
    ...given('outstanding', options.outstanding),
    ...given('minBytes', options.minBytes),
    ...given('maxBytes', options.maxBytes),
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

function runOverrides(scenario: Scenario, options: RunOptions): Overrides {
  const unasked = options.durationSeconds === undefined ? (scenario.workload.requests ?? DEFAULT_REQUESTS) : Infinity;
  return {
    seed: options.seed,
    ...machineOverrides(options),
    workload: {
      requests: unasked,
      ...trafficOf(options),
      ...given('ratePerSecond', options.ratePerSecond),
      ...given('readsPercent', options.readsPercent),
      verifyPayload: options.verifyPayload,
    },
  };
}
