import { createServer } from 'node:net';
import { hostDelay } from '../../../src/kernel/host-turn.js';
import { runProcess } from '../../../src/cli/run-process.js';
import type { RunReport } from '../../../src/machine/report.js';
import { FakeLab, finding, runReport } from './fake-lab.js';

/** The command line as a process of its own, over a fake laboratory that behaves as FAKE_LAB says. */
const lab = new FakeLab();
const behaviour = process.env['FAKE_LAB'] ?? 'ok';

const large: RunReport = { ...runReport, verdict: 'finding', findings: [{ ...finding, message: 'x'.repeat(1_000_000) }], findingsTotal: 1 };

const never = (): Promise<RunReport> => new Promise<RunReport>(() => {});

async function untilAborted(signal: AbortSignal): Promise<RunReport> {
  process.stderr.write('running\n');
  while (!signal.aborted) await hostDelay(5);
  return { ...runReport, verdict: 'interrupted', requests: 42 };
}

lab.onRun = async ({ signal }) => {
  switch (behaviour) {
    case 'wait':
      return untilAborted(signal);
    case 'deaf':
      process.stderr.write('running\n');
      for (;;) await hostDelay(1000);
    case 'large':
      return large;
    case 'escape':
      setImmediate(() => {
        // Where it was thrown is not known: nobody else can be blamed.
        throw Object.assign(new Error('nobody awaits me'), { stack: '' });
      });
      return untilAborted(signal);
    case 'late':
      for (const late of ['first', 'second'])
        setImmediate(() => {
          throw Object.assign(new Error(late), { stack: `Error: ${late}\n    at tick (file:///drivers/late.mjs:3:7)` });
        });
      return runReport;
    case 'timer':
      setInterval(() => undefined, 60_000);
      return large;
    case 'handle':
      createServer().listen(0);
      return runReport;
    case 'never':
      return never();
    default:
      return runReport;
  }
};

runProcess(() => Promise.resolve(lab));
