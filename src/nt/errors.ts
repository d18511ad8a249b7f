/** The caller's input is wrong: says what, where and what would be right. Exit code 2, never a stack trace. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(
    /** Stable, for scripts: `USAGE_UNKNOWN_SCENARIO` and the like. */
    readonly code: string,
    message: string,
    readonly details: { readonly where?: string; readonly expected?: string } = {},
  ) {
    super(message);
  }
}

/** dmalab itself is wrong: an invariant of the lab does not hold. Exit code 3. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Checks an invariant of the lab itself, never of the code under test. */
export function assertInternal(condition: boolean, code: string, message: string): asserts condition {
  if (!condition) throw new InternalError(code, message);
}
