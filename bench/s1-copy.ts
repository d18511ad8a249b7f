import { Bench } from 'tinybench';
import { MachineMemory, PAGE_SIZE } from '../src/memory/index.js';
import { noCompiler, withCPeers, type CPeer } from './c-peers.js';
import { rowOf, type Goal, type Row, type Suite } from './results.js';
import { interleave, type Contestant, type Series } from './rounds.js';

/** What a machine's buffers take: beyond the first level of cache, within the second. */
const REGION_BYTES = 512 * 1024;
const FROM = PAGE_SIZE;
const TO = FROM + REGION_BYTES;
const MEMORY_BYTES = TO + REGION_BYTES;
/** A sample is one call of the task; it lasts long enough for the clock and short enough to have many. */
const SAMPLE_BYTES = 1 << 20;
const COPIES_MAX = 8192;
const SAMPLES_MIN = 8;

interface Size {
  readonly bytes: number;
  readonly goal?: Goal;
}
const sizes: readonly Size[] = [
  { bytes: 64 },
  { bytes: 512, goal: { atMost: 2 } },
  { bytes: 4096, goal: { atMost: 1.4 } },
  { bytes: 65536, goal: { atMost: 1.4 } },
];

const ours = 'MachineMemory.copy';
const cPeer = 'C memcpy';
const copyWithin = 'u8.copyWithin';
const set = 'u8.set(subarray)';

/**
 * S1: one hot copy inside machine memory, by tinybench; the JavaScript forms and C take turns.
 *
 * The goals belong to copies that walk through a region, as payloads do: each request has its own buffer. Beside them
 * stands the copy of the same bytes again and again: from first-level cache to first-level cache C is faster than
 * anything that must be called, and that row shows what the call costs.
 */
export const copySuite: Suite = (effort, progress) =>
  withCPeers(async (peers) => {
    const peer = peers?.build('copy') ?? null;
    const memory = MachineMemory.create(MEMORY_BYTES, true);
    for (let word = 0; word < memory.i32.length; word++) memory.i32[word] = Math.imul(word, 0x9e3779b1);
    const measureMs = Math.max(5, effort.measureMs / 4);
    const rows: Row[] = [];
    for (const { bytes, goal } of sizes) {
      progress(`S1 ${bytes} B`);
      const walk = walkOf(memory, bytes, REGION_BYTES, measureMs);
      const series = await interleave([...forms(walk), ...cCopies(peer, walk)], effort.rounds);
      rows.push(...rowsOf(series, `copy ${bytes} B`, peer !== null, goal));
      if (peer === null || bytes >= REGION_BYTES / 8) continue;
      const again = walkOf(memory, bytes, bytes, measureMs);
      const same = await interleave([forms(again)[0]!, ...cCopies(peer, again)], effort.rounds);
      rows.push(rowOf(same, { suite: 'S1', workload: `copy ${bytes} B, same bytes`, subject: ours, peer: cPeer }));
    }
    return { rows, figures: [], skipped: peer === null ? [noCompiler] : [] };
  });

function rowsOf(series: Series, workload: string, hasC: boolean, goal: Goal | undefined): Row[] {
  const base = { suite: 'S1', workload, subject: ours } as const;
  const scripts = [copyWithin, set].map((peer) => rowOf(series, { ...base, peer, kind: 'gain' }));
  return hasC ? [rowOf(series, { ...base, peer: cPeer, ...(goal === undefined ? {} : { goal }) }), ...scripts] : scripts;
}

/** What one contestant of a series does: copies of `bytes` through `regionBytes`, both powers of two. */
interface Walk {
  readonly memory: MachineMemory;
  readonly bytes: number;
  readonly regionBytes: number;
  /** Copies of one sample. */
  readonly copies: number;
  readonly measureMs: number;
}

function walkOf(memory: MachineMemory, bytes: number, regionBytes: number, measureMs: number): Walk {
  const copies = Math.max(1, Math.min(COPIES_MAX, Math.floor(SAMPLE_BYTES / bytes)));
  return { memory, bytes, regionBytes, copies, measureMs };
}

function cCopies(peer: CPeer | null, { bytes, regionBytes, copies, measureMs }: Walk): Contestant[] {
  return peer === null ? [] : [{ name: cPeer, measure: () => peer.run(bytes, regionBytes, copies, Math.ceil(measureMs)) }];
}

/** The lab's copy first, then the two ways plain JavaScript has. All walk in the same steps, which are part of the loop. */
function forms(walk: Walk): Contestant[] {
  const { memory, bytes, copies } = walk;
  const { u8 } = memory;
  const mask = walk.regionBytes - 1;
  return [
    inLoop(ours, walk, () => {
      for (let i = 0, at = 0; i < copies; i++, at = (at + bytes) & mask) memory.copy(TO + at, FROM + at, bytes);
    }),
    inLoop(copyWithin, walk, () => {
      for (let i = 0, at = 0; i < copies; i++, at = (at + bytes) & mask) u8.copyWithin(TO + at, FROM + at, FROM + at + bytes);
    }),
    inLoop(set, walk, () => {
      for (let i = 0, at = 0; i < copies; i++, at = (at + bytes) & mask) u8.set(u8.subarray(FROM + at, FROM + at + bytes), TO + at);
    }),
  ];
}

/** One round of a task under tinybench: the median over samples of a sample's mean. */
function inLoop(name: string, walk: Walk, body: () => void): Contestant {
  return {
    name,
    measure() {
      walk.memory.fill(TO, 0, walk.regionBytes);
      const bench = new Bench({ time: walk.measureMs, iterations: SAMPLES_MIN, warmup: false, throws: true });
      const sample = (): { overriddenDuration: number; overriddenIterationCost: number } => {
        const before = performance.now();
        body();
        const elapsedMs = performance.now() - before;
        return { overriddenDuration: elapsedMs / walk.copies, overriddenIterationCost: elapsedMs };
      };
      bench.add(name, sample, { async: false });
      const [task] = bench.runSync();
      const { result } = task!;
      if (result.state !== 'completed') throw new Error(`tinybench did not complete ${name}: ${result.state}`);
      checkCopied(walk);
      return result.latency.p50 * 1e6;
    },
  };
}

function checkCopied({ memory, bytes, regionBytes, copies }: Walk): void {
  const at = memory.firstDifference(TO, FROM, Math.min(regionBytes, copies * bytes));
  if (at >= 0) throw new Error(`copies of ${bytes} bytes differ from their source at byte ${at}`);
}
