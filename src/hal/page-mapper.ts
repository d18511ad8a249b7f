import { PAGE_SIZE, type MachineMemory } from '../memory/index.js';
import { assertInternal } from '../nt/index.js';
import { DomainAccess, type DmaDomain } from './dma-domain.js';
import { dmaViolation } from './hal-fault.js';
import type { Addressing } from './hal-policy.js';
import { NO_SLOT, type LogicalWindow } from './logical-window.js';
import type { MapRegisterGrant } from './map-register-grant.js';
import type { Mdl } from './mdl.js';

/** Logical address of register 0 of grant n on a platform without memory: a place of its own for each grant. */
const BARE_WINDOW_BASE = 0x4000_0000;
const BARE_WINDOW_STRIDE = 0x10_0000;

/** What DMA verification puts around a mapping in a bounce page. */
const GUARD = 0x0f;
const GUARD_WORD = 0x0f0f_0f0f;

/**
 * Makes the pages of a mapping visible to the device and takes them away again.
 *
 * With bounce pages the device never sees the caller's frames: a write is copied in when it is mapped, a read is
 * copied out at the flush, exactly the flushed bytes. A missing or short flush therefore shows in the payload.
 */
export class PageMapper {
  readonly #bounces: boolean;

  constructor(
    readonly addressing: Addressing,
    readonly memory: MachineMemory | null,
    /** Bounce pages carry guard bytes around what is mapped (rule A17). */
    readonly isGuarded: boolean,
  ) {
    this.#bounces = addressing === 'bounce' && memory !== null;
  }

  /** Logical address of the grant's first register; -1 when frames are seen directly. */
  windowAddress(grant: MapRegisterGrant, window: LogicalWindow | null): number {
    if (window !== null) return window.address(grant.windowSlot);
    return this.addressing === 'direct' ? -1 : BARE_WINDOW_BASE + BARE_WINDOW_STRIDE * grant.number;
  }

  /** Opens the pieces the walk left in the grant. */
  open(grant: MapRegisterGrant, domain: DmaDomain | null, isWrite: boolean): void {
    grant.isMapped = true;
    grant.isWrite = isWrite;
    const { mdl } = grant;
    if (mdl !== null) {
      grant.nextOfMdl = mdl.firstMapping;
      mdl.firstMapping = grant;
    }
    if (domain !== null) this.#openPages(grant, domain, isWrite ? DomainAccess.Read : DomainAccess.Write);
    if (!this.#bounces) return;
    if (isWrite) this.#copy(grant, Infinity, true);
    else if (this.isGuarded) this.#guard(grant);
  }

  /** Ends the mapping; of a bounced read the first `flushedBytes` reach the caller. */
  close(grant: MapRegisterGrant, domain: DmaDomain | null, flushedBytes: number): void {
    if (!grant.isMapped) return;
    if (domain !== null) this.#closePages(grant, domain, grant.isWrite ? DomainAccess.Read : DomainAccess.Write);
    if (!grant.isWrite && this.#bounces) {
      if (this.isGuarded) this.#checkGuards(grant);
      this.#copy(grant, flushedBytes, false);
    }
    if (grant.mdl !== null) unlinkMapping(grant.mdl, grant);
    grant.isMapped = false;
    grant.pieces = 0;
    grant.mdl = null;
  }

  #openPages(grant: MapRegisterGrant, domain: DmaDomain, access: number): void {
    const first = this.#firstPage(grant, domain);
    const isWindow = grant.windowSlot !== NO_SLOT;
    for (let k = 0; k < grant.pieces; k++) {
      const callerFrame = Math.floor(grant.callerAddress[k]! / PAGE_SIZE);
      const frame = this.#bounces ? grant.bounceFrames[k]! : callerFrame;
      domain.open(first + (isWindow ? k : callerFrame) * PAGE_SIZE, frame, access, grant.handle);
    }
  }

  #closePages(grant: MapRegisterGrant, domain: DmaDomain, access: number): void {
    const first = this.#firstPage(grant, domain);
    const isWindow = grant.windowSlot !== NO_SLOT;
    for (let k = 0; k < grant.pieces; k++) {
      const page = isWindow ? k : Math.floor(grant.callerAddress[k]! / PAGE_SIZE);
      domain.close(first + page * PAGE_SIZE, access);
    }
  }

  #firstPage(grant: MapRegisterGrant, domain: DmaDomain): number {
    return grant.windowSlot === NO_SLOT ? domain.frameBase : domain.windowBase + grant.windowSlot * PAGE_SIZE;
  }

  #copy(grant: MapRegisterGrant, lengthBytes: number, intoBounce: boolean): void {
    const memory = this.memory!;
    let left = lengthBytes;
    for (let k = 0; k < grant.pieces && left > 0; k++) {
      const caller = grant.callerAddress[k]!;
      const bounce = grant.bounceFrames[k]! * PAGE_SIZE + (caller % PAGE_SIZE);
      const bytes = Math.min(grant.pieceBytes[k]!, left);
      assertInternal(bounce !== caller, 'HAL_BOUNCE', "a bounce page is the caller's own page");
      if (intoBounce) memory.copy(bounce, caller, bytes);
      else memory.copy(caller, bounce, bytes);
      left -= bytes;
    }
  }

  /** Fills what lies before and after the mapped bytes of each page. */
  #guard(grant: MapRegisterGrant): void {
    for (let k = 0; k < grant.pieces; k++) {
      const page = grant.bounceFrames[k]! * PAGE_SIZE;
      const start = grant.callerAddress[k]! % PAGE_SIZE;
      const end = start + grant.pieceBytes[k]!;
      this.memory!.fill(page, GUARD, start);
      this.memory!.fill(page + end, GUARD, PAGE_SIZE - end);
    }
  }

  /** A device that wrote outside of what it was given changed a guard byte: the page itself was open to it. */
  #checkGuards(grant: MapRegisterGrant): void {
    for (let k = 0; k < grant.pieces; k++) {
      const page = grant.bounceFrames[k]! * PAGE_SIZE;
      const start = page + (grant.callerAddress[k]! % PAGE_SIZE);
      const end = start + grant.pieceBytes[k]!;
      const before = this.#firstOther(page, start);
      if (before >= 0) this.#reportGuard(grant, 4, start - before, 'before', before);
      const after = this.#firstOther(end, page + PAGE_SIZE);
      if (after >= 0) this.#reportGuard(grant, 5, after - end, 'after', after);
    }
  }

  #reportGuard(grant: MapRegisterGrant, code: number, distance: number, where: 'before' | 'after', address: number): void {
    const { kernel, label } = grant.adapter!;
    dmaViolation(
      kernel,
      'A17',
      'crash',
      label,
      `the device of ${label} wrote ${distance} bytes ${where} the ${grant.lengthBytes} bytes that were mapped for it`,
      0x0f,
      code,
      grant.handle,
      address,
    );
  }

  /** First byte in the range that is no guard byte, -1 when all are; by words where it can. */
  #firstOther(from: number, to: number): number {
    const { u8, i32 } = this.memory!;
    let at = from;
    while (at < to) {
      if (at % 4 === 0 && at + 4 <= to && i32[at / 4] === GUARD_WORD) at += 4;
      else if (u8[at] === GUARD) at++;
      else return at;
    }
    return -1;
  }
}

function unlinkMapping(mdl: Mdl, grant: MapRegisterGrant): void {
  let before: MapRegisterGrant | null = null;
  for (let at = mdl.firstMapping; at !== null && at !== grant; at = at.nextOfMdl) before = at;
  if (before === null) mdl.firstMapping = grant.nextOfMdl;
  else before.nextOfMdl = grant.nextOfMdl;
  grant.nextOfMdl = null;
}
