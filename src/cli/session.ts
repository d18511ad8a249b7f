import { InternalError } from '../nt/index.js';
import { toFinding } from '../backends/to-finding.js';
import type { RecordedViolation } from '../kernel/index.js';
import type { Finding, Verdict } from '../machine/report.js';
import { formatFindings, type Paint } from '../report/index.js';
import { describeError, ExitCode, exitCodeOf } from './errors.js';
import { interruptible } from './interrupt.js';
import type { Io } from './io.js';
import type { Hooks, Lab } from './lab.js';
import { Output } from './output.js';
import { pasteAgain } from './paste-line.js';
import { createProgress, type ProgressView } from './progress.js';

/** What the reports of all commands have in common. */
interface Report {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}

/** One call of the program: what it knows so far, so that a failure can say which scenario and seed it was about. */
export class Session {
  readonly output: Output;
  readonly json: boolean;
  scenario: string | null = null;
  seed: number | null = null;
  /** Set once the output directory is known; errors of writing to it are the caller's. */
  outDir: string | null = null;
  #exitCode: ExitCode = ExitCode.Ok;
  #lab: Promise<Lab> | null = null;

  constructor(
    readonly argv: readonly string[],
    readonly io: Io,
    private readonly open: () => Promise<Lab>,
  ) {
    this.output = new Output(io);
    this.json = argv.includes('--json');
  }

  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  lab(): Promise<Lab> {
    this.#lab ??= this.open();
    return this.#lab;
  }

  /**
   * Executes with progress on stderr and an interruption that aborts; prints the report and keeps its exit code.
   * `format` gets `brief` when the user asked for quiet.
   */
  async execute<R extends Report, P>(options: {
    readonly quiet: boolean;
    readonly progress: (view: ProgressView, progress: P) => void;
    readonly body: (hooks: Hooks<P>) => Promise<R>;
    readonly format: (report: R, paint: Paint, brief: boolean) => string;
  }): Promise<R | null> {
    const view = createProgress(this.io, options.quiet);
    const onSignal = (): void => {
      view.stop();
      this.output.note('interrupted; waiting for the results so far (interrupt again to end at once)');
    };
    let outcome;
    try {
      outcome = await interruptible(this.io, onSignal, (signal) =>
        options.body({ onProgress: (progress) => (signal.aborted ? undefined : options.progress(view, progress)), signal }),
      );
    } finally {
      view.stop();
    }
    const { result, leftBehind } = outcome;
    if (result === null) {
      this.#endEmpty(leftBehind === null ? [] : [this.#toFinding(leftBehind)]);
      return null;
    }
    const report = leftBehind === null ? result : withFinding(result, this.#toFinding(leftBehind));
    this.#print(report, options.format(report, this.output.paint, options.quiet));
    return report;
  }

  /** A finding outside of every schedule: what there is to paste is the command itself. */
  #toFinding(violation: RecordedViolation): Finding {
    return toFinding(violation, null, pasteAgain(this.io.program, this.argv, null));
  }

  /** The end of a command that executes no scenario: its report as JSON or text, and the exit code of its verdict. */
  finish<R extends { readonly verdict: Verdict }>(report: R, format: (report: R, paint: Paint) => string): void {
    if (this.json) this.output.json({ scenario: null, seed: null, findings: [], ...report });
    else this.output.text(format(report, this.output.paint));
    this.#exitCode = exitCodeOf(report.verdict);
  }

  #print(report: Report, text: string): void {
    const consistent = report.verdict !== 'ok' || report.findingsTotal === 0;
    if (!consistent) throw new InternalError('VERDICT_OK_WITH_FINDINGS', `the verdict is ok beside ${report.findingsTotal} findings`);
    if (this.json) this.output.json(report);
    else this.output.text(text);
    this.#exitCode = exitCodeOf(report.verdict);
  }

  /** Ended before there was a report: by whoever interrupted it, or by what code under test had left behind. */
  #endEmpty(findings: readonly Finding[]): void {
    const verdict: Verdict = findings.length === 0 ? 'interrupted' : 'finding';
    if (this.json) this.output.json({ verdict, scenario: this.scenario, seed: this.seed, findings });
    else if (findings.length === 0) this.output.text('interrupted before there was any result');
    else this.output.text(formatFindings(findings, findings.length, this.output.paint));
    this.#exitCode = exitCodeOf(verdict);
  }

  /** The end of a command that could not do its work. */
  fail(error: unknown): ExitCode {
    const report = describeError(error, this.outDir);
    const isDebug = report.kind === 'internal' && this.io.env['DMALAB_DEBUG'] === '1';
    this.output.error(report, isDebug ? stackOf(error) : null);
    if (this.json) this.output.json({ verdict: 'error', scenario: this.scenario, seed: this.seed, findings: [], error: report });
    return report.kind === 'usage' ? ExitCode.Usage : ExitCode.Internal;
  }
}

function withFinding<R extends Report>(report: R, finding: Finding): R {
  return { ...report, verdict: 'finding', findings: [...report.findings, finding], findingsTotal: report.findingsTotal + 1 };
}

function stackOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const cause = error.cause instanceof Error ? `\ncaused by: ${error.cause.stack}` : '';
  return `${error.stack}${cause}`;
}
