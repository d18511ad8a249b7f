import { defineScenario } from '../../index.js';
import { systemDmaDuplexDriver, systemDmaLoopDriver } from './systemdma-driver.js';

export const systemdmaLoop = defineScenario({
  name: 'systemdma-loop',
  title:
    'SystemDuplex devices, a request line each way, over three channels: a codec with looped transfers ended by StopSystemTransfer, a modem in demand mode',
  kind: 'sample',
  devices: [
    // At most two pages and a half: three elements of the four a channel's list has, wherever the buffer lies.
    {
      name: 'codec',
      model: 'sdma-port',
      params: { requestLines: 2 },
      driver: systemDmaLoopDriver,
      workload: { maxBytes: 8192, maxMdls: 1 },
    },
    { name: 'modem', model: 'sdma-port', params: { requestLines: 2 }, driver: systemDmaDuplexDriver, workload: { maxMdls: 2 } },
  ],
  workload: { outstanding: 4, minBytes: 64, maxBytes: 16384 },
  machine: { dmaChannels: 3 },
  survives: ['allocation-failure', 'delayed-grant'],
});
