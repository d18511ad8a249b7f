import { SCHEDULE_FORMAT, SCHEDULE_VERSION, type Schedule } from '../../src/explore/index.js';

/** A schedule that is whole, of an execution that found nothing. */
export const sampleSchedule: Schedule = {
  format: SCHEDULE_FORMAT,
  version: SCHEDULE_VERSION,
  scenario: 'ring',
  seed: 7,
  strategy: 'random',
  parameters: { 'workload.requests': 4, 'workload.outstanding': 2, 'machine.addressing': 'iommu' },
  choices: '0x12 3 0x4',
  eventHash: '0123456789abcdef',
  memoryHash: 'fedcba9876543210',
  finding: null,
};
