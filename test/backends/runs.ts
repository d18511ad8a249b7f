import { ControlledBackend } from '../../src/backends/controlled.js';
import { runOnThreads, type RunSettings } from '../../src/backends/threads.js';
import { loadDeviceModules } from '../../src/machine/device-modules.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { RunReport } from '../../src/machine/report.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { RandomWalk } from '../../src/explore/strategies/random-walk.js';
import type { Violation } from '../../src/nt/index.js';

/** What both backends can say of a run. */
export interface Outcome {
  readonly findings: readonly Pick<Violation, 'rule' | 'message' | 'object' | 'severity' | 'bugCheck'>[];
  readonly requests: number;
  readonly bytes: number;
  readonly bytesVerified: number;
  readonly nestedInterrupts: number;
  /** By device, in the scenario's order. */
  readonly perDevice: readonly { readonly device: string; readonly requests: number; readonly bytes: number }[];
}

/** Settings of a run nobody interrupts; `more` overrides them. */
export function runSettings(overrides: Overrides, more: Partial<RunSettings> = {}): RunSettings {
  return {
    overrides,
    durationSeconds: null,
    preempt: null,
    keepGoing: false,
    blocking: true,
    again: 'dmalab run again',
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  };
}

export async function onThreads(scenario: Scenario, overrides: Overrides, more: Partial<RunSettings> = {}): Promise<RunReport & Outcome> {
  const report = await runOnThreads(scenario, runSettings(overrides, more));
  // The report's findings carry null where the violation has no bug check.
  return report as RunReport & Outcome;
}

/** A random walk in which time never leaps: it moves on only when nothing else can. */
export class TimeLast extends RandomWalk {
  constructor(private readonly timerStrand: number) {
    super();
  }

  override pick(enabled: Int32Array, count: number): number {
    const others = enabled[count - 1] === this.timerStrand ? count - 1 : count;
    return super.pick(enabled, others);
  }
}

/** One controlled execution under a random walk; `backend` is for looking at what is left. `leaps` false: time waits for everything else. */
export async function controlled(
  scenario: Scenario,
  overrides: Overrides,
  leaps = true,
): Promise<Outcome & { readonly backend: ControlledBackend }> {
  await loadDeviceModules(scenario);
  const backend = new ControlledBackend(resolveParameters(scenario, overrides));
  const strategy = leaps ? new RandomWalk() : new TimeLast(backend.strandNames.indexOf('timers'));
  strategy.newExecution(overrides.seed);
  const { findings, requests, bytes } = backend.execute(strategy);
  const { devices, kernel } = backend.machine;
  return {
    backend,
    findings,
    requests,
    bytes,
    bytesVerified: devices.reduce((sum, { workload }) => sum + (workload?.bytesVerified ?? 0), 0),
    nestedInterrupts: kernel.vcpus.reduce((sum, cpu) => sum + cpu.nestedInterrupts, 0),
    perDevice: devices.map(({ name, workload }) => ({ device: name, requests: workload?.completed ?? 0, bytes: workload?.bytes ?? 0 })),
  };
}

/** Rules in the order they were found, each once. */
export function rulesOf({ findings }: Pick<Outcome, 'findings'>): readonly string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}
