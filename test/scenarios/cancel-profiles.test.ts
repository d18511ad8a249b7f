import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DMA_PROFILES } from '../../src/wdf/dma-enabler.js';
import { cancelProfiles } from '../../src/scenarios/samples/cancel-profiles.js';
import { controlled, onThreads, rulesOf } from '../backends/runs.js';

describe('cancel-profiles: a device for each DMA profile, all of them cancelled', function () {
  this.timeout(60_000);

  it('has them all', () => {
    expect(cancelProfiles.devices.map(({ name }) => name)).to.deep.equal(Object.keys(DMA_PROFILES));
  });

  for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
    it(`on threads, ${addressing}: every profile is cancelled, while it waits and while the device works, and loses nothing`, async () => {
      const report = await onThreads(
        cancelProfiles,
        { seed: 3, machine: { addressing }, workload: { requests: 4800, cancelPerMillion: 400_000 } },
        { preempt: { numerator: 1, denominator: 20 } },
      );
      expect(rulesOf(report)).to.deep.equal([]);
      expect([report.requests, report.bytesVerified]).to.deep.equal([4800, report.bytes]);
      for (const { device, requests, cancels } of report.perDevice) {
        expect(requests, device).to.equal(4800 / cancelProfiles.devices.length);
        const { won, lost, requested } = cancels!;
        expect(won, device).to.be.greaterThan(0);
        expect(lost, device).to.be.greaterThan(0);
        expect(won + lost, device).to.equal(requested);
      }
      for (const window of ['D', 'F']) expect(report.cancels.byWindow[window], `window ${window}`).to.be.greaterThan(0);
      const sum = report.perDevice.reduce((total, { cancels }) => total + cancels!.requested, 0);
      expect(sum).to.equal(report.cancels.requested);
    });
  }

  it('under control, in many orders', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const outcome = await controlled(cancelProfiles, {
        seed,
        workload: { requests: 24, outstanding: 2, cancelPerMillion: 500_000 },
      });
      expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
      expect(outcome.requests).to.equal(24);
    }
  });
});
