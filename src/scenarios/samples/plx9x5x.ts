import { defineScenario } from '../../index.js';
import { plx9x5xDriver } from './plx9x5x-driver.js';

export const plx9x5x = defineScenario({
  name: 'plx9x5x',
  title: 'the PLX9x5x sample: two channels, chains of transfer elements, one read and one write at a time',
  kind: 'sample',
  devices: [{ name: 'plx', model: 'plx9656', driver: plx9x5xDriver }],
  // One MDL a request: the sample's table holds three elements, enough for 8 KiB with ragged ends of a single buffer.
  workload: { outstanding: 8, minBytes: 64, maxBytes: 16384, maxMdls: 1 },
  // Of a write only whole transfers can be told: an error or abort passes for success (L-DATA).
  survives: [
    'partial-count',
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
