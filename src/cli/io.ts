/** A stream as the commands need it; `process.stdout` is one, and so is a buffer in a test. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Why a command is told to stop: a signal from outside, or an error that escaped into the event loop. */
export type Interruption = { readonly kind: 'signal'; readonly signal: string } | { readonly kind: 'uncaught'; readonly error: unknown };

/** Everything a command touches of the process it runs in, so that tests run commands in-process. */
export interface Io {
  /** Results. */
  readonly stdout: OutputStream;
  /** Progress and error messages. */
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How a user calls this program, ready to paste: `npx dmalab`, `node dist/src/cli/main.js`. */
  readonly program: string;
  /** Calls `listener` at the first interruption; a second signal ends the process at once. Returns the undo. */
  onInterrupt(listener: (interruption: Interruption) => void): () => void;
  /** Calls `listener` when nothing is left that could ever happen in this process. Returns the undo. */
  onIdle(listener: () => void): () => void;
}

/** Colour only where somebody looks at it and did not say no (no-color.org; FORCE_COLOR as Node reads it). */
export function wantsColour(stream: OutputStream, env: Io['env']): boolean {
  if (isSet(env['NO_COLOR'])) return false;
  if (isSet(env['FORCE_COLOR'])) return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb' && !isSet(env['CI']);
}

/** A bar that redraws itself needs a terminal that can; a CI log is none even when it claims to be. */
export function wantsBar(stream: OutputStream, env: Io['env']): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb' && !isSet(env['CI']);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'false';
}
