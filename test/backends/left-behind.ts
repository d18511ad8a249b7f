/* node --expose-gc left-behind.js SCENARIO: prints the bytes that an execution leaves to full collections of the heap. */
import { ControlledBackend } from '../../src/backends/index.js';
import { Pos, controlledOverrides } from '../../src/explore/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

/** Executions before anything is measured: what V8 makes once, it has made by then. */
const WARM_UP = 400;
const MEASURED = 120;
const collect = globalThis.gc as (options?: { type: 'minor' }) => void;

/** Bytes an execution leaves to full collections, when every young one finds it dead already. */
function bytesLeft(name: string): number {
  const scenario = builtInScenarios.find((candidate) => candidate.name === name)!;
  const parameters = resolveParameters(scenario, controlledOverrides(scenario, { seed: 7, workload: { cancelPerMillion: 200_000 } }));
  const backend = new ControlledBackend(parameters);
  const pos = new Pos();
  const execute = (from: number, count: number): void => {
    for (let seed = from; seed < from + count; seed++) {
      pos.newExecution(seed);
      backend.execute(pos, false);
    }
  };
  execute(0, WARM_UP);
  collect();
  execute(WARM_UP, MEASURED);
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  const before = process.memoryUsage().heapUsed;
  execute(WARM_UP + MEASURED, MEASURED);
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  return (process.memoryUsage().heapUsed - before) / MEASURED;
}

process.stdout.write(String(bytesLeft(process.argv[2]!)));
