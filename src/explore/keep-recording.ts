import { join } from 'node:path';
import { ControlledBackend, type Execution } from '../backends/controlled.js';
import type { Recording } from '../backends/recorded.js';
import type { RecordedViolation } from '../kernel/index.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import type { Scenario } from '../machine/scenario.js';
import { FollowOrder } from './follow-order.js';
import { writeSchedule } from './schedule-file.js';
import { scheduleOf } from './schedule-of.js';

/** What became of a recording that was to be kept. */
export interface KeptRecording {
  /** Path of the schedule file; null when the recording is not exact. */
  readonly schedule: string | null;
  /** Why it is not exact, when that is somebody's fault: L-NONDETERMINISM. */
  readonly violation: RecordedViolation | null;
}

/** Where recordings of one machine go. */
export interface RecordingPlace {
  /** All that shapes the machine, its seed and the requests of one execution included. */
  readonly overrides: Overrides;
  readonly outDir: string;
  /** What names the scenario in schedule files. */
  readonly reference: string;
}

/** Turns recordings of one machine into schedules, by following them under control. */
export class RecordingKeeper {
  readonly #scenario: Scenario;
  readonly #place: RecordingPlace;
  readonly #follow = new FollowOrder([]);
  #backend: ControlledBackend | null = null;

  constructor(scenario: Scenario, place: RecordingPlace) {
    this.#scenario = scenario;
    this.#place = place;
  }

  /** Writes the schedule file, if the execution can be had again exactly. */
  keep(recording: Recording): KeptRecording {
    if (!recording.isExact) return { schedule: null, violation: null };
    const { overrides, outDir, reference } = this.#place;
    this.#backend ??= new ControlledBackend(resolveParameters(this.#scenario, overrides));
    this.#follow.follow(recording.order);
    this.#follow.newExecution();
    const followed = this.#backend.execute(this.#follow);
    const difference = this.#differenceBetween(recording.execution, followed);
    if (difference !== null) return { schedule: null, violation: notFollowed(difference) };
    const rule = followed.findings[0]?.rule ?? 'recording';
    const path = join(outDir, `${this.#scenario.name}-${rule}-${followed.eventHash.slice(0, 8)}.json`);
    const executed = { reference, strategy: 'recorded', overrides, choices: followed.choices, execution: followed };
    writeSchedule(path, scheduleOf(executed));
    return { schedule: path, violation: null };
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
