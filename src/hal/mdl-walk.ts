import { PAGE_SIZE } from '../memory/index.js';
import type { MapRegisterGrant } from './map-register-grant.js';
import type { Mdl } from './mdl.js';
import type { ScatterGatherList } from './scatter-gather-list.js';

/** No bound on registers or elements. */
export const UNLIMITED = 0x7fffffff;

/**
 * Walks a byte range of an MDL chain page by page: the arithmetic under every mapping.
 *
 * Each piece within one page uses one map register. A piece joins the element before it when that element ends
 * exactly at its address and both belong to the same MDL; an MDL always starts a new element. The walk stops before
 * the piece that would break a limit, and ends early when the chain is too short. Results stay in the fields, so that
 * walking allocates nothing.
 */
export class MdlWalk {
  lengthBytes = 0;
  registers = 0;
  elements = 0;

  /**
   * `windowAddress`: logical address of register 0, pages behind it in the order of the walk; -1 when the device sees
   * frames at `frameBase`. `grant` receives the pieces, `list` the elements; either may be null.
   */
  run(
    first: Mdl | null,
    offset: number,
    lengthBytes: number,
    maxRegisters: number,
    maxElements: number,
    windowAddress: number,
    frameBase: number,
    grant: MapRegisterGrant | null,
    list: ScatterGatherList | null,
  ): void {
    this.lengthBytes = 0;
    this.registers = 0;
    this.elements = 0;
    let skip = offset;
    let left = lengthBytes;
    for (let mdl = first; mdl !== null && left > 0; mdl = mdl.next) {
      if (skip >= mdl.byteCount) {
        skip -= mdl.byteCount;
        continue;
      }
      const end = Math.min(mdl.byteCount, skip + left);
      left -= end - skip;
      if (!this.#walkMdl(mdl, skip, end, maxRegisters, maxElements, windowAddress, frameBase, grant, list)) return;
      skip = 0;
    }
  }

  #walkMdl(
    mdl: Mdl,
    start: number,
    end: number,
    maxRegisters: number,
    maxElements: number,
    windowAddress: number,
    frameBase: number,
    grant: MapRegisterGrant | null,
    list: ScatterGatherList | null,
  ): boolean {
    let elementEnd = -1;
    let at = start;
    while (at < end) {
      if (this.registers === maxRegisters) return false;
      const callerAddress = mdl.physicalAddress(at);
      const inPage = callerAddress % PAGE_SIZE;
      const bytes = Math.min(PAGE_SIZE - inPage, end - at);
      const address = windowAddress < 0 ? frameBase + callerAddress : windowAddress + this.registers * PAGE_SIZE + inPage;
      if (address === elementEnd) {
        list?.extendLast(bytes);
      } else {
        if (this.elements === maxElements) return false;
        this.elements++;
        list?.append(address, bytes);
      }
      grant?.addPiece(callerAddress, bytes);
      elementEnd = address + bytes;
      this.registers++;
      this.lengthBytes += bytes;
      at += bytes;
    }
    return true;
  }
}
