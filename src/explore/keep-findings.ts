import { join } from 'node:path';
import type { Execution } from '../backends/controlled.js';
import { toFinding } from '../backends/to-finding.js';
import { replayLine } from '../machine/replay-line.js';
import type { Finding, ScheduleSummary } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { BRIEF_LIMITS, explainFailure } from './explain/index.js';
import { writeSchedule } from './schedule-file.js';
import { scheduleOf, type Executed } from './schedule-of.js';
import { scheduleToken } from './schedule-token.js';
import { NONDETERMINISM } from './search/index.js';
import { shrinkFailure, type ShrunkFailure } from './shrink-failure.js';

/** Where schedule files go, and how they are spoken of. */
export interface SchedulePlace {
  /** Folder for schedule files. */
  readonly outDir: string;
  /** What names the scenario in them: its name or its module's path. */
  readonly scenarioReference: string;
  /** Start of the line to paste that replays a finding, such as `npx dmalab`. */
  readonly program: string;
}

/** An execution under control that found something, and what leads to it again. */
export type Found = Omit<Executed, 'reference'>;

/** What is left of an execution that found something: the findings of its shrunk schedule, and where that is written. */
export interface KeptFindings extends ScheduleSummary {
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}

/** File for the schedule of an execution: named by what it found and by its events. */
export function schedulePath(outDir: string, scenario: Scenario, { findings, eventHash }: Execution): string {
  return join(outDir, `${scenario.name}-${findings[0]?.rule ?? 'recording'}-${eventHash.slice(0, 8)}.json`);
}

/** File beside `path` for the schedule as it was found. */
export function fullPath(path: string): string {
  return path.replace(/json$/, 'full.json');
}

/**
 * Writes the schedule of an execution that found something. What is reported and replayed is the shrunk one; the one that was found stands beside
 * it as `.full.json`. A nondeterministic execution cannot be shrunk: no candidate could be believed.
 */
export function keepFindings(scenario: Scenario, place: SchedulePlace, found: Found): KeptFindings {
  const { strategy, overrides, choices, execution } = found;
  const { rule } = execution.findings[0]!;
  const path = schedulePath(place.outDir, scenario, execution);
  const reference = place.scenarioReference;
  const full = scheduleOf({ reference, ...found });
  const shrunk = rule === NONDETERMINISM ? null : shrinkFailure(scenario, { overrides, choices, rule });
  if (shrunk !== null) writeSchedule(fullPath(path), full);
  const written = shrunk === null ? full : scheduleOf({ reference, strategy, ...shrunk });
  writeSchedule(path, written);
  const { findings, findingsTotal } = shrunk?.execution ?? execution;
  return {
    findings: findings.map((violation) => toFinding(violation, path, replayLine(place.program, path))),
    findingsTotal,
    token: scheduleToken(written),
    shrink: shrunk?.summary ?? null,
    explanation: shrunk === null ? null : explainBriefly(scenario, shrunk, rule),
  };
}

/** Where the shrunk schedule became inevitable and which order decides, in a sentence or two. */
function explainBriefly(scenario: Scenario, { overrides, choices }: ShrunkFailure, rule: string): string | null {
  return explainFailure(scenario, overrides, choices, rule, BRIEF_LIMITS)?.sentences.join(' ') ?? null;
}
