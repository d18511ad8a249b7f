import { bugCheckText } from '../nt/index.js';
import type { Finding, Verdict } from '../machine/report.js';
import { shrinkText } from './shrink-text.js';
import { formatFacts, printable, type Paint } from './text.js';
import { formatCount, formatPlural } from './units.js';

function paintSeverity(finding: Finding, paint: Paint): string {
  return finding.severity === 'warning' ? paint.yellow(finding.severity) : paint.red(finding.severity);
}

function formatFinding(finding: Finding, number: number, paint: Paint): string {
  const facts: [string, string][] = [['object', finding.object === null ? 'the whole machine' : printable(finding.object)]];
  if (finding.bugCheck !== null) facts.push(['bug check', paint.red(printable(bugCheckText(finding.bugCheck)))]);
  if (finding.step !== null) facts.push(['seen at', `step ${formatCount(finding.step)}`]);
  if (finding.schedule !== null) facts.push(['schedule', printable(finding.schedule)]);
  if (finding.shrink) facts.push(['shrunk', shrinkText(finding.shrink)]);
  if (finding.explanation) facts.push(['why', printable(finding.explanation)]);
  facts.push(['run again', paint.cyan(printable(finding.replay))]);
  const head = `${number}. ${paint.bold(finding.rule)} ${printable(finding.title)} (${paintSeverity(finding, paint)})`;
  return [head, `  ${printable(finding.message).replaceAll('\n', '\n  ')}`, formatFacts(facts, paint)].join('\n');
}

/** Every kept finding, and how many were only counted; empty when nothing was found. */
export function formatFindings(findings: readonly Finding[], findingsTotal: number, paint: Paint): string {
  const blocks = findings.map((finding, index) => formatFinding(finding, index + 1, paint));
  const more = findingsTotal - findings.length;
  if (more > 0) blocks.push(paint.dim(`${formatCount(more)} more of these were counted and not kept`));
  return blocks.join('\n\n');
}

/** The last line of a report. */
export function formatVerdict(verdict: Verdict, findingsTotal: number, paint: Paint): string {
  const found = formatPlural(findingsTotal, 'finding');
  switch (verdict) {
    case 'ok':
      return paint.green('ok: nothing found');
    case 'finding':
      return paint.red(`finding: ${found}`);
    case 'diverged':
      return paint.yellow('diverged: what ran is not what the schedule file recorded');
    case 'interrupted':
      return paint.yellow(`interrupted: results up to here, ${found}`);
    case 'error':
      return paint.red('error: no verdict');
  }
}
