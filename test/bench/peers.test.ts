import { expect } from 'chai';
import { describe, it } from 'mocha';
import { CPeers, withCPeers } from '../../bench/c-peers.js';
import { runControlledStrands } from '../../bench/controlled-strands.js';
import { runFastCheckLoop } from '../../bench/peers/fast-check-loop.js';
import { runGeneratorLoop } from '../../bench/peers/generator-loop.js';
import { openPiscina, openPostMessage, type MessagePeer } from '../../bench/peers/message-peers.js';
import { checkPayload, InFlight, messageOf, planTransfers, TransferEngine } from '../../bench/peers/transfer.js';

function expectFigure(ns: number): void {
  expect(ns).to.be.greaterThan(0);
  expect(Number.isFinite(ns)).to.equal(true);
}

async function runOnce(peer: MessagePeer, requests: number): Promise<number> {
  try {
    return await peer.run(requests);
  } finally {
    await peer.close();
  }
}

/** What a promise was rejected with. */
async function rejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was rejected');
}

describe('bench: C peers', function () {
  before(function () {
    const peers = CPeers.open();
    if (peers === null) this.skip();
    peers.dispose();
  });

  it('copy and move rings of every payload', async () => {
    await withCPeers(async (peers) => {
      expectFigure(await peers!.build('copy').run(512, 4096, 100, 2));
      const ring = peers!.build('ring');
      for (const payloadBytes of [0, 64, 4096]) expectFigure(await ring.run(payloadBytes, 3000, 512, 32, 4 << 20));
      expectFigure(await ring.run(64, 7, 3, 2, 4096));
    });
  });

  it('say what is wrong with their arguments', async () => {
    await withCPeers(async (peers) => {
      expect(await rejection(peers!.build('ring').run(64, 100, 2000, 32, 4096))).to.contain('these sizes do not fit');
    });
  });
});

describe('bench: message peers', () => {
  it('postMessage moves every payload, one a message and in arrays', async () => {
    expectFigure(await runOnce(await openPostMessage({ payloadBytes: 64, outstanding: 64 }, 1), 300));
    expectFigure(await runOnce(await openPostMessage({ payloadBytes: 512, outstanding: 64 }, 32), 300));
  });

  it('piscina.run moves every payload', async () => {
    expectFigure(await runOnce(openPiscina({ payloadBytes: 64 }), 300));
  });

  it('refuse a window that is no multiple of the batch', async () => {
    expect(await rejection(openPostMessage({ payloadBytes: 64, outstanding: 40 }, 32))).to.contain('no multiple of 32');
  });

  it('check bounds, status, exactly one completion, and the bytes', () => {
    const plan = planTransfers(64, 4);
    const engine = new TransferEngine(plan);
    const inFlight = new InFlight(plan);
    const first = inFlight.take();
    const done = engine.perform(first);
    inFlight.complete(done);
    expect(() => inFlight.complete(done)).to.throw('not in flight');
    expect(engine.perform({ ...first, deviceOffset: plan.deviceBytes - 63 }).status).to.not.equal(0);
    const second = inFlight.take();
    expect(() => inFlight.complete({ tag: second.tag, status: 1, lengthBytes: 64 })).to.throw('status 1');
    expect(() => inFlight.complete({ tag: second.tag, status: 0, lengthBytes: 63 })).to.throw('63 bytes of 64');
    expect(() => checkPayload(plan)).to.throw('differs');
    for (let tag = 0; tag < 4; tag++) engine.perform(messageOf(plan, tag));
    expect(() => checkPayload(plan)).to.not.throw();
  });
});

describe('bench: scheduling loops', () => {
  it('perform every operation of every schedule', async () => {
    expectFigure(runGeneratorLoop(5, 3, 7));
    expectFigure(runControlledStrands(5, 3, 7));
    expectFigure(await runFastCheckLoop(5, 3, 7));
  });
});
