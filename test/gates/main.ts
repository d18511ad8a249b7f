import { recordings } from './recordings.js';

/** Different orders there must be among a hundred thousand. */
const DISTINCT_MIN = 1000;

/** `npm run gates [RECORDINGS]`: 100,000 recordings on real threads unless said otherwise. Exit code 1 when one does not replay. */
const count = Number(process.argv[2] ?? 100_000);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const result = await recordings(count, (done) => {
  if (done % 10_000 === 0) process.stderr.write(`${done} recordings\n`);
});
const { recordMs, followMs, ...counts } = result;
print(
  `${Object.entries(counts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`,
);
print(`${recordMs.toFixed(3)} ms a recording, ${followMs.toFixed(3)} ms to follow it`);
const isGreen =
  result.exact === count && result.flipsNoticed === result.flips && result.distinctOrders >= Math.min(DISTINCT_MIN, count / 100);
print(isGreen ? 'green' : 'RED');
if (!isGreen) process.exitCode = 1;
