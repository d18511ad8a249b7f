import { runOnThreads } from '../../src/backends/index.js';
import { planOf } from '../../src/faults/index.js';
import { SeededRandom, deriveSeed, hostTimeMs } from '../../src/kernel/index.js';
import type { Overrides } from '../../src/machine/parameters.js';
import type { Finding, RunReport } from '../../src/machine/report.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

export interface SoakSettings {
  readonly seconds: number;
  readonly seed: number;
  /** Requests of one run; a round is one run of every scenario. */
  readonly requestsPerRun: number;
  onRound?(round: SoakRound): void;
}

export interface SoakRound {
  readonly round: number;
  readonly requests: number;
  readonly cancelled: number;
  readonly powerCycles: number;
  readonly unplugs: number;
  readonly faults: number;
  readonly findings: number;
  /** Heap in use after a collection when one can be asked for, else as it is. */
  readonly heapMiB: number;
}

export interface SoakResult {
  readonly rounds: readonly SoakRound[];
  readonly findings: readonly Finding[];
}

/** Drivers that claim to survive cancellation and removal; the others get load, preemption and power cycles only. */
const CANCELABLE = new Set([
  'amcc5933',
  'amcc5933-cancel',
  'cancel-profiles',
  'pcidrv',
  'plx9x5x-cancel',
  'reserve-contention',
  'ring',
  'systemdma',
  'systemdma-loop',
]);

/**
 * Everything that can happen to a driver, at random moments, round after round: every scenario under another seed,
 * another way of seeing memory, preemption, and what its driver claims to survive: cancellation, power cycles, removal,
 * and in every second round the faults it declares. A finding is never expected.
 */
export async function soak(settings: SoakSettings): Promise<SoakResult> {
  const endMs = hostTimeMs() + settings.seconds * 1000;
  const rounds: SoakRound[] = [];
  const findings: Finding[] = [];
  for (let round = 0; round === 0 || hostTimeMs() < endMs; round++) {
    const reports: RunReport[] = [];
    for (const scenario of builtInScenarios) reports.push(await runOnce(scenario, settings, round));
    for (const report of reports) findings.push(...report.findings);
    const sum = (of: (report: RunReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
    (globalThis as { gc?: () => void }).gc?.();
    const summary: SoakRound = {
      round,
      requests: sum((report) => report.requests),
      cancelled: sum((report) => report.cancels.won),
      powerCycles: sum((report) => report.powerCycles),
      unplugs: sum((report) => report.unplugs),
      faults: sum((report) => Object.values(report.faults ?? {}).reduce((total, count) => total + count, 0)),
      findings: sum((report) => report.findingsTotal),
      heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
    };
    rounds.push(summary);
    settings.onRound?.(summary);
  }
  return { rounds, findings };
}

function runOnce(scenario: Scenario, settings: SoakSettings, round: number): Promise<RunReport> {
  const seed = deriveSeed(settings.seed, `${scenario.name} round ${round}`) >>> 0;
  return runOnThreads(scenario, {
    overrides: {
      ...overridesOf(scenario, seed, settings.requestsPerRun),
      ...(round % 2 === 1 ? { faults: planOf(scenario.survives) } : {}),
    },
    durationSeconds: null,
    preempt: { numerator: round % 3, denominator: 50 },
    keepGoing: false,
    blocking: false,
    again: `round ${round} of scenario ${scenario.name}: dmalab run ${scenario.name} --seed ${seed}`,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

function overridesOf(scenario: Scenario, seed: number, requests: number): Overrides {
  const random = new SeededRandom(seed);
  const cancelable = CANCELABLE.has(scenario.name);
  return {
    seed,
    machine: { addressing: (['direct', 'bounce32', 'iommu'] as const)[random.below(3)]! },
    workload: {
      requests,
      powerCyclesPerMillion: random.below(4) * 1000,
      cancelPerMillion: cancelable ? random.below(4) * 100_000 : 0,
      // Pulled out about once in two runs, at any moment of it.
      unplugPerMillion: cancelable && random.chance(1, 2) ? Math.ceil(1_000_000 / requests) : 0,
    },
  };
}
