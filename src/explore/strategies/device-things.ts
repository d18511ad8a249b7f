import type { Machine } from '../../machine/machine.js';
import type { Footprint } from './footprint.js';

/** Which things stand for a machine's devices. */
export class DeviceThings {
  /** A line or the system DMA controller connects all devices. */
  readonly #areOne: boolean;

  constructor(private readonly machine: Machine) {
    const { views, vectors, controller } = machine;
    this.#areOne = views.some(({ model }) => model.isSubordinate === true) || vectors.some(({ index }) => controller.isLine(index));
  }

  /** The framework's device objects are called the same. */
  isHardware(objectId: number): boolean {
    for (const view of this.machine.views) if (view.objectId === objectId) return true;
    return false;
  }

  /** A step of the device, or an access to its registers. */
  touch(objectId: number, footprint: Footprint): void {
    if (this.#areOne) this.touchAll(footprint);
    else footprint.writeObject(objectId);
  }

  touchAll(footprint: Footprint): void {
    for (const view of this.machine.views) footprint.writeObject(view.objectId);
  }

  /** A device's own step may also leave its vectors pending. */
  stepped(objectId: number, footprint: Footprint): void {
    this.touch(objectId, footprint);
    const { views, vectors } = this.machine;
    for (const { objectId: id, placement } of views) {
      if (id !== objectId) continue;
      const { first, count } = placement.vectors;
      for (let i = first; i < first + count; i++) footprint.writeObject(vectors[i]!.objectId);
    }
  }
}
