import { defineScenario } from '../../index.js';
import { ringDriver } from './ring-driver.js';

export const ring = defineScenario({
  name: 'ring',
  title: 'a modern ring engine: one transaction a request, many in flight, MDL chains, one message a channel',
  kind: 'sample',
  devices: [{ name: 'ring', model: 'sgring', driver: ringDriver }],
  workload: { outstanding: 64, minBytes: 64, maxBytes: 16384 },
  // Fewer than the requests in flight would like at their largest: some wait for map registers.
  machine: { mapRegisters: 160 },
  survives: [
    'partial-count',
    'error-completion',
    'abort-completion',
    'late-completion',
    'duplicate-interrupt',
    'spurious-interrupt',
    'stall',
    'hang',
    'allocation-failure',
    'short-map',
    'delayed-grant',
  ],
});
