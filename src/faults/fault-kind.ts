/** What a device may do wrong by seed; a model honours those that make sense for it (its page in docs says which). */
export const DEVICE_FAULT_KINDS = [
  'partial-count',
  'error-completion',
  'abort-completion',
  'late-completion',
  'duplicate-interrupt',
  'spurious-interrupt',
  'stall',
  'hang',
] as const;

/** What the platform may do wrong by seed, all of it within its contract. */
export const PLATFORM_FAULT_KINDS = ['allocation-failure', 'short-map', 'delayed-grant'] as const;

export const FAULT_KINDS = [...DEVICE_FAULT_KINDS, ...PLATFORM_FAULT_KINDS] as const;

export type DeviceFaultKind = (typeof DEVICE_FAULT_KINDS)[number];
export type PlatformFaultKind = (typeof PLATFORM_FAULT_KINDS)[number];
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Device kinds by the number that models draw them with: the place in DEVICE_FAULT_KINDS. */
export const DeviceFault = {
  PartialCount: 0,
  ErrorCompletion: 1,
  AbortCompletion: 2,
  LateCompletion: 3,
  DuplicateInterrupt: 4,
  SpuriousInterrupt: 5,
  Stall: 6,
  Hang: 7,
} as const;
export type DeviceFault = (typeof DeviceFault)[keyof typeof DeviceFault];

export function isFaultKind(name: string): name is FaultKind {
  return (FAULT_KINDS as readonly string[]).includes(name);
}
