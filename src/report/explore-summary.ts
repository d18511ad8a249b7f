import { orderingsText } from '../machine/ordering.js';
import type { BehaviourClasses, ExploreReport, ReplayReport, SearchProof } from '../machine/report.js';
import { formatFindings, formatVerdict } from './findings.js';
import { shrinkText } from './shrink-text.js';
import { formatFacts, printable, type Paint } from './text.js';
import { formatCount, formatPlural, formatRate, formatShare } from './units.js';

function determinismText(report: ExploreReport): string {
  if (report.verifiedTwice === 0) return 'no schedule was executed twice';
  const schedules = formatPlural(report.verifiedTwice, 'schedule');
  return `${schedules} executed twice with the same events and memory; ${formatPlural(report.distinctHashes, 'different execution')} seen`;
}

function threadsText(stepsByThread: Readonly<Record<string, number>>): string {
  const parts = Object.entries(stepsByThread).map(
    ([thread, steps]) => `thread ${thread}${thread === '0' ? ' (main)' : ''}: ${formatCount(steps)}`,
  );
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** Types of objects, by how often they were points. */
function pointsText(points: ExploreReport['points']): string {
  const totals = Object.entries(points)
    .map(([type, kinds]) => [type, Object.values(kinds).reduce((sum, count) => sum + count, 0)] as const)
    .sort(([, a], [, b]) => b - a);
  return totals.length === 0 ? 'none' : totals.map(([type, count]) => `${type}: ${formatCount(count)}`).join(', ');
}

/** What a search that ends by itself has come to: all there is within its bound, or so far. */
function proofText({ executions, redundant, preemptions, leaps, tellsObjectsApart }: SearchProof, exhausted: boolean): string {
  const leapsText = leaps === 1 ? '1 leap of time' : `${leaps} leaps of time`;
  const bound = preemptions === null ? 'any number of preemptions' : `at most ${preemptions} preemption${preemptions === 1 ? '' : 's'}`;
  const explored = exhausted
    ? `all ${formatPlural(executions, 'execution')} explored`
    : `${formatPlural(executions, 'execution')} explored, others are left`;
  const known = redundant === 0 ? '' : `; ${formatCount(redundant)} more given up as known`;
  const relation = tellsObjectsApart ? '; framework objects told apart' : '';
  return `${explored}, bound: ${bound}, at most ${leapsText}${known}${relation}`;
}

function classesText({ distinct, once, unseen }: BehaviourClasses, schedules: number, atLeast: string): string {
  const left = unseen === null ? '' : `, ${formatShare(once, schedules)} of further schedules would show new ones`;
  return `${atLeast}${formatCount(distinct)} seen${left}`;
}

/** What a search has seen and how much is left, as two lines of the table. */
function coverageFacts({ coverage }: ExploreReport): readonly (readonly [string, string])[] {
  const { schedules, orders, readsFrom, pairs, curve, isPartial } = coverage;
  const atLeast = isPartial ? 'at least ' : '';
  const marks = curve.map((mark) => `${formatCount(mark.pairs)} after ${formatPlural(mark.schedules, 'schedule')}`).join(', ');
  return [
    ['orders', `of operations on one object: ${classesText(orders, schedules, atLeast)}`],
    ['reads-from', `sets of pairs: ${classesText(readsFrom, schedules, atLeast)}`],
    ['pairs', `${atLeast}${formatCount(pairs.distinct)} of one operation read by another${marks === '' ? '' : `: ${marks}`}`],
  ];
}

/** The report of `dmalab explore`; `brief` leaves the table out. */
export function formatExploreReport(report: ExploreReport, paint: Paint, brief = false): string {
  const blocks: string[] = [];
  if (!brief) {
    const perSchedule = report.schedules === 0 ? 0 : report.steps / report.schedules;
    const threads = report.workers === 1 ? '' : `   on ${report.workers} threads`;
    const exhausted = report.exhausted ? '   no schedule is left' : '';
    blocks.push(
      `${paint.bold(printable(report.scenario))} under control, strategy ${printable(report.strategy)}, seed ${report.seed}`,
      formatFacts(
        [
          ['schedules', `${formatCount(report.schedules)}   ${formatRate(report.schedulesPerSecond)}${threads}${exhausted}`],
          ['steps', `${formatCount(report.steps)}   ${formatCount(perSchedule)} a schedule`],
          ...(report.proof === null ? [] : [['proof', proofText(report.proof, report.exhausted)] as const]),
          ['device steps', threadsText(report.deviceStepsByThread)],
          ...(report.races ? [['races', 'looked for in tracked contexts, common buffers and registers'] as const] : []),
          ...(report.ordering.length === 0 ? [] : [['ordering', orderingsText(report.ordering)] as const]),
          ['points', pointsText(report.points)],
          ['determinism', determinismText(report)],
          ...coverageFacts(report),
          ...(report.shrink === null ? [] : [['shrunk', shrinkText(report.shrink)] as const]),
        ],
        paint,
      ),
    );
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  if (report.explanation !== null) blocks.push(`${paint.dim('why')}\n  ${printable(report.explanation)}`);
  if (report.token !== null && !brief) blocks.push(`${paint.dim('token, for replay in place of the file')}\n${report.token}`);
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}

/** The report of `dmalab replay`; `brief` leaves the table out. */
export function formatReplayReport(report: ReplayReport, paint: Paint, brief = false): string {
  const blocks: string[] = [];
  if (!brief) {
    const facts: [string, string][] = [
      ['steps', formatCount(report.steps)],
      ['event hash', report.eventHash],
      ['memory hash', report.memoryHash],
      ['device steps', threadsText(report.deviceStepsByThread)],
    ];
    blocks.push(`${paint.bold(printable(report.scenario))} replayed (${report.backend}), seed ${report.seed}`, formatFacts(facts, paint));
  }
  if (report.divergence !== null) {
    const { step, expected, found } = report.divergence;
    const facts: [string, string][] = [
      ['expected', printable(expected)],
      ['found', printable(found)],
    ];
    blocks.push(`first difference at step ${formatCount(step)}\n${formatFacts(facts, paint)}`);
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}
