import { expect } from 'chai';
import { describe, it } from 'mocha';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ControlledBackend } from '../../src/backends/index.js';
import { Pos, controlledOverrides } from '../../src/explore/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

/** Executions before anything is measured: what V8 makes once, it has made by then. */
const WARM_UP = 400;
const MEASURED = 120;
/** What is left of an execution after a young collection; of all that one makes it would be 100 KiB and more. */
const LEFT_BYTES_MAX = 10 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

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

/*
 * What a dead machine in V8's old space refers to survives every young collection, and so does the next machine behind
 * it. Closures of generator functions, accessors in object literals, closures assigned to a property and tables of Sets
 * that outlive an execution are made in old space; with one of them executions cost twice as much.
 */
describe('an execution under control leaves nothing behind', function () {
  this.timeout(60_000);

  for (const name of ['plx9x5x-cancel', 'ring', 'pcidrv', 'systemdma']) {
    it(name, () => {
      expect(bytesLeft(name)).to.be.lessThan(LEFT_BYTES_MAX);
    });
  }
});
