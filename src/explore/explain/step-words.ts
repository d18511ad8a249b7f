import type { ControlledBackend } from '../../backends/controlled.js';
import { EventKind, opKind, opObject, OpKind, type EventRecord, type Op } from '../../kernel/index.js';
import type { TraceStep } from './traced-run.js';

/** An operation in words, and its parts. */
export interface StepWords {
  /** Name of the strand: `vCPU 0`, a device, a vector. */
  readonly strand: string;
  /** Number of the virtual CPU; null for other strands. */
  readonly vcpu: number | null;
  /** Driver callback, or what else ran there; null for other strands. */
  readonly callback: string | null;
  /** `read`, `acquire`, `deliver`, ... */
  readonly operation: string;
  readonly object: string;
  /** `EvtInterruptDpc on vCPU 0 read CSR of ring`. */
  readonly text: string;
}

const verbs: Readonly<Record<OpKind, string>> = {
  [OpKind.Call]: 'called',
  [OpKind.Read]: 'read',
  [OpKind.Write]: 'wrote',
  [OpKind.Update]: 'changed',
  [OpKind.Acquire]: 'acquired',
  [OpKind.Release]: 'released',
  [OpKind.Wait]: 'waited for',
  [OpKind.Signal]: 'signalled',
  [OpKind.Deliver]: 'started',
  [OpKind.Burst]: 'moved data for',
  [OpKind.Grant]: 'was granted',
};

const kindNames = new Map<number, string>(Object.entries(OpKind).map(([name, kind]) => [kind, name.toLowerCase()]));

/** Events that say more than the operation they belong to. */
const eventVerbs: ReadonlyMap<number, string> = new Map<number, string>([
  [EventKind.RequestComplete, 'completed'],
  [EventKind.CancelRequest, 'cancelled'],
  [EventKind.RequestPresent, 'presented'],
]);

/** The register access that the operation was; other events of the step belong to code that ran on without a choice. */
function accessOf(op: Op, events: readonly EventRecord[]): EventRecord | undefined {
  return events.find(
    ({ kind, object }) =>
      object === opObject(op) && (kind === EventKind.RegisterRead || kind === EventKind.RegisterWrite || kind === EventKind.RegisterArrive),
  );
}

const isLock = (op: Op): boolean => opKind(op) === OpKind.Acquire || opKind(op) === OpKind.Release;

/** Describes the operations of one backend's executions; ask while the objects of that execution still are. */
export class StepWriter {
  constructor(private readonly backend: ControlledBackend) {}

  words(step: TraceStep): StepWords {
    const { kernel } = this.backend.machine;
    const { strand: id, op } = step;
    const strand = this.backend.strandNames[id] ?? `strand ${id}`;
    const isVcpu = id < kernel.vcpus.length;
    const object = this.#object(step);
    const base = { strand, operation: kindNames.get(opKind(op)) ?? 'done', object };
    const isBegin = isVcpu && opKind(op) === OpKind.Deliver;
    if (isBegin) return { ...base, vcpu: id, callback: null, text: `${strand} ${this.#began(step)}` };
    if (isVcpu)
      return { ...base, vcpu: id, callback: step.callback, text: `${step.callback ?? 'code'} on ${strand} ${this.#did(step, object)}` };
    return { ...base, vcpu: null, callback: null, text: this.#elsewhere(step, strand, object) };
  }

  #began({ op, callback }: TraceStep): string {
    const { kernel } = this.backend.machine;
    const object = opObject(op);
    return kernel.objectType(object) === 'VirtualCpu'
      ? `went on with ${callback ?? 'the next thread'}`
      : `started ${kernel.objectName(object)}`;
  }

  #did({ op, events }: TraceStep, object: string): string {
    const { kernel } = this.backend.machine;
    const register = accessOf(op, events);
    if (register !== undefined) return `${register.kind === EventKind.RegisterRead ? 'read' : 'wrote'} ${object}`;
    const telling = events.find(({ kind }) => eventVerbs.has(kind));
    if (telling !== undefined && !isLock(op)) return `${eventVerbs.get(telling.kind)!} ${kernel.objectName(telling.object)}`;
    return opKind(op) === OpKind.Call ? `called a method of ${object}` : `${verbs[opKind(op)]} ${object}`;
  }

  #elsewhere({ strand: id, op }: TraceStep, strand: string, object: string): string {
    switch (this.backend.strandKinds[id]) {
      case 'interrupt':
        return `the interrupt of ${strand} was delivered`;
      case 'bus':
        return opKind(op) === OpKind.Update ? `the write of ${object} that was on its way arrived` : `${strand} arrived in memory`;
      case 'timer':
        return 'virtual time moved on to the next timer';
      case 'actor':
        return `the ${strand} was asked for`;
      default:
        return object === strand
          ? `device ${strand} took a step (${kindNames.get(opKind(op)) ?? 'done'})`
          : `device ${strand} ${verbs[opKind(op)]} ${object}`;
    }
  }

  /** `INTCSR of plx`, where the step was an access to a register. */
  #object({ op, events }: TraceStep): string {
    const { kernel } = this.backend.machine;
    const name = kernel.objectName(opObject(op));
    const access = accessOf(op, events);
    return access === undefined ? name : `${this.#register(access)} of ${name}`;
  }

  #register({ object, a: offset }: EventRecord): string {
    const view = this.backend.machine.views.find(({ objectId }) => objectId === object);
    const word = view?.registers.table.words.find((candidate) => candidate.offset === offset - (offset % 4));
    return word?.name ?? `register 0x${offset.toString(16)}`;
  }
}
