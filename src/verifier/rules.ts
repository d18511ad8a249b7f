import type { Rule, RuleText } from './rule.js';
import { frameworkRules } from './rules-framework.js';
import { halRules } from './rules-hal.js';
import { labRules } from './rules-lab.js';
import { misuseRules } from './rules-misuse.js';
import { classicRules } from './rules-classic.js';

/** Rules of families A to D that some check reports today; a test finds each in the sources. Family L is implemented throughout. */
const implementedIds: ReadonlySet<string> = new Set<string>([
  'A01',
  'A05',
  'A06',
  'A07',
  'A08',
  'A09',
  'A10',
  'A11',
  'A12',
  'A13',
  'A14',
  'A15',
  'A16',
  'A17',
  'A18',
  'A19',
  'A20',
  'A21',
  'A23',
  'A24',
  'A26',
  'A27',
  'A29',
  'A30',
  'A31',
  'A32',
  'A33',
  'A34',
  'A36',
  'B01',
  'B02',
  'B03',
  'B04',
  'B05',
  'B06',
  'B08',
  'B09',
  'B10',
  'B11',
  'B12',
  'B13',
  'B14',
  'B15',
  'B16',
  'B17',
  'B18',
  'B19',
  'B20',
  'B21',
  'B22',
  'C01',
  'C02',
  'C03',
  'C04',
  'C05',
  'C06',
  'C07',
  'C08',
  'C09',
  'C10',
  'C11',
  'C12',
  'C13',
  'C14',
  'C15',
  'C16',
  'C17',
  'C18',
  'C19',
  'C20',
  'C21',
  'C23',
  'C25',
  'C26',
  'C27',
  'C28',
  'C29',
  'C30',
  'D17',
  'D19',
  'D27',
  'D36',
  'D46',
  'D47',
  'D52',
  'D53',
  'D54',
  'D55',
  'D61',
  'D62',
  'D63',
]);

const texts: readonly RuleText[] = [...halRules, ...frameworkRules, ...misuseRules, ...classicRules, ...labRules];

/** The whole catalogue, families A, B, C, D, L in order. */
export const rules: readonly Rule[] = texts.map((text) => ({
  ...text,
  implemented: text.id.startsWith('L-') || implementedIds.has(text.id),
}));

const titles = new Map(rules.map((rule) => [rule.id, rule.title]));

/** What the rule asks; the id itself for one the catalogue does not have. */
export function ruleTitle(id: string): string {
  return titles.get(id) ?? id;
}
