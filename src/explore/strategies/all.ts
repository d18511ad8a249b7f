import type { Strategy } from '../../backends/strategy.js';
import { RandomWalk } from './random-walk.js';


/** The strategies `explore` can be asked for, by name. */
export const strategies: readonly { readonly name: string; readonly title: string; create(): Strategy }[] = [
  { name: 'random', title: 'random walk: every enabled strand is equally likely at every point', create: () => new RandomWalk() },
];
