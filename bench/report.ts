import Table from 'cli-table3';
import pc from 'picocolors';
import { cpus } from 'node:os';
import type { BenchOptions } from './options.js';
import type { Figure, Goal, Row, SuiteResult } from './results.js';

/** Everything `npm run bench -- --json` prints. */
export interface BenchReport {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    readonly v8: string;
    /** Of the last minute when the benchmarks began: what else ran on the machine. */
    readonly loadAverage: number;
  };
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly figures: readonly Figure[];
  readonly skipped: readonly string[];
}

export function reportOf(options: BenchOptions, results: readonly SuiteResult[], loadAverage: number): BenchReport {
  const processors = cpus();
  return {
    machine: {
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      node: process.versions.node,
      v8: process.versions.v8,
      loadAverage,
    },
    quick: options.quick,
    rounds: options.effort.rounds,
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    rows: results.flatMap(({ rows }) => rows),
    figures: results.flatMap(({ figures }) => figures),
    skipped: results.flatMap(({ suite, skipped }) => skipped.map((why) => `${suite}: ${why}`)),
  };
}

const goalText = (goal: Goal): string => ('atMost' in goal ? `<= ${goal.atMost}x` : `>= ${goal.atLeast}x`);

/** Three figures that count: 0.123, 1.23, 12.3, 1230. */
export function shortNumber(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return digits > 6 ? value.toExponential(1) : value.toFixed(digits);
}

function verdictText(row: Row): string {
  if (row.met === null) return '';
  return row.met ? 'met' : 'missed';
}

const ratioHead = ['suite', 'workload', 'subject', 'against', 'ratio', 'range', 'goal', '', 'ns (drifts)', 'peer ns (drifts)'];

function ratioCells(row: Row): string[] {
  return [
    ...[row.suite, row.workload, row.subject, row.peer],
    `${shortNumber(row.ratio)}x${row.kind === 'gain' ? ' faster' : ''}`,
    `${shortNumber(row.ratioMin)}..${shortNumber(row.ratioMax)}`,
    ...[row.goal === null ? '' : goalText(row.goal), verdictText(row)],
    ...[shortNumber(row.subjectNs), shortNumber(row.peerNs)],
  ];
}

const figureHead = ['suite', 'workload', 'figure', 'value'];
const figureCells = ({ suite, workload, name, value, unit }: Figure): string[] => [suite, workload, name, `${shortNumber(value)} ${unit}`];

function textTable(head: string[], rows: readonly string[][]): string {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  const colours: Readonly<Record<string, (text: string) => string>> = { met: pc.green, missed: pc.red };
  for (const cells of rows) table.push(cells.map((cell) => colours[cell]?.(cell) ?? cell));
  return table.toString();
}

function markdownTable(head: readonly string[], rows: readonly string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The machine in a line, and what the ratios are. */
function headLines({ machine, rounds, quick }: BenchReport): string[] {
  return [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load average ${machine.loadAverage.toFixed(2)} at the start`,
    `Ratios are medians of ${rounds} interleaved rounds${quick ? ' (quick: short measurements)' : ''}; nanoseconds drift with the machine.`,
  ];
}

/** For a terminal. */
export function reportText(report: BenchReport): string {
  const { machine, rows, figures } = report;
  const lines = headLines(report);
  if (machine.loadAverage > machine.cores / 4) {
    lines.push(pc.yellow('The machine was busy with other work: ratios of contestants with two threads are worth little.'));
  }
  if (rows.length > 0) lines.push(textTable(ratioHead, rows.map(ratioCells)));
  if (figures.length > 0) lines.push(textTable(figureHead, figures.map(figureCells)));
  lines.push(...report.skipped.map((why) => pc.yellow(`not measured: ${why}`)));
  lines.push(`${report.seconds.toFixed(0)} s`);
  return lines.join('\n');
}

/** For docs/performance.md. */
export function reportMarkdown(report: BenchReport): string {
  const { rows, figures, skipped } = report;
  const parts = [headLines(report).join('\n')];
  if (rows.length > 0) parts.push(markdownTable(ratioHead, rows.map(ratioCells)));
  if (figures.length > 0) parts.push(markdownTable(figureHead, figures.map(figureCells)));
  if (skipped.length > 0) parts.push(skipped.map((why) => `- not measured: ${why}`).join('\n'));
  return parts.join('\n\n');
}
