import { defineScenario } from '../../index.js';
import { BULK_BYTES, QUICK_BYTES, STRIPE_BYTES, bulkReservedDriver, stripeImmediateDriver } from './reserve-contention-driver.js';
import { ringDriver } from './ring-driver.js';

/** Traffic of the three kinds of contenders; alike in the repaired scenario and in those with a defect. */
export const contenders = {
  bulk: { outstanding: 1, minBytes: BULK_BYTES, maxBytes: BULK_BYTES, maxMdls: 1 },
  quick: { outstanding: 2, minBytes: 64, maxBytes: QUICK_BYTES, maxMdls: 1 },
  stripe: { outstanding: 2, minBytes: 4096, maxBytes: 2 * STRIPE_BYTES, maxMdls: 1 },
} as const;

export const reserveContention = defineScenario({
  name: 'reserve-contention',
  title:
    'one small pool of map registers: a large reservation held over many transactions, small requests, transfers striped over two reservations',
  kind: 'sample',
  devices: [
    { name: 'bulk', model: 'plx9656', driver: bulkReservedDriver, workload: contenders.bulk },
    { name: 'stripe-a', model: 'plx9656', driver: stripeImmediateDriver, workload: contenders.stripe },
    { name: 'stripe-b', model: 'plx9656', driver: stripeImmediateDriver, workload: contenders.stripe },
    { name: 'quick', model: 'sgring', driver: ringDriver, workload: contenders.quick },
  ],
  // 9 are reserved for good; the other 11 are just enough for one half of each striped request and the small ones.
  machine: { mapRegisters: 20, addressing: 'iommu', starvationGrants: 1000 },
  survives: ['allocation-failure', 'short-map', 'delayed-grant'],
});
