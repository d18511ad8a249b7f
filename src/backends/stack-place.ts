import { fileURLToPath } from 'node:url';
import { InternalError, UsageError } from '../nt/index.js';

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
 * Where the code under test threw: the innermost frame of the stack is its own, or it is of a framework call that this
 * code made directly, with an argument nothing can be done with. Null: the lab threw by itself, as it does with an
 * error of its own classes that comes from its own code.
 */
export function placeOf(error: Error): string | null {
  const frames = (error.stack ?? '').split('\n').filter((line) => FRAME.test(line));
  const index = frames.slice(0, 4).findIndex((frame) => !isLab(frame));
  const isLabError = error instanceof UsageError || error instanceof InternalError;
  if (index < 0 || (index > 0 && isLabError)) return null;
  const place = placeIn(frames[index]!);
  return index === 0 ? place : `${place}, in a framework call that cannot take its argument`;
}

/** The file, line and column a line of a stack names. */
const placeIn = (frame: string): string => frame.replace(/^.*?(?=file:|\/)|\)$/g, '');

/** Where an error was thrown that nothing awaited; null when its innermost frame is the lab's, a library's, or unknown. */
export function placeOfEscaped(error: Error): string | null {
  const frame = (error.stack ?? '').split('\n').find((line) => FRAME.test(line));
  return frame === undefined || isLab(frame) || frame.includes('/node_modules/') ? null : placeIn(frame);
}
