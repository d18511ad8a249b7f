import { defineScenario } from '../../index.js';
import { systemDmaDeadlineDriver } from './systemdma-deadline.js';

/** Small enough to be explored to the last schedule. */
export const systemdmaCancel = defineScenario({
  name: 'systemdma-cancel',
  title:
    'the documented cancel pattern of system-mode DMA: I/O, cancellation and a timer, whoever drops the last part completes; one request',
  kind: 'sample',
  devices: [{ name: 'port', model: 'sdma-port', driver: systemDmaDeadlineDriver }],
  workload: {
    requests: 1,
    outstanding: 1,
    applications: 1,
    readsPercent: 0,
    minBytes: 64,
    maxBytes: 64,
    maxMdls: 1,
    cancelPerMillion: 1_000_000,
  },
});
