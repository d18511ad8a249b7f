import { basename, isAbsolute, relative, sep } from 'node:path';
import { shellQuote } from '../report/index.js';

/** How the user can call this program again from where he stands, as shell words. */
export function programOf(scriptPath: string, workingDirectory: string): string {
  if (basename(scriptPath) === 'dmalab') {
    return scriptPath.split(sep).includes('node_modules') ? 'npx dmalab' : 'dmalab';
  }
  const nearby = relative(workingDirectory, scriptPath);
  return `node ${shellQuote(nearby.startsWith('..') || isAbsolute(nearby) ? scriptPath : nearby)}`;
}

/** Flags that change how a result is shown or stored, not what happens; those with a value take it along. */
const PRESENTATION_FLAGS: Readonly<Record<string, boolean>> = { '--json': false, '--quiet': false, '--tour': false, '--out': true };

/** One line to paste that runs `argv` again with the same seed, whether or not it was given; null for commands without one. `argv` has been parsed without an error. */
export function pasteAgain(program: string, argv: readonly string[], seed: number | null): string {
  const words: string[] = [];
  let seeded = false;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    const flag = word.split('=', 1)[0]!;
    const takesValue = PRESENTATION_FLAGS[flag];
    if (takesValue === undefined) words.push(shellQuote(word));
    else if (takesValue && flag === word) index++;
    seeded ||= flag === '--seed';
  }
  if (!seeded && seed !== null) words.push('--seed', String(seed));
  return `${program} ${words.join(' ')}`;
}
