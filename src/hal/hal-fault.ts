import { DRIVER_VERIFIER_DMA_VIOLATION, type Severity, type Violation } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';

/** Why the HAL refuses a register base, a channel or a list: nobody owns what the caller named. */
export type HalFaultReason =
  'map-unallocated' | 'flush-unallocated' | 'free-unallocated' | 'free-count' | 'free-channel-unowned' | 'put-unknown-list';

/** What Windows would do next: follow a NULL pointer, or corrupt the HAL's bookkeeping. */
export type Fault = 'ACCESS_VIOLATION' | HalFaultReason;

/** A violation after which no value could be returned; conformance prints `fault` as its own event. */
export interface FaultViolation extends Violation {
  readonly fault: Fault;
}

export function isFault(violation: Violation): violation is FaultViolation {
  return 'fault' in violation;
}

/** The rule of the DMA verifier that names the same mistake, and its code (first parameter of 0xE6). */
const HAL_FAULT_RULES: Readonly<Record<HalFaultReason, { rule: string; code: number }>> = {
  'map-unallocated': { rule: 'A30', code: 0x20 },
  'flush-unallocated': { rule: 'A30', code: 0x20 },
  'free-unallocated': { rule: 'A07', code: 0x05 },
  'free-count': { rule: 'A07', code: 0x05 },
  'free-channel-unowned': { rule: 'A06', code: 0x04 },
  'put-unknown-list': { rule: 'A08', code: 0x06 },
};

/** The caller handed the HAL something that is not a live grant. Kills the machine. */
export function raiseHalFault(kernel: Kernel, fault: HalFaultReason, object: string, message: string): never {
  const { rule, code } = HAL_FAULT_RULES[fault];
  const violation: FaultViolation = {
    rule,
    severity: 'crash',
    object,
    message,
    fault,
    bugCheck: { code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [code] },
  };
  kernel.violation(violation);
  throw kernel.dead!;
}

/** The framework would follow a NULL pointer here; `rule` is the rule the driver broke to get so far. Kills the machine. */
export function raiseAccessViolation(kernel: Kernel, rule: string, object: string, message: string): never {
  const violation: FaultViolation = { rule, severity: 'crash', object, message, fault: 'ACCESS_VIOLATION' };
  kernel.violation(violation);
  throw kernel.dead!;
}

/** A finding of DMA verification: bug check 0xE6 with `code` and up to three more parameters. */
export function dmaViolation(
  kernel: Kernel,
  rule: string,
  severity: Severity,
  object: string,
  message: string,
  code: number,
  ...parameters: readonly (number | string)[]
): void {
  kernel.violation({
    rule,
    severity,
    object,
    message,
    bugCheck: { code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [code, ...parameters] },
  });
}
