import { DmaCompletionStatus } from '../hal/index.js';
import { ENABLER_OPERATIONS, TRANSACTION_OPERATIONS, type Vector, type VectorCall } from './vector.js';

/** What an argument must be, in words; the empty text for none that is looked at. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  DmaCompletedWithLength: 'a whole number',
  DmaCompletedFinal: 'a whole number',
  SetMaximumLength: 'a whole number',
  SetDeviceAddressOffset: 'a whole number',
  SetMaximumScatterGatherElements: 'a whole number',
  SetSingleTransferRequirement: 'true or false',
  SetImmediateExecution: 'true or false',
  SetChannelConfigurationCallback: 'true or false',
  SetTransferCompleteCallback: 'true or false',
  HalComplete: 'DmaComplete, DmaAborted or DmaError',
  EnablerGetFragmentLength: 'a direction',
};

/** Why a call cannot be made; null when it can. */
export function callFault(vector: Vector, call: unknown, isInCallback: boolean): string | null {
  if (!Array.isArray(call) || typeof call[0] !== 'string') return `${JSON.stringify(call)} is no call: [operation, transaction, argument]`;
  const [op, tx, argument] = call as unknown as VectorCall;
  if (op === 'Return' && isInCallback) return typeof tx === 'boolean' ? null : 'Return says neither true nor false';
  const isOfTransaction = typeof tx === 'string';
  if (!isOfTransaction && tx !== null && tx !== undefined) return `${op} names ${JSON.stringify(tx)} instead of a transaction`;
  const known: readonly string[] = isOfTransaction ? TRANSACTION_OPERATIONS : ENABLER_OPERATIONS;
  const on = isOfTransaction ? `transaction ${tx}` : 'the enabler';
  if (!known.includes(op)) return `it makes a call nobody knows: ${op} on ${on}`;
  if (op === 'AllocateResources' || op.startsWith('Initialize')) return objectFault(vector, op, tx as string, argument);
  const expected = ARGUMENTS[op];
  return expected === undefined || fits(expected, argument) ? null : `${op} on ${on} has ${JSON.stringify(argument)}, not ${expected}`;
}

function fits(expected: string, argument: unknown): boolean {
  if (expected === 'a whole number') return Number.isSafeInteger(argument);
  if (expected === 'true or false') return typeof argument === 'boolean';
  return expected === 'a direction' ? isDirection(argument) : typeof argument === 'string' && argument in DmaCompletionStatus;
}

/** The calls whose argument has fields. */
function objectFault({ buffers = {}, requests = {} }: Vector, op: string, tx: string, argument: unknown): string | null {
  const broken = (what: string): string => `${op} of ${tx} ${what}`;
  if (!isRecord(argument)) return broken('has no argument');
  const { buffer, request, offset, length, registers, dir } = argument;
  if (!isDirection(dir)) return broken('has no dir: Read, Write, or a whole number');
  if (op === 'AllocateResources') return Number.isSafeInteger(registers) ? null : broken('has no whole number of registers');
  if (op === 'InitializeUsingRequest') return isNamed(requests, request) ? null : broken('names a request that is not there');
  if (buffer !== null && !isNamed(buffers, buffer)) return broken('names a buffer that is not there');
  return Number.isSafeInteger(offset) && Number.isSafeInteger(length) ? null : broken('has no whole numbers as offset and length');
}

export function isDirection(value: unknown): boolean {
  return value === 'Read' || value === 'Write' || Number.isSafeInteger(value);
}

export function isNamed(named: object, name: unknown): boolean {
  return typeof name === 'string' && Object.hasOwn(named, name);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
