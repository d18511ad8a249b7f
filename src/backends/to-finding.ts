import type { RecordedViolation } from '../kernel/index.js';
import type { Finding } from '../machine/report.js';
import { ruleTitle } from '../verifier/index.js';

/** A finding for the outside: the rule's title, the schedule file if there is one, the line to paste. */
export function toFinding(violation: RecordedViolation, schedule: string | null, replay: string): Finding {
  return {
    rule: violation.rule,
    title: ruleTitle(violation.rule),
    severity: violation.severity,
    message: violation.message,
    object: violation.object,
    step: schedule === null ? null : violation.step,
    schedule,
    replay,
    bugCheck: violation.bugCheck ?? null,
  };
}
