import type { FailNthReport } from '../machine/report.js';
import { formatFindings, formatVerdict } from './findings.js';
import { formatFacts, formatTable, printable, type Paint } from './text.js';
import { formatCount, formatPlural } from './units.js';

/** The report of `dmalab run --fail-nth`; `brief` leaves the table out. */
export function formatFailNthReport(report: FailNthReport, paint: Paint, brief = false): string {
  const blocks: string[] = [];
  const { calls, clean, series } = report.failNth;
  if (!brief) {
    blocks.push(
      `${paint.bold(printable(report.scenario))} under control, each fallible call failed once, seed ${report.seed}`,
      formatFacts([['fallible calls', `${formatCount(calls)}, of which ${formatCount(clean)} ended cleanly`]], paint),
      formatSeries(series, paint),
    );
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}

function formatSeries(series: FailNthReport['failNth']['series'], paint: Paint): string {
  const right = { align: 'right' } as const;
  const columns = [
    { head: 'request' },
    { head: 'calls', ...right },
    { head: 'clean', ...right },
    { head: 'ended as' },
    { head: 'failed calls' },
  ];
  const rows = series.map((one) => [
    one.direction,
    formatCount(one.calls),
    formatCount(one.clean),
    `${formatPlural(one.refusedStarts, 'refused start')}, ${formatPlural(one.failedRequests, 'failed request')}, ${formatCount(one.survived)} survived`,
    Object.entries(one.failed)
      .map(([what, count]) => `${count} x ${what}`)
      .join(', '),
  ]);
  return formatTable(columns, rows, paint);
}
