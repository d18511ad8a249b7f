import { expect } from 'chai';
import fc from 'fast-check';
import { FastTrack, TASKS_MAX } from '../../src/kernel/index.js';

const TASKS = 4;
const SYNCS = 2;
const VARIABLES = 2;

type Step = readonly ['read' | 'write' | 'acquire' | 'release', task: number, object: number];

/** Every access with a full copy of its task's vector clock; compares each with each. */
class Oracle {
  readonly #clocks: number[][] = Array.from({ length: TASKS }, (_, t) => Array.from({ length: TASKS }, (_, i) => (i === t ? 1 : 0)));
  readonly #syncs: number[][] = Array.from({ length: SYNCS }, () => new Array<number>(TASKS).fill(0));
  readonly #accesses: { task: number; time: number; isWrite: boolean }[][] = Array.from({ length: VARIABLES }, () => []);

  /** True: it races with some earlier access. */
  access(task: number, variable: number, isWrite: boolean): boolean {
    const clock = this.#clocks[task]!;
    const raced = this.#accesses[variable]!.some((a) => (a.isWrite || isWrite) && a.time > clock[a.task]!);
    this.#accesses[variable]!.push({ task, time: clock[task]!, isWrite });
    return raced;
  }

  acquire(task: number, sync: number): void {
    this.#clocks[task] = this.#clocks[task]!.map((time, i) => Math.max(time, this.#syncs[sync]![i]!));
  }

  release(task: number, sync: number): void {
    this.#syncs[sync] = this.#syncs[sync]!.map((time, i) => Math.max(time, this.#clocks[task]![i]!));
    this.#clocks[task]![task]!++;
  }
}

const anyStep = fc.tuple(
  fc.constantFrom('read', 'read', 'write', 'acquire', 'release'),
  fc.nat(TASKS - 1),
  fc.nat(Math.max(SYNCS, VARIABLES) - 1),
) as fc.Arbitrary<Step>;

describe('FastTrack', () => {
  let track: FastTrack;
  let a: number;
  let b: number;
  let x: number;
  let lock: number;

  beforeEach(() => {
    track = new FastTrack();
    a = track.begin(-1);
    b = track.begin(-1);
    x = track.newVariable();
    lock = track.newSync();
  });

  describe('rules', () => {
    it('write after write of another task, unordered, is a race, and names the first site', () => {
      expect(track.write(a, x, 7)).to.equal(false);
      expect(track.write(b, x, 8)).to.equal(true);
      expect([track.otherTask, track.otherSite, track.otherIsWrite]).to.deep.equal([a, 7, true]);
    });

    it('read after an unordered write is a race', () => {
      track.write(a, x, 7);
      expect(track.read(b, x, 8)).to.equal(true);
      expect([track.otherSite, track.otherIsWrite]).to.deep.equal([7, true]);
    });

    it('write after an unordered read is a race', () => {
      track.read(a, x, 7);
      expect(track.write(b, x, 8)).to.equal(true);
      expect([track.otherSite, track.otherIsWrite]).to.deep.equal([7, false]);
    });

    it('reads never race with reads, but a write races with whichever of them is not ordered', () => {
      const c = track.begin(-1);
      expect([track.read(a, x, 1), track.read(b, x, 2), track.read(a, x, 3)]).to.deep.equal([false, false, false]);
      track.release(a, lock);
      track.acquire(c, lock);
      expect(track.write(c, x, 4)).to.equal(true);
      expect([track.otherTask, track.otherSite]).to.deep.equal([b, 2]);
    });

    it('release to acquire orders, the other way round does not', () => {
      track.write(a, x, 1);
      track.release(a, lock);
      track.acquire(b, lock);
      expect(track.write(b, x, 2)).to.equal(false);
      track.acquire(a, lock);
      expect(track.write(a, x, 3)).to.equal(true);
    });

    it('what a task does after its release is not published by it', () => {
      track.release(a, lock);
      track.write(a, x, 1);
      track.acquire(b, lock);
      expect(track.read(b, x, 2)).to.equal(true);
    });

    it('a begun task comes after what its parent has done, not after what it does then', () => {
      const y = track.newVariable();
      track.write(a, x, 1);
      const child = track.begin(a);
      track.write(a, y, 2);
      expect(track.read(child, x, 3)).to.equal(false);
      expect(track.read(child, y, 4)).to.equal(true);
    });
  });

  it('gives the places of ended tasks away again, and says when there are none', () => {
    for (let i = 2; i < TASKS_MAX; i++) expect(track.begin(-1)).to.equal(i);
    expect(track.begin(-1)).to.equal(-1);
    track.write(b, x, 1);
    track.end(a);
    const late = track.begin(-1);
    expect(late).to.equal(a);
    expect(track.write(late, x, 2)).to.equal(true);
  });

  it('after a reset knows nothing of before', () => {
    track.write(a, x, 1);
    track.reset();
    const again = [track.begin(-1), track.begin(-1)];
    expect(track.newVariable()).to.equal(x);
    expect(track.write(again[1]!, x, 2)).to.equal(false);
  });

  it('finds the first race of each variable exactly where full vector clocks do', () => {
    let races = 0;
    let ordered = 0;
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 4, maxLength: 60 }), (steps) => {
        const [raced, expected] = firstRaces(newTrack(), steps);
        expect(raced).to.deep.equal(expected);
        for (const at of expected) {
          if (at < 0) ordered++;
          else races++;
        }
      }),
      { numRuns: 3000, seed: 11 },
    );
    // Both answers were asked for.
    expect(Math.min(races, ordered)).to.be.greaterThan(200);
  });
});

function newTrack(): FastTrack {
  const track = new FastTrack();
  for (let i = 0; i < TASKS; i++) track.begin(-1);
  for (let i = 0; i < SYNCS; i++) track.newSync();
  for (let i = 0; i < VARIABLES; i++) track.newVariable();
  return track;
}

/** By variable: the step of its first race, -1 without one; by FastTrack and by the oracle. */
function firstRaces(track: FastTrack, steps: readonly Step[]): [number[], number[]] {
  const oracle = new Oracle();
  const raced = new Array<number>(VARIABLES).fill(-1);
  const expected = new Array<number>(VARIABLES).fill(-1);
  steps.forEach(([kind, task, object], at) => {
    if (kind === 'acquire') {
      track.acquire(task, object);
      oracle.acquire(task, object);
    } else if (kind === 'release') {
      track.release(task, object);
      oracle.release(task, object);
    } else {
      const isWrite = kind === 'write';
      if ((isWrite ? track.write(task, object, at) : track.read(task, object, at)) && raced[object]! < 0) raced[object] = at;
      if (oracle.access(task, object, isWrite) && expected[object]! < 0) expected[object] = at;
    }
  });
  return [raced, expected];
}

describe('happens-before, rewound', () => {
  it('rewound, it is as it was when its tasks began: the same race again, and no other', () => {
    const track = new FastTrack(4);
    const [a, b] = [track.begin(-1), track.begin(-1)];
    const variable = track.newVariable();
    const sync = track.newSync();
    const run = (isOrdered: boolean): boolean => {
      track.write(a, variable, 1);
      if (isOrdered) {
        track.release(a, sync);
        track.acquire(b, sync);
      }
      return track.write(b, variable, 2);
    };
    const runs = [true, false, true, false].map((isOrdered) => {
      track.rewind();
      return run(isOrdered);
    });
    expect(runs).to.deep.equal([false, true, false, true]);
  });

  it('finds the first races of any steps, whatever has been before it was rewound', () => {
    const track = newTrack();
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
        track.rewind();
        const [raced, expected] = firstRaces(track, steps);
        expect(raced).to.deep.equal(expected);
      }),
      { numRuns: 2000, seed: 12 },
    );
  });

  it('can be rewound for ever: clocks start anew before an epoch has no room for them', () => {
    const track = newTrack();
    const steps: readonly Step[] = [
      ['write', 0, 0],
      ['read', 1, 1],
      ['read', 2, 1],
      ['release', 0, 0],
      ['acquire', 1, 0],
      ['write', 1, 0],
      ['write', 0, 1],
      ['read', 3, 0],
    ];
    const [, expected] = firstRaces(track, steps);
    expect(expected).to.deep.equal([7, 6]);
    for (let i = 0; i < 3; i++) {
      for (let clock = 0; clock < 17_000_000; clock++) track.release(2, 1);
      track.rewind();
      expect(firstRaces(track, steps)[0]).to.deep.equal(expected);
    }
  });
});
