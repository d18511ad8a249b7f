import { kindMask, type Granularity } from '../../backends/granularity.js';
import { plannedKinds } from '../../faults/index.js';
import { DONE, opKind, opObject, OpKind, type Op } from '../../kernel/index.js';
import type { Machine } from '../../machine/machine.js';
import type { Strand } from '../../machine/strand.js';
import { CoarseTouches } from './coarse-touches.js';
import { Thing, type Footprint } from './footprint.js';
import { ObjectTouches } from './object-touches.js';

/** Notes what steps of a machine touch, see its two forms. */
export interface Touches {
  /** A step begins: what happens from now on is its doing. */
  begin(): void;
  /** It has ended: what it touched goes into `footprint`. */
  end(strand: Strand, op: Op, footprint: Footprint): void;
}

/**
 * Works out what a step of a machine touched. What it did to other strands is looked at here:
 *
 *     a queue of a processor, the code on top of it      depends on every step of that processor
 *     whether somebody can go on, and with what          is told by the thing that strand stands before, where the step
 *                                                        touched that; else it depends on every step of that strand
 */
export class StepWatch {
  readonly tellsObjectsApart: boolean;
  readonly #pending: Int32Array;
  readonly #isEnabled: Uint8Array;
  /** By processor: threads and DPCs that wait for it, and activations on it. */
  readonly #load: Int32Array;
  readonly #touches: Touches;
  /** Kinds of operations at which the scheduler asks, by bit. */
  readonly #kinds: number;

  /** `mayTellApart`: framework objects are told apart where the machine lets it, see `ObjectTouches`. */
  constructor(
    private readonly machine: Machine,
    private readonly strands: readonly Strand[],
    mayTellApart = true,
  ) {
    this.#pending = new Int32Array(strands.length);
    this.#isEnabled = new Uint8Array(strands.length);
    this.#load = new Int32Array(machine.kernel.vcpus.length);
    this.#kinds = kindMask(machine.parameters.granularity as Granularity);
    this.tellsObjectsApart = mayTellApart && seesDriversData(machine);
    this.#touches = this.tellsObjectsApart ? new ObjectTouches(machine, machine.kernel.races!) : new CoarseTouches(machine);
  }

  /** Before such operations the granularity knows no point: they belong to the step that the processor is in. */
  isInside(op: Op): boolean {
    return (this.#kinds & (1 << opKind(op))) === 0;
  }

  /** `strand` is an interrupt that comes to processor `cpu`, and `irql` is no level to let it in. */
  isKeptOut(strand: number, cpu: number, irql: number): boolean {
    const { kind, pending } = this.strands[strand]!;
    if (kind !== 'interrupt') return false;
    const vector = this.machine.vectors.find(({ objectId }) => objectId === opObject(pending))!;
    return vector.cpu.id === cpu && irql >= vector.irql;
  }

  /** A step begins. */
  begin(): void {
    for (const strand of this.strands) {
      this.#pending[strand.id] = strand.pending;
      this.#isEnabled[strand.id] = strand.isEnabled() ? 1 : 0;
    }
    for (const cpu of this.machine.kernel.vcpus) this.#load[cpu.id] = loadOf(cpu);
    this.#touches.begin();
  }

  /** The step of `strand` that began has ended: `footprint` becomes what it touched. */
  end(strand: number, op: Op, footprint: Footprint): void {
    footprint.clear();
    const performer = this.strands[strand]!;
    this.#touches.end(performer, op, footprint);
    if (!performer.isEnabled()) footprint.write(Thing.Readiness);
    footprint.strands = 1 << strand;
    for (const cpu of this.machine.kernel.vcpus) if (this.#load[cpu.id] !== loadOf(cpu)) footprint.strands |= 1 << cpu.id;
    for (const other of this.strands) if (other !== performer) this.#lookAt(other, footprint);
  }

  #lookAt(strand: Strand, footprint: Footprint): void {
    const { id, pending } = strand;
    const wasEnabled = this.#isEnabled[id] === 1;
    if (pending === this.#pending[id] && strand.isEnabled() === wasEnabled) return;
    if (wasEnabled) footprint.displaced |= 1 << id;
    const op = pending === DONE ? this.#pending[id]! : pending;
    if (!this.#isTold(strand, op, footprint)) footprint.strands |= 1 << id;
  }

  /** The strand's next step depends on this one through what it stands before. */
  #isTold({ kind }: Strand, op: Op, footprint: Footprint): boolean {
    if (kind === 'timer') return footprint.writes(Thing.Timers);
    if (kind === 'actor') return footprint.writes(Thing.Requests);
    return footprint.writesObject(opObject(op));
  }
}

/** Drivers' data is looked after, and nothing else changes the machine that a footprint could not name. */
function seesDriversData({ kernel, devices, parameters }: Machine): boolean {
  const isPlain = plannedKinds(parameters.faults).length === 0 && parameters.machine.ordering.length === 0;
  return kernel.races !== null && isPlain && devices.every(({ power }) => power === null);
}

const loadOf = (cpu: Machine['kernel']['vcpus'][number]): number => cpu.readyThreads * 0x10000 + cpu.queuedDpcs * 0x100 + cpu.depth;

/** What an operation of a model touches: the object it names. */
export function footprintOfOp(strand: number, op: Op, footprint: Footprint): void {
  footprint.clear();
  footprint.strands = 1 << strand;
  if (op === DONE) return;
  if (opKind(op) === OpKind.Read) footprint.readObject(opObject(op));
  else footprint.writeObject(opObject(op));
}
