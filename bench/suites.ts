import type { SuiteName } from './options.js';
import type { Suite } from './results.js';

/** How to load each suite: one process loads one of them, so that no suite runs on type feedback another one left. */
export const suites: Readonly<Record<SuiteName, () => Promise<Suite>>> = {
  S1: async () => (await import('./s1-copy.js')).copySuite,
  S2: async () => (await import('./s2-ring.js')).ringSuite,
  S3: async () => (await import('./s3-road.js')).roadSuite,
  S6: async () => (await import('./s6-controlled.js')).controlledSuite,
  S8: async () => (await import('./s8-recorded.js')).recordedSuite,
  allocations: async () => (await import('./allocations.js')).allocationSuite,
};
