import { ControlledBackend } from '../../backends/controlled.js';
import { resolveParameters, type Overrides } from '../../machine/parameters.js';
import type { Explanation, ExplainedStep, SideBySide } from '../../machine/explanation.js';
import type { Scenario } from '../../machine/scenario.js';
import { STEPS_MAX_TO_REPEAT } from '../failing-machine.js';
import { encodeChoices } from '../schedule-file.js';
import { Replay } from '../strategies/index.js';
import { nearestPassing } from './nearest-passing.js';
import { OddsMeter, type OddsLimits, type PassingSchedule } from './prefix-odds.js';
import { findReordering, partingStep } from './reordering.js';
import { StepWriter } from './step-words.js';
import { traceExecution, type Trace, type TraceStep } from './traced-run.js';

/** What an explanation may cost, in executions. */
export interface ExplainLimits extends OddsLimits {
  /** Executions for the nearest passing schedule. */
  readonly passing: number;
}

/** For `dmalab explain`. */
export const EXPLAIN_LIMITS: ExplainLimits = { prefixes: 33, continuations: 16, passing: 1000 };
/** For the sentences beside a finding that was shrunk. */
export const BRIEF_LIMITS: ExplainLimits = { prefixes: 9, continuations: 8, passing: 300 };

/** Executions of more operations are continued and changed less often. */
const STEPS_OF_LONG = 20_000;
const LONG_LIMITS: ExplainLimits = { prefixes: 9, continuations: 4, passing: 60 };
/** Steps shown beside each other, from a little before the two schedules part. */
const SHOWN_BEFORE = 2;
const SHOWN = 10;

/**
 * Says of a failing schedule where it became inevitable and which order decides. Deterministic: continuations are drawn
 * from the schedule's seed and everything is counted in executions. Null when the schedule does not break `rule` or is too
 * long to be repeated.
 */
export function explainFailure(
  scenario: Scenario,
  overrides: Overrides,
  choices: ArrayLike<number>,
  rule: string,
  limits: ExplainLimits = EXPLAIN_LIMITS,
): Explanation | null {
  const backend = new ControlledBackend(resolveParameters(scenario, overrides));
  const failing = trace(backend, choices);
  if (failing.execution.findings[0]?.rule !== rule || failing.execution.steps > STEPS_MAX_TO_REPEAT) return null;
  const { prefixes, continuations, passing: most } = failing.execution.steps > STEPS_OF_LONG ? LONG_LIMITS : limits;
  const meter = new OddsMeter(backend, failing.choices, rule, overrides.seed, { prefixes, continuations });
  const inevitableAfter = meter.inevitableAfter();
  const passing = nearestPassing(backend, failing, inevitableAfter, most) ?? meter.passing;
  // Objects are named while the machine that made them stands: the passing execution first, then the failing one again.
  const passed = passing === null ? null : trace(backend, passing.choices);
  const passedWords = passed === null ? [] : wordsOf(backend, passed.steps);
  const failed = trace(backend, failing.choices);
  const failedWords = wordsOf(backend, failed.steps);
  const decisive = failed.steps.findIndex(({ choice }) => choice === inevitableAfter - 1);
  const inevitable = inevitableAfter === 0 || decisive < 0 ? null : explained(failedWords, failed.steps, decisive);
  const reordering = passed === null ? null : reorderingOf(failed, failedWords, passed, passedWords);
  const explanation = {
    rule,
    choices: failing.choices.length,
    steps: failed.steps.length,
    inevitableAfter,
    inevitable,
    curve: meter.curve,
    passing: passing === null || passed === null ? null : passingOf(passing, failed, failedWords, passed, passedWords),
    reordering,
    executions: meter.executions,
  };
  return { ...explanation, sentences: sentencesOf(explanation) };
}

type Words = readonly Omit<ExplainedStep, 'step' | 'choice'>[];

function trace(backend: ControlledBackend, choices: ArrayLike<number>): Trace {
  const replay = new Replay(choices);
  replay.newExecution();
  return traceExecution(backend, replay);
}

function wordsOf(backend: ControlledBackend, steps: readonly TraceStep[]): Words {
  const writer = new StepWriter(backend);
  return steps.map((step) => writer.words(step));
}

function explained(words: Words, steps: readonly TraceStep[], index: number): ExplainedStep {
  return { ...words[index]!, step: index + 1, choice: steps[index]!.choice + 1 };
}

function reorderingOf(failed: Trace, failedWords: Words, passed: Trace, passedWords: Words): Explanation['reordering'] {
  const found = findReordering(failed, passed);
  if (found === null) return null;
  const first = explained(failedWords, failed.steps, found.first);
  const second = explained(passedWords, passed.steps, found.second);
  return { first, second, isConflict: found.isConflict, text: `${first.text} before ${second.text}` };
}

function passingOf(passing: PassingSchedule, failed: Trace, failedWords: Words, passed: Trace, passedWords: Words): Explanation['passing'] {
  const from = Math.max(0, partingStep(failed.steps, passed.steps) - SHOWN_BEFORE);
  const sideBySide: SideBySide[] = [];
  for (let step = from; step < from + SHOWN; step++) {
    const [left, right] = [failedWords[step]?.text ?? null, passedWords[step]?.text ?? null];
    if (left !== null || right !== null) sideBySide.push({ step: step + 1, failing: left, passing: right });
  }
  return { choices: encodeChoices(passing.choices), common: passing.common, sideBySide };
}

type Facts = Omit<Explanation, 'sentences'>;

function sentencesOf({ choices, inevitableAfter, inevitable, curve, reordering, passing }: Facts): readonly string[] {
  const sentences: string[] = [];
  const before = curve.findLast((odds) => odds.choices < inevitableAfter);
  if (inevitableAfter === 0) sentences.push('Every order that was tried fails: it is no matter of scheduling.');
  else if (inevitable !== null) {
    const odds = before === undefined ? '' : `; before it ${before.failing} of ${before.continuations} other continuations failed`;
    sentences.push(
      `It became inevitable at step ${inevitable.step} (choice ${inevitableAfter} of ${choices}), when ${inevitable.text}${odds}.`,
    );
  }
  if (reordering !== null && passing !== null) {
    const { first, second } = reordering;
    const other = reordering.isConflict
      ? 'in the nearest schedule that passes it is the other way round'
      : `in the nearest schedule that passes, ${second.text} first`;
    sentences.push(reordering.isConflict ? `${upper(first.text)} before ${second.text}; ${other}.` : `${upper(first.text)}; ${other}.`);
  } else if (inevitableAfter > 0) sentences.push('No passing schedule was found near it.');
  return sentences;
}

/** Names of callbacks and strands keep their letters; only articles begin a sentence in small ones. */
function upper(text: string): string {
  return text.replace(/^(the|device|virtual) /, (word) => word[0]!.toUpperCase() + word.slice(1));
}
