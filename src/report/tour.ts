import { formatFacts, type Paint } from './text.js';

/** One command to try and what it shows. */
export interface TourStop {
  readonly command: string;
  readonly shows: string;
}

/** What somebody who has just seen the demo may try next; `samples` are names of built-in scenarios, best first. */
export function tourStops(program: string, samples: readonly string[]): readonly TourStop[] {
  const sample = samples[0] ?? 'demo';
  return [
    { command: `${program} list`, shows: 'scenarios, devices and strategies that are built in' },
    {
      command: `${program} run ${sample} --requests 20000 --preempt 0.05`,
      shows: 'one driver under stress, virtual CPUs switched in its callbacks',
    },
    { command: `${program} explore ${sample} --schedules 500`, shows: 'the same driver, step by step, in a different order each time' },
    { command: `${program} run --help`, shows: 'every flag: load, sizes, map registers, addressing' },
  ];
}

export function formatTour(stops: readonly TourStop[], paint: Paint): string {
  return `${paint.bold('Try next')}\n${formatFacts(
    stops.map(({ command, shows }) => [paint.cyan(command), shows]),
    paint,
  )}`;
}
