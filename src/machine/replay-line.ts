/** A word as a POSIX shell takes it back unchanged. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The line to paste that replays a schedule file; `flags` are words of their own. */
export function replayLine(program: string, file: string, flags: readonly string[] = []): string {
  return `${program} ${['replay', file, ...flags].map(shellQuote).join(' ')}`;
}
