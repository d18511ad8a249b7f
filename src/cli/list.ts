import { Command } from 'commander';
import { formatLists } from '../report/index.js';
import type { Session } from './session.js';

/** `dmalab list`: what is built in. */
export function listCommand(session: Session): Command {
  return new Command('list')
    .description('scenarios, devices and strategies that are built in')
    .option('--json', 'print one JSON object')
    .action(async () => {
      const lab = await session.lab();
      const lists = { scenarios: lab.scenarios(), devices: lab.devices(), strategies: lab.strategies() };
      if (!session.json) return session.output.text(formatLists(lists, session.output.paint));
      const scenarios = lists.scenarios.map(({ name, kind, title }) => ({ name, kind, title, expects: null, twin: null }));
      const named = { devices: lists.devices, strategies: lists.strategies };
      session.output.json({ verdict: 'ok', scenario: null, seed: null, findings: [], scenarios, ...named });
    });
}
