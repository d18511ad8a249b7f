import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledScheduler } from '../../src/backends/controlled-scheduler.js';
import { ControlledBackend } from '../../src/backends/index.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { RandomWalk, controlledOverrides } from '../../src/explore/index.js';
import {
  DONE,
  Dpc,
  EventKind,
  EventRing,
  Kernel,
  makeOp,
  newTimer,
  OpKind,
  SeededRandom,
  VirtualClock,
  type Op,
  type Suspending,
  type VirtualCpu,
} from '../../src/kernel/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import type { Strand } from '../../src/machine/strand.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

/** What else may happen to a machine than its traffic. */
const DISTURBANCES = [
  {},
  { workload: { requests: 6, cancelPerMillion: 400_000, powerCyclesPerMillion: 300_000, unplugPerMillion: 50_000 } },
  { races: true, machine: { ordering: ['posted-writes', 'data-after-interrupt', 'delayed-write-back', 'pre-cancel', 'grant-from-dpc'] } },
] as const;

const WORD = 100;
const POINTS = 60;
const DISTANCE = 10;
const CPUS = 2;
/** The strand behind the virtual CPUs. */
const TIME = CPUS;

function* thread(kernel: Kernel): Suspending<void> {
  const op = makeOp(WORD, OpKind.Update);
  for (let i = 0; i < POINTS; i++) if (kernel.at(op)) yield op;
}

/** Takes time wherever it may, else the virtual CPUs in turn, and notes who performed each operation. */
class TimeFirst implements Strategy {
  readonly name = 'time first';
  readonly performed: number[] = [];

  newExecution(): boolean {
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    if (enabled[count - 1] === TIME) return count - 1;
    return enabled[0] === current ? count - 1 : 0;
  }

  executed(strand: number): void {
    this.performed.push(strand);
  }

  finished(): void {}
}

/** Chooses by chance and looks at the virtual CPUs itself. */
class Looking implements Strategy {
  readonly name = 'looking';
  readonly #random = new SeededRandom(0);
  choices = 0;
  #wasAsked = false;

  constructor(private readonly vcpus: readonly VirtualCpu[]) {}

  newExecution(seed: number): boolean {
    this.#random.reseed(seed);
    return true;
  }

  pick(enabled: Int32Array, count: number, _current: number, ops: Int32Array): number {
    const told: [number, Op][] = [];
    for (let i = 0; i < count; i++) if (enabled[i]! < this.vcpus.length) told.push([enabled[i]!, ops[i]!]);
    expect(told).to.deep.equal(this.#enabledNow());
    this.#wasAsked = true;
    this.choices++;
    return this.#random.below(count);
  }

  /** Whoever goes on without a choice is the only one that can. */
  executed(strand: number, op: Op): void {
    if (!this.#wasAsked) for (const entry of this.#enabledNow()) expect(entry).to.deep.equal([strand, op]);
    this.#wasAsked = false;
  }

  finished(): void {}

  #enabledNow(): [number, Op][] {
    return this.vcpus.flatMap((cpu) => (cpu.isEnabled() ? [[cpu.id, cpu.pending] as [number, Op]] : []));
  }
}

/** Numbers of the operations that were leaps of time, and of those before which time was asked whether it could go on. */
function leaps(isArmed: (operation: number) => boolean): { leaps: number[]; asked: number[] } {
  const kernel = new Kernel({ vcpus: CPUS, clock: new VirtualClock(), events: new EventRing(64) });
  const strategy = new TimeFirst();
  const { performed } = strategy;
  const asked: number[] = [];
  const op: Op = makeOp(0, OpKind.Deliver);
  const time: Strand = {
    id: TIME,
    kind: 'timer',
    name: 'time',
    pending: op,
    isEnabled: () => isArmed(performed.length),
    enabledOp: () => {
      asked.push(performed.length);
      return isArmed(performed.length) ? op : DONE;
    },
    advance: () => kernel.timeLeaps++,
  };
  const scheduler = new ControlledScheduler(kernel, [...kernel.vcpus, time], strategy);
  scheduler.leapDistance = DISTANCE;
  for (const cpu of kernel.vcpus) cpu.queueThread('thread', WORD, thread(kernel));
  kernel.gate = scheduler;
  scheduler.run();
  return { leaps: performed.flatMap((strand, i) => (strand === TIME ? [i] : [])), asked };
}

describe('controlled scheduler', () => {
  it('lets time leap once in so many operations, from the first of them, and asks it nothing in between', () => {
    // Not armed any more when the threads have ended, or time would go on for ever.
    const { leaps: at, asked } = leaps((operation) => operation <= 100);
    expect(at).to.deep.equal([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    const between = asked.filter((operation) => operation < 100 && operation % DISTANCE > 1);
    expect(between).to.deep.equal([]);
  });

  it('counts the distance from the first operation at which time could have leapt again', () => {
    // Armed for the first leap, then not before operation 25.
    const { leaps: at } = leaps((operation) => operation === 0 || (operation >= 25 && operation <= 60));
    expect(at).to.deep.equal([0, 25 - 1 + DISTANCE, 25 - 1 + 2 * DISTANCE, 25 - 1 + 3 * DISTANCE]);
  });

  it('has devices perform the operations it chose them with, in every built-in scenario', () => {
    let seen = 0;
    for (const scenario of builtInScenarios) {
      const backend = new ControlledBackend(resolveParameters(scenario, controlledOverrides(scenario, { seed: 5 })));
      const walk: Strategy = new RandomWalk();
      const chosen: Op[] = [];
      walk.executed = (strand, op) => {
        if (backend.strandKinds[strand] === 'engine') chosen.push(op);
      };
      walk.newExecution(1);
      backend.execute(walk);
      const steps = [...backend.events.newest()].filter(({ kind }) => kind === EventKind.DeviceStep);
      seen += steps.length;
      expect(steps.map(({ object, a }) => makeOp(object, a as OpKind))).to.deep.equal(chosen, scenario.name);
    }
    expect(seen).to.be.greaterThan(300);
  });

  it('knows at every choice which virtual CPUs can go on and what they stand before', () => {
    let choices = 0;
    for (const scenario of builtInScenarios) {
      for (const overrides of DISTURBANCES) {
        const backend = new ControlledBackend(resolveParameters(scenario, controlledOverrides(scenario, { seed: 9, ...overrides })));
        const looking = new Looking(backend.machine.kernel.vcpus);
        for (let seed = 0; seed < 4; seed++) {
          looking.newExecution(seed);
          expect(backend.execute(looking, false).findings, scenario.name).to.deep.equal([]);
        }
        choices += looking.choices;
      }
    }
    expect(choices).to.be.greaterThan(10_000);
  });

  it('looks again when a watchdog has expired, though a device went last', () => {
    const kernel = new Kernel({ vcpus: CPUS, clock: new VirtualClock(), events: new EventRing(64) });
    let steps = 0;
    const op = makeOp(WORD, OpKind.Burst);
    const engine: Strand = {
      id: CPUS,
      kind: 'engine',
      name: 'engine',
      pending: op,
      isEnabled: () => steps < 3,
      enabledOp: () => (steps < 3 ? op : DONE),
      advance: () => steps++,
    };
    const scheduler = new ControlledScheduler(kernel, [...kernel.vcpus, engine], new RandomWalk());
    kernel.gate = scheduler;
    let runs = 0;
    const dpc = new Dpc(kernel, 'watchdog', function* () {
      runs++;
    });
    kernel.watchdogs.arm(newTimer('watchdog', dpc, kernel.vcpus[0]!), 1000);
    scheduler.run();
    expect([steps, runs]).to.deep.equal([3, 0]);
    expect(kernel.expireWatchdog()).to.equal(true);
    scheduler.run();
    expect(runs).to.equal(1);
  });
});
