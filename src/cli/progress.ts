import cliProgress from 'cli-progress';
import { formatBytes, formatCount, formatDurationSeconds, formatPlural, formatRate } from '../report/index.js';
import { wantsBar, type Io } from './io.js';
import type { ExploreProgress, RunProgress } from './lab.js';

/** A run that is over before this shows no progress at all. */
const FIRST_SECONDS = 1;
/** Between two lines where there is no terminal. */
const LINE_EVERY_SECONDS = 3;
const BAR_STEPS = 1000;

/** Progress of any command, in one form. */
interface State {
  readonly seconds: number;
  /** 0..1; null when the command has no end of its own. */
  readonly fraction: number | null;
  readonly text: string;
}

function fractionOf(part: number, whole: number | null): number {
  return whole === null || whole <= 0 || !Number.isFinite(whole) ? 0 : Math.min(1, part / whole);
}

function ofTarget(done: number, target: number | null): string {
  return target === null || !Number.isFinite(target) ? formatCount(done) : `${formatCount(done)} of ${formatCount(target)}`;
}

function findingsText(findings: number): string {
  return findings === 0 ? '' : `, ${formatPlural(findings, 'finding')}`;
}

/** The run ends at the first of its bounds, so the bound that is nearest tells how far it is. */
export function runState(progress: RunProgress): State {
  const { requests, target, seconds, durationSeconds, bytes, findings } = progress;
  const fraction = Math.max(fractionOf(requests, target), fractionOf(seconds, durationSeconds));
  const bounded = target !== null || durationSeconds !== null;
  const rate = formatRate(seconds > 0 ? requests / seconds : 0);
  const text = `${ofTarget(requests, target)} requests, ${rate}, ${formatBytes(bytes)}${findingsText(findings)}`;
  return { seconds, fraction: bounded ? fraction : null, text };
}

export function exploreState(progress: ExploreProgress): State {
  const { schedules, target, seconds, durationSeconds, findings } = progress;
  const rate = formatRate(seconds > 0 ? schedules / seconds : 0);
  const text = `${ofTarget(schedules, target)} schedules, ${rate}${findingsText(findings)}`;
  const fraction = Math.max(fractionOf(schedules, target), fractionOf(seconds, durationSeconds));
  return { seconds, fraction, text };
}

/** Shows how far a command is, on stderr; `update` may be called at any pace. */
export interface ProgressView {
  update(state: State): void;
  /** Leaves the terminal as it was. Call it before anything else is written. */
  stop(): void;
}

class SilentView implements ProgressView {
  update(): void {}
  stop(): void {}
}

/** A plain line every few seconds, for logs. */
class LineView implements ProgressView {
  #dueSeconds = LINE_EVERY_SECONDS;

  constructor(private readonly stream: NodeJS.WritableStream) {}

  update({ seconds, fraction, text }: State): void {
    if (seconds < this.#dueSeconds) return;
    this.#dueSeconds = seconds + LINE_EVERY_SECONDS;
    const percent = fraction === null ? '' : `${Math.floor(fraction * 100)} %, `;
    this.stream.write(`dmalab: ${formatDurationSeconds(seconds)}: ${percent}${text}\n`);
  }

  stop(): void {}
}

/** One line that redraws itself. It draws synchronously: the main thread may be blocked between two updates. */
class BarView implements ProgressView {
  readonly #bar: cliProgress.SingleBar;
  #started = false;

  constructor(stream: NodeJS.WritableStream) {
    const { shades_classic: preset } = cliProgress.Presets;
    // Signals are the command's own business (gracefulExit), and line wrapping stays on for a process that is killed.
    const options = {
      stream,
      format: '{bar} {percentage} % {text}',
      barsize: 24,
      clearOnComplete: true,
      gracefulExit: false,
      linewrap: true,
    };
    this.#bar = new cliProgress.SingleBar(options, preset);
  }

  update({ seconds, fraction, text }: State): void {
    if (seconds < FIRST_SECONDS) return;
    const value = Math.floor((fraction ?? 0) * BAR_STEPS);
    if (this.#started) this.#bar.update(value, { text });
    else this.#bar.start(BAR_STEPS, value, { text });
    this.#started = true;
  }

  stop(): void {
    if (this.#started) this.#bar.stop();
    this.#started = false;
  }
}

export function createProgress(io: Io, quiet: boolean): ProgressView {
  if (quiet) return new SilentView();
  return wantsBar(io.stderr, io.env) ? new BarView(io.stderr) : new LineView(io.stderr);
}
