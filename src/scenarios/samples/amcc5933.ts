import { defineScenario } from '../../index.js';
import { amcc5933Driver } from './amcc5933-driver.js';

export const amcc5933 = defineScenario({
  name: 'amcc5933',
  title: 'the AMCC5933 sample: packet profile, one operation at a time, a transaction made for each request, cancellation polled',
  kind: 'sample',
  devices: [{ name: 'amcc', model: 's5933', driver: amcc5933Driver }],
  // One MDL a request: version 2 packet transactions take no chains.
  workload: { outstanding: 8, minBytes: 64, maxBytes: 65536, maxMdls: 1 },
  // Everything but a hang, for which it would need a watchdog.
  survives: [
    'partial-count',
    'error-completion',
    'abort-completion',
    'late-completion',
    'duplicate-interrupt',
    'spurious-interrupt',
    'stall',
    'allocation-failure',
    'short-map',
    'delayed-grant',
  ],
});
