import { defineScenario } from '../../index.js';
import { systemDmaDriver } from './systemdma-driver.js';

export const systemdma = defineScenario({
  name: 'systemdma',
  title:
    'devices without bus mastering or interrupts: three request lines share two channels of the system DMA controller, demand mode, cancellation and a timer',
  kind: 'sample',
  devices: ['port-a', 'port-b', 'port-c'].map((name) => ({ name, model: 'sdma-port', driver: systemDmaDriver })),
  workload: { outstanding: 4, minBytes: 64, maxBytes: 16384, maxMdls: 2 },
  survives: ['allocation-failure', 'short-map', 'delayed-grant'],
});
