import { Command } from 'commander';
import { formatLists } from '../report/index.js';
import type { GalleryLabel } from './lab.js';
import type { Session } from './session.js';

/** `dmalab list`: what is built in. */
export function listCommand(session: Session): Command {
  return new Command('list')
    .description('scenarios, devices and strategies that are built in')
    .option('--json', 'print one JSON object')
    .action(async () => {
      const lab = await session.lab();
      const labels = lab.gallery();
      const lists = { scenarios: lab.scenarios(), gallery: labels, devices: lab.devices(), strategies: lab.strategies() };
      if (!session.json) return session.output.text(formatLists(lists, session.output.paint));
      const scenarios = lists.scenarios.map(({ name, kind, title }) => ({ name, kind, title, ...twinOf(name, labels) }));
      const named = { devices: lists.devices, strategies: lists.strategies };
      session.output.json({ verdict: 'ok', scenario: null, seed: null, findings: [], scenarios, ...named });
    });
}

/** Of a defect the rule that shows it and its repaired twin; of a twin its defect. */
function twinOf(name: string, labels: readonly GalleryLabel[]): { expects: string | null; twin: string | null } {
  for (const { defect, repaired, expects } of labels) {
    if (name === defect) return { expects, twin: repaired };
    if (name === repaired) return { expects: null, twin: defect };
  }
  return { expects: null, twin: null };
}
