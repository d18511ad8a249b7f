import { opObject, type Op } from '../../kernel/index.js';
import type { Machine } from '../../machine/machine.js';
import type { Strand } from '../../machine/strand.js';
import { DeviceThings } from './device-things.js';
import { Thing, type Footprint } from './footprint.js';
import type { Touches } from './step-watch.js';

/**
 * Takes to depend on each other whatever might:
 *
 *     processor   any other processor; locks and registers by object, the framework as one thing
 *     device      itself; all devices together where a line or the system DMA controller connects them
 *     bus         the device that a write reaches
 *     delivery    all devices, and the processor it comes to
 *     time        everything
 *
 * What drivers' code does between two points is in no event, so any two steps of processors depend on each other.
 */
export class CoarseTouches implements Touches {
  readonly #devices: DeviceThings;
  #sequence = 0;
  #accesses = 0;

  constructor(private readonly machine: Machine) {
    this.#devices = new DeviceThings(machine);
  }

  begin(): void {
    this.#sequence = this.machine.kernel.events.sequence;
    this.#accesses = this.machine.memory.driverAccesses;
  }

  end({ kind }: Strand, op: Op, footprint: Footprint): void {
    if (kind === 'timer') footprint.writeAll();
    else if (kind === 'engine') this.#devices.stepped(opObject(op), footprint);
    else {
      if (kind !== 'interrupt' && kind !== 'bus') footprint.write(Thing.DriversData);
      this.#touch(opObject(op), footprint);
      const { events } = this.machine.kernel;
      for (let at = this.#sequence; at !== events.sequence; at = (at + 1) | 0) this.#touch(events.objectAt(at), footprint);
      if (this.machine.memory.driverAccesses !== this.#accesses) this.#devices.touchAll(footprint);
    }
  }

  #touch(objectId: number, footprint: Footprint): void {
    switch (this.machine.kernel.objectType(objectId)) {
      case 'VirtualCpu':
      case 'SpinLock':
      case 'Dpc':
        footprint.writeObject(objectId);
        return;
      case 'Device':
        if (!this.#devices.isHardware(objectId)) break;
        this.#devices.touch(objectId, footprint);
        return;
      case 'InterruptVector':
        footprint.writeObject(objectId);
        this.#devices.touchAll(footprint);
        return;
    }
    // Framework calls map, flush, copy and compare: what devices see as well.
    footprint.writeObject(objectId);
    footprint.write(Thing.Framework);
    this.#devices.touchAll(footprint);
  }
}
