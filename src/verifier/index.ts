export type { Rule, RuleText } from './rule.js';
export * from './rules.js';
