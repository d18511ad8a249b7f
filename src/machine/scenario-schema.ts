import { z } from 'zod';
import { UsageError } from '../nt/index.js';
import { FAULT_KINDS } from '../faults/index.js';
import type { DriverConfig } from '../wdf/driver.js';
import { nearestName } from './nearest-name.js';
import { ORDERINGS } from './ordering.js';
import type { MachineConfig, ScenarioConfig, ScenarioDevice } from './scenario.js';
import { workloadDefaults, type WorkloadConfig } from '../workload/config.js';

/**
 * The shape of a scenario, checked at run time because scenarios may be plain JavaScript. Every schema's message is
 * the words for what would be right; `badField` puts what was found in front of it.
 */

/** Also the limits of the command line's flags of the same meaning. */
export const LIMITS = {
  requestsMax: Number.MAX_SAFE_INTEGER,
  outstandingMax: 65_536,
  ratePerSecondMax: 1e9,
  transferBytesMax: 0x4000_0000,
  mdlsMax: 1024,
  vcpusMax: 8,
  ramPagesMax: 131_072,
  mapRegistersMax: 131_072,
  devicesMax: 256,
} as const;

export const ADDRESSING = ['direct', 'bounce32', 'iommu'] as const satisfies readonly MachineConfig['addressing'][];

export const SHARES = ['drawn', 'even'] as const satisfies readonly WorkloadConfig['shares'][];
export const TRAFFIC = ['storage', 'loopback'] as const satisfies readonly WorkloadConfig['traffic'][];

function whole(min: number, max: number): z.ZodType<number> {
  const expected = max === Number.MAX_SAFE_INTEGER ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`;
  return z.int(expected).min(min, expected).max(max, expected);
}

function text(expected: string): z.ZodString {
  return z.string(expected).min(1, expected);
}

const rateText = `a number of requests per second from 0 (closed loop) to ${LIMITS.ratePerSecondMax}`;

const workloadFields = {
  traffic: z.enum(TRAFFIC, `one of ${TRAFFIC.join(', ')}`),
  requests: z.union([whole(1, LIMITS.requestsMax), z.literal(Infinity)], 'a whole number, 1 or more, or Infinity'),
  outstanding: whole(1, LIMITS.outstandingMax),
  ratePerSecond: z.number(rateText).min(0, rateText).max(LIMITS.ratePerSecondMax, rateText),
  readsPercent: whole(0, 100),
  shares: z.enum(SHARES, `one of ${SHARES.join(', ')}`),
  deviceControlPercent: whole(0, 100),
  controlPercent: whole(0, 100),
  controlCode: whole(0, 0xffff_ffff),
  minBytes: whole(1, LIMITS.transferBytesMax),
  maxBytes: whole(1, LIMITS.transferBytesMax),
  alignBytes: whole(1, LIMITS.transferBytesMax),
  applications: whole(1, LIMITS.vcpusMax),
  maxMdls: whole(1, LIMITS.mdlsMax),
  cancelPerMillion: whole(0, 1_000_000),
  powerCyclesPerMillion: whole(0, 1_000_000),
  unplugPerMillion: whole(0, 1_000_000),
  verifyPayload: z.boolean('true or false'),
} satisfies Record<keyof WorkloadConfig, z.ZodType>;

const orderingText = `an array of ${ORDERINGS.join(', ')}`;

function nearestOrdering(input: unknown): string {
  const nearest = typeof input === 'string' ? nearestName(input, ORDERINGS) : null;
  return nearest === null ? `one of ${ORDERINGS.join(', ')}` : `did you mean '${nearest}'?`;
}

const machineFields = {
  vcpus: whole(1, LIMITS.vcpusMax),
  ramPages: whole(1, LIMITS.ramPagesMax),
  mapRegisters: whole(1, LIMITS.mapRegistersMax),
  starvationGrants: whole(0, Number.MAX_SAFE_INTEGER),
  dmaChannels: whole(1, 4),
  addressing: z.enum(ADDRESSING, `one of ${ADDRESSING.join(', ')}`),
  ordering: z.array(z.enum(ORDERINGS, { error: ({ input }) => nearestOrdering(input) }), orderingText).readonly(),
} satisfies Record<keyof MachineConfig, z.ZodType>;

const workload = z.strictObject(workloadFields, 'an object with the traffic').partial();
const machine = z.strictObject(machineFields, 'an object with machine parameters').partial();

/** Async functions and arrow results are no generators: the framework could never suspend them. */
function isDriver(value: unknown): value is DriverConfig {
  if (typeof value !== 'object' || value === null) return false;
  const { name, evtDriverDeviceAdd } = value as Partial<Record<keyof DriverConfig, unknown>>;
  if (typeof name !== 'string' || name === '' || typeof evtDriverDeviceAdd !== 'function') return false;
  return !evtDriverDeviceAdd.constructor.name.startsWith('Async');
}

const deviceFields = {
  name: text('a name, unique in the scenario'),
  model: text('the name of a device model, see dmalab list, or the URL of a module'),
  params: z.record(z.string(), z.number('a number'), 'an object of numbers').optional(),
  driver: z.custom<DriverConfig>(isDriver, 'a driver: an object with a name and a generator method *evtDriverDeviceAdd(deviceInit)'),
  driverParams: z.record(z.string(), z.number('a number'), 'an object of numbers').optional(),
  workload: workload.optional(),
} satisfies Record<keyof ScenarioDevice, z.ZodType>;

const nameText = "lower case letters, digits and single dashes, such as 'my-scenario'";
const devicesText = `an array of 1 to ${LIMITS.devicesMax} devices`;

const faultText = `one of ${FAULT_KINDS.join(', ')}`;

const scenarioFields = {
  name: z.string(nameText).regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, nameText),
  title: text('a line that says what the scenario shows'),
  kind: z.enum(['sample', 'gallery', 'demo'], 'one of sample, gallery, demo').optional(),
  devices: z
    .array(z.strictObject(deviceFields, 'a device: { name, model, driver }'), devicesText)
    .min(1, devicesText)
    .max(LIMITS.devicesMax, devicesText),
  workload: workload.optional(),
  machine: machine.optional(),
  survives: z
    .array(z.enum(FAULT_KINDS, faultText), `an array of fault kinds: ${FAULT_KINDS.join(', ')}`)
    .readonly()
    .optional(),
} satisfies Record<keyof ScenarioConfig, z.ZodType>;

const scenario = z.strictObject(scenarioFields, 'an object { name, title, devices: [{ name, model, driver }], workload, machine }');

type Path = readonly PropertyKey[];

/** `devices[0].workload.outstanding` */
function pathText(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`),
    '',
  );
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined),
    root,
  );
}

function valueText(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'string') return value.length <= 60 ? `'${value}'` : `a text of ${value.length} characters`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
}

function knownKeys(path: Path): readonly string[] {
  const last = path.at(-1);
  if (last === 'workload') return Object.keys(workloadFields);
  if (last === 'machine') return Object.keys(machineFields);
  return Object.keys(path.length === 0 ? scenarioFields : deviceFields);
}

function badScenario(message: string, where: string, expected: string): UsageError {
  return new UsageError('USAGE_BAD_SCENARIO', message, { where, expected });
}

function unknownKey(path: Path, key: string): UsageError {
  const keys = knownKeys(path);
  const nearest = nearestName(key, keys);
  const where = pathText([...path, key]);
  const owner = path.length === 0 ? 'a scenario' : `'${pathText(path)}'`;
  return badScenario(`${owner} has no key '${key}'`, where, nearest === null ? `one of ${keys.join(', ')}` : `did you mean '${nearest}'?`);
}

function badField(config: unknown, path: Path, expected: string): UsageError {
  const where = pathText(path);
  const found = valueText(valueAt(config, path));
  return badScenario(
    where === '' ? `a scenario cannot be ${found}` : `'${where}' is ${found}`,
    where === '' ? 'scenario' : where,
    expected,
  );
}

/** Where a workload field of a device was set: on the device, on the scenario, or nowhere (null: the default). */
function workloadPath(config: ScenarioConfig, index: number, field: keyof WorkloadConfig): Path | null {
  if (config.devices[index]!.workload?.[field] !== undefined) return ['devices', index, 'workload', field];
  return config.workload?.[field] === undefined ? null : ['workload', field];
}

function checkDevices(config: ScenarioConfig): void {
  const indexByName = new Map<string, number>();
  for (const [index, device] of config.devices.entries()) {
    const other = indexByName.get(device.name);
    if (other !== undefined)
      throw badField(config, ['devices', index, 'name'], `a name of its own: devices[${other}] has this one already`);
    indexByName.set(device.name, index);
    const { minBytes, maxBytes } = { ...workloadDefaults, ...config.workload, ...device.workload };
    if (minBytes <= maxBytes) continue;
    const maxPath = workloadPath(config, index, 'maxBytes');
    if (maxPath !== null) throw badField(config, maxPath, `at least minBytes, which is ${minBytes}`);
    throw badField(config, workloadPath(config, index, 'minBytes')!, `at most maxBytes, which is ${maxBytes}`);
  }
}

/** Checks the shape of a scenario; throws UsageError USAGE_BAD_SCENARIO that names the first field that is wrong. */
export function checkScenario(config: unknown): asserts config is ScenarioConfig {
  const result = scenario.safeParse(config);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    if (issue.code === 'unrecognized_keys') throw unknownKey(issue.path, issue.keys[0]!);
    throw badField(config, issue.path, issue.message);
  }
  checkDevices(config as ScenarioConfig);
}
