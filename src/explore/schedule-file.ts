import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../nt/index.js';

export const SCHEDULE_FORMAT = 'dmalab-schedule';
export const SCHEDULE_VERSION = 1;

const scheduleSchema = z.strictObject({
  format: z.literal(SCHEDULE_FORMAT),
  version: z.literal(SCHEDULE_VERSION),
  /** Name of a built-in scenario, or the path of a module relative to the file's reader. */
  scenario: z.string().min(1),
  seed: z.int(),
  strategy: z.string(),
  /** Overrides that shape the machine and its traffic, all that were in force. */
  parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  /** Strand ids in order, run-length encoded: "0x12 3 0x4" is strand 0 twelve times, 3 once, 0 four times. */
  choices: z.string(),
  eventHash: z.string(),
  memoryHash: z.string(),
  /** What the execution found, in a token without the message; null for a schedule kept for its own sake. */
  finding: z.strictObject({ rule: z.string(), message: z.string() }).nullable(),
});

/** An execution as data: what to build, and who went next at each choice. */
export type Schedule = z.infer<typeof scheduleSchema>;

/** Run-length text of a list of strand ids. */
export function encodeChoices(choices: ArrayLike<number>): string {
  const runs: string[] = [];
  for (let i = 0; i < choices.length;) {
    let end = i + 1;
    while (end < choices.length && choices[end] === choices[i]) end++;
    runs.push(end - i === 1 ? `${choices[i]!}` : `${choices[i]!}x${end - i}`);
    i = end;
  }
  return runs.join(' ');
}

/** Most choices a file may hold; a bound against broken files, far above any execution's step bound. */
const CHOICES_MAX = 10_000_000;

/** Throws UsageError USAGE_BAD_SCHEDULE for text that `encodeChoices` cannot have written. */
export function decodeChoices(text: string, where: string): number[] {
  const choices: number[] = [];
  for (const run of text.split(' ')) {
    if (run === '') continue;
    const match = /^(\d{1,4})(?:x(\d{1,8}))?$/.exec(run);
    if (match === null)
      throw badSchedule(where, `choices has "${run.slice(0, 20)}"`, 'strand ids with optional repeat counts, such as "0x12 3"');
    const count = match[2] === undefined ? 1 : Number(match[2]);
    if (choices.length + count > CHOICES_MAX) throw badSchedule(where, 'choices is too long', `at most ${CHOICES_MAX} choices`);
    for (let i = 0; i < count; i++) choices.push(Number(match[1]));
  }
  return choices;
}

/** Checks what a schedule file holds. UsageError USAGE_BAD_SCHEDULE says what is wrong in it. */
export function parseScheduleJson(json: unknown, where: string): Schedule {
  const { format, version } = (json ?? {}) as { readonly format?: unknown; readonly version?: unknown };
  if (format === SCHEDULE_FORMAT && typeof version === 'number' && version !== SCHEDULE_VERSION)
    throw badSchedule(where, `version ${version} is not known`, `a ${SCHEDULE_FORMAT} file of version ${SCHEDULE_VERSION}`);
  const parsed = scheduleSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw badSchedule(
    where,
    `${issue.path.length === 0 ? 'the file' : issue.path.join('.')}: ${issue.message}`,
    `a ${SCHEDULE_FORMAT} file of version ${SCHEDULE_VERSION}`,
  );
}

/** Writes a schedule, making its folder. UsageError USAGE_CANNOT_WRITE when the disk says no. */
export function writeSchedule(path: string, schedule: Schedule): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify(schedule, null, 2)}\n`);
  } catch (error) {
    throw new UsageError('USAGE_CANNOT_WRITE', `the schedule file cannot be written: ${(error as Error).message}`, {
      where: path,
      expected: 'a folder that can be written (--out DIR)',
    });
  }
}

function badSchedule(where: string, what: string, expected: string): UsageError {
  return new UsageError('USAGE_BAD_SCHEDULE', `the schedule file is broken: ${what}`, { where, expected });
}
