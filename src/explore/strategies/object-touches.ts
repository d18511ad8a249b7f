import { EventKind, opObject, type Op, type RaceListener, type RaceWatch } from '../../kernel/index.js';
import type { Machine } from '../../machine/machine.js';
import type { Strand } from '../../machine/strand.js';
import { DeviceThings } from './device-things.js';
import { fieldThing, Thing, type Footprint } from './footprint.js';
import type { Touches } from './step-watch.js';

/** Objects and fields that one step may touch and are kept apart; a step that touches more depends on everything. */
const TOUCHES_MAX = 256;
/** Set in a noted thing that was only read. */
const IS_READ = 1 << 16;

/**
 * Tells framework objects apart: a step depends on another through the objects of its operation and of the events it
 * recorded, those it synchronised on, and the tracked fields it accessed. It needs a race watch to see the last two.
 *
 *     map, flush, copy, submission, completion    all devices, too: buffers change hands
 *     submission, completion                      which requests there are, for the outside world
 *     time that leaps                             timers; and whoever leaves nobody ready, because then it would not leap
 *     time that does not                          everything
 */
export class ObjectTouches implements Touches, RaceListener {
  readonly #devices: DeviceThings;
  readonly #touched = new Int32Array(TOUCHES_MAX);
  #count = 0;
  #sequence = 0;
  #accesses = 0;
  #timerChanges = 0;
  #timeLeaps = 0;
  /** By processor: its code is an ISR's. */
  readonly #isIsr: boolean[] = [];

  constructor(
    private readonly machine: Machine,
    races: RaceWatch,
  ) {
    this.#devices = new DeviceThings(machine);
    races.listener = this;
  }

  begin(): void {
    const { kernel, memory } = this.machine;
    this.#count = 0;
    this.#sequence = kernel.events.sequence;
    this.#accesses = memory.driverAccesses;
    this.#timerChanges = kernel.timers.changes;
    this.#timeLeaps = kernel.timeLeaps;
    for (const cpu of kernel.vcpus) this.#isIsr[cpu.id] = cpu.top?.kind === 'isr';
  }

  /** Objects are noted as they are, other things with their bits turned round. */
  synchronised(objectId: number): void {
    this.#note(objectId);
  }

  accessed(variable: number, isWrite: boolean): void {
    this.#note(~(isWrite ? fieldThing(variable) : fieldThing(variable) | IS_READ));
  }

  interlocked(): void {
    this.#note(~Thing.Interlocked);
  }

  #note(what: number): void {
    if (this.#count < TOUCHES_MAX) this.#touched[this.#count] = what;
    this.#count++;
  }

  end({ id, kind }: Strand, op: Op, footprint: Footprint): void {
    const { kernel, memory, outsideCpu } = this.machine;
    if (kind === 'engine') {
      this.#devices.stepped(opObject(op), footprint);
      return;
    }
    if (this.#count > TOUCHES_MAX || (kind === 'timer' && kernel.timeLeaps === this.#timeLeaps)) {
      footprint.writeAll();
      return;
    }
    if (kind === 'timer') {
      footprint.read(Thing.Readiness);
      footprint.write(Thing.Timers);
    } else this.#touch(opObject(op), footprint);
    // A cancellation looks whether its request is still there.
    if (opObject(op) === outsideCpu.objectId) footprint.read(Thing.Requests);
    this.#takeEvents(footprint);
    for (let i = 0; i < this.#count; i++) {
      const what = this.#touched[i]!;
      if (what >= 0) this.#touch(what, footprint);
      else if ((~what & IS_READ) === 0) footprint.write(~what);
      else footprint.read(~what & ~IS_READ);
    }
    if (kernel.timers.changes !== this.#timerChanges) footprint.write(Thing.Timers);
    // A level line is looked at again when its ISR has ended.
    if (memory.driverAccesses !== this.#accesses || (kind === 'vcpu' && this.#isIsr[id])) this.#devices.touchAll(footprint);
  }

  #takeEvents(footprint: Footprint): void {
    const { events } = this.machine.kernel;
    for (let at = this.#sequence; at !== events.sequence; at = (at + 1) | 0) {
      const kind = events.kindAt(at);
      this.#touch(events.objectAt(at), footprint);
      if (kind === EventKind.Violation) footprint.writeAll();
      else if (kind === EventKind.RequestSubmit || kind === EventKind.RequestComplete) {
        footprint.write(Thing.Requests);
        footprint.write(Thing.Timers);
        this.#devices.touchAll(footprint);
      }
    }
  }

  #touch(objectId: number, footprint: Footprint): void {
    switch (this.machine.kernel.objectType(objectId)) {
      case 'Device':
        if (!this.#devices.isHardware(objectId)) break;
        this.#devices.touch(objectId, footprint);
        return;
      case 'InterruptVector':
      case 'DmaAdapter':
      case 'CommonBuffer':
        this.#devices.touchAll(footprint);
        break;
    }
    footprint.writeObject(objectId);
  }
}
