import { DONE, opKind, opObject, OpKind, type Op } from '../../kernel/index.js';
import type { Machine } from '../../machine/machine.js';
import type { Strand } from '../../machine/strand.js';
import type { Footprint } from './footprint.js';

/** The framework and everything that hangs together in it - queues, requests, transactions, the HAL's pool - as one thing. */
const FRAMEWORK = 0;

/** What else drivers' code shares, such as the context of a device. */
const DRIVERS_DATA = 255;

/** Whether all that drivers' code on two processors does is taken to depend on each other. */
export type Trust = 'nothing' | 'locks';

/**
 * Works out what a step of a machine touched: the object of its operation, the objects of the events it recorded, shared
 * memory, and the strands it affected. Where it cannot tell, it says more:
 *
 *     processor   itself (and so its IRQL), locks and registers by object, the framework as one thing
 *     device      itself; all devices together where a line or the system DMA controller connects them
 *     bus         the device that a write reaches
 *     delivery    all devices, and the processor it comes to
 *     time        everything: whether it leaps depends on who else could go on
 *
 * What drivers' code does besides is in no event. Trusting `nothing`, any two steps of processors depend on each other;
 * trusting `locks`, the driver's own data is taken to be guarded by locks or by a level, as a driver free of data races has it.
 */
export class StepWatch {
  readonly #pending: Int32Array;
  readonly #isEnabled: Uint8Array;
  #sequence = 0;
  #accesses = 0;
  readonly #devicesAreOne: boolean;

  constructor(
    private readonly machine: Machine,
    private readonly strands: readonly Strand[],
    private readonly trust: Trust,
  ) {
    this.#pending = new Int32Array(strands.length);
    this.#isEnabled = new Uint8Array(strands.length);
    this.#devicesAreOne =
      machine.views.some((view) => view.model.isSubordinate === true) ||
      machine.vectors.some((vector) => machine.controller.isLine(vector.index));
  }

  /** Bit mask of the strands that can go on, as of now. */
  get enabled(): number {
    let mask = 0;
    for (const strand of this.strands) if (strand.isEnabled()) mask |= 1 << strand.id;
    return mask;
  }

  /** A step begins. */
  begin(): void {
    for (const strand of this.strands) {
      this.#pending[strand.id] = strand.pending;
      this.#isEnabled[strand.id] = strand.isEnabled() ? 1 : 0;
    }
    this.#sequence = this.machine.kernel.events.sequence;
    this.#accesses = this.machine.memory.driverAccesses;
  }

  /** The step of `strand` that began has ended: `footprint` becomes what it touched. */
  end(strand: number, op: Op, footprint: Footprint): void {
    footprint.clear();
    footprint.strands = this.#affected() | (1 << strand);
    const { kind } = this.strands[strand]!;
    if (kind === 'timer') footprint.writeAll();
    else if (kind === 'engine') this.#touch(opObject(op), footprint);
    else {
      if (kind !== 'interrupt' && kind !== 'bus' && this.trust === 'nothing') footprint.write(DRIVERS_DATA);
      this.#touch(opObject(op), footprint);
      const { kernel } = this.machine;
      const { events } = kernel;
      for (let at = this.#sequence; at !== events.sequence; at = (at + 1) | 0) this.#touch(events.objectAt(at), footprint);
      if (this.machine.memory.driverAccesses !== this.#accesses) this.#touchDevices(footprint);
    }
  }

  #affected(): number {
    let mask = 0;
    for (const strand of this.strands) {
      const { id } = strand;
      if (strand.pending !== this.#pending[id] || (strand.isEnabled() ? 1 : 0) !== this.#isEnabled[id]) mask |= 1 << id;
    }
    return mask;
  }

  #touch(objectId: number, footprint: Footprint): void {
    switch (this.machine.kernel.objectType(objectId)) {
      case 'VirtualCpu':
      case 'SpinLock':
      case 'Dpc':
        footprint.write(objectId);
        return;
      case 'Device':
        if (this.#isHardware(objectId)) {
          if (this.#devicesAreOne) this.#touchDevices(footprint);
          else footprint.write(objectId);
          return;
        }
        break;
      case 'InterruptVector':
        this.#touchDevices(footprint);
        return;
    }
    // Framework calls map, flush, copy and compare: what devices see as well.
    footprint.write(FRAMEWORK);
    this.#touchDevices(footprint);
  }

  /** The framework's device objects are called the same. */
  #isHardware(objectId: number): boolean {
    for (const view of this.machine.views) if (view.objectId === objectId) return true;
    return false;
  }

  #touchDevices(footprint: Footprint): void {
    for (const view of this.machine.views) footprint.write(view.objectId);
  }
}

/** What an operation of a model touches: the object it names. */
export function footprintOfOp(strand: number, op: Op, footprint: Footprint): void {
  footprint.clear();
  footprint.strands = 1 << strand;
  if (op === DONE) return;
  if (opKind(op) === OpKind.Read) footprint.read(opObject(op));
  else footprint.write(opObject(op));
}
