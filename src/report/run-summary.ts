import type { CancelReport, EngineReport, LatencySummary, RecordingSummary, RunReport } from '../machine/report.js';
import { formatContention, hasContention } from './contention.js';
import { formatFindings, formatVerdict } from './findings.js';
import { formatFacts, formatTable, printable, type Paint } from './text.js';
import {
  formatBytes,
  formatBytesPerSecond,
  formatCount,
  formatDurationMs,
  formatDurationNs,
  formatDurationSeconds,
  formatPlural,
  formatRate,
  formatShare,
} from './units.js';

function latencyText(latency: LatencySummary): string {
  const { p50, p90, p99, p999, max } = latency;
  const parts = [`p50 ${formatDurationNs(p50)}`, `p90 ${formatDurationNs(p90)}`, `p99 ${formatDurationNs(p99)}`];
  return [...parts, `p99.9 ${formatDurationNs(p999)}`, `max ${formatDurationNs(max)}`].join('   ');
}

function verifiedText(report: RunReport): string {
  if (report.bytes === 0) return 'nothing was moved';
  if (report.bytesVerified === 0) return 'payload not compared';
  if (report.bytesVerified >= report.bytes) return 'every byte compared';
  return `${formatShare(report.bytesVerified, report.bytes)} of the bytes compared`;
}

/** `A 3, D 12`: windows in their order, what waited in a queue last. */
function windowsText({ byWindow }: CancelReport): string {
  return Object.entries(byWindow)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([window, count]) => `${printable(window)} ${formatCount(count)}`)
    .join(', ');
}

function cancelsText(cancels: CancelReport): string {
  const { requested, won, lost } = cancels;
  const windows = windowsText(cancels);
  const detail = windows === '' ? '' : ` (${windows})`;
  return `${formatCount(requested)} requested, ${formatCount(won)} won, ${formatCount(lost)} lost${detail}`;
}

function faultsText({ faults = {}, failedRequests = 0, recoveredRequests = 0 }: RunReport): string {
  const kinds = Object.entries(faults).map(([kind, count]) => `${kind} ${formatCount(count)}`);
  const recovered =
    recoveredRequests === 0 ? '' : `, of which ${formatCount(recoveredRequests)} were given up by a watchdog that recovered`;
  return `injected: ${kinds.join(', ')}; requests that failed or came short for them: ${formatCount(failedRequests)}${recovered}`;
}

function recordingText(recording: RecordingSummary): string {
  const { epochs, epochRequests, operations, distinctOrders, exact, schedule } = recording;
  const made = `${formatPlural(epochs, 'execution')} of ${formatPlural(epochRequests, 'request')}, ${formatCount(operations)} operations in ${formatPlural(distinctOrders, 'different order')}`;
  const kept = schedule === null ? '' : `; kept in ${printable(schedule)}`;
  return `${made}${exact ? '' : '; not exact'}${kept}`;
}

function factsOf(report: RunReport): [string, string][] {
  const nested = `${formatCount(report.nestedInterrupts)} nested in running driver code`;
  const facts: [string, string][] = [
    ['requests', `${formatCount(report.requests)} in ${formatDurationSeconds(report.seconds)}   ${formatRate(report.requestsPerSecond)}`],
    ['data', `${formatBytes(report.bytes)}   ${formatBytesPerSecond(report.bytesPerSecond)}   ${verifiedText(report)}`],
  ];
  if (report.recording !== undefined) facts.push(['recorded', recordingText(report.recording)]);
  else if (report.requests > 0) facts.push(['latency', latencyText(report.latencyNs)]);
  facts.push(['interrupts', `${formatCount(report.interrupts)}, ${nested}`]);
  if (report.cancels.requested > 0) facts.push(['cancels', cancelsText(report.cancels)]);
  if (report.powerCycles > 0) facts.push(['power', `${formatCount(report.powerCycles)} times to D3 and back under traffic`]);
  if (report.unplugs > 0) facts.push(['unplugged', `${formatCount(report.unplugs)} devices pulled out, which ended their traffic early`]);
  if (report.faults !== undefined) facts.push(['faults', faultsText(report)]);
  return facts;
}

function engineRow(engine: EngineReport, seconds: number): string[] {
  const thread = engine.threadId === 0 ? '0 (main)' : String(engine.threadId);
  const busy = `${formatDurationMs(engine.busyMs)} (${formatShare(engine.busyMs, seconds * 1000)})`;
  return [String(engine.host), thread, formatCount(engine.steps), busy, engine.devices.join(', ')];
}

function formatEngines(report: RunReport, paint: Paint): string {
  const columns = [
    { head: 'engine' },
    { head: 'thread' },
    { head: 'steps', align: 'right' },
    { head: 'busy', align: 'right' },
    { head: 'devices' },
  ] as const;
  const rows = report.engines.map((engine) => engineRow(engine, report.seconds));
  const table = formatTable(columns, rows, paint);
  if (report.engines.length < 2) return table;
  const share = formatShare(report.engineOverlapMs, report.seconds * 1000);
  return `${table}\n  two or more engines busy at once: ${formatDurationMs(report.engineOverlapMs)} (${share} of the run)`;
}

function formatDevices(report: RunReport, paint: Paint): string {
  const columns = [
    { head: 'device' },
    { head: 'requests', align: 'right' },
    { head: 'data', align: 'right' },
    { head: 'interrupts', align: 'right' },
  ] as const;
  const rows = report.perDevice.map((row) => [row.device, formatCount(row.requests), formatBytes(row.bytes), formatCount(row.interrupts)]);
  return formatTable(columns, rows, paint);
}

/** Cancellations by device, where there is more than one to tell apart; empty otherwise. */
function formatCancels(report: RunReport, paint: Paint): string {
  const rows = report.perDevice.flatMap(({ device, cancels }) =>
    cancels === undefined || cancels.requested === 0
      ? []
      : [[device, formatCount(cancels.requested), formatCount(cancels.won), formatCount(cancels.lost), windowsText(cancels)]],
  );
  if (rows.length < 2) return '';
  const columns = [
    { head: 'device' },
    { head: 'cancels', align: 'right' },
    { head: 'won', align: 'right' },
    { head: 'lost', align: 'right' },
    { head: 'by window' },
  ] as const;
  return formatTable(columns, rows, paint);
}

/** The report of `dmalab run` as people read it; `brief` leaves the tables out. */
export function formatRunReport(report: RunReport, paint: Paint, brief = false): string {
  const blocks: string[] = [];
  if (!brief) {
    blocks.push(`${paint.bold(printable(report.scenario))} on real threads, seed ${report.seed}`, formatFacts(factsOf(report), paint));
    if (report.perDevice.length > 0) blocks.push(formatDevices(report, paint));
    const cancels = formatCancels(report, paint);
    if (cancels !== '') blocks.push(cancels);
    if (report.engines.length > 0) blocks.push(formatEngines(report, paint));
    if (hasContention(report.contention)) blocks.push(formatContention(report.contention, paint));
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}
