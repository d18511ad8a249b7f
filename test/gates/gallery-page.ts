import type { GalleryEntry } from '../../src/scenarios/index.js';
import {
  FOUND_WITHIN,
  SEARCHES,
  SEARCH_SCHEDULES_MAX,
  TABLE_STRATEGIES,
  TWIN_SCHEDULES,
  medianSchedules,
  type TableStrategy,
} from './gallery.js';

/** A cell of the table: the median, or that there is none. */
export const cell = (median: number): string => (median === Infinity ? `> ${SEARCH_SCHEDULES_MAX}` : String(median));

/** The line of a pair up to its medians. */
export function lineStart({ defect, expects, defectText }: GalleryEntry): string {
  return `| \`${defect.name}\` | ${defect.devices[0]!.model} | ${defectText} | ${expects} |`;
}

/** docs/gallery.md. `lines` holds those that stand already and are not to be searched again, by the name of the defect. */
export function galleryPage(
  pairs: readonly GalleryEntry[],
  lines: ReadonlyMap<string, string> = new Map(),
  onPair: (name: string) => void = () => undefined,
): string {
  const rows = pairs.map((pair) => {
    const standing = lines.get(pair.defect.name);
    if (standing?.startsWith(lineStart(pair)) === true) return standing;
    onPair(pair.defect.name);
    return `${lineStart(pair)} ${TABLE_STRATEGIES.map((strategy) => cell(medianSchedules(pair, strategy))).join(' | ')} |`;
  });
  return `# The gallery

Planted defects, each a driver beside its repaired twin: at most ten lines differ, device and traffic are the same. Every
defect passes in first-in first-out order; it takes another order to see it. Nothing in drivers and scenarios tells which twin
it is; what each defect is stands on this card only (\`src/scenarios/gallery/labels-*.ts\`).

\`\`\`sh
npx dmalab explore ${pairs[0]!.defect.name}              # finds it, shrinks it, writes a schedule to replay
npx dmalab explore ${pairs[0]!.defect.name}-repaired     # finds nothing
\`\`\`

The numbers are medians of the schedules until the first finding over the seeds 1 to ${SEARCHES}, of searches that give up after
${SEARCH_SCHEDULES_MAX}; \`explore --seed N\` is each of them. They are counts, so they are the same on every machine:
\`npm run gates -- gallery-page\` writes this page, and \`npm test\` counts one of its cells again, another one every hour.
\`npm run gates -- gallery\` holds every pair to the full bar: \`pos\` finds the expected rule first, within ${FOUND_WITHIN} schedules
on each of ${SEARCHES} seeds, and the twin is clean over ${TWIN_SCHEDULES} schedules, spread over the seeds.

| defect | device | what goes wrong | finding | ${TABLE_STRATEGIES.join(' | ')} |
|---|---|---|---|${TABLE_STRATEGIES.map(() => '---:').join('|')}|
${rows.join('\n')}
`;
}

/** Cells of a pair's line, of the named strategies, that are not what the code comes to; empty when all are right. */
export function wrongCells(pair: GalleryEntry, line: string, names: readonly TableStrategy[]): readonly string[] {
  const cells = line.slice(lineStart(pair).length).split('|');
  return names.flatMap((name) => {
    const written = cells[TABLE_STRATEGIES.indexOf(name)]?.trim();
    const counted = cell(medianSchedules(pair, name));
    return written === counted ? [] : [`${name}: the page says ${written}, and it is ${counted}`];
  });
}

/** Lines of a page by the name of the defect. */
export function linesOf(page: string): Map<string, string> {
  return new Map(page.split('\n').flatMap((line) => (line.startsWith('| `') ? [[line.split('`')[1]!, line] as const] : [])));
}
