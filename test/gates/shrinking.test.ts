import { expect } from 'chai';
import { describe, it } from 'mocha';
import { PREEMPTIONS_MAX, shrinking, SHRINK_REPLAYS_MAX } from './shrinking.js';

describe('gate: counterexamples of the reference model shrink (`npm run gates -- shrink` takes 1,000)', function () {
  this.timeout(60_000);

  it('to two preemptions on the median, within a thousand executions, and every one still fails', () => {
    const { lost, preemptions, preemptionsBefore, replays } = shrinking(100);
    expect(lost).to.equal(0);
    expect(preemptionsBefore).to.be.greaterThan(PREEMPTIONS_MAX);
    expect(preemptions).to.be.at.most(PREEMPTIONS_MAX);
    expect(replays).to.be.at.most(SHRINK_REPLAYS_MAX);
  });
});
