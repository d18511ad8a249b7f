import { soak, type SoakRound } from './soak.js';

/** `npm run soak [SECONDS]`: eight minutes unless said otherwise. Exit code 1 when anything was found. */
const seconds = Number(process.argv[2] ?? 480);
const seed = 20261122;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function show({ round, requests, cancelled, powerCycles, unplugs, faults, findings, heapMiB }: SoakRound): void {
  print(
    `round ${round}: ${requests} requests, ${cancelled} cancelled, ${powerCycles} power cycles, ${unplugs} unplugs, ${faults} faults, ${findings} findings, heap ${heapMiB.toFixed(1)} MiB`,
  );
}

const { rounds, findings } = await soak({ seconds, seed, requestsPerRun: 4000, onRound: show });
const first = rounds[Math.min(2, rounds.length - 1)]!.heapMiB;
const last = rounds[rounds.length - 1]!.heapMiB;
const total = rounds.reduce((sum, round) => sum + round.requests, 0);
print(
  `${rounds.length} rounds, ${total} requests, ${findings.length} findings, heap ${first.toFixed(1)} MiB after the third round and ${last.toFixed(1)} MiB at the end`,
);
for (const finding of findings) print(`${finding.rule}: ${finding.message}\n  ${finding.replay}`);
if (findings.length > 0) process.exitCode = 1;
