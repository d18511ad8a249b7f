import { RecordedBackend } from '../src/backends/index.js';
import { MAIN_PARTY, OrderLock, planOrderLock } from '../src/hardware/index.js';
import { LayoutBuilder, MachineMemory, atomics } from '../src/memory/index.js';
import { resolveParameters, type Overrides } from '../src/machine/parameters.js';
import { ring } from '../src/scenarios/samples/ring.js';
import { DriverExecutions } from './driver-executions.js';
import { runRoad } from './road.js';
import { rowOf, type Figure, type Row, type Suite } from './results.js';
import { figuresOf, interleave, median, sized } from './rounds.js';

const ordered = 'operation under the order lock';
const plain = 'the same operation, Atomics alone';
const recorded = 'recorded executions';
const controlled = 'controlled executions';
const free = 'free run on threads';
const orderedGoal = { atMost: 2.5 } as const;

/** Requests of one recorded execution: long enough that power-on and removal do not matter. */
const EPOCH_REQUESTS = 1024;
const PAYLOAD_BYTES = 512;
const OUTSTANDING = 32;
const FIRST_OPERATIONS = 100_000;

interface Measured {
  readonly rows: readonly Row[];
  readonly figures: readonly Figure[];
}

/** S8: what recording costs, for one visible operation and for whole runs. */
export const recordedSuite: Suite = async (effort, progress) => {
  progress('S8 one operation');
  const one = await measureOperation(effort);
  progress('S8 whole runs');
  const whole = await measureRuns(effort);
  return { rows: [...one.rows, ...whole.rows], figures: [...one.figures, ...whole.figures], skipped: [] };
};

/** A shared word counted up, as the least that a visible operation can be: bare, and with its place in the order taken. */
async function measureOperation({ rounds, measureMs }: { rounds: number; measureMs: number }): Promise<Measured> {
  const layout = new LayoutBuilder();
  const at = planOrderLock(layout);
  const word = layout.reserve('word', 128, { align: 128 }) >> 2;
  const memory = MachineMemory.create(layout.lengthBytes, true);
  const lock = new OrderLock(memory, at, MAIN_PARTY, true);
  const series = await interleave(
    [
      sized(ordered, { measureMs, first: FIRST_OPERATIONS }, (operations) => runOrdered(lock, memory.i32, word, operations)),
      sized(plain, { measureMs, first: FIRST_OPERATIONS }, (operations) => runPlain(memory.i32, word, operations)),
    ],
    rounds,
  );
  const workload = 'one visible operation';
  return { rows: [rowOf(series, { suite: 'S8', workload, subject: ordered, peer: plain, goal: orderedGoal })], figures: [] };
}

function runPlain(words: Int32Array, word: number, operations: number): number {
  const begin = performance.now();
  for (let i = 0; i < operations; i++) atomics.add(words, word, 1);
  return ((performance.now() - begin) * 1e6) / operations;
}

/** What an engine host does around each step, with nobody else who wants the lock. */
function runOrdered(lock: OrderLock, words: Int32Array, word: number, operations: number): number {
  if (!lock.tryTake()) throw new Error('somebody holds the order lock of this benchmark');
  lock.setOpen(true);
  const before = lock.written;
  const begin = performance.now();
  for (let i = 0; i < operations && lock.isOpen; i++) {
    if (lock.isFull) lock.setRead(lock.written, Infinity);
    atomics.add(words, word, 1);
    lock.append(0, i);
    if (lock.mustGiveWay()) throw new Error('somebody wants the order lock of this benchmark');
  }
  const elapsedMs = performance.now() - begin;
  lock.release();
  if (((lock.written - before) | 0) !== operations) throw new Error('operations are missing in the order');
  return (elapsedMs * 1e6) / operations;
}

/** Whole requests through `ring`, recorded and free; and recorded operations beside controlled ones. */
async function measureRuns({ rounds, measureMs, threadMs }: { rounds: number; measureMs: number; threadMs: number }): Promise<Measured> {
  const shape = { outstanding: OUTSTANDING, maxMdls: 1, minBytes: PAYLOAD_BYTES, maxBytes: PAYLOAD_BYTES, alignBytes: PAYLOAD_BYTES };
  const overrides: Overrides = { seed: 1, workload: { ...shape, requests: EPOCH_REQUESTS } };
  const backend = new RecordedBackend(resolveParameters(ring, overrides));
  const executions = new DriverExecutions();
  let operations = 0;
  let nsOfOperations = 0;
  const runRecorded = (requests: number): number => {
    const epochs = Math.max(1, Math.round(requests / EPOCH_REQUESTS));
    const begin = performance.now();
    for (let i = 0; i < epochs; i++) operations += executeOnce(backend);
    const elapsedMs = performance.now() - begin;
    nsOfOperations += elapsedMs * 1e6;
    return (elapsedMs * 1e6) / (epochs * EPOCH_REQUESTS);
  };
  try {
    await backend.start();
    const series = await interleave(
      [
        sized(recorded, { measureMs: threadMs, first: EPOCH_REQUESTS }, runRecorded),
        sized(free, { measureMs: threadMs, first: 4 * EPOCH_REQUESTS }, (requests) =>
          runRoad({ payloadBytes: PAYLOAD_BYTES, requests, outstanding: OUTSTANDING, verifyPayload: true }),
        ),
        sized(controlled, { measureMs, first: 1000 }, (wanted) => executions.run(Math.max(1, Math.round(wanted / 150)))),
      ],
      rounds,
    );
    const workload = `ring ${PAYLOAD_BYTES} B, ${EPOCH_REQUESTS} requests an execution`;
    const perOperation = nsOfOperations / operations;
    const figure = (name: string, value: number): Figure => ({ suite: 'S8', workload, name, value, unit: 'ns per operation (drifts)' });
    return {
      rows: [rowOf(series, { suite: 'S8', workload, subject: recorded, peer: free })],
      figures: [figure(recorded, perOperation), figure(controlled, median(figuresOf(series, controlled)))],
    };
  } finally {
    await backend.stop();
  }
}

/** Returns the operations. Throws when the execution found something or left a request out. */
function executeOnce(backend: RecordedBackend): number {
  const { execution, isExact } = backend.execute();
  const first = execution.findings[0];
  if (first !== undefined) throw new Error(`the recorded execution found ${first.rule}: ${first.message}`);
  if (!isExact || execution.requests !== EPOCH_REQUESTS)
    throw new Error(`${execution.requests} requests of ${EPOCH_REQUESTS} were recorded`);
  return execution.steps;
}
