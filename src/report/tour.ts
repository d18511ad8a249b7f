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
    { command: `${program} list`, shows: 'what is built in' },
    {
      command: `${program} run ${sample} --requests 20000 --preempt 0.05`,
      shows: 'stress, with virtual CPUs switched in callbacks',
    },
    { command: `${program} explore ${sample} --schedules 500`, shows: 'the same driver, 500 orders of its steps' },
    { command: `${program} run --help`, shows: 'load, sizes, map registers, addressing' },
  ];
}

export function formatTour(stops: readonly TourStop[], paint: Paint): string {
  return `${paint.bold('Try next')}\n${formatFacts(
    stops.map(({ command, shows }) => [paint.cyan(command), shows]),
    paint,
  )}`;
}
