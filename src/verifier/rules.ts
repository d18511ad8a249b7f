import type { Rule, RuleText } from './rule.js';
import { frameworkRules } from './rules-framework.js';
import { halRules } from './rules-hal.js';
import { labRules } from './rules-lab.js';
import { misuseRules } from './rules-misuse.js';
import { classicRules } from './rules-classic.js';

/** Rules of families A to D that some check reports today; a test finds each in the sources. Family L is implemented throughout. */
const implementedIds: ReadonlySet<string> = new Set<string>([]);

const texts: readonly RuleText[] = [...halRules, ...frameworkRules, ...misuseRules, ...classicRules, ...labRules];

/** The whole catalogue, families A, B, C, D, L in order. */
export const rules: readonly Rule[] = texts.map((text) => ({ ...text, implemented: text.id.startsWith('L-') || implementedIds.has(text.id) }));

const titles = new Map(rules.map((rule) => [rule.id, rule.title]));

/** What the rule asks; the id itself for one the catalogue does not have. */
export function ruleTitle(id: string): string {
  return titles.get(id) ?? id;
}
