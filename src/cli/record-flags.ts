import { UsageError } from '../nt/index.js';
import { given } from './given.js';
import type { RecordOptions } from './lab.js';

/** The flags of `run` that have to do with recording. */
export interface RecordFlags {
  readonly record?: boolean;
  readonly keepRecording?: boolean;
  readonly epoch?: number;
  readonly rate?: number;
  readonly failNth?: boolean;
}

/** What is to be recorded; undefined without `--record`. Throws UsageError USAGE_FLAGS for flags that do not go together. */
export function recordOptions(flags: RecordFlags): RecordOptions | undefined {
  const { record = false, keepRecording = false, epoch } = flags;
  if (!record) {
    const needless = keepRecording ? '--keep-recording' : epoch !== undefined ? '--epoch' : null;
    if (needless !== null)
      throw wrongFlags(`${needless} says how to record, and nothing is recorded`, needless, `${needless} together with --record`);
    return undefined;
  }
  if (flags.failNth === true)
    throw wrongFlags('--fail-nth executes under control, where there is nothing to record', '--record', '--record or --fail-nth, not both');
  if ((flags.rate ?? 0) > 0)
    throw wrongFlags('a recorded run has virtual time, in which no rate can be kept', '--rate', '--record without --rate: the closed loop');
  return { ...given('epochRequests', epoch), keepRecording };
}

function wrongFlags(problem: string, where: string, expected: string): UsageError {
  return new UsageError('USAGE_FLAGS', problem, { where, expected });
}
