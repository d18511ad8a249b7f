import { PAGE_SIZE, type MachineMemory } from '../memory/index.js';
import { assertInternal } from '../nt/index.js';
import { DomainAccess, type DmaDomain } from './dma-domain.js';
import type { Addressing } from './hal-policy.js';
import type { LogicalWindow } from './logical-window.js';
import type { MapRegisterGrant } from './map-register-grant.js';

/** Logical address of register 0 of grant n on a platform without memory: a place of its own for each grant. */
const BARE_WINDOW_BASE = 0x4000_0000;
const BARE_WINDOW_STRIDE = 0x10_0000;

/**
 * Makes the pages of a mapping visible to the device and takes them away again.
 *
 * With bounce pages the device never sees the caller's frames: a write is copied in when it is mapped, a read is
 * copied out at the flush, exactly the flushed bytes. A missing or short flush therefore shows in the payload.
 */
export class PageMapper {
  constructor(
    readonly addressing: Addressing,
    readonly memory: MachineMemory | null,
  ) {}

  /** Logical address of the grant's first register; -1 when frames are seen directly. */
  windowAddress(grant: MapRegisterGrant, window: LogicalWindow | null): number {
    if (this.addressing === 'direct') return -1;
    if (window === null) return BARE_WINDOW_BASE + BARE_WINDOW_STRIDE * grant.number;
    return window.address(grant.windowSlot);
  }

  /** Opens the pieces the walk left in the grant. */
  open(grant: MapRegisterGrant, domain: DmaDomain | null, isWrite: boolean): void {
    grant.isMapped = true;
    grant.isWrite = isWrite;
    if (domain !== null) this.#openPages(grant, domain, isWrite ? DomainAccess.Read : DomainAccess.Write);
    if (isWrite && this.#bounces) this.#copy(grant, Infinity, true);
  }

  /** Ends the mapping; of a bounced read the first `flushedBytes` reach the caller. */
  close(grant: MapRegisterGrant, domain: DmaDomain | null, flushedBytes: number): void {
    if (!grant.isMapped) return;
    if (domain !== null) this.#closePages(grant, domain, grant.isWrite ? DomainAccess.Read : DomainAccess.Write);
    if (!grant.isWrite && this.#bounces) this.#copy(grant, flushedBytes, false);
    grant.isMapped = false;
    grant.pieces = 0;
    grant.mdl = null;
  }

  get #bounces(): boolean {
    return this.addressing === 'bounce' && this.memory !== null;
  }

  #openPages(grant: MapRegisterGrant, domain: DmaDomain, access: number): void {
    const first = this.#firstPage(grant, domain);
    for (let k = 0; k < grant.pieces; k++) {
      const callerFrame = Math.floor(grant.callerAddress[k]! / PAGE_SIZE);
      const frame = this.#bounces ? grant.bounceFrames[k]! : callerFrame;
      domain.open(first + (this.addressing === 'direct' ? callerFrame : k) * PAGE_SIZE, frame, access, grant.handle);
    }
  }

  #closePages(grant: MapRegisterGrant, domain: DmaDomain, access: number): void {
    const first = this.#firstPage(grant, domain);
    for (let k = 0; k < grant.pieces; k++) {
      const page = this.addressing === 'direct' ? Math.floor(grant.callerAddress[k]! / PAGE_SIZE) : k;
      domain.close(first + page * PAGE_SIZE, access);
    }
  }

  #firstPage(grant: MapRegisterGrant, domain: DmaDomain): number {
    return this.addressing === 'direct' ? domain.frameBase : domain.windowBase + grant.windowSlot * PAGE_SIZE;
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
}
