import { UsageError } from '../nt/index.js';
import { PAGE_SIZE } from '../memory/index.js';
import { callFault, isDirection, isNamed, isRecord } from './vector-calls.js';
import type { Vector } from './vector.js';

/** The last page whose physical address is a whole number here. */
const PFN_MAX = 2 ** 41 - 1;

const EXPECTED =
  'a JSON object with name, enabler, script and expect, and - where it needs them - machine, buffers, requests and callbacks';

/** The vector a line holds. USAGE_BAD_VECTOR, naming `where`, when it cannot be run; fields nobody knows are left alone. */
export function parseVector(line: string, where: string): Vector {
  const broken = (what: string): UsageError =>
    new UsageError('USAGE_BAD_VECTOR', `this is no vector: ${what}`, { where, expected: EXPECTED });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw broken(error instanceof Error ? error.message : String(error));
  }
  const fault = faultOf(value);
  if (fault !== null) throw broken(fault);
  return value as Vector;
}

function faultOf(value: unknown): string | null {
  if (!isRecord(value)) return 'it is no JSON object';
  if (typeof value['name'] !== 'string') return 'it has no name';
  const { machine, enabler, script, expect, callbacks, buffers, requests } = value;
  if (!isRecord(enabler)) return 'it has no enabler';
  if (typeof enabler['profile'] !== 'string' || typeof enabler['maximumLength'] !== 'number')
    return 'its enabler has no profile or no maximumLength';
  if (!Array.isArray(script)) return 'it has no script, a list of calls';
  if (!Array.isArray(expect)) return 'it has no expect, a list of events';
  const wrong = Object.entries({ machine, callbacks, buffers, requests }).find(([, field]) => field !== undefined && !isRecord(field));
  if (wrong !== undefined) return `its ${wrong[0]} is no object`;
  return machineFault(value as unknown as Vector) ?? bufferFault(value as unknown as Vector) ?? callsFault(value as unknown as Vector);
}

function machineFault({ machine = {}, enabler }: Vector): string | null {
  const { pool = 64, maxMapRegisters = 64 } = machine;
  if (!isWhole(pool)) return 'its machine has no whole number of map registers as pool';
  if (!isWhole(maxMapRegisters) || maxMapRegisters < 1) return 'its machine has a maxMapRegisters below 1';
  const notBoolean =
    flagThatIsNone(machine, ['bounce', 'direct', 'verifier']) ?? flagThatIsNone(enabler, ['noSgPrealloc', 'singleTransfer']);
  if (notBoolean !== null) return `${notBoolean} is neither true nor false`;
  if (!isWhole(enabler.maximumLength)) return 'the maximumLength of its enabler is no whole number';
  for (const field of ['dmaVersion', 'addressWidth', 'configSize', 'maxScatterGatherElements'] as const)
    if (enabler[field] !== undefined && !isWhole(enabler[field])) return `the ${field} of its enabler is no whole number`;
  const { power = {}, configure = [] } = enabler;
  if (!isRecord(power) || !Object.values(power).every((status) => typeof status === 'string'))
    return 'the power of its enabler names no statuses';
  return Array.isArray(configure) && configure.every(isDirection) ? null : 'the configure of its enabler is no list of directions';
}

function flagThatIsNone(fields: object, names: readonly string[]): string | null {
  const wrong = Object.entries(fields).find(([name, value]) => names.includes(name) && typeof value !== 'boolean');
  return wrong === undefined ? null : wrong[0];
}

function bufferFault({ buffers = {}, requests = {} }: Vector): string | null {
  for (const [name, mdls] of Object.entries(buffers)) {
    if (!Array.isArray(mdls) || mdls.length === 0) return `buffer ${name} is no list of MDLs with off, len and pfns`;
    for (const mdl of mdls) {
      const fault = mdlFault(mdl);
      if (fault !== null) return `an MDL of buffer ${name} ${fault}`;
    }
  }
  for (const [name, request] of Object.entries(requests)) {
    if (!isRecord(request)) return `request ${name} is no object`;
    const { buffer, length = 0, in: input = 0, out = 0 } = request;
    if (![length, input, out].every(isWhole)) return `request ${name} has a length that is no whole number`;
    if (buffer !== undefined && buffer !== null && !isNamed(buffers, buffer)) return `request ${name} names a buffer that is not there`;
  }
  return null;
}

function mdlFault(mdl: unknown): string | null {
  if (!isRecord(mdl)) return 'is no object with off, len and pfns';
  const { off, len, pfns } = mdl;
  if (!isWhole(off) || off >= PAGE_SIZE) return `has an off that is no whole number below ${PAGE_SIZE}`;
  if (!isWhole(len)) return 'has a len that is no whole number';
  if (!Array.isArray(pfns) || !pfns.every((pfn) => isWhole(pfn) && pfn <= PFN_MAX))
    return 'has pfns that are no list of page frame numbers';
  const pages = Math.ceil((off + len) / PAGE_SIZE);
  return pfns.length >= pages ? null : `has ${pfns.length} pfns for ${pages} pages`;
}

function callsFault(vector: Vector): string | null {
  const invocations = Object.values(vector.callbacks ?? {}).flatMap((byName) => Object.values(byName ?? {}));
  if (!invocations.every((each) => Array.isArray(each) && each.every((calls) => calls === null || Array.isArray(calls))))
    return 'its callbacks are no lists of lists of calls';
  for (const call of vector.script) {
    const fault = callFault(vector, call, false);
    if (fault !== null) return fault;
  }
  for (const call of invocations.flat().flatMap((calls) => calls ?? [])) {
    const fault = callFault(vector, call, true);
    if (fault !== null) return fault;
  }
  return null;
}

/** A size or a count. */
function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
