/** Edits to turn one word into the other: insert, delete, replace, swap of neighbours (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      let best = Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1);
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) best = Math.min(best, beforePrevious[column - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length]!;
}

/** Longer input is no slip of the keyboard, and the distance costs the product of the lengths. */
const NAME_LENGTH_MAX = 64;

/**
 * The known name that `name` was probably meant to be: at most a third of it is wrong (but two letters may always
 * be), or one begins with the other. Null when nothing is near. Ties go to the first in `known`.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) return null;
  const wanted = name.toLowerCase();
  let nearest: string | null = null;
  let nearestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < nearestDistance && distance < candidate.length) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest ?? known.find((candidate) => wanted.length >= 3 && candidate.toLowerCase().startsWith(wanted)) ?? null;
}
