import { defineScenario } from '../../index.js';
import { plx9x5xCancelDriver } from './plx9x5x-cancel-driver.js';

export const plx9x5xCancel = defineScenario({
  name: 'plx9x5x-cancel',
  title: 'the PLX9x5x driver with cancellation: withdrawn while waiting, aborted through DMACSR while running',
  kind: 'sample',
  devices: [{ name: 'plx', model: 'plx9656', params: { burstBytes: 512 }, driver: plx9x5xCancelDriver }],
  workload: { outstanding: 8, minBytes: 64, maxBytes: 16384, maxMdls: 1 },
  // Too few map registers for a read and a write at once: transactions wait for them, and can be withdrawn.
  machine: { mapRegisters: 3 },
  // Both channels write back what they did not move, so what failed or was aborted is moved again.
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
