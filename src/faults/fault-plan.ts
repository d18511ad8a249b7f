import { FAULT_KINDS, type FaultKind } from './fault-kind.js';

/** How often a fault happens where it could: numerator of denominator, whole numbers, 0 <= numerator <= denominator. */
export interface FaultRatio {
  readonly numerator: number;
  readonly denominator: number;
}

/** The faults of a run by kind; a kind that is absent never happens. */
export type FaultPlan = Readonly<Partial<Record<FaultKind, FaultRatio>>>;

export const NO_FAULTS: FaultPlan = {};

/** Ratios of kinds that are asked for by name only: often enough to be seen in a few hundred requests. A hang takes its driver's timeout. */
const defaultRatios: Readonly<Record<FaultKind, FaultRatio>> = {
  'partial-count': { numerator: 1, denominator: 20 },
  'error-completion': { numerator: 1, denominator: 50 },
  'abort-completion': { numerator: 1, denominator: 50 },
  'late-completion': { numerator: 1, denominator: 50 },
  'duplicate-interrupt': { numerator: 1, denominator: 20 },
  'spurious-interrupt': { numerator: 1, denominator: 50 },
  stall: { numerator: 1, denominator: 50 },
  hang: { numerator: 1, denominator: 2000 },
  'allocation-failure': { numerator: 1, denominator: 100 },
  'short-map': { numerator: 1, denominator: 10 },
  'delayed-grant': { numerator: 1, denominator: 10 },
};

export function defaultFaultRatio(kind: FaultKind): FaultRatio {
  return defaultRatios[kind];
}

/** A plan of these kinds at their default ratios. */
export function planOf(kinds: readonly FaultKind[]): FaultPlan {
  return Object.fromEntries(kinds.map((kind) => [kind, defaultRatios[kind]]));
}

/** Kinds that can happen under a plan, in the order of FAULT_KINDS. */
export function plannedKinds(plan: FaultPlan): readonly FaultKind[] {
  return FAULT_KINDS.filter((kind) => (plan[kind]?.numerator ?? 0) > 0);
}

/** `1/500`: how a ratio stands in schedule files and on the command line. */
export function ratioText({ numerator, denominator }: FaultRatio): string {
  return `${numerator}/${denominator}`;
}

/** Largest denominator: draws are 32 bits, and beyond this they would not be even. */
export const FAULT_DENOMINATOR_MAX = 1_000_000;

/** The ratio a text such as `1/500` means; null when it means none. */
export function parseRatio(text: string): FaultRatio | null {
  const match = /^(\d{1,9})\/(\d{1,9})$/.exec(text);
  if (match === null) return null;
  const ratio = { numerator: Number(match[1]), denominator: Number(match[2]) };
  return isRatio(ratio) ? ratio : null;
}

export function isRatio({ numerator, denominator }: FaultRatio): boolean {
  const whole = Number.isInteger(numerator) && Number.isInteger(denominator);
  return whole && denominator >= 1 && denominator <= FAULT_DENOMINATOR_MAX && numerator >= 0 && numerator <= denominator;
}
