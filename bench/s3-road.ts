import { noCompiler, withCPeers, type CPeer } from './c-peers.js';
import type { Effort } from './options.js';
import { openPiscina, openPostMessage, type MessagePeer } from './peers/message-peers.js';
import { runRoad } from './road.js';
import { rowOf, type Goal, type Row, type RowPlan, type Suite } from './results.js';
import { interleave, sized, type Contestant } from './rounds.js';
import { cRing, cRingContestant, ringShape } from './s2-ring.js';

const FIRST_REQUESTS = 8192;
const FIRST_MESSAGES = 2048;
const FIRST_TASKS = 640;
const ARRAY = 32;

const road = 'KMDF road';
const roadVerified = 'KMDF road, payload compare on';
const messages = 'postMessage';
const arrays = `postMessage of arrays of ${ARRAY}`;
const tasks = 'piscina.run, 64 tasks';

interface Payload {
  readonly bytes: number;
  readonly overC: Goal;
  readonly overMessages: Goal;
}
const payloads: readonly Payload[] = [
  { bytes: 64, overC: { atMost: 6 }, overMessages: { atLeast: 40 } },
  { bytes: 4096, overC: { atMost: 1.4 }, overMessages: { atLeast: 20 } },
];

/**
 * S3: the whole road of a request, from the queue over EvtIo, transaction, EvtProgramDma, ring, ISR and DPC to its
 * completion, against the C ring and against what Node offers for the same job: messages, arrays of messages, tasks.
 */
export const roadSuite: Suite = (effort, progress) =>
  withCPeers(async (peers) => {
    const peer = peers?.build('ring') ?? null;
    const rows: Row[] = [];
    for (const payload of payloads) {
      progress(`S3 ${payload.bytes} B`);
      rows.push(...(await measurePayload(payload, peer, effort)));
    }
    return { rows, figures: [], skipped: peer === null ? [noCompiler] : [] };
  });

async function measurePayload(payload: Payload, peer: CPeer | null, { rounds, measureMs, threadMs }: Effort): Promise<Row[]> {
  const payloadBytes = payload.bytes;
  const opened: MessagePeer[] = [];
  try {
    const window = { payloadBytes, outstanding: ringShape.tags };
    opened.push(await openPostMessage(window, 1));
    opened.push(await openPostMessage(window, ARRAY));
    opened.push(openPiscina(window));
    const [single, array, pool] = opened;
    const roadSizing = { measureMs: threadMs, first: FIRST_REQUESTS };
    const contestants: Contestant[] = [
      sized(road, roadSizing, (requests) => runRoad({ payloadBytes, requests, outstanding: ringShape.tags, verifyPayload: false })),
      sized(roadVerified, roadSizing, (requests) => runRoad({ payloadBytes, requests, outstanding: ringShape.tags, verifyPayload: true })),
      sized(messages, { measureMs, first: FIRST_MESSAGES }, (requests) => single!.run(requests)),
      sized(arrays, { measureMs, first: FIRST_MESSAGES }, (requests) => array!.run(requests)),
      sized(tasks, { measureMs, first: FIRST_TASKS }, (requests) => pool!.run(requests)),
    ];
    if (peer !== null) contestants.push(cRingContestant(peer, payloadBytes, measureMs));
    const series = await interleave(contestants, rounds);
    return plansOf(payload, peer !== null).map((plan) => rowOf(series, plan));
  } finally {
    for (const one of opened) await one.close();
  }
}

function plansOf({ bytes, overC, overMessages }: Payload, hasC: boolean): RowPlan[] {
  const base = { suite: 'S3', workload: `requests of ${bytes} B`, subject: road } as const;
  const plans: RowPlan[] = [
    { ...base, peer: messages, goal: overMessages },
    { ...base, peer: arrays, goal: { atLeast: 10 } },
    { ...base, peer: tasks, goal: { atLeast: 150 } },
    { ...base, subject: roadVerified, peer: road },
  ];
  return hasC ? [{ ...base, peer: cRing, goal: overC }, { ...base, subject: roadVerified, peer: cRing }, ...plans] : plans;
}
