import type { BeforeAfter, ShrinkSummary } from '../machine/report.js';
import { formatCount, formatPlural } from './units.js';

/** `9 -> 2`, or one number when nothing changed. */
export function change({ before, after }: BeforeAfter): string {
  return before === after ? formatCount(after) : `${formatCount(before)} -> ${formatCount(after)}`;
}

/** One line for the tables of `explore` and of findings. */
export function shrinkText({ preemptions, deviations, requests, devices, faults, replays }: ShrinkSummary): string {
  const parts = [`preemptions ${change(preemptions)}`, `deviations ${change(deviations)}`, `requests ${change(requests)}`];
  if (devices.before > 1) parts.push(`devices ${change(devices)}`);
  if (faults.before > 0) parts.push(`injected faults ${change(faults)}`);
  return `${parts.join(', ')}; ${formatPlural(replays, 'replay')}`;
}
