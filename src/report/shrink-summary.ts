import type { ShrinkReport } from '../machine/report.js';
import { formatFindings, formatVerdict } from './findings.js';
import { change } from './shrink-text.js';
import { formatFacts, printable, type Paint } from './text.js';
import { formatCount } from './units.js';

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
