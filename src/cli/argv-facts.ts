/**
 * What a command line says before anything in it has been checked, so that the report of a wrong flag can name the
 * scenario and seed it stood beside. `valueFlags` are the flags that take the next word along.
 */

/** The first word that is neither a flag nor a flag's value. */
export function operandOf(words: readonly string[], valueFlags: ReadonlySet<string>): string | null {
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (valueFlags.has(word)) index++;
    else if (!word.startsWith('-')) return word;
  }
  return null;
}

/** The last value given to a flag, as `--flag value` or `--flag=value`; null when it was not given. */
export function flagValueOf(words: readonly string[], flag: string): string | null {
  let value: string | null = null;
  for (const [index, word] of words.entries()) {
    if (word === flag) value = words[index + 1] ?? null;
    else if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1);
  }
  return value;
}
