import { defineScenario } from '../../index.js';
import { pcidrvDriver } from './pcidrv-driver.js';

export const pcidrv = defineScenario({
  name: 'pcidrv',
  title: 'a network controller: a transaction a frame, command block ring, receive list, frames looped back to waiting reads',
  kind: 'sample',
  devices: [{ name: 'net', model: 'e100', driver: pcidrvDriver }],
  workload: { traffic: 'loopback', outstanding: 24, minBytes: 60, maxBytes: 1512, maxMdls: 1 },
  // Fewer frames at once than the application would like: some writes wait in the pending queue.
  machine: { mapRegisters: 12 },
  survives: [
    'error-completion',
    'late-completion',
    'duplicate-interrupt',
    'spurious-interrupt',
    'stall',
    'hang',
    'allocation-failure',
    'delayed-grant',
  ],
});
