import { ControlledBackend, type Execution } from '../backends/controlled.js';
import type { Recording } from '../backends/recorded.js';
import type { RecordedViolation } from '../kernel/index.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import type { Scenario } from '../machine/scenario.js';
import { FollowOrder } from './follow-order.js';
import { schedulePath, type Found, type SchedulePlace } from './keep-findings.js';
import { writeSchedule } from './schedule-file.js';
import { scheduleOf } from './schedule-of.js';

/** What became of a recording that was to be kept. */
export interface KeptRecording {
  /** Path of the schedule file; null when the recording is not exact. */
  readonly schedule: string | null;
  /** The execution, had again under control; null when the recording is not exact. */
  readonly followed: Found | null;
  /** Why it is not exact, when that is somebody's fault: L-NONDETERMINISM. */
  readonly violation: RecordedViolation | null;
}

/** Turns recordings of one machine into schedules, by following them under control. */
export class RecordingKeeper {
  readonly #follow = new FollowOrder([]);
  #backend: ControlledBackend | null = null;

  /** `overrides`: all that shapes the machine, its seed and the requests of one execution included. */
  constructor(
    private readonly scenario: Scenario,
    private readonly place: SchedulePlace,
    private readonly overrides: Overrides,
  ) {}

  /** Writes the schedule file, if the execution can be had again exactly. */
  keep(recording: Recording): KeptRecording {
    if (!recording.isExact) return { schedule: null, followed: null, violation: null };
    const { scenario, overrides } = this;
    const { outDir, scenarioReference } = this.place;
    this.#backend ??= new ControlledBackend(resolveParameters(scenario, overrides));
    this.#follow.follow(recording.order);
    this.#follow.newExecution();
    const execution = this.#backend.execute(this.#follow);
    const difference = this.#differenceBetween(recording.execution, execution);
    if (difference !== null) return { schedule: null, followed: null, violation: notFollowed(difference) };
    const path = schedulePath(outDir, scenario, execution);
    const followed = { strategy: 'recorded', overrides, choices: Int32Array.from(execution.choices), execution };
    writeSchedule(path, scheduleOf({ reference: scenarioReference, ...followed }));
    return { schedule: path, followed, violation: null };
  }

  #differenceBetween(recorded: Recording['execution'], followed: Execution): string | null {
    const divergence = this.#follow.divergence();
    if (divergence !== null) return `operation ${divergence.choice} was that of ${divergence.expected}, and now it is ${divergence.found}`;
    if (recorded.eventHash !== followed.eventHash) return `events ${recorded.eventHash} and ${followed.eventHash}`;
    if (recorded.memoryHash !== followed.memoryHash) return `memory ${recorded.memoryHash} and ${followed.memoryHash}`;
    return null;
  }
}

function notFollowed(difference: string): RecordedViolation {
  return {
    rule: 'L-NONDETERMINISM',
    severity: 'error',
    object: null,
    step: 0,
    message: `a recorded execution did not happen again when its order was followed under control (${difference}): driver or device code uses time, chance or state from outside the machine`,
  };
}
