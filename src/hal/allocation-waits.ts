import type { AdapterResources } from './adapter-resources.js';
import type { HalPlatform } from './hal-platform.js';
import type { MapRegisterGrant } from './map-register-grant.js';

/** What one adapter asked of the allocation queue and how it fared; counted from its creation. */
export class AllocationWaits {
  /** Requests granted, at once or later, and the map registers they got. */
  grants = 0;
  registersGranted = 0;
  /** Requests that had to wait, and the time those spent waiting that were granted in the end. */
  waited = 0;
  waitNsTotal = 0;
  waitNsMax = 0;
  queueLength = 0;
  queueLengthMax = 0;
  /** Most grants that other adapters were given while one request of this one was the oldest that waited. */
  overtakenMax = 0;

  enqueued(grant: MapRegisterGrant, nowNs: number): void {
    grant.waitingSinceNs = nowNs;
    grant.overtaken = 0;
    this.waited++;
    this.queueLength++;
    if (this.queueLength > this.queueLengthMax) this.queueLengthMax = this.queueLength;
  }

  granted(registers: number): void {
    this.grants++;
    this.registersGranted += registers;
  }

  waitEnded(grant: MapRegisterGrant, nowNs: number): void {
    const waitNs = nowNs - grant.waitingSinceNs;
    this.waitNsTotal += waitNs;
    if (waitNs > this.waitNsMax) this.waitNsMax = waitNs;
  }
}

/**
 * Tells every request at the head of another adapter's queue that `granted` went first; called only while something
 * waits. Rule L-STARVATION when a head has seen so many grants that it must count as starved: the pool never holds
 * what it needs at once, because smaller requests take registers as they come back.
 */
export function countOvertaken(platform: HalPlatform, granted: AdapterResources): void {
  const { adapters, policy, kernel } = platform;
  for (let i = 0; i < adapters.length; i++) {
    const adapter = adapters[i]!;
    const head = adapter.queueHead;
    if (head === null || adapter === granted) continue;
    head.overtaken++;
    if (head.overtaken > adapter.waits.overtakenMax) adapter.waits.overtakenMax = head.overtaken;
    if (head.overtaken !== policy.starvationGrants) continue;
    const { free, total } = platform.pool;
    kernel.violation({
      rule: 'L-STARVATION',
      severity: 'error',
      object: adapter.label,
      message: `a request of ${requestName(head)} for ${platform.counted(head.registers)} of ${total} map registers starves: ${head.overtaken} requests of other adapters were granted while it waited at the head of its queue (${adapter.waits.queueLength} wait there), and ${free} registers are free`,
    });
  }
}

/** One adapter's part in the contention for the pool. */
export interface AdapterContention extends Readonly<
  Pick<
    AllocationWaits,
    'grants' | 'registersGranted' | 'waited' | 'waitNsTotal' | 'waitNsMax' | 'queueLength' | 'queueLengthMax' | 'overtakenMax'
  >
> {
  readonly adapter: string;
  readonly heldRegisters: number;
}

/** An edge of the wait-for graph: a request at the head of a queue, and everybody who holds what it waits for. */
export interface AllocationWait {
  readonly adapter: AdapterResources;
  /** Transaction, where the request names one, else the adapter. */
  readonly name: string;
  readonly registers: number;
  readonly holders: readonly AllocationHolder[];
}

export interface AllocationHolder {
  readonly adapter: AdapterResources;
  readonly name: string;
  readonly registers: number;
  /** Something is mapped with them: a transfer is under way, and its end may free them. */
  readonly isMapped: boolean;
}

/** How the adapters share the pool: one row an adapter, in the order of their creation. */
export function contentionOf(platform: HalPlatform): readonly AdapterContention[] {
  return platform.adapters.map(({ label, waits, heldRegisters }) => {
    const { grants, registersGranted, waited, waitNsTotal, waitNsMax, queueLength, queueLengthMax, overtakenMax } = waits;
    return {
      adapter: label,
      heldRegisters,
      grants,
      registersGranted,
      waited,
      waitNsTotal,
      waitNsMax,
      queueLength,
      queueLengthMax,
      overtakenMax,
    };
  });
}

/**
 * Jain's index over the map registers the adapters were granted: 1 when all got the same, 1/n when one of n got
 * everything. Adapters that never asked do not count; 1 when nobody did.
 */
export function fairnessOf(rows: readonly AdapterContention[]): number {
  const asked = rows.filter(({ grants, waited }) => grants + waited > 0);
  const sum = asked.reduce((total, { registersGranted }) => total + registersGranted, 0);
  const squares = asked.reduce((total, { registersGranted }) => total + registersGranted ** 2, 0);
  return squares === 0 ? 1 : sum ** 2 / (asked.length * squares);
}

/** The wait-for graph as it is now: heads of queues only, because nobody overtakes within an adapter. */
export function waitForGraph(platform: HalPlatform): readonly AllocationWait[] {
  const holders = platform.pool.liveGrants().map((grant) => ({
    adapter: grant.adapter!,
    name: requestName(grant),
    registers: platform.counted(grant.registers),
    isMapped: grant.isMapped,
  }));
  return platform.adapters.flatMap((adapter) => {
    const head = adapter.queueHead;
    if (head === null) return [];
    return [
      {
        adapter,
        name: requestName(head),
        registers: platform.counted(head.registers),
        holders: holders.filter(({ registers }) => registers > 0),
      },
    ];
  });
}

/**
 * Rule D36, to be asked when nothing can run any more: devices that keep registers nobody transfers with, and wait for
 * more of the same pool (hal section 4). `deviceOf` names the device an adapter serves. Null when nobody holds and waits.
 */
export function describeRegisterDeadlock(platform: HalPlatform, deviceOf: (adapter: AdapterResources) => string): string | null {
  const waits = waitForGraph(platform);
  if (waits.length === 0) return null;
  const { holders } = waits[0]!;
  const idle = holders.filter(({ isMapped }) => !isMapped);
  const waiting = new Set(waits.map(({ adapter }) => deviceOf(adapter)));
  if (!idle.some(({ adapter }) => waiting.has(deviceOf(adapter)))) return null;
  const devices = new Set([...holders, ...waits].map(({ adapter }) => deviceOf(adapter)));
  const clauses = [...devices].map((device) => {
    const held = holders.filter(({ adapter }) => deviceOf(adapter) === device).map(({ name, registers }) => `holds ${registers} (${name})`);
    const wanted = waits
      .filter(({ adapter }) => deviceOf(adapter) === device)
      .map(({ name, registers }) => `waits for ${registers} (${name})`);
    return `${device} ${[...held, ...wanted].join(' and ')}`;
  });
  const { free, total } = platform.pool;
  return `deadlock over map registers: ${clauses.join('; ')}; ${free} of ${total} are free, and nobody gives up what it holds before it gets what it waits for`;
}

function requestName(grant: MapRegisterGrant): string {
  return grant.control?.label ?? grant.adapter!.label;
}
