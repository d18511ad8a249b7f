import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { InterruptController, planInterruptController } from '../../src/hardware/index.js';
import { LayoutBuilder, MachineMemory } from '../../src/memory/index.js';

function controller(vectors = 96, shared = false): InterruptController {
  const layout = new LayoutBuilder();
  const placement = planInterruptController(layout, vectors);
  return new InterruptController(MachineMemory.create(layout.lengthBytes, shared), placement);
}

describe('interrupt controller', () => {
  it('delivers each message once, coalescing while it is pending', () => {
    const interrupts = controller();
    interrupts.message(40);
    interrupts.message(40);
    expect(interrupts.hasAttention()).to.equal(true);
    expect(interrupts.pendingBits(1)).to.equal(1 << 8);
    expect(interrupts.isPending(40)).to.equal(true);
    expect(interrupts.isPending(8)).to.equal(false);
    expect(interrupts.takeMessage(40)).to.equal(true);
    expect(interrupts.takeMessage(40)).to.equal(false);
    expect(interrupts.hasAttention()).to.equal(false);
    expect(interrupts.statistics(40)).to.deep.equal({ messages: 1, coalesced: 1, taken: 1, lineChanges: 0 });
  });

  it('has attention exactly while something is pending', () => {
    const event = fc.record({ vector: fc.integer({ min: 0, max: 95 }), take: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const interrupts = controller();
        const pending = new Set<number>();
        for (const { vector, take } of events) {
          if (take) expect(interrupts.takeMessage(vector)).to.equal(pending.delete(vector));
          else {
            interrupts.message(vector);
            pending.add(vector);
          }
          expect(interrupts.hasAttention()).to.equal(pending.size > 0);
          for (let v = 0; v < 96; v++) expect(interrupts.isPending(v)).to.equal(pending.has(v));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('works a line out from its sources and forgets it when it is low', () => {
    const interrupts = controller();
    const a = { level: false, lineAsserted: () => a.level };
    const b = { level: false, lineAsserted: () => b.level };
    interrupts.connectLine(5, a);
    interrupts.connectLine(5, b);
    a.level = true;
    interrupts.lineChanged(5);
    expect(interrupts.isAsserted(5)).to.equal(true);
    expect(interrupts.isPending(5)).to.equal(true);
    b.level = true;
    a.level = false;
    expect(interrupts.isAsserted(5)).to.equal(true);
    b.level = false;
    expect(interrupts.isAsserted(5)).to.equal(false);
    expect(interrupts.hasAttention()).to.equal(false);
    expect([interrupts.isLine(5), interrupts.isLine(6)]).to.deep.equal([true, false]);
  });

  it('keeps a line that rises while it is being forgotten', () => {
    const interrupts = controller();
    let looks = 0;
    interrupts.connectLine(5, { lineAsserted: () => ++looks > 1 });
    interrupts.lineChanged(5);
    expect(interrupts.isAsserted(5)).to.equal(true);
    expect(interrupts.isPending(5)).to.equal(true);
    expect(interrupts.hasAttention()).to.equal(true);
  });

  it('does not sleep over what is pending, and wakes for what comes', async () => {
    const interrupts = controller(32, true);
    expect(interrupts.waitBlocking(1)).to.equal('timed-out');
    interrupts.message(0);
    expect(interrupts.waitBlocking(10_000)).to.equal('not-equal');
    interrupts.takeMessage(0);
    const woken = interrupts.waitOnLoop(10_000);
    interrupts.message(3);
    expect(await woken).to.equal('ok');
    expect(interrupts.takeMessage(3)).to.equal(true);
    interrupts.faultRaised();
    expect(await interrupts.waitOnLoop(10_000)).to.equal('not-equal');
    expect(interrupts.takeFaultAttention()).to.equal(true);
    expect(interrupts.takeFaultAttention()).to.equal(false);
  });
});
