import type { Suspending } from '../kernel/index.js';
import type { AdapterResources } from './adapter-resources.js';
import type { Mdl } from './mdl.js';
import type { ScatterGatherList } from './scatter-gather-list.js';
import type { TransferContext } from './transfer-context.js';

const NO_FRAMES = new Int32Array(0);

/** IO_ALLOCATION_ACTION: what the adapter control routine leaves allocated. */
export const AllocationAction = { KeepObject: 1, DeallocateObject: 2, DeallocateObjectKeepRegisters: 3 } as const;
export type AllocationAction = (typeof AllocationAction)[keyof typeof AllocationAction];

/** DRIVER_CONTROL: told of a granted channel. `mapRegisterBase` 0 is NULL: no registers are needed. DISPATCH_LEVEL. */
export interface AdapterControl {
  /** Who asks, for reports. */
  readonly label?: string;
  adapterControl(mapRegisterBase: number): Suspending<AllocationAction>;
}

/** DRIVER_LIST_CONTROL: told of a built scatter/gather list. DISPATCH_LEVEL. */
export interface ListControl {
  listControl(list: ScatterGatherList): Suspending<void>;
}

/**
 * One allocation of map registers, from the request through the waiting queue and the mappings made with it to the
 * moment it is freed. Records are pooled; `handle` - the "map register base" - is different in every use, so that a
 * stale base is told from a live one.
 *
 *     handle: | generation (14 bits) | slot in the pool's table (16 bits) |      0 is NULL
 */
export class MapRegisterGrant {
  handle = 0;
  /** Registers asked for; counts as 0 on a platform without map registers. */
  registers = 0;
  /** Numbers the grants that take registers, from 1, over the platform's life. */
  number = 0;
  adapter: AdapterResources | null = null;
  context: TransferContext | null = null;
  control: AdapterControl | null = null;
  listControl: ListControl | null = null;
  list: ScatterGatherList | null = null;
  isWaiting = false;
  /** When it began to wait, and how many requests of other adapters were granted while it was the oldest of its own. */
  waitingSinceNs = 0;
  overtaken = 0;
  isLive = false;
  next: MapRegisterGrant | null = null;

  /** First page of the adapter's translation window; -1 when frames are seen directly. */
  windowSlot = -1;
  /** Bounce page frames, one a register; meaningful when the platform bounces through real memory. */
  bounceFrames = NO_FRAMES;

  isMapped = false;
  mdl: Mdl | null = null;
  /** The next live mapping of the same MDL chain. */
  nextOfMdl: MapRegisterGrant | null = null;
  offset = 0;
  lengthBytes = 0;
  isWrite = false;
  /** Pages mapped: `callerAddress[k]` and `pieceBytes[k]` describe what lies behind register k. */
  pieces = 0;
  readonly callerAddress: number[] = [];
  readonly pieceBytes: number[] = [];

  constructor(readonly slot: number) {}

  /** Out of use; what it had room for it keeps. */
  clear(): void {
    this.handle = 0;
    this.registers = 0;
    this.number = 0;
    this.adapter = null;
    this.context = null;
    this.control = null;
    this.listControl = null;
    this.list = null;
    this.isWaiting = false;
    this.isLive = false;
    this.next = null;
    this.windowSlot = -1;
    this.isMapped = false;
    this.mdl = null;
    this.nextOfMdl = null;
    this.pieces = 0;
  }

  addPiece(callerAddress: number, lengthBytes: number): void {
    const at = this.pieces;
    this.callerAddress[at] = callerAddress;
    this.pieceBytes[at] = lengthBytes;
    this.pieces = at + 1;
  }
}
