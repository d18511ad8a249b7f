import type { Machine } from './machine.js';

/**
 * What is left when everything should be gone: requests, map registers, channels, lists, common buffers, mappings.
 * The adapters' own checks (rules A09 to A12) ran when their enablers were deleted; here stands what no adapter sees.
 */
export function auditMachine(machine: Machine): void {
  const { kernel } = machine;
  for (const { name, view, workload, device } of machine.devices) {
    const report = (rule: string, message: string): void => kernel.violation({ rule, severity: 'error', object: name, message });
    if (workload !== null && workload.outstanding > 0) report('C14', `${workload.outstanding} requests of ${name} were never completed`);
    const openPages = view.iommu.openPages();
    if (openPages > 0) report('L-LEAK', `${openPages} pages are still mapped for ${name} after its removal`);
    if (device !== null && !device.isDestroyed)
      report('L-LEAK', `the device object of ${name} still has ${device.references} references after its removal`);
  }
  const { free, total } = machine.platform.pool;
  if (free !== total)
    kernel.violation({
      rule: 'A11',
      severity: 'error',
      object: 'map register pool',
      message: `${total - free} of ${total} map registers are still allocated after every adapter was released`,
    });
}
