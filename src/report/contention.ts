import type { AdapterContentionReport, ContentionReport } from '../machine/report.js';
import { formatTable, type Paint } from './text.js';
import { formatCount, formatDurationNs } from './units.js';

function adapterRow(row: AdapterContentionReport): string[] {
  const { waitNs, waited } = row;
  const wait = (ns: number): string => (waited === 0 ? '-' : formatDurationNs(ns));
  return [
    row.device,
    row.adapter,
    formatCount(row.grants),
    formatCount(row.waited),
    wait(waitNs.p50),
    wait(waitNs.p99),
    wait(waitNs.max),
    formatCount(row.queueLengthMax),
    formatCount(row.heldRegistersMax),
    formatCount(row.registersGranted),
    formatCount(row.overtakenMax),
  ];
}

/** One adapter alone that never waited contends with nobody. */
export function hasContention({ adapters }: ContentionReport): boolean {
  return adapters.length > 1 || adapters.some(({ waited }) => waited > 0);
}

/** Who waited how long for map registers and channels, by adapter. */
export function formatContention(contention: ContentionReport, paint: Paint): string {
  const right = (head: string): { head: string; align: 'right' } => ({ head, align: 'right' });
  const columns = [
    { head: 'device' },
    { head: 'adapter' },
    right('granted'),
    right('waited'),
    right('wait p50'),
    right('p99'),
    right('max'),
    right('queue max'),
    right('held max'),
    right('registers'),
    right('overtaken max'),
  ];
  const table = formatTable(columns, contention.adapters.map(adapterRow), paint);
  return `${table}\n  map registers shared with fairness ${contention.fairness.toFixed(2)} (Jain's index: 1 is even)`;
}
