import { Writable } from 'node:stream';
import { runCli } from '../../../src/cli/cli.js';
import type { Interruption, Io, OutputStream } from '../../../src/cli/io.js';
import type { Verdict } from '../../../src/machine/report.js';
import type { ErrorReport } from '../../../src/cli/errors.js';
import { FakeLab } from './fake-lab.js';

class Captured extends Writable implements OutputStream {
  text = '';

  constructor(
    readonly isTTY: boolean,
    readonly columns = 100,
  ) {
    super();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** An Io whose output is kept and whose signals the test sends. */
export class TestIo implements Io {
  readonly stdout: Captured;
  readonly stderr: Captured;
  readonly program = 'dmalab';
  #listener: ((interruption: Interruption) => void) | null = null;

  constructor(
    readonly env: Io['env'] = {},
    isTty = false,
  ) {
    this.stdout = new Captured(isTty);
    this.stderr = new Captured(isTty);
  }

  onInterrupt(listener: (interruption: Interruption) => void): () => void {
    this.#listener = listener;
    return () => (this.#listener = null);
  }

  onIdle(): () => void {
    return () => undefined;
  }

  get isListening(): boolean {
    return this.#listener !== null;
  }

  interrupt(interruption: Interruption = { kind: 'signal', signal: 'SIGINT' }): void {
    this.#listener?.(interruption);
  }
}

export interface JsonResult {
  readonly verdict: Verdict;
  readonly scenario: string | null;
  readonly seed: number | null;
  readonly findings: readonly unknown[];
  readonly error?: ErrorReport;
  readonly [member: string]: unknown;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One call in-process; arguments are words, or one line split at blanks. */
export async function invoke(argv: string | readonly string[], lab = new FakeLab(), io = new TestIo()): Promise<Outcome> {
  const words = typeof argv === 'string' ? argv.split(' ').filter((word) => word !== '') : argv;
  const code = await runCli(words, io, () => Promise.resolve(lab));
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}

/** The one JSON object on stdout; throws when there is more or less. */
export function jsonOf({ stdout }: Outcome): JsonResult {
  if (!stdout.endsWith('\n') || stdout.trimEnd().includes('\n')) throw new Error(`stdout is not one line: ${stdout}`);
  return JSON.parse(stdout) as JsonResult;
}
