import { defineScenario, type DriverConfig, type Scenario } from '../../index.js';
import {
  bulkReservedDriver,
  bulkWaitingDriver,
  quickDriver,
  stripeHoldingDriver,
  stripeImmediateDriver,
} from './reserve-contention-driver.js';
import { contenders } from './reserve-contention.js';

/** Two ways to fail on one pool of map registers, each with the form that does not. */
export interface ReserveScene {
  readonly defect: Scenario;
  readonly repaired: Scenario;
  /** Rule of the finding. Lists and tests read it. */
  readonly expects: string;
}

/** Two boards that stripe; six map registers are exactly what one of them takes. */
function twoHolders(name: string, driver: DriverConfig): Scenario {
  const device = { model: 'plx9656', driver, workload: { ...contenders.stripe, outstanding: 1 } };
  return defineScenario({
    name,
    title: 'two devices stripe each request over two reservations of one small pool',
    kind: 'demo',
    devices: [
      { name: 'stripe-a', ...device },
      { name: 'stripe-b', ...device },
    ],
    machine: { mapRegisters: 6, addressing: 'iommu' },
  });
}

/** A large request (17 map registers) among four boards with small ones (2 each) that are slow to move them. */
function largeAmongSmall(name: string, driver: DriverConfig): Scenario {
  return defineScenario({
    name,
    title: 'a large request among many small ones in one pool of map registers',
    kind: 'demo',
    devices: [
      { name: 'bulk', model: 'plx9656', driver, workload: contenders.bulk },
      ...Array.from({ length: 4 }, (_, i) => ({
        name: `quick-${i}`,
        model: 'plx9656',
        params: { burstBytes: 16 },
        driver: quickDriver,
        workload: { ...contenders.quick, minBytes: 4096 },
      })),
    ],
    machine: { mapRegisters: 20, addressing: 'iommu', starvationGrants: 40 },
  });
}

export const reserveScenes: readonly ReserveScene[] = [
  {
    defect: twoHolders('reserve-two-holders', stripeHoldingDriver),
    repaired: twoHolders('reserve-two-holders-repaired', stripeImmediateDriver),
    expects: 'D36',
  },
  {
    defect: largeAmongSmall('reserve-large-among-small', bulkWaitingDriver),
    repaired: largeAmongSmall('reserve-large-among-small-repaired', bulkReservedDriver),
    expects: 'L-STARVATION',
  },
];
