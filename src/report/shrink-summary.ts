import type { BeforeAfter, ShrinkReport, ShrinkSummary } from '../machine/report.js';
import { formatFindings, formatVerdict } from './findings.js';
import { formatFacts, printable, type Paint } from './text.js';
import { formatCount, formatPlural } from './units.js';

/** `9 -> 2`, or one number when nothing changed. */
function change({ before, after }: BeforeAfter): string {
  return before === after ? formatCount(after) : `${formatCount(before)} -> ${formatCount(after)}`;
}

/** One line for the table of `explore`. */
export function shrinkText({ preemptions, deviations, requests, devices, faults, replays }: ShrinkSummary): string {
  const parts = [`preemptions ${change(preemptions)}`, `deviations ${change(deviations)}`, `requests ${change(requests)}`];
  if (devices.before > 1) parts.push(`devices ${change(devices)}`);
  if (faults.before > 0) parts.push(`injected faults ${change(faults)}`);
  return `${parts.join(', ')}; ${formatPlural(replays, 'replay')}`;
}

/** The report of `dmalab shrink`; `brief` leaves the table out. */
export function formatShrinkReport(report: ShrinkReport, paint: Paint, brief = false): string {
  const { shrink } = report;
  const blocks: string[] = [];
  if (shrink === null)
    blocks.push(
      `${paint.bold(printable(report.scenario))}: the schedule does not break ${printable(report.rule)} any more, so nothing can be shrunk`,
    );
  else if (!brief) {
    const facts: [string, string][] = [
      ['preemptions', change(shrink.preemptions)],
      ['deviations from the straight order', change(shrink.deviations)],
      ['choices', change(shrink.choices)],
      ['requests', change(shrink.requests)],
      ['devices', change(shrink.devices)],
      ['injected faults', change(shrink.faults)],
      ['replays', formatCount(shrink.replays)],
    ];
    blocks.push(`${paint.bold(printable(report.scenario))} shrunk, seed ${report.seed}`, formatFacts(facts, paint));
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  if (report.token !== null && !brief) blocks.push(`token  ${report.token}`);
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}
