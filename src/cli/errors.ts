import { InternalError, UsageError } from '../nt/index.js';
import type { Verdict } from '../machine/report.js';

/** Exit codes (the only ones). A replay that diverged is the file's fault: 2. */
export const ExitCode = { Ok: 0, Finding: 1, Usage: 2, Internal: 3, Interrupted: 130 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const EXIT_CODES: Readonly<Record<Verdict, ExitCode>> = {
  ok: ExitCode.Ok,
  finding: ExitCode.Finding,
  diverged: ExitCode.Usage,
  interrupted: ExitCode.Interrupted,
  error: ExitCode.Internal,
};

export function exitCodeOf(verdict: Verdict): ExitCode {
  return EXIT_CODES[verdict];
}

/** The `error` of a JSON result. */
export interface ErrorReport {
  readonly kind: 'usage' | 'internal';
  readonly code: string;
  readonly message: string;
  readonly where: string | null;
  readonly expected: string | null;
}

/** Errors of the file system that the user can put right: the path, its rights, or the room on the disk. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'a file of that name is in the way',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no directory',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
};

interface SystemError extends Error {
  readonly code: string;
  readonly path?: string;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

/** `permission denied` and the like; null for what is no fault of the caller's files. */
export function fileErrorText(error: unknown): string | null {
  return isSystemError(error) ? (FILE_ERRORS[error.code] ?? null) : null;
}

/** Also true for the class of another copy of the package, which a scenario module may have imported. */
export function isUsageError(error: unknown): error is UsageError {
  if (error instanceof UsageError) return true;
  return error instanceof Error && error.name === 'UsageError' && 'code' in error && typeof error.code === 'string';
}

export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));
}

/** Writing under `outDir` failed because of the disk or its rights: the caller's matter, not the lab's. */
function isOutputError(error: unknown, outDir: string | null): error is SystemError {
  if (outDir === null || fileErrorText(error) === null) return false;
  const { path, code } = error as SystemError;
  return path === undefined ? code === 'ENOSPC' || code === 'EDQUOT' : path.includes(outDir);
}

/** Sorts anything thrown into the three kinds; findings never arrive here. */
export function describeError(error: unknown, outDir: string | null = null): ErrorReport {
  if (isUsageError(error)) {
    const { where, expected } = error.details ?? {};
    return { kind: 'usage', code: error.code, message: error.message, where: where ?? null, expected: expected ?? null };
  }
  if (isOutputError(error, outDir)) return describeError(cannotWrite(outDir!, error));
  const code = error instanceof InternalError ? error.code : 'UNEXPECTED';
  const message = error instanceof Error ? error.message || error.name : String(error);
  return { kind: 'internal', code, message, where: null, expected: null };
}

/** For `--out`: what the disk or its rights refused. */
export function cannotWrite(directory: string, cause: unknown): UsageError {
  return new UsageError('USAGE_OUT_NOT_WRITABLE', `cannot write to the directory ${directory}: ${fileErrorText(cause) ?? String(cause)}`, {
    where: '--out',
    expected: 'a directory that can be made and written to, with room on its disk',
  });
}
