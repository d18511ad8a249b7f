import { defineScenario, type DmaProfile } from '../../index.js';
import { plxCancelDriver } from './plx9x5x-cancel-driver.js';
import { systemDmaDriver, systemDmaDuplexDriver } from './systemdma-driver.js';

const BUS_MASTER_PROFILES: readonly DmaProfile[] = [
  'Packet',
  'Packet64',
  'ScatterGather',
  'ScatterGather64',
  'ScatterGatherDuplex',
  'ScatterGather64Duplex',
];

export const cancelProfiles = defineScenario({
  name: 'cancel-profiles',
  title: 'one driver with each DMA profile in turn, all of them short of map registers and made to be cancelled',
  kind: 'sample',
  devices: [
    ...BUS_MASTER_PROFILES.map((profile) => ({
      name: profile,
      model: 'plx9656',
      params: { burstBytes: 512 },
      driver: plxCancelDriver(`plx9x5x-cancel ${profile}`, profile),
    })),
    { name: 'System', model: 'sdma-port', driver: systemDmaDriver },
    { name: 'SystemDuplex', model: 'sdma-port', params: { requestLines: 2 }, driver: systemDmaDuplexDriver },
  ],
  workload: { outstanding: 4, minBytes: 64, maxBytes: 16384, maxMdls: 1, cancelPerMillion: 200_000 },
  // A transfer takes three, the system adapter five: most transactions wait for some.
  machine: { mapRegisters: 8, dmaChannels: 2 },
});
