import { SystematicSearch } from './systematic.js';

/** Every schedule, depth first; ends when none is left. For small machines: the number grows exponentially. */
export class Dfs extends SystematicSearch {
  constructor() {
    super('dfs', { cost: () => 0, most: 0 });
  }
}
