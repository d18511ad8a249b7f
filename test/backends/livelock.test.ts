import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend, type Execution } from '../../src/backends/controlled.js';
import { LIVELOCK_ROUNDS } from '../../src/backends/livelock-watch.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { controlledOverrides, FairTail, Pct, RandomWalk, Replay } from '../../src/explore/index.js';
import { trackFields, type Suspending } from '../../src/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import { defineScenario } from '../../src/machine/scenario.js';
import type { Device, Interrupt, Request } from '../../src/wdf/index.js';
import { SmallContext, smallContext, SmallDriver } from '../scenarios/faults/small-driver.js';

/** EvtIo reads a register `times` times before it goes on. */
class Polls extends SmallDriver {
  constructor(private readonly times: number) {
    super('polls');
  }

  override *evtIo(device: Device, request: Request): Suspending<void> {
    for (let i = 0; i < this.times; i++) yield* smallContext(device).registers.read32(0);
    yield* super.evtIo(device, request);
  }
}

/** As `Polls` without end, and counts in its context: no state comes again. */
class CountsItsPolls extends SmallDriver {
  override *evtIo(device: Device): Suspending<void> {
    const context = smallContext(device) as SmallContext & { polls?: number };
    for (context.polls = 0; ; context.polls++) yield* context.registers.read32(0);
  }
}

/** As that, with the count where `place` puts it. */
class CountsElsewhere extends SmallDriver {
  constructor(private readonly place: (context: SmallContext) => () => void) {
    super('counts');
  }

  override *evtIo(device: Device): Suspending<void> {
    const context = smallContext(device);
    for (const count = this.place(context); ; count()) yield* context.registers.read32(0);
  }
}

interface Counter {
  count: number;
  self?: Counter;
}

/** Where drivers count, away from the context's own fields. */
const PLACES: Readonly<Record<string, (context: SmallContext) => () => void>> = {
  'an object of the context': (context) => {
    const counter: Counter = { count: 0 };
    counter.self = counter;
    Object.assign(context, { statistics: { polls: counter } });
    return () => void counter.count++;
  },
  'an array of the context': (context) => {
    const counts = [0, 0];
    Object.assign(context, { counts });
    return () => void counts[1]!++;
  },
  'a typed array of the context': (context) => {
    const counts = new Uint32Array(4);
    Object.assign(context, { counts });
    return () => void counts[3]!++;
  },
  'a map of the context': (context) => {
    const counts = new Map([['polls', 0]]);
    Object.assign(context, { counts });
    return () => void counts.set('polls', counts.get('polls')! + 1);
  },
  'a tracked field': (context) => {
    const counter = trackFields(context.enabler.kernel, { count: 0 }, 'counter');
    Object.assign(context, { counter });
    return () => void counter.count++;
  },
};

/** Waits for what its own interrupt would tell, which it never looks at: the level stays, the interrupt comes again at once. */
class NeverAcknowledges extends SmallDriver {
  override *isr(interrupt: Interrupt): Suspending<boolean> {
    yield* smallContext(interrupt.device).registers.read32(0);
    return false;
  }

  override *evtIo(device: Device, request: Request): Suspending<void> {
    yield* super.evtIo(device, request);
    while ((yield* smallContext(device).registers.read32(0)) !== 0x1234_5678);
  }
}

/** The DPC never ends: Windows' watchdog has a name for that. */
class PollsInDpc extends SmallDriver {
  override *dpc(device: Device): Suspending<void> {
    for (;;) yield* smallContext(device).registers.read32(0);
  }
}

function backendOf(driver: SmallDriver, more: Partial<Overrides> = {}): ControlledBackend {
  const scenario = defineScenario({
    name: 'small',
    title: 'a small driver',
    devices: [{ name: 'board', model: 'sgring', driver }],
    workload: { maxMdls: 1 },
  });
  return new ControlledBackend(resolveParameters(scenario, controlledOverrides(scenario, { seed: 4, ...more })));
}

function execute(backend: ControlledBackend, strategy: Strategy = new FairTail(new RandomWalk(), 500), seed = 1): Execution {
  strategy.newExecution(seed);
  return backend.execute(strategy);
}

const rulesOf = ({ findings }: Execution): readonly string[] => findings.map(({ rule }) => rule);

describe('livelock by repeated state', function () {
  this.timeout(30_000);

  it('a driver that polls for what never comes is found long before the bound of operations, with the cycle named', () => {
    const execution = execute(backendOf(new Polls(Infinity)));
    expect(rulesOf(execution)).to.deep.equal(['L-LIVELOCK']);
    expect(execution.steps).to.be.within(LIVELOCK_ROUNDS, 60_000);
    const { message } = execution.findings[0]!;
    expect(message)
      .to.match(/vCPU \d in EvtIo: read board/)
      .and.contain('rounds')
      .and.contain('outstanding are board');
  });

  it('the finding is in the operations: a replay comes to the same', () => {
    const backend = backendOf(new Polls(Infinity));
    const found = execute(backend);
    const [choices, { eventHash, memoryHash, steps }] = [Array.from(found.choices), found];
    const again = execute(backendOf(new Polls(Infinity)), new Replay(choices));
    expect(again).to.include({ eventHash, memoryHash, steps });
    expect(again.findings).to.deep.equal(found.findings);
    // One machine executes again and again: what was seen before is forgotten.
    expect(execute(backend)).to.include({ eventHash, memoryHash, steps });
  });

  it('every strategy comes to it in the end', () => {
    for (const seed of [1, 2, 3]) {
      expect(rulesOf(execute(backendOf(new Polls(Infinity)), new FairTail(new Pct(), 500), seed))).to.deep.equal(['L-LIVELOCK']);
    }
  });

  it('a driver that polls a bounded number of times is none', () => {
    for (const times of [1000, 9000]) {
      const execution = execute(backendOf(new Polls(times), { workload: { requests: 1 } }));
      expect(rulesOf(execution), `${times} polls`).to.deep.equal([]);
      expect(execution.steps).to.be.greaterThan(times);
    }
  });

  it('where something moves on, in a context for example, the bound of operations is what is left', () => {
    const execution = execute(backendOf(new CountsItsPolls(), { stepsMax: 100_000 }));
    expect(rulesOf(execution)).to.deep.equal(['L-STEP-BOUND']);
  });

  for (const [name, place] of Object.entries(PLACES)) {
    it(`a driver that counts its polls in ${name} is none`, () => {
      const execution = execute(backendOf(new CountsElsewhere(place), { stepsMax: 100_000, races: true }));
      expect(rulesOf(execution)).to.deep.equal(['L-STEP-BOUND']);
    });
  }

  it('a driver whose context leads everywhere and stays the same is one', () => {
    const leadsEverywhere = (context: SmallContext): (() => void) => {
      const { device } = context.enabler;
      Object.assign(context, { all: [context, device, device.platform, context.registers, new Map([[device, new Set([context])]])] });
      return () => undefined;
    };
    expect(rulesOf(execute(backendOf(new CountsElsewhere(leadsEverywhere), { races: true })))).to.deep.equal(['L-LIVELOCK']);
  });

  it('who never lets the others run has shown nothing', () => {
    const onlyFirst: Strategy = {
      name: 'first',
      newExecution: () => true,
      pick: () => 0,
      executed: () => undefined,
      finished: () => undefined,
    };
    // vCPU 0 polls; the other application and the device wait for their turn.
    const execution = execute(backendOf(new Polls(Infinity), { stepsMax: 100_000, instances: 2 }), onlyFirst);
    expect(rulesOf(execution)).to.deep.equal(['L-STEP-BOUND']);
  });

  it('an interrupt that nobody acknowledges beside a thread that waits is one, too', () => {
    const execution = execute(backendOf(new NeverAcknowledges(), { workload: { requests: 1 } }));
    expect(rulesOf(execution)).to.deep.equal(['L-LIVELOCK']);
  });

  it('a DPC that never ends stays a matter of the DPC watchdog', () => {
    expect(rulesOf(execute(backendOf(new PollsInDpc(), { workload: { requests: 1 } })))).to.deep.equal(['L-DPC-WATCHDOG']);
  });

  it('recordings are not looked at: their end was decided on threads', () => {
    expect(rulesOf(execute(backendOf(new Polls(Infinity), { livelocks: false, stepsMax: 100_000 })))).to.deep.equal(['L-STEP-BOUND']);
  });
});
