import { readFileSync } from 'node:fs';
import { isScheduleToken, parseScheduleToken, shortToken } from '../explore/schedule-token.js';
import { UsageError } from '../nt/index.js';
import { fileErrorText } from './errors.js';
import { absoluteReference } from './load-scenario.js';

/** A schedule as it was given on the command line, and what messages call it. */
export interface GivenSchedule {
  readonly json: object;
  /** Path of the file, or the token cut short. */
  readonly label: string;
  /** Flags that belong to every line that replays it. */
  readonly flags: readonly string[];
}

/**
 * Reads the file, or the token in its place, for the scenario that it names or for another one: a module that was moved, a driver that
 * was repaired. What it must hold is checked by the laboratory, which wrote it.
 */
export function readSchedule(argument: string, scenario: string | undefined): GivenSchedule {
  const isToken = isScheduleToken(argument);
  const json = isToken ? parseScheduleToken(argument) : readScheduleFile(argument);
  const label = isToken ? shortToken(argument) : argument;
  if (scenario === undefined) return { json, label, flags: [] };
  return { json: { ...json, scenario: absoluteReference(scenario) }, label, flags: ['--scenario', scenario] };
}

function badSchedule(file: string, problem: string): UsageError {
  const expected = "a schedule file as 'dmalab explore' writes it";
  return new UsageError('USAGE_BAD_SCHEDULE', `${file} is no schedule file: ${problem}`, { where: file, expected });
}

function readScheduleFile(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const expected = "the path of a schedule file that 'dmalab explore' wrote";
    throw new UsageError('USAGE_NO_SUCH_FILE', `cannot read the schedule file ${file}: ${fileErrorText(error) ?? String(error)}`, {
      where: file,
      expected,
    });
  }
  if (text.trim() === '') throw badSchedule(file, 'it is empty');
  let schedule: unknown;
  try {
    schedule = JSON.parse(text);
  } catch (error) {
    throw badSchedule(file, `it is not JSON, ${(error as SyntaxError).message}`);
  }
  if (typeof schedule !== 'object' || schedule === null || Array.isArray(schedule)) throw badSchedule(file, 'it holds no JSON object');
  return schedule;
}

/** For the report of a failure only. */
export function memberOf<T extends 'string' | 'number'>(
  schedule: object,
  name: string,
  type: T,
): (T extends 'string' ? string : number) | null {
  const value: unknown = (schedule as Record<string, unknown>)[name];
  return typeof value === type ? (value as T extends 'string' ? string : number) : null;
}
