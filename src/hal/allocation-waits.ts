import type { AdapterResources } from './adapter-resources.js';
import type { HalPlatform } from './hal-platform.js';
import type { MapRegisterGrant } from './map-register-grant.js';
import { WaitHistogram } from './wait-histogram.js';

/** What one adapter asked of the allocation queue and how it fared; counted from its creation. */
export class AllocationWaits {
  /** Requests granted, at once or later, and the map registers they got. */
  grants = 0;
  registersGranted = 0;
  /** Requests that had to wait, and the time those spent waiting that were granted in the end. */
  waited = 0;
  waitNsTotal = 0;
  waitNsMax = 0;
  readonly waitNs = new WaitHistogram();
  queueLength = 0;
  queueLengthMax = 0;
  /** Most map registers held at once. */
  heldRegistersMax = 0;
  /** Most grants that other adapters were given while one request of this one was the oldest that waited. */
  overtakenMax = 0;

  enqueued(grant: MapRegisterGrant, nowNs: number): void {
    grant.waitingSinceNs = nowNs;
    grant.overtaken = 0;
    this.waited++;
    this.queueLength++;
    if (this.queueLength > this.queueLengthMax) this.queueLengthMax = this.queueLength;
  }

  /** `held` counts the new ones. */
  granted(registers: number, held: number): void {
    this.grants++;
    this.registersGranted += registers;
    if (held > this.heldRegistersMax) this.heldRegistersMax = held;
  }

  waitEnded(grant: MapRegisterGrant, nowNs: number): void {
    const waitNs = nowNs - grant.waitingSinceNs;
    this.waitNsTotal += waitNs;
    if (waitNs > this.waitNsMax) this.waitNsMax = waitNs;
    this.waitNs.record(waitNs);
  }

  /** Takes in the counts of an adapter that did the same in another machine. */
  add(other: AllocationWaits): void {
    this.grants += other.grants;
    this.registersGranted += other.registersGranted;
    this.waited += other.waited;
    this.waitNsTotal += other.waitNsTotal;
    this.waitNsMax = Math.max(this.waitNsMax, other.waitNsMax);
    this.waitNs.add(other.waitNs);
    this.queueLengthMax = Math.max(this.queueLengthMax, other.queueLengthMax);
    this.heldRegistersMax = Math.max(this.heldRegistersMax, other.heldRegistersMax);
    this.overtakenMax = Math.max(this.overtakenMax, other.overtakenMax);
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
      message: `a request of ${deviceOf(adapter)} (${requestName(head)}) for ${platform.counted(head.registers)} of ${total} map registers starves: ${head.overtaken} requests of other adapters were granted while it waited at the head of its queue (${adapter.waits.queueLength} wait there); it waits for ${holdersText(platform)}, and ${free} registers are free`,
    });
  }
}

/** One adapter's part in the contention for the pool. */
export interface AdapterContention extends Readonly<
  Pick<
    AllocationWaits,
    | 'grants'
    | 'registersGranted'
    | 'waited'
    | 'waitNsTotal'
    | 'waitNsMax'
    | 'queueLength'
    | 'queueLengthMax'
    | 'heldRegistersMax'
    | 'overtakenMax'
  >
> {
  readonly adapter: string;
  /** Device it serves; null when nobody said. */
  readonly device: string | null;
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

/** How the adapters share the pool: one row an adapter, in the order of their creation, released ones too. */
export function contentionOf(platform: HalPlatform): readonly AdapterContention[] {
  return platform.everyAdapter.map(({ label, owner, waits, heldRegisters }) => {
    const { grants, registersGranted, waited, waitNsTotal, waitNsMax, queueLength, queueLengthMax, heldRegistersMax, overtakenMax } = waits;
    return {
      adapter: label,
      device: owner,
      heldRegisters,
      heldRegistersMax,
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
export function fairnessOf(rows: readonly Pick<AdapterContention, 'grants' | 'waited' | 'registersGranted'>[]): number {
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
 * more of the same pool (hal section 4). Null when nobody holds and waits.
 */
export function describeRegisterDeadlock(platform: HalPlatform): string | null {
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

/** Who an adapter works for, as reports name it. */
export function deviceOf({ owner, label }: AdapterResources): string {
  return owner ?? label;
}

/** Who holds registers now, in words, by device: `bulk 9, stripe-a 3`. */
function holdersText(platform: HalPlatform): string {
  const held = platform.adapters.filter(({ heldRegisters }) => heldRegisters > 0);
  const byDevice = new Map<string, number>();
  for (const adapter of held) byDevice.set(deviceOf(adapter), (byDevice.get(deviceOf(adapter)) ?? 0) + adapter.heldRegisters);
  return [...byDevice].map(([device, registers]) => `${device} holds ${registers}`).join(', ');
}

function requestName(grant: MapRegisterGrant): string {
  return grant.control?.label ?? grant.adapter!.label;
}
