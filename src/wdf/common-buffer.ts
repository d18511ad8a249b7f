import {
  PASSIVE_LEVEL,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED,
} from '../nt/index.js';
import { PAGE_SIZE, atomics, type MachineMemory } from '../memory/index.js';
import { COMPLETED, FxObject, OpKind, makeOp, type ObjectAttributes, type Suspending, type WatchedBuffer } from '../kernel/index.js';
import type { CommonBufferRegion, DmaAdapter, Mdl } from '../hal/index.js';
import type { Created } from './created.js';
import { DmaDirection, type DmaEnabler } from './dma-enabler.js';

/** sizeof(WDF_COMMON_BUFFER_CONFIG). */
export const COMMON_BUFFER_CONFIG_SIZE = 8;

/** WDF_COMMON_BUFFER_CONFIG. */
export interface CommonBufferConfig {
  /** Only checked: INFO_LENGTH_MISMATCH for another value than COMMON_BUFFER_CONFIG_SIZE. */
  readonly size?: number;
  /** Boundary minus one: 15 aligns to 16 bytes. */
  readonly alignmentMask: number;
}

/**
 * WDFCOMMONBUFFER: memory that driver and device share, contiguous for both, coherent without flushing; the order in
 * which stores become visible is the driver's job. Child of its enabler, freed with it - only when the device has
 * stopped using it (rule D06).
 */
export class CommonBuffer<C = unknown> extends FxObject<C> {
  readonly #adapter: DmaAdapter;
  readonly #region: CommonBufferRegion;
  readonly #memory: MachineMemory;
  readonly #alignedOffset: number;
  readonly #lengthBytes: number;
  readonly #deviceId: number;
  readonly #isTorn: boolean;
  /** The device's stores are seen when races are looked for: it does not fetch blocks of which it uses a part. */
  readonly #seesStores: boolean;
  /** Null unless races are looked for. */
  readonly #watched: WatchedBuffer | null;

  private constructor(
    enabler: DmaEnabler,
    adapter: DmaAdapter,
    region: CommonBufferRegion,
    lengthBytes: number,
    alignmentMask: number,
    attributes: ObjectAttributes<C>,
  ) {
    super(enabler.kernel, 'CommonBuffer', enabler, attributes);
    this.#adapter = adapter;
    this.#region = region;
    this.#memory = enabler.device.platform.memory!;
    this.#lengthBytes = lengthBytes;
    this.#isTorn = enabler.device.platform.policy.tornFields;
    this.#alignedOffset = alignedOffset(region.logicalAddress, alignmentMask);
    const registers = enabler.device.resources?.registers;
    this.#deviceId = registers?.objectId ?? 0;
    this.#seesStores = registers?.fetchesBlocks !== true;
    const address = region.virtualAddress + this.#alignedOffset;
    this.#watched = enabler.kernel.races?.newBuffer(this.label, this.objectId, address, lengthBytes) ?? null;
  }

  /**
   * WdfCommonBufferCreate, at PASSIVE_LEVEL, aligned as the enabler says: by the device's requirement for scatter/gather,
   * not at all for packet and system profiles. INVALID_PARAMETER (length 0), INSUFFICIENT_RESOURCES.
   */
  static *create<C = unknown>(
    enabler: DmaEnabler,
    lengthBytes: number,
    attributes: ObjectAttributes<C> = {},
  ): Suspending<Created<CommonBuffer<C>>> {
    return yield* CommonBuffer.createWithConfig(enabler, lengthBytes, { alignmentMask: enabler.commonBufferAlignment }, attributes);
  }

  /** WdfCommonBufferCreateWithConfig: with an alignment of its own. INFO_LENGTH_MISMATCH for a wrong size field. */
  static *createWithConfig<C = unknown>(
    enabler: DmaEnabler,
    lengthBytes: number,
    config: CommonBufferConfig,
    attributes: ObjectAttributes<C> = {},
  ): Suspending<Created<CommonBuffer<C>>> {
    enabler.requireLive('WdfCommonBufferCreate');
    const op = enabler.kernel.callOp(enabler.objectId);
    if (enabler.kernel.at(op)) yield op;
    if (!enabler.kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfCommonBufferCreate'))
      return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    if (config.size !== undefined && config.size !== COMMON_BUFFER_CONFIG_SIZE) return { ok: false, status: STATUS_INFO_LENGTH_MISMATCH };
    if (attributes.parent !== undefined) return { ok: false, status: STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED };
    if (lengthBytes <= 0) return { ok: false, status: STATUS_INVALID_PARAMETER };
    const { alignmentMask } = config;
    // A page at least is given anyway, so smaller alignments need no extra room.
    const rawLengthBytes = alignmentMask > PAGE_SIZE - 1 ? lengthBytes + alignmentMask : lengthBytes;
    const { adapter } = enabler.adapterInfo(DmaDirection.ReadFromDevice);
    const region = adapter?.allocateCommonBuffer(rawLengthBytes) ?? null;
    if (adapter === null || region === null) return { ok: false, status: STATUS_INSUFFICIENT_RESOURCES };
    return {
      ok: true,
      status: STATUS_SUCCESS,
      object: new CommonBuffer<C>(enabler, adapter, region, lengthBytes, alignmentMask, attributes),
    };
  }

  /** WdfCommonBufferGetAlignedVirtualAddress: an address in machine memory. Beyond a page only the logical address is aligned. */
  get virtualAddress(): number {
    this.requireLive('WdfCommonBufferGetAlignedVirtualAddress');
    return this.#region.virtualAddress + this.#alignedOffset;
  }

  /** WdfCommonBufferGetAlignedLogicalAddress: what the device must be given; may lie beyond 2^32. */
  get logicalAddress(): number {
    this.requireLive('WdfCommonBufferGetAlignedLogicalAddress');
    return this.#region.logicalAddress + this.#alignedOffset;
  }

  /** WdfCommonBufferGetLength: as asked for. */
  get lengthBytes(): number {
    this.requireLive('WdfCommonBufferGetLength');
    return this.#lengthBytes;
  }

  /** The aligned word at `offset`, signed. */
  read32(offset: number): number {
    if (this.kernel.words !== null) this.#atWord(OpKind.Read);
    if (this.#watched !== null) this.kernel.races!.touched(this.#watched, offset, 4, false);
    return this.#memory.i32[this.#place(offset, 4) / 4]!;
  }

  write32(offset: number, value: number): void {
    if (this.kernel.words !== null) this.#atWord(OpKind.Write);
    if (this.#watched !== null) this.kernel.races!.touched(this.#watched, offset, 4, true);
    this.#memory.i32[this.#place(offset, 4) / 4] = value;
  }

  /**
   * The aligned 64-bit field at `offset`, unsigned: in one load or, where the machine tears fields (ordering
   * `torn-fields`), in two, low half first, with a scheduling point between. Two halves that were read apart need not
   * belong together. Each load is ordered, as `observe32`.
   */
  *read64(offset: number): Suspending<bigint> {
    if (this.kernel.words !== null) this.#atWord(OpKind.Read);
    this.#observed(offset, this.#isTorn ? 4 : 8);
    const at = this.#place(offset, 8);
    if (!this.#isTorn) return BigInt.asUintN(64, atomics.load64(this.#memory.i64, at / 8));
    const low = atomics.load(this.#memory.i32, at / 4);
    const op = makeOp(this.#deviceId, OpKind.Read);
    if (this.kernel.at(op)) yield op;
    this.#observed(offset + 4, 4);
    const high = atomics.load(this.#memory.i32, this.#place(offset, 8) / 4 + 1);
    return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }

  /** Stores the low 64 bits of `value` in the aligned field at `offset`; in one or in two stores, as `read64`, each ordered, as `publish32`. */
  *write64(offset: number, value: bigint): Suspending<void> {
    if (this.kernel.words !== null) this.#atWord(OpKind.Write);
    this.#published();
    const at = this.#place(offset, 8);
    if (!this.#isTorn) {
      atomics.store64(this.#memory.i64, at / 8, value);
      return;
    }
    atomics.store(this.#memory.i32, at / 4, Number(BigInt.asIntN(32, value)));
    const op = makeOp(this.#deviceId, OpKind.Write);
    if (this.kernel.at(op)) yield op;
    this.#published();
    atomics.store(this.#memory.i32, this.#place(offset, 8) / 4 + 1, Number(BigInt.asIntN(32, value >> 32n)));
  }

  read8(offset: number): number {
    if (this.kernel.words !== null) this.#atWord(OpKind.Read);
    if (this.#watched !== null) this.kernel.races!.touched(this.#watched, offset, 1, false);
    return this.#memory.u8[this.#place(offset, 1)]!;
  }

  write8(offset: number, value: number): void {
    if (this.kernel.words !== null) this.#atWord(OpKind.Write);
    if (this.#watched !== null) this.kernel.races!.touched(this.#watched, offset, 1, true);
    this.#memory.u8[this.#place(offset, 1)] = value;
  }

  /** As `read32`, ordered: what the device stored before it wrote this word is visible afterwards. For ownership and sequence words. */
  observe32(offset: number): number {
    if (this.kernel.words !== null) this.#atWord(OpKind.Read);
    this.#observed(offset, 4);
    return atomics.load(this.#memory.i32, this.#place(offset, 4) / 4);
  }

  /** As `write32`, ordered: everything stored before is visible to whoever sees this word. */
  publish32(offset: number, value: number): void {
    if (this.kernel.words !== null) this.#atWord(OpKind.Write);
    this.#published();
    atomics.store(this.#memory.i32, this.#place(offset, 4) / 4, value);
  }

  #observed(offset: number, bytes: number): void {
    if (this.#watched !== null) this.kernel.races!.observed(this.#watched, offset, bytes, this.#deviceId, this.#seesStores);
  }

  #published(): void {
    if (this.kernel.races !== null) this.kernel.races.release(this.objectId);
  }

  /** Copies `lengthBytes` from `offset` on into the buffer that `mdl` describes (RtlCopyMemory); both must be that long. */
  copyToMdl(offset: number, mdl: Mdl, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    if (this.kernel.words !== null) this.#atWord(OpKind.Read);
    if (this.#watched !== null) this.kernel.races!.touched(this.#watched, offset, lengthBytes, false);
    this.#place(offset + lengthBytes - 1, 1);
    const source = this.#place(offset, 1);
    let done = 0;
    for (let piece: Mdl | null = mdl; piece !== null && done < lengthBytes; piece = piece.next) {
      for (let at = 0; at < piece.byteCount && done < lengthBytes;) {
        const target = piece.physicalAddress(at);
        const bytes = Math.min(lengthBytes - done, piece.byteCount - at, PAGE_SIZE - (target % PAGE_SIZE));
        this.#memory.copy(target, source + done, bytes);
        at += bytes;
        done += bytes;
      }
    }
    if (done === lengthBytes) return;
    this.kernel.violation({
      rule: 'A17',
      severity: 'crash',
      object: this.label,
      message: `${lengthBytes} bytes of ${this.label} are copied to a buffer of ${done} bytes`,
    });
  }

  /** Sets every byte of the buffer. */
  fill(value: number): void {
    if (this.kernel.words !== null) this.#atWord(OpKind.Write);
    this.requireLive('a common buffer access');
    if (this.#watched !== null) this.kernel.races!.touched(this.#watched, 0, this.#lengthBytes, true);
    this.#memory.driverAccesses++;
    this.#memory.fill(this.#region.virtualAddress + this.#alignedOffset, value, this.#lengthBytes);
  }

  /** Where such accesses are points, the device may go first. */
  #atWord(kind: OpKind): void {
    this.kernel.atWord(makeOp(this.#deviceId, kind));
  }

  /** Rule A17's first half, caught before it happens: the driver touches only the length it asked for. */
  #place(offset: number, bytes: number): number {
    this.requireLive('a common buffer access');
    this.#memory.driverAccesses++;
    const isInside = offset >= 0 && offset + bytes <= this.#lengthBytes && offset % bytes === 0;
    if (!isInside) {
      this.kernel.violation({
        rule: 'A17',
        severity: 'crash',
        object: this.label,
        message: `${bytes} bytes at offset ${offset} of ${this.label} are accessed, which has ${this.#lengthBytes} bytes`,
      });
    }
    return this.#region.virtualAddress + this.#alignedOffset + offset;
  }

  override dispose(): Suspending<void> {
    if (this.#watched !== null) this.kernel.races!.bufferFreed(this.#watched);
    this.#adapter.freeCommonBuffer(this.#region);
    return COMPLETED;
  }
}

/** Distance from an address to the next boundary. */
function alignedOffset(address: number, alignmentMask: number): number {
  const boundary = alignmentMask + 1;
  return Math.ceil(address / boundary) * boundary - address;
}
