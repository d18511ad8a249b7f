import { STATUS_SUCCESS } from '../../../src/nt/index.js';
import type { Suspending } from '../../../src/kernel/index.js';
import type { DriverConfig } from '../../../src/wdf/driver.js';
import { defineScenario, type Scenario } from '../../../src/machine/scenario.js';
import type { SweepReport } from '../../../src/machine/sweep-report.js';
import type { ExplainReport } from '../../../src/machine/explanation.js';
import type { ExploreReport, FailNthReport, Finding, ReplayReport, RunReport, ShrinkReport } from '../../../src/machine/report.js';
import type {
  ExploreHooks,
  GalleryLabel,
  ExplainOptions,
  ExploreOptions,
  Lab,
  ReplayHooks,
  ReplayOptions,
  RunHooks,
  RunOptions,
  ShrinkOptions,
  SweepOptions,
} from '../../../src/cli/lab.js';

/** A laboratory without machines: it keeps what it was asked for and answers what the test prepared. */

const driver: DriverConfig = {
  name: 'idle',
  *evtDriverDeviceAdd(): Suspending<number> {
    return STATUS_SUCCESS;
  },
};

export function fakeScenario(name: string, kind: 'demo' | 'sample' = 'sample'): Scenario {
  return defineScenario({ name, title: `The scenario ${name}`, kind, devices: [{ name: 'disk', model: 'sgring', driver }] });
}

export const finding: Finding = {
  rule: 'A15',
  title: 'Buffers are flushed',
  severity: 'crash',
  message: '4096 bytes were mapped and not flushed before the channel was freed',
  object: 'dma-adapter#12',
  step: 1234,
  schedule: 'dmalab-findings/demo-1.json',
  replay: 'dmalab replay dmalab-findings/demo-1.json',
  bugCheck: { code: 0xe6, parameters: [0xd, 4096, 65536, 0] },
};

export const runReport: RunReport = {
  verdict: 'ok',
  scenario: 'demo',
  seed: 1,
  findings: [],
  findingsTotal: 0,
  requests: 1_234_567,
  bytes: 5_368_709_120,
  bytesVerified: 5_368_709_120,
  seconds: 5,
  requestsPerSecond: 246_913.4,
  bytesPerSecond: 1_073_741_824,
  latencyNs: { p50: 12_300, p90: 20_000, p99: 88_000, p999: 1_200_000, max: 8_400_000 },
  interrupts: 123_456,
  nestedInterrupts: 12,
  cancels: { requested: 0, won: 0, lost: 0, byWindow: {} },
  powerCycles: 0,
  unplugs: 0,
  engines: [
    { host: 0, threadId: 1, devices: ['disk'], steps: 9_876_543, busyMs: 4210 },
    { host: 1, threadId: 2, devices: ['ring'], steps: 8_765_432, busyMs: 3100 },
  ],
  engineOverlapMs: 2100,
  perDevice: [
    { device: 'disk', requests: 1_000_000, bytes: 4_294_967_296, interrupts: 100_000 },
    { device: 'ring', requests: 234_567, bytes: 1_073_741_824, interrupts: 23_456 },
  ],
  contention: { fairness: 1, adapters: [] },
};

export const exploreReport: ExploreReport = {
  verdict: 'ok',
  scenario: 'demo',
  seed: 1,
  strategy: 'random',
  workers: 1,
  schedules: 1000,
  steps: 120_000,
  schedulesPerSecond: 30_000,
  exhausted: false,
  races: false,
  ordering: [],
  proof: null,
  verifiedTwice: 37,
  distinctHashes: 812,
  coverage: {
    schedules: 1000,
    orders: { distinct: 640, once: 400, unseen: 0.4 },
    readsFrom: { distinct: 80, once: 20, unseen: 0.02 },
    pairs: { distinct: 60, once: 3, newPerSchedule: 0.003 },
    curve: [
      { schedules: 1, pairs: 31 },
      { schedules: 10, pairs: 48 },
      { schedules: 100, pairs: 58 },
      { schedules: 1000, pairs: 60 },
    ],
    isPartial: false,
  },
  deviceStepsByThread: { '0': 45_000 },
  points: { SpinLock: { acquire: 300, release: 300 } },
  findings: [],
  findingsTotal: 0,
  token: null,
  shrink: null,
  explanation: null,
};

export const replayReport: ReplayReport = {
  verdict: 'finding',
  scenario: 'demo',
  seed: 5,
  backend: 'controlled',
  steps: 1234,
  eventHash: '00112233aabbccdd',
  memoryHash: 'ffeeddccbbaa9988',
  deviceStepsByThread: { '0': 77 },
  findings: [finding],
  findingsTotal: 1,
  divergence: null,
};

export const shrinkReport: ShrinkReport = {
  verdict: 'finding',
  scenario: 'demo',
  seed: 5,
  rule: 'A15',
  schedule: 'demo-1.shrunk.json',
  token: 'dmalab1.e30',
  shrink: {
    preemptions: { before: 41, after: 2 },
    deviations: { before: 60, after: 3 },
    choices: { before: 1200, after: 300 },
    requests: { before: 4, after: 1 },
    devices: { before: 2, after: 1 },
    faults: { before: 3, after: 1 },
    replays: 256,
  },
  findings: [finding],
  findingsTotal: 1,
};

export const explainReport: ExplainReport = {
  verdict: 'finding',
  scenario: 'demo',
  seed: 5,
  rule: 'A15',
  explanation: {
    rule: 'A15',
    choices: 12,
    steps: 40,
    inevitableAfter: 7,
    inevitable: {
      step: 21,
      choice: 7,
      strand: 'vCPU 0',
      vcpu: 0,
      callback: 'EvtInterruptDpc',
      operation: 'read',
      object: 'CSR of ring',
      text: 'EvtInterruptDpc on vCPU 0 read CSR of ring',
    },
    curve: [
      { choices: 0, continuations: 16, failing: 1 },
      { choices: 6, continuations: 16, failing: 4 },
      { choices: 7, continuations: 16, failing: 16 },
      { choices: 12, continuations: 1, failing: 1 },
    ],
    passing: {
      choices: '0x6 1 0x9',
      common: 6,
      sideBySide: [{ step: 21, failing: 'EvtInterruptDpc on vCPU 0 read CSR of ring', passing: null }],
    },
    reordering: null,
    executions: 49,
    sentences: ['It became inevitable at step 21.'],
  },
  divergence: null,
  findings: [finding],
  findingsTotal: 1,
};

export const sweepReport: SweepReport = {
  verdict: 'ok',
  scenario: 'demo',
  seed: 1,
  event: 'cancel',
  requests: 1,
  races: false,
  total: { executions: 97, completed: 51, cancelled: 46, failed: 0, finding: 0 },
  series: [
    {
      direction: 'read',
      order: 'straight',
      operations: 97,
      byWindow: {
        A: { executions: 46, completed: 0, cancelled: 46, failed: 0, finding: 0 },
        H: { executions: 51, completed: 51, cancelled: 0, failed: 0, finding: 0 },
      },
    },
  ],
  findings: [],
  findingsTotal: 0,
};

type Call =
  | { readonly command: 'failNth'; readonly scenario: Scenario; readonly options: RunOptions }
  | { readonly command: 'run'; readonly scenario: Scenario; readonly options: RunOptions }
  | { readonly command: 'explore'; readonly scenario: Scenario; readonly options: ExploreOptions }
  | { readonly command: 'replay'; readonly schedule: unknown; readonly options: ReplayOptions }
  | { readonly command: 'shrink'; readonly schedule: unknown; readonly options: ShrinkOptions }
  | { readonly command: 'sweep'; readonly scenario: Scenario; readonly options: SweepOptions }
  | { readonly command: 'explain'; readonly schedule: unknown; readonly options: ExplainOptions };

export class FakeLab implements Lab {
  readonly calls: Call[] = [];
  onRun: (hooks: RunHooks, options: RunOptions) => Promise<RunReport> = () => Promise.resolve(runReport);
  onExplore: (hooks: ExploreHooks) => Promise<ExploreReport> = () => Promise.resolve(exploreReport);
  onReplay: (hooks: ReplayHooks, options: ReplayOptions) => Promise<ReplayReport> = () => Promise.resolve(replayReport);

  scenarios(): readonly Scenario[] {
    return [fakeScenario('demo', 'demo'), fakeScenario('ring-basic'), fakeScenario('plx9656')];
  }

  gallery(): readonly GalleryLabel[] {
    return [];
  }

  devices(): readonly { name: string; title: string }[] {
    return [
      { name: 'plx9656', title: 'A PCI bus master' },
      { name: 'sgring', title: 'A ring of descriptors' },
    ];
  }

  strategies(): readonly { name: string; title: string }[] {
    return [
      { name: 'random', title: 'A random walk' },
      { name: 'pos', title: 'Partial orders' },
    ];
  }

  failNth(scenario: Scenario, options: RunOptions): Promise<FailNthReport> {
    this.calls.push({ command: 'failNth', scenario, options });
    return Promise.resolve({
      verdict: 'ok',
      scenario: scenario.name,
      seed: options.seed,
      findings: [],
      findingsTotal: 0,
      failNth: { calls: 0, clean: 0, findings: 0, series: [] },
    });
  }

  run(scenario: Scenario, options: RunOptions, hooks: RunHooks): Promise<RunReport> {
    this.calls.push({ command: 'run', scenario, options });
    return this.onRun(hooks, options);
  }

  explore(scenario: Scenario, options: ExploreOptions, hooks: ExploreHooks): Promise<ExploreReport> {
    this.calls.push({ command: 'explore', scenario, options });
    return this.onExplore(hooks);
  }

  replay(schedule: unknown, options: ReplayOptions, hooks: ReplayHooks): Promise<ReplayReport> {
    this.calls.push({ command: 'replay', schedule, options });
    return this.onReplay(hooks, options);
  }

  shrink(schedule: unknown, options: ShrinkOptions): Promise<ShrinkReport> {
    this.calls.push({ command: 'shrink', schedule, options });
    return Promise.resolve(shrinkReport);
  }

  sweep(scenario: Scenario, options: SweepOptions): Promise<SweepReport> {
    this.calls.push({ command: 'sweep', scenario, options });
    return Promise.resolve(sweepReport);
  }

  explain(schedule: unknown, options: ExplainOptions): Promise<ExplainReport> {
    this.calls.push({ command: 'explain', schedule, options });
    return Promise.resolve(explainReport);
  }

  get runOptions(): RunOptions {
    const call = this.calls.at(-1);
    if (call?.command !== 'run') throw new Error('nothing was run');
    return call.options;
  }
}
