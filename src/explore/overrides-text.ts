import { UsageError } from '../nt/index.js';
import type { MachineConfig } from '../machine/scenario.js';
import type { Overrides } from '../machine/parameters.js';
import type { WorkloadConfig } from '../workload/config.js';

type Flat = Record<string, number | string | boolean>;

/** Overrides as the flat record a schedule file keeps: `workload.requests`, `machine.addressing`, `instances`. */
export function flattenOverrides(overrides: Overrides): Flat {
  const flat: Flat = {};
  const put = (prefix: string, values: object | undefined): void => {
    for (const [name, value] of Object.entries(values ?? {})) if (value !== undefined) flat[`${prefix}.${name}`] = value as number | string | boolean;
  };
  if (overrides.instances !== undefined) flat['instances'] = overrides.instances;
  put('machine', overrides.machine);
  put('workload', overrides.workload);
  return flat;
}

const machineFields = { vcpus: 'number', ramPages: 'number', mapRegisters: 'number', addressing: 'string' } as const satisfies Record<keyof MachineConfig, string>;
const workloadFields = {
  requests: 'number',
  outstanding: 'number',
  ratePerSecond: 'number',
  readsPercent: 'number',
  minBytes: 'number',
  maxBytes: 'number',
  alignBytes: 'number',
  maxMdls: 'number',
  cancelPerMillion: 'number',
  powerCyclesPerMillion: 'number',
  unplugPerMillion: 'number',
  verifyPayload: 'boolean',
} as const satisfies Record<keyof WorkloadConfig, string>;

/** The way back. Throws UsageError USAGE_BAD_SCHEDULE for a parameter nobody knows or of the wrong type. */
export function parseOverrides(seed: number, flat: Readonly<Flat>, where: string): Overrides {
  const machine: Flat = {};
  const workload: Flat = {};
  let instances: number | undefined;
  for (const [key, value] of Object.entries(flat)) {
    const [group, field = ''] = key.split('.');
    if (key === 'instances' && typeof value === 'number') instances = value;
    else if (group === 'machine' && typeof value === (machineFields as Record<string, string>)[field]) machine[field] = value;
    else if (group === 'workload' && typeof value === (workloadFields as Record<string, string>)[field]) workload[field] = value;
    else throw new UsageError('USAGE_BAD_SCHEDULE', `the schedule file is broken: parameter ${key} cannot be ${JSON.stringify(value)}`, { where, expected: 'parameters that explore writes, such as "workload.requests": 4' });
  }
  return { seed, machine: machine, workload: workload, ...(instances === undefined ? {} : { instances }) };
}
