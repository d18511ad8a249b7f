import { BugCheck, InternalError, UsageError } from '../nt/index.js';
import { fileURLToPath } from 'node:url';
import type { Kernel } from '../kernel/index.js';
import { dmaViolation } from '../hal/index.js';
import { operationOnNullAdapter } from './null-adapter.js';

/** Folders of the lab's own code, compiled and, for stacks that follow source maps, as written; scenarios in it count as code under test. */
const COMPILED = fileURLToPath(new URL('../', import.meta.url));
const LAB = [COMPILED, COMPILED.replace(/dist\/src\/$/, 'src/')];

/** A line of a stack that names a place in a file, by URL or by path. */
const FRAME = /(?:\(|at |async )((?:file:\/\/)?\/.*):\d+:\d+\)?$/;

function isLab(frame: string): boolean {
  const file = FRAME.exec(frame)![1]!;
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  return LAB.some((folder) => path.startsWith(folder) && !path.startsWith(`${folder}scenarios/`));
}

/**
 * What an execution threw, sorted into the three kinds: the BugCheck of a dead machine is recorded already, the lab's
 * usage and internal errors pass on, and an exception of the driver's own code becomes the finding L-DRIVER-THREW,
 * whatever its class - or A25, when it called a DMA operation on NULL. Which code threw is told by the innermost frames
 * of the stack.
 */
export function recordThrown(error: unknown, kernel: Kernel): void {
  if (error instanceof BugCheck && kernel.dead !== null) return;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const place = error instanceof Error ? placeOf(error) : 'a place it does not tell';
  // Neither the code under test nor a call it made: the lab's own defect.
  if (place === null) throw error;
  const operation = operationOnNullAdapter(error);
  const object = kernel.current.top?.name ?? null;
  try {
    if (operation !== null)
      dmaViolation(kernel, 'A25', 'crash', object ?? 'driver', `${operation} is called on NULL instead of a DMA adapter at ${place}`, 0x19);
    else kernel.violation({ rule: 'L-DRIVER-THREW', severity: 'crash', object, message: `the code under test threw ${what} at ${place}` });
  } catch (bugCheck) {
    if (!(bugCheck instanceof BugCheck)) throw bugCheck;
  }
}

/**
 * Where the code under test threw: the innermost frame of the stack is its own, or it is of a framework call that this
 * code made directly, with an argument nothing can be done with. Null: the lab threw by itself, as it does with an
 * error of its own classes that comes from its own code.
 */
function placeOf(error: Error): string | null {
  const frames = (error.stack ?? '').split('\n').filter((line) => FRAME.test(line));
  const index = frames.slice(0, 4).findIndex((frame) => !isLab(frame));
  const isLabError = error instanceof UsageError || error instanceof InternalError;
  if (index < 0 || (index > 0 && isLabError)) return null;
  const place = frames[index]!.replace(/^.*?(?=file:|\/)|\)$/g, '');
  return index === 0 ? place : `${place}, in a framework call that cannot take its argument`;
}
