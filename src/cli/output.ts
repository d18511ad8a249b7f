import { createPaint, printable, type Paint } from '../report/index.js';
import type { Finding, Verdict } from '../machine/report.js';
import type { ErrorReport } from './errors.js';
import { wantsColour, type Io } from './io.js';

/** The JSON result of a command that has no report: it failed, or was interrupted before there was anything. */
export interface EmptyResult {
  readonly verdict: Verdict;
  readonly scenario: string | null;
  readonly seed: number | null;
  readonly findings: readonly Finding[];
  readonly error?: ErrorReport;
}

/** Results go to stdout, as text or as one JSON object on one line; words about the command itself go to stderr. */
export class Output {
  readonly paint: Paint;
  readonly #errorPaint: Paint;

  constructor(private readonly io: Io) {
    this.paint = createPaint(wantsColour(io.stdout, io.env));
    this.#errorPaint = createPaint(wantsColour(io.stderr, io.env));
  }

  text(block: string): void {
    this.io.stdout.write(`${block}\n`);
  }

  json(result: object): void {
    this.io.stdout.write(`${JSON.stringify(result)}\n`);
  }

  note(line: string): void {
    this.io.stderr.write(`dmalab: ${line}\n`);
  }

  /** What is wrong, where, what would be right; `stack` only for people who debug dmalab. */
  error({ kind, code, message, where, expected }: ErrorReport, stack: string | null = null): void {
    const paint = this.#errorPaint;
    const lines = [`dmalab: ${paint.red(kind === 'usage' ? 'error' : 'internal error')}: ${printable(message)} (${code})`];
    if (where !== null) lines.push(`  ${paint.dim('where')}     ${printable(where)}`);
    if (expected !== null) lines.push(`  ${paint.dim('expected')}  ${printable(expected)}`);
    if (stack !== null) lines.push(stack);
    this.io.stderr.write(`${lines.join('\n')}\n`);
  }
}
