import { UsageError } from '../nt/index.js';
import { nearestName } from './nearest-name.js';

/**
 * What the order of bus and platform leaves open beyond the order of steps, each a choice of the schedule when it is
 * asked for (docs/ordering.md). None by default.
 */
export const ORDERINGS = [
  'posted-writes',
  'data-after-interrupt',
  'delayed-write-back',
  'torn-fields',
  'pre-cancel',
  'grant-from-dpc',
] as const;
export type Ordering = (typeof ORDERINGS)[number];

/** Those that somebody must choose, step by step: free-running threads have nobody who could. */
const CONTROLLED_ONLY: readonly Ordering[] = ['posted-writes', 'data-after-interrupt', 'delayed-write-back'];

const FORM = `none, all, or a list of ${ORDERINGS.join(', ')}`;

/** `none`, `all`, or names with commas between them; null for a text that is none of these. */
function orderingsOf(text: string): readonly Ordering[] | null {
  if (text === 'none') return [];
  if (text === 'all') return ORDERINGS;
  const names = text.split(',');
  const known = ORDERINGS.filter((name) => names.includes(name));
  return known.length === names.length ? known : null;
}

/** Reads what `--ordering` may say. Throws UsageError USAGE_BAD_ORDERING naming the name that is wrong and the nearest right one. */
export function parseOrderings(text: string): readonly Ordering[] {
  const known = orderingsOf(text);
  if (known !== null) return known;
  const names = text.split(',');
  const wrong = names.find((name) => !isOrdering(name));
  if (wrong === 'none' || wrong === 'all') throw bad(`'${wrong}' stands alone, not in a list with others`, FORM);
  if (wrong === undefined) throw bad(`--ordering ${text} names one twice`, 'each name once');
  const nearest = nearestName(wrong, [...ORDERINGS, 'none', 'all']);
  throw bad(`there is no ordering '${wrong}'`, nearest === null ? FORM : `did you mean '${nearest}'? (${FORM})`);
}

/** As `--ordering` takes it; reads back to the same. */
export function orderingsText(orderings: readonly Ordering[]): string {
  return orderings.length === 0 ? 'none' : orderings.join(',');
}

/** As `parseOrderings`, for text that a file holds: null when it is no such list. */
export function readOrderings(text: string): readonly Ordering[] | null {
  return orderingsOf(text);
}

function isOrdering(name: string): name is Ordering {
  return (ORDERINGS as readonly string[]).includes(name);
}

/** For backends that do not choose each step. Throws UsageError USAGE_BAD_ORDERING for what they cannot do. */
export function requireFreeRunning(orderings: readonly Ordering[]): void {
  const chosen = orderings.filter((name) => CONTROLLED_ONLY.includes(name));
  if (chosen.length === 0) return;
  throw bad(
    `${orderingsText(chosen)} cannot be had on free-running threads: when each write arrives is a choice of a schedule, and nobody chooses there`,
    "'dmalab explore', or --ordering none",
  );
}

function bad(message: string, expected: string): UsageError {
  return new UsageError('USAGE_BAD_ORDERING', message, { where: '--ordering', expected });
}
