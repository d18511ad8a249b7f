import type { Command } from 'commander';
import { given } from './given.js';
import type { ControlOptions } from './lab.js';
import { count } from './numbers.js';

/** Flags of commands that execute schedules under control. */
export interface ControlFlags {
  readonly steps?: number;
  readonly races?: boolean;
  readonly strict?: boolean;
}

/** `stepsText`: what `--steps` is when it is not given. */
export function addControlFlags(command: Command, stepsText: string): Command {
  return command
    .option('--steps <n>', `operations of one schedule before it counts as endless (default: ${stepsText})`, count('--steps'))
    .option('--races', 'look for data races too, in tracked contexts, common buffers and registers (docs/races.md)')
    .option('--strict', 'a finding when code under test asks for time, chance or the event loop');
}

export function controlOptions({ steps, races, strict }: ControlFlags): ControlOptions {
  return { races: races === true, ...given('stepsMax', steps), ...given('strict', strict) };
}
