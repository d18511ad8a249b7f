import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, type Suspending } from '../../src/kernel/index.js';
import {
  DISPATCH_LEVEL,
  PASSIVE_LEVEL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
  STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
} from '../../src/nt/index.js';
import { Request, WorkItem, type Device, type WorkItemConfig } from '../../src/wdf/index.js';
import { crashOf, point } from '../kernel/bench-kernel.js';
import { everyInterleaving } from './bench-queue.js';
import { Rig, type RigOptions } from './rig.js';

interface Bench {
  readonly rig: Rig;
  readonly device: Device;
  readonly item: WorkItem;
  readonly rules: () => string[];
}

/** A device with a work item that logs `run` and the level it runs at. */
function bench(config: Partial<WorkItemConfig> = {}, options: RigOptions = {}): Bench {
  const rig = new Rig(options);
  const device = rig.createDevice();
  const created = WorkItem.create(device, {
    evtWorkItemFunc: () => void rig.log.push(`run at ${rig.kernel.current.irql}`),
    ...config,
  });
  if (!created.ok) throw new Error('the work item was not created');
  return { rig, device, item: created.object, rules: () => rig.kernel.findings.kept.map(({ rule }) => rule) };
}

/** Runs `body` in a DPC on virtual CPU 0, and everything it causes. */
function inDpc(rig: Rig, body: () => Suspending<void>): void {
  new Dpc(rig.kernel, 'test DPC', body).queue(rig.kernel.vcpus[0]);
  rig.settle();
}

describe('work item: WdfWorkItemCreate', () => {
  it('has a parent and its context, and goes with the parent', () => {
    const { rig, device, item } = bench();
    expect([item.parentObject, item.label.startsWith('WorkItem#')]).to.deep.equal([device, true]);
    const created = WorkItem.create(item, { evtWorkItemFunc: () => undefined }, { context: { pages: 3 } });
    expect(created.ok && created.object.context).to.deep.equal({ pages: 3 });
    rig.run(device.delete());
    expect(item.isDestroyed).to.equal(true);
  });

  it('needs a device above its parent, and at most DISPATCH_LEVEL (C01)', () => {
    const { rig, rules } = bench();
    const config = { evtWorkItemFunc: (): void => undefined };
    expect(WorkItem.create(new Request(rig.kernel), config).status).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(rules()).to.deep.equal([]);
    const other = bench();
    other.rig.kernel.current.irql = DISPATCH_LEVEL + 1;
    expect(WorkItem.create(other.device, config).status).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    other.rig.kernel.current.irql = PASSIVE_LEVEL;
    expect(other.rules()).to.deep.equal(['C01']);
  });

  it('with automatic serialization only where callbacks are passive: WDF_INCOMPATIBLE_EXECUTION_LEVEL', () => {
    const config = { evtWorkItemFunc: (): void => undefined };
    const spinning = new Rig({ scope: 'device' }).createDevice();
    expect(WorkItem.create(spinning, config).status).to.equal(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    expect(WorkItem.create(spinning, { ...config, automaticSerialization: false }).status).to.equal(STATUS_SUCCESS);
    expect(WorkItem.create(new Rig({ scope: 'none' }).createDevice(), config).status).to.equal(STATUS_SUCCESS);
    const passive = new Rig({ scope: 'device', executionLevel: 'passive' }).createDevice();
    expect(WorkItem.create(passive, config).status).to.equal(STATUS_SUCCESS);
  });
});

describe('work item: WdfWorkItemEnqueue', () => {
  it('from a DPC: the callback runs after it, in a thread at PASSIVE_LEVEL', () => {
    const { rig, item } = bench();
    inDpc(rig, function* () {
      yield* item.enqueue();
      rig.log.push(`DPC ends at ${rig.kernel.current.irql}`);
    });
    expect(rig.log).to.deep.equal([`DPC ends at ${DISPATCH_LEVEL}`, `run at ${PASSIVE_LEVEL}`]);
  });

  it('while it waits nothing is added; once its callback has begun it is queued again, by itself, too', () => {
    let runs = 0;
    const { rig, item } = bench({
      *evtWorkItemFunc(workItem): Suspending<void> {
        if (++runs < 3) yield* workItem.enqueue();
        rig.log.push(`run ${runs}`);
      },
    });
    inDpc(rig, function* () {
      yield* item.enqueue();
      yield* item.enqueue();
      yield* item.enqueue();
    });
    expect(rig.log).to.deep.equal(['run 1', 'run 2', 'run 3']);
  });

  it('in every order of two processors that queue it, it runs once or twice, never a third time and never not at all', () => {
    const runsSeen = new Set<number>();
    const interleavings = everyInterleaving(() => {
      let runs = 0;
      const { rig, item } = bench({
        *evtWorkItemFunc(): Suspending<void> {
          yield* point(rig.kernel);
          runs++;
        },
      });
      for (const cpu of [0, 1]) rig.thread(cpu, 'enqueuer', item.enqueue());
      return { rig, check: () => void runsSeen.add(runs) };
    });
    expect(interleavings).to.be.greaterThan(3);
    expect([...runsSeen].sort()).to.deep.equal([1, 2]);
  });

  it('a deleted one is B05', () => {
    const { rig, item } = bench();
    rig.run(item.delete());
    expect(crashOf(() => rig.run(item.enqueue())).rule).to.equal('B05');
  });
});

describe('work item: WdfWorkItemFlush and deletion', () => {
  it('returns when the callback has returned; at once when there is nothing', () => {
    const { rig, item } = bench({
      *evtWorkItemFunc(): Suspending<void> {
        yield* point(rig.kernel);
        rig.log.push('ran');
      },
    });
    rig.run(item.flush());
    rig.run(
      (function* (): Suspending<void> {
        yield* item.enqueue();
        yield* item.flush();
        rig.log.push('flushed');
      })(),
    );
    expect(rig.log).to.deep.equal(['ran', 'flushed']);
  });

  it('from its own callback it would wait for itself: L-WORK-ITEM, and it returns', () => {
    const { rig, item, rules } = bench({
      *evtWorkItemFunc(workItem): Suspending<void> {
        yield* workItem.flush();
        rig.log.push('returned');
      },
    });
    rig.run(item.enqueue());
    expect([rig.log, rules()]).to.deep.equal([['returned'], ['L-WORK-ITEM']]);
    expect(rig.kernel.findings.kept[0]!.message).to.contain('WdfWorkItemFlush').and.contain(item.label);
  });

  it('above PASSIVE_LEVEL it is C01 and does not wait', () => {
    const { rig, item, rules } = bench();
    inDpc(rig, () => item.flush());
    expect(rules()).to.deep.equal(['C01']);
  });

  it('deleting waits for a callback that is queued; the callback may delete its own work item', () => {
    const { rig, item } = bench();
    rig.run(
      (function* (): Suspending<void> {
        yield* item.enqueue();
        yield* item.delete();
        rig.log.push('deleted');
      })(),
    );
    expect(rig.log).to.deep.equal([`run at ${PASSIVE_LEVEL}`, 'deleted']);
    const own = bench({
      *evtWorkItemFunc(workItem): Suspending<void> {
        yield* workItem.delete();
        own.rig.log.push('deleted');
      },
    });
    own.rig.run(own.item.enqueue());
    expect([own.rig.log, own.item.isDestroyed]).to.deep.equal([['deleted'], true]);
  });

  it('deleted at DISPATCH_LEVEL, a thread does it at PASSIVE_LEVEL, after the callback; queueing it meanwhile is L-WORK-ITEM', () => {
    const { rig, item, rules } = bench();
    inDpc(rig, function* () {
      yield* item.enqueue();
      yield* item.delete();
      yield* item.enqueue();
      rig.log.push(`DPC ends, ${item.isLive ? 'not deleted' : 'deleted'}`);
    });
    expect(rig.log).to.deep.equal(['DPC ends, not deleted', `run at ${PASSIVE_LEVEL}`]);
    expect([item.isDestroyed, rules()]).to.deep.equal([true, ['L-WORK-ITEM']]);
  });

  it('the device waits for it when it is removed', () => {
    const { rig, device, item } = bench();
    rig.start(device);
    rig.run(
      (function* (): Suspending<void> {
        yield* item.enqueue();
        yield* device.remove();
        rig.log.push('removed');
      })(),
    );
    expect(rig.log).to.deep.equal([`run at ${PASSIVE_LEVEL}`, 'removed']);
  });
});
