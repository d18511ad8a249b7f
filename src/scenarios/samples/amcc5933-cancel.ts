import { defineScenario } from '../../index.js';
import { amcc5933CancelDriver } from './amcc5933-cancel-driver.js';
import { amcc5933 } from './amcc5933.js';

export const amcc5933Cancel = defineScenario({
  name: 'amcc5933-cancel',
  title:
    'two AMCC5933 boards with cancellation on one interrupt line and too few map registers: withdrawn while waiting, stopped while running',
  kind: 'sample',
  devices: ['amcc-a', 'amcc-b'].map((name) => ({ name, model: 's5933', params: { burstBytes: 512 }, driver: amcc5933CancelDriver })),
  workload: { outstanding: 8, minBytes: 64, maxBytes: 16384, maxMdls: 2 },
  // Too few for both boards at once: transactions wait for them, and can be withdrawn.
  machine: { mapRegisters: 4 },
  survives: amcc5933.survives,
});
