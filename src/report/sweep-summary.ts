import type { SweepCounts, SweepReport } from '../machine/sweep-report.js';
import { formatFindings, formatVerdict } from './findings.js';
import { formatTable, printable, type Paint } from './text.js';
import { formatCount, formatPlural } from './units.js';

const right = { align: 'right' } as const;
const COLUMNS = [
  { head: 'request' },
  { head: 'order' },
  { head: 'window' },
  { head: 'executions', ...right },
  { head: 'completed', ...right },
  { head: 'cancelled', ...right },
  { head: 'failed', ...right },
  { head: 'finding', ...right },
];

/** The report of `dmalab sweep`; `brief` leaves the table out. */
export function formatSweepReport(report: SweepReport, paint: Paint, brief = false): string {
  const { series, total, event, requests, races } = report;
  const blocks: string[] = [];
  if (!brief) {
    const rows = series.flatMap(({ direction, order, byWindow }) =>
      Object.entries(byWindow)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([window, counts]) => [direction, order, window, ...cells(counts)]),
    );
    blocks.push(
      `${paint.bold(printable(report.scenario))}: ${event} before each operation of ${formatPlural(requests, 'request')}, seed ${report.seed}${races ? ', data races looked for' : ''}`,
      formatTable(COLUMNS, [...rows, ['all', '', '', ...cells(total)]], paint),
    );
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}

function cells({ executions, completed, cancelled, failed, finding }: SweepCounts): string[] {
  return [executions, completed, cancelled, failed, finding].map(formatCount);
}
