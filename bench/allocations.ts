import { findAllocationSites, measureAllocation } from './allocation-meter.js';
import { DriverExecutions } from './driver-executions.js';
import type { Effort } from './options.js';
import type { Figure, Suite } from './results.js';
import { createRingMachine } from './ring-machine.js';
import { runRoad } from './road.js';
import { ringShape } from './s2-ring.js';

/** Sites shown of each workload; more are small change. */
const SITES = 8;
const PAYLOAD_BYTES = 64;

/** Something that can be run longer or shorter. */
interface Load {
  readonly workload: string;
  /** `request`, `operation`. */
  readonly per: string;
  /** What a first measurement has; the second has twice as many. */
  readonly count: number;
  /** Runs about `count` and returns how many it were. */
  run(count: number): Promise<number> | number;
}

/**
 * What the main thread's heap is asked for per request or operation, and where. A workload runs once to warm up, then
 * `count` and twice `count`: the difference is free of what starting, stopping and compiling allocate. Engines run on
 * threads with heaps of their own; the workload on one thread shows theirs.
 */
export const allocationSuite: Suite = async (effort, progress) => {
  const figures: Figure[] = [];
  for (const load of loads(effort)) {
    progress(`allocations: ${load.workload}`);
    await load.run(load.count);
    const once = await measure(load, load.count);
    const twice = await measure(load, load.count * 2);
    const each = Math.max(0, (twice.bytes - once.bytes) / (twice.count - once.count));
    figures.push({ suite: 'allocations', workload: load.workload, name: 'heap', value: each, unit: `bytes per ${load.per}` });
    figures.push({
      suite: 'allocations',
      workload: load.workload,
      name: 'collections',
      value: (twice.collections / twice.count) * 1e6,
      unit: `per million ${load.per}s`,
    });
    figures.push(...(await sitesOf(load)));
  }
  return {
    rows: [],
    figures,
    skipped: globalThis.gc === undefined ? ['node runs without --expose-gc: the first figure of a workload may hold older garbage'] : [],
  };
};

function loads({ measureMs }: Effort): Load[] {
  const countOf = (perMs: number): number => Math.ceil(measureMs * perMs);
  const ring = createRingMachine({ ...ringShape, payloadBytes: PAYLOAD_BYTES }, true);
  const executions = new DriverExecutions();
  return [
    {
      workload: 'sgring engine and bare driver, one thread',
      per: 'request',
      count: countOf(1600),
      run(count) {
        ring.driver.run(count);
        return count;
      },
    },
    {
      workload: `KMDF road, ${PAYLOAD_BYTES} B`,
      per: 'request',
      count: countOf(400),
      async run(count) {
        await runRoad({ payloadBytes: PAYLOAD_BYTES, requests: count, outstanding: ringShape.tags, verifyPayload: false });
        return count;
      },
    },
    {
      workload: 'plx9x5x-cancel under control',
      per: 'operation',
      count: countOf(2),
      run(count) {
        const before = executions.operations;
        executions.run(count);
        return executions.operations - before;
      },
    },
  ];
}

async function measure(load: Load, count: number): Promise<{ bytes: number; collections: number; count: number }> {
  let ran = 0;
  const allocation = await measureAllocation(async () => {
    ran = await load.run(count);
  });
  return { ...allocation, count: ran };
}

/** The places that allocate most, in bytes per request or operation, from one more run under the sampling profiler. */
async function sitesOf(load: Load): Promise<Figure[]> {
  let count = 0;
  const sites = await findAllocationSites(async () => {
    count = await load.run(load.count);
  });
  return sites.slice(0, SITES).map(({ where, bytes }) => ({
    suite: 'allocations',
    workload: load.workload,
    name: where,
    value: bytes / count,
    unit: `bytes per ${load.per}`,
  }));
}
