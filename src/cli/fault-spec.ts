import { UsageError } from '../nt/index.js';
import {
  FAULT_DENOMINATOR_MAX,
  FAULT_KINDS,
  NO_FAULTS,
  isFaultKind,
  parseRatio,
  planOf,
  type FaultKind,
  type FaultPlan,
  type FaultRatio,
} from '../faults/index.js';
import type { Scenario } from '../machine/scenario.js';
import { nearestName } from '../machine/nearest-name.js';

/** What `--faults` may say: which kinds depends on the scenario, so a word stays a word until it is known. */
export type FaultSpec = 'none' | 'survived' | 'all' | FaultPlan;

const FORM = `none, survived, all, or KIND=N/D[,KIND=N/D...], such as hang=1/500`;

/** Parser of `--faults`; throws UsageError USAGE_BAD_FAULTS naming the part that is wrong. */
export function faultSpec(text: string): FaultSpec {
  if (text === 'none' || text === 'survived' || text === 'all') return text;
  const plan: Partial<Record<FaultKind, FaultRatio>> = {};
  for (const part of text.split(',')) {
    const [name = '', ratioText] = part.split('=', 2);
    if (!isFaultKind(name)) throw unknownKind(name);
    const ratio = parseRatio(ratioText ?? '');
    if (ratio === null)
      throw bad(
        `--faults ${name} has the ratio '${ratioText ?? ''}'`,
        `N/D with 0 <= N <= D <= ${FAULT_DENOMINATOR_MAX}, such as ${name}=1/50`,
      );
    if (plan[name] !== undefined) throw bad(`--faults names ${name} twice`, 'each kind once');
    plan[name] = ratio;
  }
  return plan;
}

function unknownKind(name: string): UsageError {
  const nearest = nearestName(name, FAULT_KINDS);
  return bad(
    `there is no fault kind '${name}'`,
    nearest === null ? `${FORM}; kinds: ${FAULT_KINDS.join(', ')}` : `did you mean '${nearest}'?`,
  );
}

function bad(message: string, expected: string): UsageError {
  return new UsageError('USAGE_BAD_FAULTS', message, { where: '--faults', expected });
}

/** The plan a spec means for a scenario. UsageError when `survived` is asked of one that claims to survive nothing. */
export function faultPlan(spec: FaultSpec, scenario: Scenario): FaultPlan {
  if (spec === 'none') return NO_FAULTS;
  if (spec === 'all') return planOf(FAULT_KINDS);
  if (spec !== 'survived') return spec;
  if (scenario.survives.length === 0)
    throw bad(`scenario ${scenario.name} claims to survive no fault`, `a scenario that declares 'survives', or ${FORM}`);
  return planOf(scenario.survives);
}
