import { UsageError } from '../nt/index.js';
import { NO_FAULTS, isFaultKind, parseRatio, plannedKinds, ratioText, type FaultKind, type FaultRatio } from '../faults/index.js';
import { GRANULARITIES } from '../backends/granularity.js';
import { orderingsText, readOrderings, type Ordering } from '../machine/ordering.js';
import type { MachineConfig } from '../machine/scenario.js';
import type { Overrides } from '../machine/parameters.js';
import type { WorkloadConfig } from '../workload/config.js';

type Flat = Record<string, number | string | boolean>;

/** Overrides as the flat record a schedule file keeps: `workload.requests`, `machine.addressing`, `instances`. */
export function flattenOverrides(overrides: Overrides): Flat {
  const flat: Flat = {};
  const put = (prefix: string, values: object | undefined): void => {
    for (const [name, value] of Object.entries(values ?? {}))
      if (value !== undefined) flat[`${prefix}.${name}`] = value as number | string | boolean;
  };
  if (overrides.instances !== undefined) flat['instances'] = overrides.instances;
  const { ordering, ...machine } = overrides.machine ?? {};
  put('machine', machine);
  if (ordering !== undefined) flat['machine.ordering'] = orderingsText(ordering);
  put('workload', overrides.workload);
  for (const kind of plannedKinds(overrides.faults ?? NO_FAULTS)) flat[`faults.${kind}`] = ratioText(overrides.faults![kind]!);
  if (overrides.failCall !== undefined) flat['failCall'] = overrides.failCall;
  if (overrides.stepsMax !== undefined) flat['stepsMax'] = overrides.stepsMax;
  if (overrides.devices !== undefined) flat['devices'] = overrides.devices.map(encodeURIComponent).join(',');
  for (const [name, bits] of Object.entries(overrides.faultsLeftOut ?? {})) if (bits !== 0) flat[`faultsLeftOut.${name}`] = bits >>> 0;
  if (overrides.livelocks === false) flat['livelocks'] = false;
  if (overrides.races === true) flat['races'] = true;
  if (overrides.granularity !== undefined) flat['granularity'] = overrides.granularity;
  if (overrides.leapDistance !== undefined) flat['leapDistance'] = overrides.leapDistance;
  if (overrides.strict === true) flat['strict'] = true;
  return flat;
}

const machineFields = {
  vcpus: 'number',
  ramPages: 'number',
  mapRegisters: 'number',
  addressing: 'string',
  starvationGrants: 'number',
  dmaChannels: 'number',
} as const satisfies Record<Exclude<keyof MachineConfig, 'ordering'>, string>;
const workloadFields = {
  traffic: 'string',
  requests: 'number',
  outstanding: 'number',
  ratePerSecond: 'number',
  readsPercent: 'number',
  shares: 'string',
  deviceControlPercent: 'number',
  controlPercent: 'number',
  controlCode: 'number',
  minBytes: 'number',
  maxBytes: 'number',
  alignBytes: 'number',
  applications: 'number',
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
  const faults: Partial<Record<FaultKind, FaultRatio>> = {};
  let instances: number | undefined;
  let failCall: number | undefined;
  let races = false;
  let devices: readonly string[] | undefined;
  const faultsLeftOut: Record<string, number> = {};
  let livelocks: boolean | undefined;
  let stepsMax: number | undefined;
  let granularity: string | undefined;
  let leapDistance: number | undefined;
  let strict: boolean | undefined;
  let ordering: readonly Ordering[] | null = null;
  for (const [key, value] of Object.entries(flat)) {
    const [group, field = ''] = key.split('.');
    const ratio = group === 'faults' && typeof value === 'string' ? parseRatio(value) : null;
    if (key === 'instances' && typeof value === 'number') instances = value;
    else if (key === 'failCall' && typeof value === 'number') failCall = value;
    else if (key === 'stepsMax' && Number.isSafeInteger(value) && Number(value) > 0) stepsMax = Number(value);
    else if (key === 'devices' && typeof value === 'string' && value !== '') devices = value.split(',').map(decodeName);
    else if (group === 'faultsLeftOut' && isWord(value)) faultsLeftOut[key.slice('faultsLeftOut.'.length)] = value | 0;
    else if (key === 'livelocks' && typeof value === 'boolean') livelocks = value;
    else if (key === 'races' && typeof value === 'boolean') races = value;
    else if (key === 'granularity' && GRANULARITIES.some((known) => known === value)) granularity = value as string;
    else if (key === 'leapDistance' && Number.isSafeInteger(value) && Number(value) > 0) leapDistance = Number(value);
    else if (key === 'strict' && typeof value === 'boolean') strict = value;
    else if (key === 'machine.ordering' && typeof value === 'string' && (ordering = readOrderings(value)) !== null) continue;
    else if (ratio !== null && isFaultKind(field)) faults[field] = ratio;
    else if (group === 'machine' && typeof value === (machineFields as Record<string, string>)[field]) machine[field] = value;
    else if (group === 'workload' && typeof value === (workloadFields as Record<string, string>)[field]) workload[field] = value;
    else
      throw new UsageError('USAGE_BAD_SCHEDULE', `the schedule file is broken: parameter ${key} cannot be ${JSON.stringify(value)}`, {
        where,
        expected: 'parameters that explore writes, such as "workload.requests": 4',
      });
  }
  return {
    seed,
    machine: { ...machine, ...(ordering === null ? {} : { ordering }) },
    workload,
    ...(instances === undefined ? {} : { instances }),
    ...(Object.keys(faults).length === 0 ? {} : { faults }),
    ...(failCall === undefined ? {} : { failCall }),
    ...(races ? { races } : {}),
    ...(devices === undefined ? {} : { devices }),
    ...(Object.keys(faultsLeftOut).length === 0 ? {} : { faultsLeftOut }),
    ...(livelocks === undefined ? {} : { livelocks }),
    ...(stepsMax === undefined ? {} : { stepsMax }),
    ...(granularity === undefined ? {} : { granularity }),
    ...(leapDistance === undefined ? {} : { leapDistance }),
    ...(strict === undefined ? {} : { strict }),
  };
}

/** 32 bits. */
function isWord(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff;
}

/** A name in a list; one that no list can hold stays as it is, and is then no device's. */
function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
