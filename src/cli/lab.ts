import type { Ratio, RunProgress } from '../backends/index.js';
import type { Granularity } from '../backends/granularity.js';
import type { FaultPlan } from '../faults/index.js';
import type { ExplainReport } from '../machine/explanation.js';
import type { OutsideEvent, SweepReport } from '../machine/sweep-report.js';
import type { MachineConfig, Scenario } from '../machine/scenario.js';
import type { ExploreReport, FailNthReport, ReplayBackend, ReplayReport, RunReport, ShrinkReport } from '../machine/report.js';

export type { Ratio, RunProgress };

/** What a finding's `replay` line is made of. */
export interface PasteLines {
  /** `dmalab`, `npx dmalab` or `node .../main.js`: the start of every line to paste. */
  readonly program: string;
  /** This very command again, seed included: for findings of which nothing was recorded. */
  readonly again: string;
}

/** What shapes the machine and its traffic. An absent member leaves the scenario's own value. */
export interface MachineOptions {
  /** Requests in flight per device. */
  readonly outstanding?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  /** Instances of each device of the scenario; absent: 1. */
  readonly devices?: number;
  readonly mapRegisters?: number;
  readonly addressing?: MachineConfig['addressing'];
  readonly ordering?: MachineConfig['ordering'];
  /** Share of requests that are cancelled while they live. */
  readonly cancel?: Ratio;
  /** Chances per submitted request: its device goes to D3 and back; its hardware is pulled. */
  readonly powerCycle?: Ratio;
  readonly unplug?: Ratio;
  /** Faults to inject; absent: none. */
  readonly faults?: FaultPlan;
}

/** Options every command that executes a scenario takes. */
export interface ExecutionOptions extends MachineOptions {
  /** 0..2^32-1. */
  readonly seed: number;
  /** Requests in all; absent: the scenario's. */
  readonly requests?: number;
  /** Where schedule files go; made when the first is written. A directory the user named exists already. */
  readonly outDir: string;
  /** What names the scenario on a command line and in schedule files: its name, or the absolute path of its module. */
  readonly scenarioReference: string;
  readonly paste: PasteLines;
}

/** What `dmalab run` was asked for. An absent member leaves the scenario's own value. */
export interface RunOptions extends ExecutionOptions {
  /** The run ends at this or at `requests`, whichever is first. With this and without `requests` only time ends the run. */
  readonly durationSeconds?: number;
  /** Open loop, per device; 0 is the closed loop. */
  readonly ratePerSecond?: number;
  readonly readsPercent?: number;
  /** Chance at a scheduling point to go on with another virtual CPU. */
  readonly preempt?: Ratio;
  readonly verifyPayload: boolean;
  /** Record every execution on threads; absent: do not. */
  readonly record?: RecordOptions;
  /** After a crash, boot a new machine and go on. Findings of severity `error` or `warning` never end a run. */
  readonly keepGoing: boolean;
  /** The main thread may block in slices: a command has no event loop of its own to serve. */
  readonly blocking: true;
}

/** How `dmalab run --record` records. */
export interface RecordOptions {
  /** Requests of one execution; absent: 32. */
  readonly epochRequests?: number;
  /** Write the last execution's schedule even when it found nothing. */
  readonly keepRecording: boolean;
}

/** What of an execution under control can be asked for. */
export interface ControlOptions {
  /** Look for data races by happens-before. */
  readonly races: boolean;
  /** Operations of one execution; absent: the default bound. */
  readonly stepsMax?: number;
  /** Code under test that asks for time, chance or the event loop is a finding. */
  readonly strict?: boolean;
}

export interface ExploreOptions extends ExecutionOptions, ControlOptions {
  readonly strategy: string;
  /** Most schedules to execute; absent: only time ends the search. */
  readonly schedules?: number;
  /** The search ends at this or at `schedules`, whichever is first. */
  readonly seconds?: number;
  /** Threads that share the search; absent: as many as pay. */
  readonly workers?: number;
  readonly granularity?: Granularity;
  /** Operations from one leap of time to the next. */
  readonly leapDistance?: number;
}

export interface SweepOptions extends ExecutionOptions, ControlOptions {
  readonly event: OutsideEvent;
  readonly requests: number;
  /** Seeded orders beside the straight one. */
  readonly orders: number;
}

export interface ReplayOptions {
  readonly backend: ReplayBackend;
  /** Path of the schedule file, or the token in its place, for messages and for the findings' `schedule`. */
  readonly file: string;
  /** Flags of every line to paste that replays it. */
  readonly lineFlags: readonly string[];
  /** Finds the scenario a schedule file names; throws UsageError when there is none. */
  readonly loadScenario: (reference: string) => Promise<Scenario>;
  readonly paste: PasteLines;
}

export interface ExplainOptions {
  /** Path of the schedule file, for messages. */
  readonly file: string;
  /** Flags of every line to paste that replays it. */
  readonly lineFlags: readonly string[];
  readonly loadScenario: (reference: string) => Promise<Scenario>;
  readonly paste: PasteLines;
}

export interface ShrinkOptions {
  /** Path of the schedule file, for messages. */
  readonly file: string;
  /** Where the shrunk schedule goes. */
  readonly out: string;
  readonly loadScenario: (reference: string) => Promise<Scenario>;
  readonly paste: PasteLines;
}

export interface ExploreProgress {
  readonly schedules: number;
  readonly target: number | null;
  readonly seconds: number;
  /** Time box; null: none. */
  readonly durationSeconds: number | null;
  readonly findings: number;
}

/** `onProgress` is cheap and may be called at every slice; `signal` aborts, and then whole results so far are returned, verdict `interrupted`. */
export interface Hooks<P> {
  readonly onProgress: (progress: P) => void;
  readonly signal: AbortSignal;
}
export type RunHooks = Hooks<RunProgress>;
export type ExploreHooks = Hooks<ExploreProgress>;
export type ReplayHooks = Hooks<ExploreProgress>;

/** A device model or a strategy. */
export interface NamedTitle {
  readonly name: string;
  readonly title: string;
}

/** A planted defect: the names of its two scenarios, and the rule that shows it. */
export interface GalleryLabel {
  readonly defect: string;
  readonly repaired: string;
  readonly expects: string;
}

/** All the command line needs of the laboratory. */
export interface Lab {
  /** Built-in scenarios, the gallery's among them. */
  scenarios(): readonly Scenario[];
  /** What stands on the labels of the gallery. */
  gallery(): readonly GalleryLabel[];
  devices(): readonly NamedTitle[];
  strategies(): readonly NamedTitle[];
  run(scenario: Scenario, options: RunOptions, hooks: RunHooks): Promise<RunReport>;
  /** Each fallible call of one request in each direction failed once. */
  failNth(scenario: Scenario, options: RunOptions, hooks: RunHooks): Promise<FailNthReport>;
  explore(scenario: Scenario, options: ExploreOptions, hooks: ExploreHooks): Promise<ExploreReport>;
  /** `schedule` is parsed JSON of unknown shape; throws UsageError when it is no schedule file. */
  replay(schedule: unknown, options: ReplayOptions, hooks: ReplayHooks): Promise<ReplayReport>;
  /** As `replay`; the result is written to `options.out`. */
  shrink(schedule: unknown, options: ShrinkOptions): Promise<ShrinkReport>;
  /** The event before each operation of a request. */
  sweep(scenario: Scenario, options: SweepOptions, hooks: ExploreHooks): Promise<SweepReport>;
  /** As `replay`. */
  explain(schedule: unknown, options: ExplainOptions): Promise<ExplainReport>;
}
