import type { ExplainReport, Explanation } from '../machine/explanation.js';
import { formatFindings, formatVerdict } from './findings.js';
import { formatFacts, formatTable, printable, type Paint } from './text.js';
import { formatCount } from './units.js';

const BAR = 40;
/** Lines of the picture; more prefixes than this are left out evenly, the decisive ones never. */
const LINES_MAX = 24;

/** The report of `dmalab explain`; `brief` leaves picture and tables out. */
export function formatExplainReport(report: ExplainReport, paint: Paint, brief = false): string {
  const { explanation } = report;
  const blocks: string[] = [];
  if (explanation === null)
    blocks.push(
      `${paint.bold(printable(report.scenario))}: the schedule does not break ${printable(report.rule)} any more, so nothing can be explained`,
    );
  else {
    const head = `${paint.bold(printable(report.scenario))} explained, seed ${report.seed}: ${formatCount(explanation.choices)} choices, ${formatCount(explanation.steps)} steps up to the finding`;
    blocks.push(head, explanation.sentences.map((sentence) => `  ${printable(sentence)}`).join('\n'));
    if (!brief) blocks.push(pictureOf(explanation, paint), ...sideBySide(explanation, paint));
  }
  if (report.divergence !== null) {
    const facts: [string, string][] = [
      ['expected', printable(report.divergence.expected)],
      ['found', printable(report.divergence.found)],
    ];
    blocks.push(`first difference from the file at step ${formatCount(report.divergence.step)}\n${formatFacts(facts, paint)}`);
  }
  if (report.findings.length > 0) blocks.push(formatFindings(report.findings, report.findingsTotal, paint));
  blocks.push(formatVerdict(report.verdict, report.findingsTotal, paint));
  return blocks.join('\n\n');
}

/** P(finding | prefix) as a bar a prefix. */
function pictureOf({ curve, inevitableAfter }: Explanation, paint: Paint): string {
  const every = Math.ceil(curve.length / LINES_MAX);
  const lines = curve
    .filter(({ choices }, i) => i % every === 0 || i === curve.length - 1 || Math.abs(choices - inevitableAfter) <= 1)
    .map(({ choices, continuations, failing }) => {
      const share = failing / continuations;
      const bar = '#'.repeat(Math.round(share * BAR)).padEnd(BAR, '.');
      const mark = choices === inevitableAfter ? '  <- inevitable' : '';
      return `  ${String(choices).padStart(6)}  ${bar}  ${share.toFixed(2)}  (${failing} of ${continuations})${mark}`;
    });
  return [paint.bold('  P(finding) when the first n choices are kept and the rest is drawn anew'), ...lines].join('\n');
}

function sideBySide({ passing }: Explanation, paint: Paint): string[] {
  if (passing === null) return [];
  const columns = [{ head: 'step', align: 'right' as const }, { head: 'the failing schedule' }, { head: 'the nearest that passes' }];
  return [
    formatTable(
      columns,
      passing.sideBySide.map(({ step, failing, passing: other }) => [String(step), failing ?? '', other ?? '']),
      paint,
    ),
  ];
}
