import { Command } from 'commander';
import { formatRules } from '../report/index.js';
import { rules } from '../verifier/index.js';
import type { Session } from './session.js';

/** `dmalab rules`: the verifier's catalogue. */
export function rulesCommand(session: Session): Command {
  return new Command('rules')
    .description("the verifier's rules, and which of them this version checks")
    .option('--json', 'print one JSON object')
    .action(() => session.finish({ verdict: 'ok', rules }, (report, paint) => formatRules(report.rules, paint)));
}
