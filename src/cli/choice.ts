import { UsageError } from '../nt/index.js';
import { nearestName } from '../machine/nearest-name.js';

/** Longer lists are named by the command that prints them. */
const LISTED_MAX = 8;

/** What to say would be right instead of `name`; `listing` tells where all of a long list stand. */
export function expectedName(name: string, known: readonly string[], listing?: string): string {
  const nearest = nearestName(name, known);
  const isShort = listing === undefined || known.length <= LISTED_MAX;
  const all = known.length === 0 ? 'there are none' : isShort ? `one of ${known.join(', ')}` : listing;
  return nearest === null ? all : `did you mean '${nearest}'? (${all})`;
}

/** Parser of a flag that takes one of a few names. */
export function choice<const T extends string>(flag: string, known: readonly T[]): (text: string) => T {
  return (text) => {
    const found = known.find((name) => name === text);
    if (found !== undefined) return found;
    throw new UsageError('USAGE_BAD_CHOICE', `${flag} cannot be '${text}'`, { where: flag, expected: expectedName(text, known) });
  };
}
