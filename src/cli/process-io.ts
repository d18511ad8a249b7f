import { hostInterval } from '../kernel/host-turn.js';
import type { Interruption, Io } from './io.js';
import { programOf } from './paste-line.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * A Ctrl-C reaches every process of the terminal, and npm passes it on to its child once more: what arrives this soon
 * after the first signal is the same key. After that the handlers go, and the system ends the process at the next one,
 * even when the main thread is blocked.
 */
const SAME_KEY_MS = 400;

function onInterrupt(listener: (interruption: Interruption) => void): () => void {
  let told = false;
  let stopWaiting = (): void => {};
  const onSignal = (signal: NodeJS.Signals): void => {
    if (told) return;
    told = true;
    stopWaiting = hostInterval(SAME_KEY_MS, () => {
      stopWaiting();
      removeSignals();
    });
    listener({ kind: 'signal', signal });
  };
  const onUncaught = (error: unknown): void => listener({ kind: 'uncaught', error });
  const removeSignals = (): void => SIGNALS.forEach((signal) => process.removeListener(signal, onSignal));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('uncaughtException', onUncaught);
  return () => {
    stopWaiting();
    removeSignals();
    process.removeListener('uncaughtException', onUncaught);
  };
}

function onIdle(listener: () => void): () => void {
  process.once('beforeExit', listener);
  return () => process.removeListener('beforeExit', listener);
}

/** The process as commands see it. */
export function processIo(): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    program: programOf(process.argv[1] ?? 'dmalab', process.cwd()),
    onInterrupt,
    onIdle,
  };
}
