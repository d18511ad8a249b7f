import { DRIVER_VERIFIER_DMA_VIOLATION, InternalError, assertInternal, type Violation } from '../nt/index.js';
import { PAGE_SHIFT, PAGE_SIZE, atomics, struct, type LayoutBuilder, type MachineMemory } from '../memory/index.js';

/** What a device does to memory; the bits of the HAL's DomainAccess. */
export const BusAccess = {
  /** The device reads memory (write to device). */
  Read: 1,
  /** The device writes memory (read from device). */
  Write: 2,
} as const;
export type BusAccess = (typeof BusAccess)[keyof typeof BusAccess];

/** Why an access was refused: parameter 4 of the bug check. */
export const FaultKind = {
  /** The address belongs to no page of the device's address space (a physical or virtual address in a descriptor, rule D07). */
  OutsideDomain: 1,
  /** The page is not mapped for the device now. */
  NotMapped: 2,
  /** The page is mapped, but not for this direction. */
  WrongDirection: 3,
} as const;
export type FaultKind = (typeof FaultKind)[keyof typeof FaultKind];

const faultText: Readonly<Record<FaultKind, string>> = {
  [FaultKind.OutsideDomain]: 'no page of its address space lies there',
  [FaultKind.NotMapped]: 'the page is not mapped for the device',
  [FaultKind.WrongDirection]: 'the page is mapped for the other direction only',
};

/** `translate` refused the access; the fault record says why. */
export const TRANSLATION_FAULT = -1;

/** Page table entry, one a page: reads count in the low, writes in the high half of `Counts`. */
const Entry = struct('IommuEntry', 4, { Frame: 0, Counts: 1, MappingId: 2, Spare: 3 });
const ENTRY_SHIFT = 2;
const WRITE_COUNT_ONE = 0x1_0000;

const Fault = struct('FaultRecord', 10, {
  Valid: 0,
  AddressLow: 1,
  AddressHigh: 2,
  Access: 3,
  Kind: 4,
  MappingId: 5,
  Channel: 6,
  LengthBytes: 7,
  Total: 8,
  Spare: 9,
});
export const FAULT_RECORD_BYTES = 40;

/** Where a domain lies and which addresses it answers; plain data. */
export interface IommuPlacement {
  /** Byte offset of the page table. */
  readonly table: number;
  /** Byte offset of the fault record. */
  readonly faultRecord: number;
  /** Logical address of page frame 0; never 0, so that a physical address is never a logical one. */
  readonly frameBase: number;
  /** RAM frames that can be opened. */
  readonly ramFrames: number;
  readonly windowSlots: number;
}

/** The first fault since the last `takeFault`. */
export interface DeviceFault {
  /** Logical address the device used. */
  readonly address: number;
  readonly lengthBytes: number;
  readonly access: BusAccess;
  readonly kind: FaultKind;
  /** Mapping that opened the page last; 0 when none ever did. */
  readonly mappingId: number;
  /** DMA channel of the device. */
  readonly channel: number;
  /** Faults since the machine started, those after the first of a burst included. */
  readonly total: number;
}

/** Reserves a device's page table and fault record. */
export function planIommu(layout: LayoutBuilder, name: string, frameBase: number, ramFrames: number, windowSlots: number): IommuPlacement {
  assertInternal(frameBase > 0 && frameBase % PAGE_SIZE === 0, 'IOMMU_BASE', `${name}: frame base ${frameBase} is no page address above 0`);
  const table = layout.reserve(`${name}.iommu`, (ramFrames + windowSlots) * 16, { align: 128 });
  const faultRecord = layout.reserve(`${name}.fault`, FAULT_RECORD_BYTES, { align: 128 });
  return { table, faultRecord, frameBase, ramFrames, windowSlots };
}

/**
 * One device's address space: a page table in machine memory that the HAL fills on the main thread and the device's
 * engine checks before every access, from any thread (rule A36; hal section 9).
 *
 *     frameBase + pfn * 4096      RAM frame pfn, seen without translation; entries for RAM frames only
 *     windowBase + slot * 4096    a page of the translation window, pointing at any frame
 *
 *     entry   | frame | writes << 16 | reads | mapping id | spare |      16 bytes; live while a count is not 0
 *
 * It has the shape of the HAL's `DmaDomain` without importing it: hardware knows nothing of the HAL.
 */
export class IommuDomain {
  readonly frameBase: number;
  readonly windowBase: number;
  readonly windowSlots: number;
  readonly #memory: MachineMemory;
  readonly #words: Int32Array;
  readonly #table: number;
  readonly #fault: number;
  /** Logical address of the first entry's page. */
  readonly #firstAddress: number;
  readonly #lengthBytes: number;
  readonly #onFault: FaultSink;
  /** Called before the device reads memory; null (default): nobody. */
  beforeRead: (() => void) | null = null;
  /** Told of every access that is let through, by byte offset in memory; null when nobody asks. */
  onAccess: ((address: number, lengthBytes: number, isWrite: boolean) => void) | null = null;

  constructor(memory: MachineMemory, placement: IommuPlacement, firstRamFrame: number, onFault: FaultSink) {
    this.frameBase = placement.frameBase;
    this.windowSlots = placement.windowSlots;
    this.windowBase = placement.frameBase + (firstRamFrame + placement.ramFrames) * PAGE_SIZE;
    this.#firstAddress = placement.frameBase + firstRamFrame * PAGE_SIZE;
    this.#lengthBytes = (placement.ramFrames + placement.windowSlots) * PAGE_SIZE;
    // Differences of addresses are handled as 32-bit integers below; addresses themselves never are.
    assertInternal(this.#lengthBytes < 2 ** 31, 'IOMMU_SIZE', `the domain spans ${this.#lengthBytes} bytes, 2 GiB is its limit`);
    this.#memory = memory;
    this.#words = memory.i32;
    this.#table = placement.table >> 2;
    this.#fault = placement.faultRecord >> 2;
    this.#onFault = onFault;
  }

  /** First logical address beyond the domain. */
  get endAddress(): number {
    return this.#firstAddress + this.#lengthBytes;
  }

  /** Logical address of a RAM frame in the untranslated part. */
  frameAddress(pfn: number): number {
    return this.frameBase + pfn * PAGE_SIZE;
  }

  /** Logical address of a window slot. */
  windowAddress(slot: number): number {
    return this.windowBase + slot * PAGE_SIZE;
  }

  /**
   * Opens the page that begins at logical address `logicalPage` for `access` (bits of BusAccess); opened twice it
   * must be closed twice. Main thread only.
   */
  open(logicalPage: number, frame: number, access: number, mappingId: number): void {
    const at = this.#entry(logicalPage);
    const words = this.#words;
    words[at + Entry.Frame] = frame;
    words[at + Entry.MappingId] = mappingId;
    if ((access & BusAccess.Write) !== 0) this.#memory.touch(frame * PAGE_SIZE, PAGE_SIZE);
    // The counts make the entry live: released last.
    atomics.add(words, at + Entry.Counts, countsOf(access));
  }

  /** Undoes one `open`. A device that goes on using the page faults. */
  close(logicalPage: number, access: number): void {
    const at = this.#entry(logicalPage);
    const counts = this.#words[at + Entry.Counts]!;
    const reads = counts & 0xffff;
    const writes = counts >>> 16;
    const open = ((access & BusAccess.Read) === 0 || reads > 0) && ((access & BusAccess.Write) === 0 || writes > 0);
    if (!open) throw new InternalError('IOMMU_CLOSE', `page 0x${logicalPage.toString(16)} is closed more often than it was opened`);
    atomics.add(this.#words, at + Entry.Counts, -countsOf(access));
  }

  /** Pages open now for any access: none are left when every mapping has been undone. */
  openPages(): number {
    let count = 0;
    const end = this.#table + (this.#lengthBytes >> PAGE_SHIFT) * 4;
    for (let at = this.#table; at < end; at += 4) if (this.#words[at + Entry.Counts] !== 0) count++;
    return count;
  }

  /** Closes everything and forgets all faults. */
  reset(): void {
    this.#words.fill(0, this.#table, this.#table + (this.#lengthBytes >> PAGE_SHIFT) * 4);
    this.#words.fill(0, this.#fault, this.#fault + FAULT_RECORD_BYTES / 4);
  }

  #entry(logicalPage: number): number {
    const delta = logicalPage - this.#firstAddress;
    const known = delta >= 0 && delta < this.#lengthBytes && ((delta | 0) & (PAGE_SIZE - 1)) === 0;
    // No assert call: its message would be worked out at every map and flush.
    if (!known)
      throw new InternalError(
        'IOMMU_PAGE',
        `0x${logicalPage.toString(16)} is no page of the domain 0x${this.#firstAddress.toString(16)}..0x${this.endAddress.toString(16)}`,
      );
    return this.#table + ((delta >> PAGE_SHIFT) << ENTRY_SHIFT);
  }

  /**
   * Byte offset in memory of `lengthBytes` at `high:low + advance`, all within one page (callers split at pages), or
   * TRANSLATION_FAULT after recording the fault. The address travels in two words so that no heap number is made.
   */
  translate(high: number, low: number, advance: number, lengthBytes: number, access: BusAccess, channel: number): number {
    if (this.beforeRead !== null && access === BusAccess.Read) this.beforeRead();
    const offset = this.probe(high, low, advance, access);
    if (offset === TRANSLATION_FAULT) return this.#refuse(high, low, advance, lengthBytes, access, channel);
    if (this.onAccess !== null) this.onAccess(offset, lengthBytes, access === BusAccess.Write);
    return offset;
  }

  /** As `translate`, but a refusal leaves no trace. */
  probe(high: number, low: number, advance: number, access: BusAccess): number {
    const delta = (high >>> 0) * 0x1_0000_0000 + (low >>> 0) + advance - this.#firstAddress;
    if (delta < 0 || delta >= this.#lengthBytes) return TRANSLATION_FAULT;
    const offset = delta | 0;
    const at = this.#table + ((offset >> PAGE_SHIFT) << ENTRY_SHIFT);
    const counts = this.#words[at + Entry.Counts]!;
    if ((access === BusAccess.Read ? counts & 0xffff : counts >>> 16) === 0) return TRANSLATION_FAULT;
    return (this.#words[at + Entry.Frame]! << PAGE_SHIFT) + (offset & (PAGE_SIZE - 1));
  }

  /** Whether some page of the domain lies at `high:low`, mapped or not. */
  covers(high: number, low: number): boolean {
    const delta = (high >>> 0) * 0x1_0000_0000 + (low >>> 0) - this.#firstAddress;
    return delta >= 0 && delta < this.#lengthBytes;
  }

  /** The first fault is the one that explains the others: it is kept until the main thread has taken it. */
  #refuse(high: number, low: number, advance: number, lengthBytes: number, access: BusAccess, channel: number): number {
    const words = this.#words;
    const at = this.#fault;
    words[at + Fault.Total] = (words[at + Fault.Total]! + 1) | 0;
    if (atomics.load(words, at + Fault.Valid) === 0) {
      const address = (high >>> 0) * 0x1_0000_0000 + (low >>> 0) + advance;
      const delta = address - this.#firstAddress;
      const inside = delta >= 0 && delta < this.#lengthBytes;
      const entry = inside ? this.#table + ((delta >> PAGE_SHIFT) << ENTRY_SHIFT) : 0;
      const counts = inside ? words[entry + Entry.Counts]! : 0;
      words[at + Fault.AddressLow] = address % 0x1_0000_0000;
      words[at + Fault.AddressHigh] = Math.floor(address / 0x1_0000_0000);
      words[at + Fault.Access] = access;
      words[at + Fault.Kind] = !inside ? FaultKind.OutsideDomain : counts === 0 ? FaultKind.NotMapped : FaultKind.WrongDirection;
      words[at + Fault.MappingId] = inside ? words[entry + Entry.MappingId]! : 0;
      words[at + Fault.Channel] = channel;
      words[at + Fault.LengthBytes] = lengthBytes;
      atomics.store(words, at + Fault.Valid, 1);
    }
    this.#onFault.faultRaised();
    return TRANSLATION_FAULT;
  }

  /** Takes the recorded fault, null when there is none. Main thread only. */
  takeFault(): DeviceFault | null {
    const words = this.#words;
    const at = this.#fault;
    if (atomics.load(words, at + Fault.Valid) === 0) return null;
    const fault: DeviceFault = {
      address: (words[at + Fault.AddressHigh]! >>> 0) * 0x1_0000_0000 + (words[at + Fault.AddressLow]! >>> 0),
      lengthBytes: words[at + Fault.LengthBytes]!,
      access: words[at + Fault.Access]! as BusAccess,
      kind: words[at + Fault.Kind]! as FaultKind,
      mappingId: words[at + Fault.MappingId]!,
      channel: words[at + Fault.Channel]!,
      total: words[at + Fault.Total]!,
    };
    atomics.store(words, at + Fault.Valid, 0);
    return fault;
  }
}

/** Is told that a fault was recorded: the interrupt controller's attention bit. */
export interface FaultSink {
  faultRaised(): void;
}

const countsOf = (access: number): number =>
  ((access & BusAccess.Read) === 0 ? 0 : 1) + ((access & BusAccess.Write) === 0 ? 0 : WRITE_COUNT_ONE);

/** The finding a fault is: rule A36, which Windows answers with bug check 0xE6, first parameter 0x26. */
export function faultViolation(device: string, objectId: number, fault: DeviceFault): Violation {
  const verb = fault.access === BusAccess.Read ? 'reads' : 'writes';
  const address = `0x${fault.address.toString(16)}`;
  const owner = fault.mappingId === 0 ? 'nothing was ever mapped there' : `mapping ${fault.mappingId} was there last`;
  return {
    rule: 'A36',
    severity: 'crash',
    object: `${device}#${objectId}`,
    message: `channel ${fault.channel} of ${device} ${verb} ${fault.lengthBytes} bytes at logical address ${address}: ${faultText[fault.kind]} (${owner})`,
    bugCheck: { code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [0x26, `${device}#${objectId}`, address, fault.kind] },
  };
}
