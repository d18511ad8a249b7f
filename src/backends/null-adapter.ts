import { WdmDmaAdapter } from '../hal/index.js';

const NULL_READ = /^Cannot read properties of (?:null|undefined) \(reading '(\w+)'\)$/;

/**
 * The DMA operation a driver called on NULL instead of an adapter - what WdfDmaEnablerWdmGetDmaAdapter answers for a
 * direction that is not configured, and IoGetDmaAdapter when there is none - or null when `error` is something else.
 */
export function operationOnNullAdapter(error: unknown): string | null {
  if (!(error instanceof TypeError)) return null;
  const name = NULL_READ.exec(error.message)?.[1];
  return name !== undefined && isDmaOperation(name) ? name : null;
}

/** Operations are called by drivers; what the framework alone asks an adapter, drivers may have under the same name. */
function isDmaOperation(name: string): boolean {
  const starts = /^(?:allocate|build|calculate|cancel|configure|flush|free|get|initializeDma|map|put|readDma)/;
  return starts.test(name) && name in WdmDmaAdapter.prototype;
}
