import { opKindName, opKind, opObject, type FxObject, type Op, type VirtualCpu } from '../kernel/index.js';
import type { Machine } from '../machine/machine.js';
import type { Strand } from '../machine/strand.js';
import { VisibleData } from './visible-data.js';

/** Operations of an execution before anybody looks: whole drivers have a few hundred. */
export const LIVELOCK_FROM = 4096;

/**
 * A cycle is a livelock after so many rounds, or so many operations when a round is long. What no one can see from outside
 * is a counter in a local variable: a driver that polls a bounded number of times is right, however vain that is. A register
 * read takes about a microsecond on a real bus, so ten thousand are ten milliseconds of spinning, far above what a
 * driver may spend without letting time pass.
 */
export const LIVELOCK_ROUNDS = 10_000;
const LIVELOCK_OPERATIONS = 200_000;
const ROUNDS_MIN = 16;

/** Operations that are looked through for a cycle; a cycle stands in it four times or more. Powers of two. */
const WINDOW = 4096;
const PERIOD_MAX = WINDOW / 4;
const RING = WINDOW * 2;
const MASK = RING - 1;

/** The state is compared so many times while a cycle goes on. */
const COMPARISONS = 8;

/** Operations of a cycle that a finding names. */
const NAMED_MAX = 8;

/**
 * Looks for executions that come back to the same state again and again. A cycle of operations is a livelock when over ten
 * thousand rounds of it
 *
 *     every strand that could go on did                          so no other choice of a scheduler ends it
 *     memory, registers, processors and time are the same        looked at eight times
 *     data that contexts and the driver lead to are the same (VisibleData)
 *     no request was completed
 *
 * It depends on the operations alone, not on who chose them: a replay comes to the same finding.
 */
export class LivelockWatch {
  readonly #strands = new Int32Array(RING);
  readonly #ops = new Int32Array(RING);
  /** Prefix function of the window: only made when an execution is that long. */
  #borders: Int32Array | null = null;
  #count = 0;
  /** Length of the cycle that goes on, 0 for none. */
  #period = 0;
  /** Operations since the cycle was seen, all as one round before. */
  #matched = 0;
  #nextSearch = WINDOW;
  #nextComparison = 0;
  #state = '';
  /** By strand, in the last round before the verdict. */
  readonly #ran: Uint8Array;
  readonly #could: Uint8Array;

  constructor(
    private readonly machine: Machine,
    private readonly strands: readonly Strand[],
  ) {
    this.#ran = new Uint8Array(strands.length);
    this.#could = new Uint8Array(strands.length);
  }

  restart(): void {
    this.#count = 0;
    this.#lose();
    this.#nextSearch = WINDOW;
  }

  /** `strand` is about to perform `op`. L-LIVELOCK is a crash and throws. */
  performed(strand: number, op: Op): void {
    const at = this.#count++ & MASK;
    this.#strands[at] = strand;
    this.#ops[at] = op;
    if (this.#period > 0) this.#follow(at, strand, op);
    else if (this.#count >= this.#nextSearch) this.#search();
  }

  #follow(at: number, strand: number, op: Op): void {
    const before = (at - this.#period) & MASK;
    if (this.#strands[before] !== strand || this.#ops[before] !== op) {
      this.#lose();
      return;
    }
    const matched = ++this.#matched;
    if (matched > this.#enough - this.#period) this.#watchStrands(strand);
    if (matched % this.#period !== 0 || matched < this.#nextComparison) return;
    this.#nextComparison += Math.ceil(this.#enough / this.#period / COMPARISONS) * this.#period;
    if (this.#describeState() !== this.#state) this.#lose();
    else if (matched >= this.#enough) this.#judge();
  }

  /** Operations of a livelock: a whole number of rounds. */
  get #enough(): number {
    const rounds = Math.max(ROUNDS_MIN, Math.min(LIVELOCK_ROUNDS, Math.ceil(LIVELOCK_OPERATIONS / this.#period)));
    return Math.ceil(rounds / COMPARISONS) * COMPARISONS * this.#period;
  }

  #lose(): void {
    this.#period = 0;
    this.#matched = 0;
    this.#nextSearch = this.#count + WINDOW;
    this.#ran.fill(0);
    this.#could.fill(0);
  }

  #watchStrands(strand: number): void {
    this.#ran[strand] = 1;
    for (const each of this.strands) if (this.#could[each.id] === 0 && each.isEnabled()) this.#could[each.id] = 1;
  }

  /** The smallest period of the last operations, by their longest border (Knuth, Morris, Pratt). */
  #search(): void {
    this.#nextSearch = this.#count + WINDOW;
    const borders = (this.#borders ??= new Int32Array(WINDOW));
    const first = this.#count - WINDOW;
    borders[0] = 0;
    for (let i = 1, length = 0; i < WINDOW; i++) {
      while (length > 0 && !this.#equal(first + i, first + length)) length = borders[length - 1]!;
      if (this.#equal(first + i, first + length)) length++;
      borders[i] = length;
    }
    const period = WINDOW - borders[WINDOW - 1]!;
    if (period > PERIOD_MAX) return;
    this.#period = period;
    this.#matched = 0;
    this.#nextComparison = Math.ceil(this.#enough / period / COMPARISONS) * period;
    this.#state = this.#describeState();
  }

  #equal(a: number, b: number): boolean {
    return this.#strands[a & MASK] === this.#strands[b & MASK] && this.#ops[a & MASK] === this.#ops[b & MASK];
  }

  /** Everything of a state that can be seen, as a text to compare. */
  #describeState(): string {
    const { machine } = this;
    const { kernel } = machine;
    const parts: unknown[] = [machine.hash(), kernel.clock.nowNs(), kernel.timeLeaps, kernel.timers.size, kernel.watchdogs.size];
    for (const { irql, depth, queuedDpcs } of kernel.vcpus) parts.push(irql, depth, queuedDpcs);
    const data = new VisibleData(parts, machine.memory);
    for (const { device, workload, parameters } of machine.devices) {
      parts.push(workload?.completed, workload?.outstanding);
      data.add(parameters.driver);
      if (device !== null) addTree(device, parts, data);
    }
    return parts.join(' ');
  }

  #judge(): void {
    const { kernel } = this.machine;
    const isFair = this.#could.every((could, strand) => could === 0 || this.#ran[strand] === 1);
    // A DPC that never ends has a bound and a name of its own, L-DPC-WATCHDOG.
    const isInDpc = kernel.vcpus.some(({ top }) => top !== undefined && top.kind !== 'thread' && top.points >= ROUNDS_MIN * this.#period);
    const [period, matched] = [this.#period, this.#matched];
    this.#lose();
    if (!isFair || isInDpc) return;
    kernel.violation({
      rule: 'L-LIVELOCK',
      severity: 'crash',
      object: null,
      message:
        `livelock: ${matched / period} rounds of the same ${period === 1 ? 'operation' : `${period} operations`} left everything as it was, ` +
        `and everybody who could go on took part: ${this.#describeCycle(period)}; outstanding are ${this.machine.describeOutstanding()}`,
    });
  }

  #describeCycle(period: number): string {
    const texts = new Set<string>();
    for (let i = this.#count - period; i < this.#count; i++) texts.add(this.#describe(this.#strands[i & MASK]!, this.#ops[i & MASK]!));
    const named = [...texts].slice(0, NAMED_MAX);
    return `${named.join(', ')}${texts.size > NAMED_MAX ? `, and ${texts.size - NAMED_MAX} more` : ''}`;
  }

  /** `vCPU 0 in EvtIoRead: read ring`. */
  #describe(strand: number, op: Op): string {
    const { kernel } = this.machine;
    const cpu = kernel.vcpus[strand];
    const where = cpu === undefined ? '' : placeOf(cpu);
    return `${this.strands[strand]!.name}${where}: ${opKindName(opKind(op))} ${kernel.objectName(opObject(op))}`;
  }
}

function placeOf({ top }: VirtualCpu): string {
  const name = top?.callback?.name ?? top?.name;
  return name === undefined ? '' : ` in ${name}`;
}

function addTree(object: FxObject, parts: unknown[], data: VisibleData): void {
  parts.push(object.objectId, object.references, object.isLive);
  if (object.context !== undefined) data.add(object.context);
  for (const child of object.children) addTree(child, parts, data);
}
