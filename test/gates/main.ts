import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gallery, type GalleryEntry } from '../../src/scenarios/index.js';
import { dporGate } from './dpor.js';
import { galleryPage, linesOf } from './gallery-page.js';
import { TWIN_SCHEDULES, galleryGate } from './gallery.js';
import { recordings } from './recordings.js';
import { IN_PROCESSES, REPLAYS, replayGate } from './replay-gate.js';
import { COUNTEREXAMPLES, shrinkGate } from './shrinking.js';

const USAGE = `npm run gates [-- GATE] [FLAGS]
  [N]                            so many recordings on real threads, 100,000 unless said otherwise
  gallery [NAME...] [N]          every pair of the gallery, or those named, held to the full bar; the twin over N schedules (${TWIN_SCHEDULES})
  gallery-page [--new]           writes docs/gallery.md; --new searches only for lines that are not there
  replay [NAME...] [N]           a finding of every defect, or of those named, replayed N times (${REPLAYS}), three of them in fresh processes
  shrink [N]                     N counterexamples of the reference model shrunk (${COUNTEREXAMPLES})
  dpor                           dpor against every schedule; the cancel pattern exhausted; its relation against every access
  --workers N                    gallery: pairs at once, replay: processes at once (1)
  --from NAME                    begins with this pair: goes on with a gate that was stopped
Exit code: 0 green, 1 red, 2 wrong usage.`;

/** Different orders there must be among a hundred thousand. */
const DISTINCT_MIN = 1000;

const PAGE = new URL('../../../docs/gallery.md', import.meta.url);

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

async function recordingsGate(count: number): Promise<boolean> {
  const result = await recordings(count, (done) => {
    if (done % 10_000 === 0) progress(`${done} recordings`);
  });
  const { recordMs, followMs, ...counts } = result;
  print(
    `${Object.entries(counts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
  );
  print(`${recordMs.toFixed(3)} ms a recording, ${followMs.toFixed(3)} ms to follow it`);
  return result.exact === count && result.flipsNoticed === result.flips && result.distinctOrders >= Math.min(DISTINCT_MIN, count / 100);
}

function writePage(onlyNew: boolean): boolean {
  const lines = onlyNew ? linesOf(readFileSync(PAGE, 'utf8')) : new Map<string, string>();
  writeFileSync(PAGE, galleryPage(gallery, lines, progress));
  return true;
}

async function replays(pairs: readonly GalleryEntry[], times: number, workers: number): Promise<boolean> {
  const { isGreen, ...counts } = await replayGate(pairs, { replays: times, inProcesses: IN_PROCESSES, workers, print });
  print(`${counts.findings} findings, ${counts.replays} replays, ${counts.different} different`);
  return isGreen;
}

class WrongUsage extends Error {}

/** The named pairs, or all of them, from the one on that `--from` names. */
function pairsOf(names: readonly string[], from: string | undefined): readonly GalleryEntry[] {
  const known = gallery.map(({ defect }) => defect.name);
  for (const name of from === undefined ? names : [...names, from])
    if (!known.includes(name)) throw new WrongUsage(`no pair is called '${name}'`);
  const named = gallery.filter(({ defect }) => names.length === 0 || names.includes(defect.name));
  return named.slice(
    from === undefined
      ? 0
      : Math.max(
          0,
          named.findIndex(({ defect }) => defect.name === from),
        ),
  );
}

function isNumber(word: string): boolean {
  return /^[1-9]\d*$/.test(word);
}

async function run(words: readonly string[]): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { workers: { type: 'string', default: '1' }, from: { type: 'string' }, new: { type: 'boolean', default: false } },
  });
  if (!isNumber(values.workers)) throw new WrongUsage(`--workers ${values.workers} is no number`);
  const workers = Number(values.workers);
  const number = positionals.find(isNumber);
  const [gate, ...names] = positionals.filter((word) => !isNumber(word));
  if (gate === undefined) return recordingsGate(Number(number ?? 100_000));
  if (gate === 'gallery-page') return writePage(values.new);
  if (gate === 'shrink') return shrinkGate(Number(number ?? COUNTEREXAMPLES), print);
  if (gate === 'dpor') return dporGate(print);
  const pairs = pairsOf(names, values.from);
  if (gate === 'gallery') return galleryGate(pairs, { twinSchedules: Number(number ?? TWIN_SCHEDULES), workers, print });
  if (gate === 'replay') return replays(pairs, Number(number ?? REPLAYS), workers);
  throw new WrongUsage(`there is no gate '${gate}'`);
}

try {
  const isGreen = await run(process.argv.slice(2));
  print(isGreen ? 'green' : 'RED');
  if (!isGreen) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof WrongUsage) && !((error as NodeJS.ErrnoException).code ?? '').startsWith('ERR_PARSE_ARGS')) throw error;
  progress(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
