import { expect } from 'chai';
import { DONE, OpKind, opKind } from '../../src/kernel/op.js';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import * as sg from '../../src/hardware/index.js';
import { SgringAbortResult, SgringStatus, sgring } from '../../src/hardware/index.js';
import { Rig } from './rig.js';
import { SgringDriver } from './sgring-driver.js';

const params = { channels: 1, burstBytes: 512, localMemoryBytes: 1 << 16 };
const ABORTED = SgringStatus.Aborted;

describe('sgring abort', () => {
  it('stops the running request between two bursts and tells the bytes that moved', () => {
    const rig = new Rig(sgring, { params });
    const buffer = rig.map(2);
    rig.fillPattern(rig.view.localMemory, 8192, 4);
    const driver = new SgringDriver(rig, 8);
    const from = sg.SGRING_FROM_DEVICE;
    driver.submit(5, [
      { address: buffer.logical, lengthBytes: 2048, deviceOffset: 0, flags: from },
      { address: buffer.logical + 2048, lengthBytes: 2048, deviceOffset: 2048, flags: from },
    ]);
    driver.submit(6, [{ address: buffer.logical + 4096, lengthBytes: 100, deviceOffset: 0, flags: from }]);
    rig.run(7); // enable, fetch, five bursts
    driver.write(sg.SGRING_ABORT, 5);
    rig.run();
    expect(driver.read(sg.SGRING_ABORT_RESULT)).to.equal(SgringAbortResult.Aborted);
    expect(driver.read(sg.SGRING_INT_CAUSE)).to.equal(sg.SGRING_INT_COMPLETION | sg.SGRING_INT_ABORT_ACK);
    expect(driver.drain()).to.deep.equal([
      { tag: 5, bytesMoved: 2560, status: ABORTED },
      { tag: 6, bytesMoved: 100, status: SgringStatus.Ok },
    ]);
    expect(rig.bytes(buffer.physical, 2560)).to.deep.equal(rig.bytes(rig.view.localMemory, 2560));
    expect(rig.bytes(buffer.physical + 2560, 1536)).to.deep.equal(new Array(1536).fill(0));
  });

  it('takes a request out of the queue at once, before its turn', () => {
    const rig = new Rig(sgring, { params });
    const buffer = rig.map(4);
    const driver = new SgringDriver(rig, 256);
    driver.submit(0, [{ address: buffer.logical, lengthBytes: 4096, deviceOffset: 0 }]);
    for (let tag = 1; tag < 150; tag++)
      driver.submit(
        tag,
        [
          { address: buffer.logical, lengthBytes: 8, deviceOffset: 0 },
          { address: buffer.logical, lengthBytes: 8 * (tag === 140 ? 0 : 1), deviceOffset: 0 },
        ].slice(0, 1 + (tag % 2)),
      );
    rig.run(3);
    driver.write(sg.SGRING_ABORT, 140);
    rig.run(12);
    expect(driver.drain()[0]).to.deep.equal({ tag: 140, bytesMoved: 0, status: ABORTED });
    rig.run();
    const rest = driver.drain();
    expect(rest.map((completion) => completion.tag)).to.deep.equal(
      Array.from({ length: 150 }, (_, tag) => tag).filter((tag) => tag !== 140),
    );
    expect(rest.every((completion) => completion.status === SgringStatus.Ok)).to.equal(true);
  });

  it('answers NotFound for what has completed, was never submitted, or was aborted already', () => {
    const rig = new Rig(sgring, { params });
    const buffer = rig.map(2);
    const driver = new SgringDriver(rig, 16);
    const abort = (tag: number): number => {
      driver.write(sg.SGRING_ABORT, tag);
      rig.run(6);
      return driver.read(sg.SGRING_ABORT_RESULT);
    };
    driver.submit(1, [{ address: buffer.logical, lengthBytes: 8, deviceOffset: 0 }]);
    rig.run();
    expect(abort(1)).to.equal(SgringAbortResult.NotFound);
    expect(abort(99)).to.equal(SgringAbortResult.NotFound);
    driver.submit(2, [{ address: buffer.logical, lengthBytes: 8192, deviceOffset: 0 }]);
    driver.submit(3, [{ address: buffer.logical, lengthBytes: 8, deviceOffset: 0 }]);
    rig.run(3);
    expect(abort(3)).to.equal(SgringAbortResult.Aborted);
    expect(abort(3)).to.equal(SgringAbortResult.NotFound);
    rig.run();
    expect(driver.drain().map(({ tag, status }) => [tag, status])).to.deep.equal([
      [1, 0],
      [3, ABORTED],
      [2, 0],
    ]);
  });

  it('completes every request exactly once whatever is aborted when', () => {
    const aborts = fc.array(fc.record({ after: fc.integer({ min: 0, max: 30 }), tag: fc.integer({ min: 0, max: 45 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(aborts, fc.constantFrom(16, 64), fc.integer({ min: -40, max: 3 }), (plan, ringSize, startIndex) => {
        const rig = new Rig(sgring, { params, ramFrames: 64 });
        const buffer = rig.map(3);
        const driver = new SgringDriver(rig, ringSize, { startIndex });
        rig.run(); // SQ_HEAD is valid once the channel runs
        const seen = new Map<number, { bytesMoved: number; status: number }>();
        const collect = (): void => {
          for (const { tag, bytesMoved, status } of driver.drain()) {
            expect(seen.has(tag), `tag ${tag} twice`).to.equal(false);
            seen.set(tag, { bytesMoved, status });
          }
        };
        const aborted = new Set<number>();
        let next = 0;
        const feed = (): void => {
          while (next < 40 && ringSize - ((driver.tail - driver.read(sg.SGRING_SQ_HEAD)) | 0) >= 3) {
            const pieces = (next % 3) + 1;
            driver.submit(
              next,
              Array.from({ length: pieces }, (_, i) => ({ address: buffer.logical + i * 4096, lengthBytes: 900, deviceOffset: i * 900 })),
            );
            next++;
          }
        };
        for (const { after, tag } of plan) {
          feed();
          rig.run(after);
          driver.write(sg.SGRING_INT_CAUSE, sg.SGRING_INT_ABORT_ACK);
          driver.write(sg.SGRING_ABORT, tag);
          for (let i = 0; i < 1000 && (driver.read(sg.SGRING_INT_CAUSE) & sg.SGRING_INT_ABORT_ACK) === 0; i++) {
            if (rig.run(1) === 0) collect();
          }
          expect(driver.read(sg.SGRING_INT_CAUSE) & sg.SGRING_INT_ABORT_ACK, 'acknowledged').to.equal(sg.SGRING_INT_ABORT_ACK);
          if (driver.read(sg.SGRING_ABORT_RESULT) === SgringAbortResult.Aborted) {
            expect(aborted.has(tag), `tag ${tag} aborted twice`).to.equal(false);
            aborted.add(tag);
          }
          collect();
        }
        for (let turns = 0; turns < 100 && seen.size < 40; turns++) {
          feed();
          rig.run();
          collect();
        }
        expect([...seen.keys()].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 40 }, (_, tag) => tag));
        for (const [tag, { bytesMoved, status }] of seen) {
          expect(status, `tag ${tag}`).to.equal(aborted.has(tag) ? ABORTED : SgringStatus.Ok);
          const whole = ((tag % 3) + 1) * 900;
          if (status === ABORTED) expect(bytesMoved).to.be.lessThan(whole);
          else expect(bytesMoved).to.equal(whole);
        }
        expect(driver.read(sg.SGRING_SQ_HEAD)).to.equal(driver.tail >>> 0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('sgring interrupts', () => {
  const pendingOp = (rig: Rig): number => sgring.pending(rig.view);

  function traffic(moderation: number, requests: number, lengthBytes = 8): { rig: Rig; driver: SgringDriver } {
    const rig = new Rig(sgring, { params });
    const buffer = rig.map(1);
    const driver = new SgringDriver(rig, 256, { moderation });
    for (let tag = 0; tag < requests; tag++) driver.submit(tag, [{ address: buffer.logical, lengthBytes, deviceOffset: 0 }]);
    return { rig, driver };
  }

  it('sends a message for the first completion and, unacknowledged, no further one', () => {
    const { rig, driver } = traffic(1, 40);
    rig.run();
    expect(rig.interrupts.statistics(0)).to.include({ messages: 1, coalesced: 0 });
    expect(driver.drain().length).to.equal(40);
    rig.interrupts.takeMessage(0);
    driver.write(sg.SGRING_INT_CAUSE, sg.SGRING_INT_COMPLETION);
    expect(rig.interrupts.isPending(0)).to.equal(false);
  });

  it('interrupts by count only when time is off', () => {
    const { rig, driver } = traffic(20, 19);
    rig.run();
    expect(driver.drain().length).to.equal(19);
    expect(rig.interrupts.isPending(0)).to.equal(false);
    driver.submit(20, [{ address: driver.submission.logical, lengthBytes: 8, deviceOffset: 0 }]);
    rig.run();
    expect(rig.interrupts.isPending(0)).to.equal(true);
  });

  it('interrupts when time is up: in ticks when it has nothing else to do, in steps while it works', () => {
    const idle = traffic(0x0100_0000 | 1000, 5);
    let ticks = 0;
    for (let op = pendingOp(idle.rig); op !== DONE; op = pendingOp(idle.rig)) {
      expect(idle.rig.interrupts.isPending(0)).to.equal(false);
      if (opKind(op) === OpKind.Wait) ticks++;
      idle.rig.run(1);
    }
    expect(idle.rig.interrupts.isPending(0)).to.equal(true);
    // 256 steps of 16 a tick, counted from the step after the first completion was written.
    expect(ticks).to.equal(16);
    // 40 steps after the first completion was written, while the engine still works.
    const busy = traffic(0x0028_0000 | 1000, 200, 512);
    let steps = 0;
    while (!busy.rig.interrupts.isPending(0)) steps += busy.rig.run(1);
    expect(steps).to.be.within(40, 100);
    expect(busy.driver.drain().length).to.be.within(16, 64);
  });

  it('interrupts at once for a request that says so', () => {
    const { rig, driver } = traffic(1000, 3);
    driver.submit(3, [{ address: driver.submission.logical, lengthBytes: 8, deviceOffset: 0, flags: sg.SGRING_INTERRUPT_NOW }]);
    rig.run();
    expect(rig.interrupts.isPending(0)).to.equal(true);
  });

  it('keeps causes while masked and sends the message when they are unmasked or still set after an acknowledgement', () => {
    const { rig, driver } = traffic(1, 1);
    driver.write(sg.SGRING_INT_MASK, 0);
    rig.run();
    expect(driver.read(sg.SGRING_INT_CAUSE)).to.equal(sg.SGRING_INT_COMPLETION);
    expect(rig.interrupts.isPending(0)).to.equal(false);
    driver.write(sg.SGRING_INT_MASK, 7);
    expect(rig.interrupts.takeMessage(0)).to.equal(true);
    driver.write(sg.SGRING_ABORT, 77);
    rig.run();
    rig.interrupts.takeMessage(0);
    driver.write(sg.SGRING_INT_CAUSE, sg.SGRING_INT_COMPLETION);
    expect(driver.read(sg.SGRING_INT_CAUSE)).to.equal(sg.SGRING_INT_ABORT_ACK);
    expect(rig.interrupts.takeMessage(0)).to.equal(true);
  });
});
