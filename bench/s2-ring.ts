import { noCompiler, withCPeers, type CPeer } from './c-peers.js';
import type { Effort } from './options.js';
import { DEVICE_BYTES } from './peers/transfer.js';
import { createRingMachine, startEngine } from './ring-machine.js';
import { rowOf, type Figure, type Goal, type Row, type Suite } from './results.js';
import { figuresOf, interleave, median, sized, type Contestant } from './rounds.js';

/** The ring of the goals: 1024 slots, 512 in flight, batches of 32. */
export const ringShape = { slots: 1024, tags: 512, batch: 32 } as const;

interface Payload {
  readonly bytes: number;
  readonly goal: Goal;
}
const payloads: readonly Payload[] = [
  { bytes: 64, goal: { atMost: 3 } },
  { bytes: 512, goal: { atMost: 2 } },
  { bytes: 4096, goal: { atMost: 1.4 } },
];

const ours = 'sgring engine, bare driver';
/** Both halves in turn on the main thread: what the work costs without threads, signals and shared cache lines. */
const oneThread = 'engine and driver on one thread';
export const cRing = 'C ring';
/** Enough to use every tag and slot a few times. */
export const FIRST_REQUESTS = 8192;

/** A run of the C ring of the same shape, as a contestant. */
export function cRingContestant(peer: CPeer, payloadBytes: number, measureMs: number): Contestant {
  const { tags, batch } = ringShape;
  return sized(cRing, { measureMs, first: FIRST_REQUESTS }, (requests) => peer.run(payloadBytes, requests, tags, batch, DEVICE_BYTES));
}

/**
 * S2: the raw sgring engine on a worker, with translation and bounds checks, under the barest driver on the main
 * thread; against the C ring. One engine serves all rounds of a payload: it sleeps while others are measured.
 */
export const ringSuite: Suite = (effort, progress) =>
  withCPeers(async (peers) => {
    const peer = peers?.build('ring') ?? null;
    const rows: Row[] = [];
    const figures: Figure[] = [];
    for (const payload of payloads) {
      progress(`S2 ${payload.bytes} B`);
      const measured = await measurePayload(payload, peer, effort);
      rows.push(...measured.rows);
      figures.push(...measured.figures);
    }
    return { rows, figures, skipped: peer === null ? [noCompiler] : [] };
  });

async function measurePayload({ bytes, goal }: Payload, peer: CPeer | null, effort: Effort): Promise<{ rows: Row[]; figures: Figure[] }> {
  const { rounds, measureMs } = effort;
  const machine = createRingMachine({ ...ringShape, payloadBytes: bytes });
  const stop = startEngine(machine);
  const alone = createRingMachine({ ...ringShape, payloadBytes: bytes }, true);
  const contestants: Contestant[] = [
    sized(ours, { measureMs, first: FIRST_REQUESTS }, (requests) => machine.driver.run(requests)),
    sized(oneThread, { measureMs, first: FIRST_REQUESTS }, (requests) => alone.driver.run(requests)),
  ];
  if (peer !== null) contestants.push(cRingContestant(peer, bytes, measureMs));
  try {
    const series = await interleave(contestants, rounds);
    machine.driver.checkPayload();
    alone.driver.checkPayload();
    const workload = `ring ${bytes} B`;
    const engineNs = median(figuresOf(series, oneThread));
    const figures: Figure[] = [{ suite: 'S2', workload, name: oneThread, value: engineNs, unit: 'ns per request (drifts)' }];
    if (peer !== null) return { rows: [rowOf(series, { suite: 'S2', workload, subject: ours, peer: cRing, goal })], figures };
    return {
      rows: [],
      figures: [{ suite: 'S2', workload, name: ours, value: median(figuresOf(series, ours)), unit: 'ns per request (drifts)' }, ...figures],
    };
  } finally {
    await stop();
  }
}
