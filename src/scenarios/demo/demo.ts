import { defineScenario } from '../../index.js';
import { plx9x5xDriver } from '../samples/plx9x5x-driver.js';
import { ringDriver } from '../samples/ring-driver.js';

export const demo = defineScenario({
  name: 'demo',
  title: 'both sample devices at once, each on an engine thread of its own',
  kind: 'demo',
  devices: [
    { name: 'plx', model: 'plx9656', driver: plx9x5xDriver, workload: { outstanding: 4, maxBytes: 32768, maxMdls: 1 } },
    { name: 'ring', model: 'sgring', driver: ringDriver, workload: { outstanding: 64 } },
  ],
  workload: { minBytes: 64, maxBytes: 65536 },
  survives: ['partial-count', 'late-completion', 'stall', 'allocation-failure', 'short-map', 'delayed-grant'],
});
