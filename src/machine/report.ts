import type { Ordering } from './ordering.js';
import type { BugCheckCode, Severity } from '../nt/index.js';
import type { FaultKind } from '../faults/index.js';
import type { LatencySummary } from '../workload/latency.js';

export type { LatencySummary };

/**
 * A finding as users and outside checks see it (design: `--json`). The first of each rule in a sweep or
 * a recording has what is told of its schedule as well; `explore` tells it once beside its findings.
 */
export interface Finding extends Partial<ScheduleSummary> {
  readonly rule: string;
  readonly title: string;
  readonly severity: Severity;
  readonly message: string;
  readonly object: string | null;
  /** Operations performed when it was seen, by the count of `steps`; null when nothing was recorded. */
  readonly step: number | null;
  /** Path of the schedule file; null when nothing was recorded. */
  readonly schedule: string | null;
  /** One line to paste that runs it again. */
  readonly replay: string;
  readonly bugCheck: BugCheckCode | null;
}

/** What is told of the schedule of a finding. */
export interface ScheduleSummary {
  /** The schedule as one word that `replay` takes in place of the file; null without one or when too long. */
  readonly token: string | null;
  /** What the schedule was shrunk to; null when there is none or it cannot be shrunk. */
  readonly shrink: ShrinkSummary | null;
  /** Where the shrunk schedule became inevitable and which order decides, in a sentence or two; null when it was not shrunk. */
  readonly explanation: string | null;
}

export type Verdict = 'ok' | 'finding' | 'diverged' | 'interrupted' | 'error';

/** What one engine host (worker thread) did. */
export interface EngineReport {
  readonly host: number;
  /** Host thread id the steps were executed on; 0 is the main thread. */
  readonly threadId: number;
  readonly devices: readonly string[];
  readonly steps: number;
  readonly busyMs: number;
}

/** How cancellations fared. Won: the request completed CANCELLED; lost: it completed otherwise. */
export interface CancelReport {
  readonly requested: number;
  readonly won: number;
  readonly lost: number;
  /** By the window of transaction-state-machine section 8 in which they came. */
  readonly byWindow: Readonly<Record<string, number>>;
}

/** How one DMA adapter fared in the contention for map registers and, behind the system DMA controller, for channels. */
export interface AdapterContentionReport {
  readonly adapter: string;
  readonly device: string;
  /** Requests granted, at once or later, and map registers they got in all. */
  readonly grants: number;
  readonly registersGranted: number;
  /** Requests that had to wait, and how long in nanoseconds those waited that were granted in the end. */
  readonly waited: number;
  readonly waitNs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly queueLengthMax: number;
  readonly heldRegistersMax: number;
  /** Most grants of other adapters that passed one waiting request. */
  readonly overtakenMax: number;
}

export interface ContentionReport {
  /** Jain's index over the map registers granted to the adapters that asked: 1 when all got the same, 1/n when one of n got everything. */
  readonly fairness: number;
  readonly adapters: readonly AdapterContentionReport[];
}

/** What `dmalab run --record` recorded. */
export interface RecordingSummary {
  /** Executions from power-on to removal, each recorded by itself. */
  readonly epochs: number;
  /** Requests of each; the last ones may have had fewer. */
  readonly epochRequests: number;
  /** Operations of all of them: each took its place in the order of its execution. */
  readonly operations: number;
  /** Different orders among them. */
  readonly distinctOrders: number;
  /** False when an engine was lost in the middle of a step, or a kept recording did not happen again under control. */
  readonly exact: boolean;
  /** Schedule file written last; null when nothing was kept. */
  readonly schedule: string | null;
}

/** Result of `dmalab run`. */
export interface RunReport {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly findings: readonly Finding[];
  /** Findings seen; `findings` keeps at most 20. */
  readonly findingsTotal: number;
  readonly requests: number;
  readonly bytes: number;
  /** Bytes compared with the expected pattern; equals `bytes` unless payload compare is off. */
  readonly bytesVerified: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Nanoseconds from the moment a request was due until it completed. */
  readonly latencyNs: LatencySummary;
  readonly interrupts: number;
  readonly nestedInterrupts: number;
  readonly cancels: CancelReport;
  /** Times a device went to D3 and back under traffic, and times its hardware was pulled. */
  readonly powerCycles: number;
  readonly unplugs: number;
  readonly engines: readonly EngineReport[];
  /** Milliseconds in which two or more engine hosts were busy at once. */
  readonly engineOverlapMs: number;
  /** With `--record` only. Time is virtual then, and `latencyNs` says nothing. */
  readonly recording?: RecordingSummary;
  /** Injected faults by planned kind; absent when none were planned. */
  readonly faults?: Readonly<Partial<Record<FaultKind, number>>>;
  /** Requests that ended in an error status or with too few bytes, as those faults explain; absent when none were planned. */
  readonly failedRequests?: number;
  /** Of these, requests that a watchdog of their driver gave up with STATUS_IO_TIMEOUT before it went on; absent when no faults were planned. */
  readonly recoveredRequests?: number;
  readonly perDevice: readonly {
    readonly device: string;
    readonly requests: number;
    readonly bytes: number;
    readonly interrupts: number;
    /** Absent when none of its requests were to be cancelled. */
    readonly cancels?: CancelReport;
  }[];
  readonly contention: ContentionReport;
}

/** Result of `dmalab run --fail-nth`. */
export interface FailNthReport {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
  readonly failNth: {
    /** Fallible calls of one request, start-up included, over all series: each was failed once. */
    readonly calls: number;
    /** Executions that ended cleanly: an error status or a refused start, nothing left behind, no finding. */
    readonly clean: number;
    readonly findings: number;
    readonly series: readonly FailNthSeries[];
  };
}

/** One request in one direction, executed once for each of its fallible calls. */
export interface FailNthSeries {
  readonly direction: 'read' | 'write';
  readonly calls: number;
  readonly clean: number;
  /** How the executions ended: the driver refused to start, the request failed, or it succeeded all the same. */
  readonly refusedStarts: number;
  readonly failedRequests: number;
  readonly survived: number;
  /** What was failed, by name, how often. */
  readonly failed: Readonly<Record<string, number>>;
}

/** What a search that ends by itself has executed. */
export interface SearchProof {
  /** Executions to the end, each of another order of dependent steps (Mazurkiewicz trace) unless preemptions are bounded. */
  readonly executions: number;
  /** Executions given up because all that was left had been explored from elsewhere. */
  readonly redundant: number;
  /** Most preemptions in an execution; null: any number. */
  readonly preemptions: number | null;
  /** Most times that virtual time went on although others could have. */
  readonly leaps: number;
  /**
   * Steps depend on each other by framework object and tracked field (`races`); what drivers share outside of tracked contexts
   * is then taken to be guarded. False: any two steps of processors depend on each other.
   */
  readonly tellsObjectsApart: boolean;
}

/** Classes that the executions of a search fall into. */
export interface BehaviourClasses {
  readonly distinct: number;
  /** Classes of exactly one execution. */
  readonly once: number;
  /** Chance that the next schedule falls into a class not seen so far (Good-Turing: once / schedules looked at); null when schedules are not drawn at random. */
  readonly unseen: number | null;
}

/** How much of what a machine can do a search has seen. */
export interface SearchCoverage {
  /** Schedules whose behaviour was looked at: the first thousand, and one in four of the others. */
  readonly schedules: number;
  /** Executions are the same when the operations on each object have the same order: hash of the partial order. */
  readonly orders: BehaviourClasses;
  /** Executions are the same when they show the same set of reads-from pairs. */
  readonly readsFrom: BehaviourClasses;
  /** Reads-from pairs: which strand changed an object last, by which kind of operation, when which strand came to it by which. */
  readonly pairs: {
    readonly distinct: number;
    /** Pairs that exactly one schedule showed. */
    readonly once: number;
    /** New pairs to be expected of the next schedule; null as above. */
    readonly newPerSchedule: number | null;
  };
  /** Pairs seen within the first 1, 10, 100, ... schedules and in all. */
  readonly curve: readonly { readonly schedules: number; readonly pairs: number }[];
  /** Some classes or pairs found no room in the tables: the numbers are lower bounds. */
  readonly isPartial: boolean;
}

/** Result of `dmalab explore`. */
export interface ExploreReport extends ScheduleSummary {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly strategy: string;
  /** Threads that shared the search. */
  readonly workers: number;
  /** Schedules up to the finding, or all; what other threads executed beyond it is left out here and in the sums. */
  readonly schedules: number;
  readonly steps: number;
  readonly schedulesPerSecond: number;
  /** True when the strategy proved that no schedule is left. */
  readonly exhausted: boolean;
  /** Data races were looked for. */
  readonly races: boolean;
  /** Orders of bus and platform that were left to the schedules; see docs/ordering.md. */
  readonly ordering: readonly Ordering[];
  /** What a search with partial-order reduction has executed, and within which bounds; null for other strategies. */
  readonly proof: SearchProof | null;
  /** Schedules executed twice with equal event and memory hashes. */
  readonly verifiedTwice: number;
  /** Different event hashes seen among the schedules. */
  readonly distinctHashes: number;
  readonly coverage: SearchCoverage;
  /** Device steps by the host thread that executed them: `{"0": n}` in controlled execution; each DeviceStep event of the trace carries the thread, too. */
  readonly deviceStepsByThread: Readonly<Record<string, number>>;
  /** Scheduling points that were hit, how often: by type of object, then by kind of operation. */
  readonly points: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}

/** A number of the schedule that was found, and of the shrunk one. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** How much simpler a failing schedule became. */
export interface ShrinkSummary {
  /** Switches away from a strand that could have gone on. */
  readonly preemptions: BeforeAfter;
  /** Choices other than going on or, when that is impossible, taking the next strand in turn. */
  readonly deviations: BeforeAfter;
  readonly choices: BeforeAfter;
  readonly requests: BeforeAfter;
  readonly devices: BeforeAfter;
  /** Faults injected into the execution. */
  readonly faults: BeforeAfter;
  /** Executions it took. */
  readonly replays: number;
}

/** Result of `dmalab shrink`. */
export interface ShrinkReport {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  /** Rule the schedule breaks. */
  readonly rule: string;
  /** Path of the shrunk schedule; null when the file did not fail any more. */
  readonly schedule: string | null;
  readonly token: string | null;
  readonly shrink: ShrinkSummary | null;
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}

/** What executes a schedule again: the calling thread alone, or with every device step granted to a worker thread. */
export type ReplayBackend = 'controlled' | 'lockstep';

/** Result of `dmalab replay`. */
export interface ReplayReport {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly backend: ReplayBackend;
  readonly steps: number;
  readonly eventHash: string;
  readonly memoryHash: string;
  /** Device steps by the host thread that executed them; 0 is the main thread. */
  readonly deviceStepsByThread: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
  /** First step at which the replay differed from the file; null when it did not. */
  readonly divergence: { readonly step: number; readonly expected: string; readonly found: string } | null;
}
