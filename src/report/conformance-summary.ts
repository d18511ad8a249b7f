import type { ConformanceReport } from '../conformance/index.js';
import type { Paint } from './text.js';
import { formatTable } from './text.js';
import type { Rule } from '../verifier/index.js';

/** What `dmalab conformance` prints. */
export function formatConformanceReport(report: ConformanceReport, paint: Paint): string {
  const { passed, failed, beyond, verifierFindings: findings, failures } = report;
  const lines = [
    `within the contract   ${passed} passed, ${failed} failed`,
    `beyond the contract   ${beyond.passed} with the framework's own events, ${beyond.reported} with the misuse reported`,
    `findings on the way   ${findings.total}${findings.total > 0 ? `: ${rulesText(findings.byRule)}` : ''}`,
  ];
  for (const { file, name, event, expected, found } of failures)
    lines.push('', `${paint.red('failed')} ${name} (${file}), event ${event}`, `  expected  ${expected}`, `  found     ${found}`);
  return lines.join('\n');
}

/** Rules with their counts, the most frequent first. */
function rulesText(byRule: Readonly<Record<string, number>>): string {
  const counts = Object.entries(byRule).sort(([, a], [, b]) => b - a);
  return counts.map(([rule, count]) => `${rule} (${count})`).join(', ');
}

/** What `dmalab rules` prints. */
export function formatRules(rules: readonly Rule[], paint: Paint): string {
  const rows = rules.map((rule) => [rule.id, rule.severity, checkedText(rule), rule.title]);
  const count = rules.filter((rule) => rule.implemented).length;
  const elsewhere = rules.filter((rule) => rule.reportedAs !== undefined).length;
  return `${formatTable([{ head: 'rule' }, { head: 'severity' }, { head: 'checked' }, { head: 'what must hold' }], rows, paint)}\n\n${count} of ${rules.length} rules are checked, ${elsewhere} more are seen as another one`;
}

function checkedText({ implemented, reportedAs }: Rule): string {
  if (implemented) return 'yes';
  return reportedAs === undefined ? 'no' : `as ${reportedAs.join(', ')}`;
}
