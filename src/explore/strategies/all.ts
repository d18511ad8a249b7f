import type { Strategy } from '../../backends/strategy.js';
import { DelayBounded } from './delay-bounded.js';
import { Dfs } from './dfs.js';
import { Dpor } from './dpor.js';
import { FairPct } from './fair-pct.js';
import { FairTail } from './fair-tail.js';
import { Pct } from './pct.js';
import { Pos } from './pos.js';
import { PreemptionBounded } from './preemption-bounded.js';
import { RandomWalk } from './random-walk.js';
import { Surw } from './surw.js';

/** The strategies `explore` can be asked for, by name. Each turns to round robin in the end, see `FairTail`. */
export const strategies: readonly { readonly name: string; readonly title: string; create(): Strategy }[] = [
  {
    name: 'pos',
    title: 'partial order sampling: random priorities of operations, drawn again after a conflict',
    create: () => new FairTail(new Pos()),
  },
  { name: 'pct', title: 'random priorities of strands, two changes at random places', create: () => new FairTail(new Pct()) },
  { name: 'fair-pct', title: 'pct for a random while, then a random walk', create: () => new FairTail(new FairPct()) },
  { name: 'surw', title: 'uniform sampling of the order at one object, another one each time', create: () => new FairTail(new Surw()) },
  {
    name: 'random',
    title: 'random walk: every enabled strand is equally likely at every point',
    create: () => new FairTail(new RandomWalk()),
  },
  {
    name: 'preemption-bounded',
    title: 'all schedules with no preemption, then with one, two and three',
    create: () => new FairTail(new PreemptionBounded()),
  },
  {
    name: 'delay-bounded',
    title: 'all schedules with no delay of a strand, then with up to four',
    create: () => new FairTail(new DelayBounded()),
  },
  { name: 'dfs', title: 'all schedules, depth first, until none is left', create: () => new FairTail(new Dfs()) },
  {
    name: 'dpor',
    title: 'one schedule of each order of dependent steps (source sets, sleep sets), at most one leap of time, until none is left',
    create: () => new FairTail(new Dpor()),
  },
  {
    name: 'dpor-bounded',
    title: 'as dpor, but only schedules with at most one preemption',
    create: () => new FairTail(new Dpor('dpor-bounded', { preemptions: 1 })),
  },
];

/** One of them; undefined when there is none of that name. */
export function strategyNamed(name: string): (typeof strategies)[number] | undefined {
  return strategies.find((strategy) => strategy.name === name);
}
