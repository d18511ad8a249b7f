import { readFileSync, writeFileSync } from 'node:fs';
import { gallery } from '../../src/scenarios/index.js';
import { galleryPage, linesOf } from './gallery-page.js';
import { TWIN_SCHEDULES, galleryGate } from './gallery.js';
import { recordings } from './recordings.js';

/*
 * npm run gates [RECORDINGS]                            recordings on real threads, 100,000 unless said otherwise
 * npm run gates -- gallery [NAME] [TWIN_SCHEDULES]      every pair of the gallery, or one of them, held to the full bar
 * npm run gates -- gallery-page [--new]                 writes docs/gallery.md; --new searches only for lines that are not there
 *
 * Exit code 1 when a gate is red.
 */

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

const [gate, ...rest] = process.argv.slice(2);
let isGreen: boolean;
if (gate === 'gallery') {
  const only = rest.find((argument) => !/^\d+$/.test(argument));
  isGreen = galleryGate(only, Number(rest.find((argument) => /^\d+$/.test(argument)) ?? TWIN_SCHEDULES), print);
} else if (gate === 'gallery-page') isGreen = writePage(rest.includes('--new'));
else isGreen = await recordingsGate(Number(gate ?? 100_000));
print(isGreen ? 'green' : 'RED');
if (!isGreen) process.exitCode = 1;
