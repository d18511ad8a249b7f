import {
  STATUS_ACCESS_VIOLATION,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_BUFFER_SIZE,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  WDF_VIOLATION,
  WdfViolation,
  type NtStatus,
} from '../nt/index.js';
import { COMPLETED, FxObject, type Kernel, type ObjectAttributes, type Suspending } from '../kernel/index.js';
import type { HalPlatform, Mdl } from '../hal/index.js';
import type { Created } from './created.js';
import { ArrayStore, MdlStore, MemoryBuffer, type BufferGuard } from './memory-buffer.js';

/** Something with a platform whose pool memory comes from: a device, and what belongs to one. */
export interface MemoryParent extends FxObject {
  readonly platform: HalPlatform | null;
}

/** Where a memory object's bytes are. */
interface Backing {
  readonly buffer: MemoryBuffer;
  /** MDL of pool memory, and of a request's buffer. */
  readonly mdl: Mdl | null;
  readonly kind: 'pool' | 'preallocated' | 'request';
  readonly isReadOnly: boolean;
}

/**
 * WDFMEMORY: a buffer with the life of an object. Pool memory lies in the machine's pages, so a device can be let at it
 * (`mdl`); memory over a buffer that the driver supplies is the driver's alone; a request's memory is the caller's
 * buffer. Nothing may touch it once it is deleted (rule B05), or its request completed (rule C09).
 */
export class Memory<C = unknown> extends FxObject<C> implements BufferGuard {
  #backing: Backing;
  readonly #platform: HalPlatform | null;

  protected constructor(
    kernel: Kernel,
    parent: FxObject | null,
    platform: HalPlatform | null,
    attributes: ObjectAttributes<C>,
    backing: (guard: BufferGuard) => Backing,
  ) {
    super(kernel, 'Memory', parent, attributes);
    this.#platform = platform;
    this.#backing = backing(this);
  }

  /**
   * WdfMemoryCreate, from non-paged pool; contents are whatever was there. Child of `parent`, a request among others:
   * deleted when that completes. INVALID_PARAMETER (length 0), INSUFFICIENT_RESOURCES, INVALID_DEVICE_REQUEST (no device above).
   */
  static create<C = unknown>(parent: FxObject, lengthBytes: number, attributes: ObjectAttributes<C> = {}): Created<Memory<C>> {
    parent.requireLive('WdfMemoryCreate');
    if (lengthBytes === 0) return { ok: false, status: STATUS_INVALID_PARAMETER };
    const platform = platformOf(parent);
    if (platform === null) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    const mdl = platform.nonPagedPool.allocate(lengthBytes);
    if (mdl === null) return { ok: false, status: STATUS_INSUFFICIENT_RESOURCES };
    const { kernel } = parent;
    const object = new Memory<C>(kernel, parent, platform, attributes, (guard) => ({
      buffer: new MemoryBuffer(kernel, guard, new MdlStore(platform.memory, mdl), lengthBytes),
      mdl,
      kind: 'pool',
      isReadOnly: false,
    }));
    return { ok: true, status: STATUS_SUCCESS, object };
  }

  /** WdfMemoryCreatePreallocated: over the first `lengthBytes` of a buffer that stays the driver's. INVALID_PARAMETER (length 0). */
  static createPreallocated<C = unknown>(
    parent: FxObject,
    buffer: Uint8Array,
    lengthBytes: number = buffer.length,
    attributes: ObjectAttributes<C> = {},
  ): Created<Memory<C>> {
    parent.requireLive('WdfMemoryCreatePreallocated');
    if (lengthBytes === 0) return { ok: false, status: STATUS_INVALID_PARAMETER };
    const { kernel } = parent;
    const object = new Memory<C>(kernel, parent, null, attributes, (guard) => preallocated(kernel, guard, buffer, lengthBytes));
    return { ok: true, status: STATUS_SUCCESS, object };
  }

  /** WdfMemoryAssignBuffer: another buffer under preallocated memory (rule B05 for any other). INVALID_PARAMETER (length 0). */
  assignBuffer(buffer: Uint8Array, lengthBytes: number = buffer.length): NtStatus {
    this.checkAccess();
    if (this.#backing.kind !== 'preallocated') {
      this.kernel.violation({
        rule: 'B05',
        severity: 'crash',
        object: this.label,
        message: `WdfMemoryAssignBuffer is called on ${this.label}, whose memory was not supplied by the driver`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, this.objectId] },
      });
    }
    if (lengthBytes === 0) return STATUS_INVALID_PARAMETER;
    this.#backing = preallocated(this.kernel, this, buffer, lengthBytes);
    return STATUS_SUCCESS;
  }

  /** WdfMemoryGetBuffer: address and length in one. */
  getBuffer(): MemoryBuffer {
    this.checkAccess();
    return this.#backing.buffer;
  }

  get lengthBytes(): number {
    return this.getBuffer().lengthBytes;
  }

  /** MDL over pool memory or a request's buffer, for a transaction of the driver's own; null for the driver's own bytes. */
  get mdl(): Mdl | null {
    this.checkAccess();
    return this.#backing.mdl;
  }

  /** WdfMemoryCopyToBuffer. INVALID_PARAMETER (no bytes); BUFFER_TOO_SMALL: the memory has fewer bytes from `sourceOffset` on. */
  copyToBuffer(sourceOffset: number, buffer: Uint8Array, lengthBytes: number = buffer.length): NtStatus {
    this.checkAccess();
    const source = this.#backing.buffer;
    if (lengthBytes === 0) return STATUS_INVALID_PARAMETER;
    if (sourceOffset + lengthBytes > source.lengthBytes) return STATUS_BUFFER_TOO_SMALL;
    source.copyTo(sourceOffset, buffer, lengthBytes);
    return STATUS_SUCCESS;
  }

  /**
   * WdfMemoryCopyFromBuffer. INVALID_PARAMETER (no bytes); ACCESS_VIOLATION: the buffer of a write, or of a direct
   * control code that the driver only reads; INVALID_BUFFER_SIZE: the memory has fewer bytes from `destinationOffset` on.
   */
  copyFromBuffer(destinationOffset: number, buffer: Uint8Array, lengthBytes: number = buffer.length): NtStatus {
    this.checkAccess();
    const destination = this.#backing.buffer;
    if (lengthBytes === 0) return STATUS_INVALID_PARAMETER;
    if (this.#backing.isReadOnly) return STATUS_ACCESS_VIOLATION;
    if (destinationOffset + lengthBytes > destination.lengthBytes) return STATUS_INVALID_BUFFER_SIZE;
    destination.copyFrom(destinationOffset, buffer, lengthBytes);
    return STATUS_SUCCESS;
  }

  /** Rule B05. */
  checkAccess(): void {
    this.requireLive('an access to memory');
  }

  override dispose(): Suspending<void> {
    const { kind, mdl } = this.#backing;
    if (kind === 'pool') this.#platform!.nonPagedPool.free(mdl!);
    return COMPLETED;
  }
}

function preallocated(kernel: Kernel, guard: BufferGuard, bytes: Uint8Array, lengthBytes: number): Backing {
  const buffer = new MemoryBuffer(kernel, guard, new ArrayStore(bytes), lengthBytes);
  return { buffer, mdl: null, kind: 'preallocated', isReadOnly: false };
}

function platformOf(object: FxObject): HalPlatform | null {
  for (let at: FxObject | null = object; at !== null; at = at.parent) if (isMemoryParent(at)) return at.platform;
  return null;
}

function isMemoryParent(object: FxObject): object is MemoryParent {
  return 'platform' in object;
}

/** What a request's memory needs of it. */
export interface RequestOfMemory extends FxObject {
  /** Counts reuses: a handle of an earlier use is stale. */
  readonly generation: number;
  readonly platform: HalPlatform | null;
  addMemoryReference(): void;
  dropMemoryReference(): void;
  /** Rules C09 (completed) and C30 (a device is at work on it). */
  checkBuffer(ofGeneration: number, mdl: Mdl): void;
}

/**
 * The WDFMEMORY over a request's input or output buffer. It is part of the request: references are counted against
 * that (rule B03), and it cannot be deleted.
 */
export class RequestMemory extends Memory {
  readonly #request: RequestOfMemory;
  readonly #ofGeneration: number;
  readonly #mdl: Mdl;

  constructor(request: RequestOfMemory, mdl: Mdl, lengthBytes: number, isReadOnly: boolean) {
    const store = new MdlStore(request.platform?.memory ?? null, mdl);
    super(request.kernel, null, null, {}, (guard) => ({
      buffer: new MemoryBuffer(request.kernel, guard, store, lengthBytes),
      mdl,
      kind: 'request',
      isReadOnly,
    }));
    this.#request = request;
    this.#ofGeneration = request.generation;
    this.#mdl = mdl;
  }

  override checkAccess(): void {
    this.#request.checkBuffer(this.#ofGeneration, this.#mdl);
  }

  override reference(): void {
    this.checkAccess();
    super.reference();
    this.#request.addMemoryReference();
  }

  override dereference(): void {
    super.dereference();
    this.#request.dropMemoryReference();
  }

  /** Rule B05: it goes with its request, never by itself. */
  override *delete(): Suspending<void> {
    this.kernel.violation({
      rule: 'B05',
      severity: 'crash',
      object: this.label,
      message: `WdfObjectDelete is called on ${this.label}, the memory of ${this.#request.label}: it goes when the request completes`,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, this.objectId] },
    });
  }
}
