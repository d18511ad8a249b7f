import { UsageError } from '../nt/index.js';
import { ENABLER_OPERATIONS, TRANSACTION_OPERATIONS, type Vector, type VectorCall } from './vector.js';

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
  if (!Number.isSafeInteger(pool) || pool < 0) return 'its machine has no whole number of map registers as pool';
  if (!Number.isSafeInteger(maxMapRegisters) || maxMapRegisters < 1) return 'its machine has a maxMapRegisters below 1';
  return Number.isSafeInteger(enabler.maximumLength) ? null : 'the maximumLength of its enabler is no whole number';
}

function bufferFault({ buffers = {}, requests = {} }: Vector): string | null {
  for (const [name, mdls] of Object.entries(buffers)) {
    const isChain = Array.isArray(mdls) && mdls.length > 0;
    if (!isChain || !mdls.every((mdl) => isRecord(mdl) && isNumber(mdl['off']) && isNumber(mdl['len']) && Array.isArray(mdl['pfns'])))
      return `buffer ${name} is no list of MDLs with off, len and pfns`;
  }
  for (const [name, request] of Object.entries(requests)) {
    if (!isRecord(request)) return `request ${name} is no object`;
    const { buffer } = request;
    if (buffer !== undefined && buffer !== null && !isNamed(buffers, buffer)) return `request ${name} names a buffer that is not there`;
  }
  return null;
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

function callFault({ buffers = {}, requests = {} }: Vector, call: VectorCall, isInCallback: boolean): string | null {
  if (!Array.isArray(call) || typeof call[0] !== 'string') return `${JSON.stringify(call)} is no call: [operation, transaction, argument]`;
  const [op, tx, argument] = call as VectorCall;
  if (op === 'Return' && isInCallback) return null;
  const known: readonly string[] = typeof tx === 'string' ? TRANSACTION_OPERATIONS : ENABLER_OPERATIONS;
  if (!known.includes(op)) return `it makes a call nobody knows: ${op} on ${typeof tx === 'string' ? `transaction ${tx}` : 'the enabler'}`;
  const needsArgument = op === 'Initialize' || op.startsWith('InitializeUsing') || op === 'AllocateResources';
  if (!needsArgument) return null;
  if (!isRecord(argument)) return `${op} of ${String(tx)} has no argument`;
  const { buffer, request } = argument;
  if (op === 'InitializeUsingRequest') {
    return isNamed(requests, request) ? null : `${op} of ${String(tx)} names a request that is not there`;
  }
  if (op === 'AllocateResources' || buffer === null || isNamed(buffers, buffer)) return null;
  return `${op} of ${String(tx)} names a buffer that is not there`;
}

function isNamed(named: object, name: unknown): boolean {
  return typeof name === 'string' && Object.hasOwn(named, name);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}
