import { UsageError } from '../nt/index.js';
import { parseScheduleJson, type Schedule } from './schedule-file.js';

/** What every token starts with; no path does by accident. */
export const TOKEN_PREFIX = 'dmalab1.';

/** A token longer than this is no longer something to paste into a message; the file is. */
export const TOKEN_LENGTH_MAX = 2000;

/**
 * A schedule as one word, the compact JSON of its file in base64url, of the finding only its rule: the message, which may hold
 * a dump of registers, comes again with the replay. Null when that is too long to paste.
 */
export function scheduleToken(schedule: Schedule): string | null {
  const { finding } = schedule;
  const short: Schedule = { ...schedule, finding: finding === null ? null : { ...finding, message: '' } };
  const token = TOKEN_PREFIX + Buffer.from(JSON.stringify(short)).toString('base64url');
  return token.length <= TOKEN_LENGTH_MAX ? token : null;
}

export function isScheduleToken(text: string): boolean {
  return text.startsWith(TOKEN_PREFIX);
}

/** The schedule in a token. UsageError USAGE_BAD_SCHEDULE when it was cut short or changed. */
export function parseScheduleToken(token: string): Schedule {
  const body = token.slice(TOKEN_PREFIX.length);
  let json: unknown;
  try {
    if (!/^[\w-]+$/.test(body)) throw new SyntaxError('it has characters that no token has');
    json = JSON.parse(Buffer.from(body, 'base64url').toString());
  } catch (error) {
    const problem = `the schedule token is broken: ${(error as SyntaxError).message}`;
    throw new UsageError('USAGE_BAD_SCHEDULE', problem, {
      where: shortToken(token),
      expected: 'the whole token that explore or shrink printed',
    });
  }
  return parseScheduleJson(json, shortToken(token));
}

/** For messages. */
export function shortToken(token: string): string {
  return token.length <= 32 ? token : `${token.slice(0, 32)}...`;
}
