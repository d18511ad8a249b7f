import { DRIVER_VERIFIER_DMA_VIOLATION } from '../nt/index.js';
import type { AdapterResources } from './adapter-resources.js';
import { dmaViolation } from './hal-fault.js';
import type { MapRegisterGrant } from './map-register-grant.js';
import { chainLengthBytes, type Mdl } from './mdl.js';

/** Rules A15, A16, A26, A31, A32 and A34, before a range is mapped. */
export function checkMap(adapter: AdapterResources, grant: MapRegisterGrant, mdl: Mdl | null, offset: number, lengthBytes: number): void {
  if (!adapter.platform.dmaVerification) return;
  const { kernel, label } = adapter;
  if (grant.isMapped) {
    dmaViolation(
      kernel,
      'A15',
      'crash',
      label,
      `${label} maps ${lengthBytes} bytes while ${grant.lengthBytes} bytes mapped before were not flushed`,
      0x0d,
      grant.lengthBytes,
      lengthBytes,
    );
  }
  if (lengthBytes === 0) dmaViolation(kernel, 'A31', 'crash', label, `${label} is asked to map zero bytes`, 0x21);
  const chainBytes = chainLengthBytes(mdl);
  if (mdl !== null && (offset < 0 || offset >= chainBytes)) {
    dmaViolation(
      kernel,
      'A26',
      'crash',
      label,
      `${label} is asked to map from byte ${offset} of a buffer of ${chainBytes} bytes`,
      0x1b,
      offset,
      chainBytes,
    );
  }
  if (offset + lengthBytes > chainBytes) {
    dmaViolation(
      kernel,
      'A34',
      'crash',
      label,
      `${label} is asked to map ${lengthBytes} bytes from byte ${offset}, ${offset + lengthBytes - chainBytes} more than the buffer has`,
      0x24,
      offset + lengthBytes - chainBytes,
    );
  }
  for (let at = mdl; at !== null; at = at.next) {
    if (!at.pagesLocked)
      dmaViolation(
        kernel,
        'A16',
        'crash',
        label,
        `${label} is asked to map a buffer whose pages are not locked in memory`,
        0x0e,
        at.virtualAddress,
      );
    if (!at.hasSystemAddress && adapter.platform.addressing === 'bounce')
      dmaViolation(
        kernel,
        'A32',
        'crash',
        label,
        `${label} is asked to map a buffer that has no address in system space, and must copy it through bounce pages`,
        0x22,
        at.virtualAddress,
      );
  }
}

/** Rule A27, when a range is about to be mapped: the adapter must not have a live mapping of any of its bytes. */
export function checkNotMapped(adapter: AdapterResources, mdl: Mdl | null, offset: number, lengthBytes: number): void {
  if (!adapter.platform.dmaVerification || mdl === null) return;
  for (let at = mdl.firstMapping; at !== null; at = at.nextOfMdl) {
    if (at.adapter !== adapter || at.offset >= offset + lengthBytes || offset >= at.offset + at.lengthBytes) continue;
    dmaViolation(
      adapter.kernel,
      'A27',
      'crash',
      adapter.label,
      `${adapter.label} maps bytes ${offset} to ${offset + lengthBytes} of a buffer of which it has bytes ${at.offset} to ${at.offset + at.lengthBytes} mapped already`,
      0x1d,
      mdl.virtualAddress + offset,
      mdl.virtualAddress + offset + lengthBytes,
      mdl.virtualAddress + at.offset,
    );
  }
}

/** Rule A29: the version-2 list routines are given an address that lies in the first MDL. */
export function checkInFirstMdl(adapter: AdapterResources, mdl: Mdl | null, currentVa: number): void {
  if (!adapter.platform.dmaVerification || mdl === null) return;
  const offset = currentVa - mdl.virtualAddress;
  if (offset >= 0 && offset < mdl.byteCount) return;
  dmaViolation(
    adapter.kernel,
    'A29',
    'crash',
    adapter.label,
    `${adapter.label} is asked for a list from an address ${offset < 0 ? `${-offset} bytes before` : `${offset - mdl.byteCount} bytes behind`} the ${mdl.byteCount} bytes of the first MDL`,
    0x1f,
    offset < 0 ? 1 : 2,
    currentVa,
    mdl.virtualAddress,
  );
}

/** Rules A01 and A23. Flushing nothing of nothing is what KMDF does when a transfer is given up before it was mapped. */
export function checkFlush(adapter: AdapterResources, grant: MapRegisterGrant, lengthBytes: number): void {
  if (!adapter.platform.dmaVerification || lengthBytes === 0) return;
  const { kernel, label } = adapter;
  if (!grant.isMapped) {
    dmaViolation(
      kernel,
      'A23',
      'crash',
      label,
      `${label} is asked to flush ${lengthBytes} bytes, and nothing is mapped`,
      0x16,
      grant.handle,
    );
  }
  if (lengthBytes > grant.lengthBytes) {
    dmaViolation(
      kernel,
      'A01',
      'crash',
      label,
      `${label} is asked to flush ${lengthBytes} bytes of ${grant.lengthBytes} that are mapped`,
      0x00,
      1,
      grant.lengthBytes,
      lengthBytes,
    );
  }
}

/** Rules A15 (channel) and A18 (registers): what is freed must have been flushed. */
export function checkUnmapped(adapter: AdapterResources, grant: MapRegisterGrant, rule: 'A15' | 'A18', code: number): void {
  if (!adapter.platform.dmaVerification || !grant.isMapped) return;
  adapter.kernel.violation({
    rule,
    severity: 'crash',
    object: adapter.label,
    message: `${adapter.label} gives ${grant.registers} map registers back while ${grant.lengthBytes} bytes (${grant.pieces} pages) are mapped and not flushed`,
    bugCheck: { code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [code, grant.pieces, grant.lengthBytes] },
  });
}
