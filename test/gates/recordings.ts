import { ControlledBackend, RecordedBackend } from '../../src/backends/index.js';
import { FollowOrder, Replay } from '../../src/explore/index.js';
import { hostTimeMs, hostTurn } from '../../src/kernel/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

/** One recording in so many is changed in one choice, which must be noticed. */
const FLIP_ONE_IN = 100;
/** Recordings between turns of the event loop. */
const PER_TURN = 200;

export interface RecordingsResult {
  readonly recordings: number;
  /** Recordings whose order could be followed to the same events and memory. */
  readonly exact: number;
  readonly distinctOrders: number;
  /** Changed schedules, and those of them that diverged or came to other events. */
  readonly flips: number;
  readonly flipsNoticed: number;
  readonly findings: number;
  readonly operations: number;
  /** Mean time of a recording and of following it. */
  readonly recordMs: number;
  readonly followMs: number;
}

/** A small scenario: three requests of one page, two in flight, half of them cancelled. */
const SMALL: Overrides = {
  seed: 17,
  workload: { requests: 3, outstanding: 2, minBytes: 512, maxBytes: 4096, cancelPerMillion: 500_000 },
};

/** Records `plx9x5x-cancel` so many times on real threads and follows each recording under control. */
export async function recordings(count: number, onProgress: (done: number) => void = () => undefined): Promise<RecordingsResult> {
  const scenario = builtInScenarios.find(({ name }) => name === 'plx9x5x-cancel')!;
  const parameters = resolveParameters(scenario, SMALL);
  const recorded = new RecordedBackend(parameters, { numerator: 1, denominator: 40 });
  const controlled = new ControlledBackend(parameters);
  const follow = new FollowOrder([]);
  const orders = new Set<string>();
  const sums = { exact: 0, flips: 0, flipsNoticed: 0, findings: 0, operations: 0, recordMs: 0, followMs: 0 };
  try {
    await recorded.start();
    for (let i = 0; i < count; i++) {
      const startMs = hostTimeMs();
      const { execution, order } = recorded.execute();
      const recordedMs = hostTimeMs();
      follow.follow(order);
      follow.newExecution();
      const followed = controlled.execute(follow);
      sums.recordMs += recordedMs - startMs;
      sums.followMs += hostTimeMs() - recordedMs;
      sums.operations += execution.steps;
      sums.findings += execution.findingsTotal;
      orders.add(execution.eventHash);
      const isExact =
        follow.divergence() === null && followed.eventHash === execution.eventHash && followed.memoryHash === execution.memoryHash;
      if (isExact) sums.exact++;
      if (i % FLIP_ONE_IN === 0) {
        sums.flips++;
        if (isFlipNoticed(controlled, [...followed.choices], i, execution.eventHash)) sums.flipsNoticed++;
      }
      if (i % PER_TURN === PER_TURN - 1) {
        onProgress(i + 1);
        await hostTurn();
      }
    }
  } finally {
    await recorded.stop();
  }
  const { recordMs, followMs } = sums;
  return { recordings: count, distinctOrders: orders.size, ...sums, recordMs: recordMs / count, followMs: followMs / count };
}

/** Changes one choice, another place each time, to the next strand there is. */
function isFlipNoticed(backend: ControlledBackend, choices: number[], number: number, eventHash: string): boolean {
  const at = Math.floor(number / FLIP_ONE_IN) % choices.length;
  choices[at] = (choices[at]! + 1) % backend.strandNames.length;
  const replay = new Replay(choices);
  replay.newExecution();
  const flipped = backend.execute(replay);
  return replay.divergence() !== null || flipped.eventHash !== eventHash;
}
