import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { GCProfiler, getHeapStatistics } from 'node:v8';

/** Bytes between two samples of the allocation profile; small, so that sites of a few bytes per request show. */
const SAMPLE_INTERVAL_BYTES = 4096;

/** What a body allocated on the calling thread's heap. Workers have heaps of their own, which are not seen. */
export interface Allocation {
  readonly bytes: number;
  readonly collections: number;
}

/**
 * Bytes allocated on this thread's heap while `body` runs. The heap grows by allocation and shrinks by collection only,
 * and the profiler reports its size at both ends of every collection: the growths between them add up to all that was
 * allocated, with an error of the collector's own book-keeping, a few kilobytes a collection.
 */
export async function measureAllocation(body: () => Promise<void> | void): Promise<Allocation> {
  globalThis.gc?.();
  const profiler = new GCProfiler();
  profiler.start();
  let before = getHeapStatistics().used_heap_size;
  await body();
  const atEnd = getHeapStatistics().used_heap_size;
  const { statistics } = profiler.stop();
  let bytes = 0;
  for (const { beforeGC, afterGC } of statistics) {
    bytes += Math.max(0, beforeGC.heapStatistics.usedHeapSize - before);
    before = afterGC.heapStatistics.usedHeapSize;
  }
  return { bytes: bytes + Math.max(0, atEnd - before), collections: statistics.length };
}

/** A function and what it allocated itself. */
export interface AllocationSite {
  readonly where: string;
  readonly bytes: number;
}

interface SampledNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly selfSize: number;
  readonly children: readonly SampledNode[];
}

/** Where `body` allocates, most first, from V8's sampling heap profiler, objects that died at once included. */
export async function findAllocationSites(body: () => Promise<void> | void): Promise<AllocationSite[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLE_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await body();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return sitesOf(profile.head);
  } finally {
    session.disconnect();
  }
}

function sitesOf(head: SampledNode): AllocationSite[] {
  const bytesAt = new Map<string, number>();
  const nodes = [head];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    nodes.push(...node.children);
    if (node.selfSize > 0) bytesAt.set(placeOf(node), (bytesAt.get(placeOf(node)) ?? 0) + node.selfSize);
  }
  return [...bytesAt].map(([where, bytes]) => ({ where, bytes })).sort((a, b) => b.bytes - a.bytes);
}

const root = fileURLToPath(new URL('../', import.meta.url));

/** `name (src/kernel/kernel.js:12)`; lines are those of the compiled file, counted from 1. */
function placeOf({ callFrame }: SampledNode): string {
  const { functionName, url, lineNumber } = callFrame;
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  return `${name} (${path.startsWith(root) ? path.slice(root.length) : path}:${lineNumber + 1})`;
}
