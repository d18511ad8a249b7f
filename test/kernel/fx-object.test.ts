import { expect } from 'chai';
import { describe, it } from 'mocha';
import { FxObject, type Kernel, type ObjectAttributes, type Suspending } from '../../src/kernel/index.js';
import { WDF_VIOLATION } from '../../src/nt/index.js';
import { crashOf, everyPoint, newKernel, point, runToEnd } from './bench-kernel.js';

/** An object that writes down what happens to it; giving back takes a scheduling point. */
class Probe extends FxObject<{ color: string }> {
  readonly #log: string[];

  constructor(kernel: Kernel, name: string, parent: FxObject | null, log: string[], attributes: ObjectAttributes<{ color: string }> = {}) {
    super(kernel, name, parent, {
      evtCleanupCallback: (object) => log.push(`cleanup ${object.typeName}`),
      evtDestroyCallback: (object) => log.push(`destroy ${object.typeName}`),
      ...attributes,
    });
    this.#log = log;
  }

  override *dispose(): Suspending<void> {
    this.#log.push(`dispose ${this.typeName}`);
    yield* point(this.kernel, this.objectId);
  }
}

/** An object that can delete what it owns without going itself. */
class Owner extends Probe {
  emptied(): Suspending<void> {
    return this.deleteChildren();
  }
}

/** Drives a call to its end within the code that runs. */
function driveNow(call: Suspending<void>): void {
  while (call.next().done !== true);
}

function family(kernel: Kernel): { log: string[]; device: Probe; queue: Probe; request: Probe; timer: Probe } {
  const log: string[] = [];
  const device = new Probe(kernel, 'Device', null, log);
  const queue = new Probe(kernel, 'Queue', device, log);
  return { log, device, queue, request: new Probe(kernel, 'Request', queue, log), timer: new Probe(kernel, 'Timer', device, log) };
}

describe('framework object', () => {
  it('has a label, a typed context, a parent and its children', () => {
    const kernel = newKernel();
    const { device, queue, timer } = family(kernel);
    const colored = new Probe(kernel, 'Colored', null, [], { context: { color: 'red' } });
    expect(device.label).to.equal(`Device#${device.objectId}`);
    expect(colored.context.color).to.equal('red');
    expect([...device.children]).to.deep.equal([queue, timer]);
    expect([queue.parent, device.parent]).to.deep.equal([device, null]);
    expect([device.isLive, device.isDestroyed, device.references]).to.deep.equal([true, false, 1]);
  });

  it('is disposed children first, each with its cleanup, then destroyed', () => {
    const kernel = newKernel();
    const { log, device, queue, request } = family(kernel);
    kernel.runStraight('test', device.delete());
    const disposed = ['Request', 'Queue', 'Timer', 'Device'].flatMap((name) => [`dispose ${name}`, `cleanup ${name}`]);
    expect(log).to.deep.equal([...disposed, ...['Request', 'Queue', 'Timer', 'Device'].map((name) => `destroy ${name}`)]);
    expect([device, queue, request].map((object) => [object.isLive, object.isDestroyed])).to.deep.equal(Array(3).fill([false, true]));
  });

  it('leaves its parent when it alone is deleted', () => {
    const kernel = newKernel();
    const { log, device, queue, timer } = family(kernel);
    kernel.runStraight('test', queue.delete());
    expect([...device.children]).to.deep.equal([timer]);
    kernel.runStraight('test', device.delete());
    expect(log.filter((line) => line === 'destroy Queue')).to.have.length(1);
    expect(log.at(-1)).to.equal('destroy Device');
  });

  it('deletes what it owns in order: not what has gone meanwhile, but what has come', () => {
    const kernel = newKernel();
    const log: string[] = [];
    const owner = new Owner(kernel, 'Owner', null, log);
    new Probe(kernel, 'First', owner, log, {
      evtDestroyCallback: () => {
        log.push('destroy First');
        driveNow(second.delete());
        driveNow(last.delete());
        new Probe(kernel, 'New', owner, log);
      },
    });
    const second = new Probe(kernel, 'Second', owner, log);
    new Probe(kernel, 'Third', owner, log);
    const last = new Probe(kernel, 'Last', owner, log);
    kernel.runStraight('test', owner.emptied());
    const destroyed = log.filter((line) => line.startsWith('destroy'));
    expect(destroyed).to.deep.equal(['First', 'Second', 'Last', 'Third', 'New'].map((name) => `destroy ${name}`));
    expect([owner.isLive, owner.hasChildren]).to.deep.equal([true, false]);
  });

  it('keeps EvtDestroy back until the last reference is dropped', () => {
    const kernel = newKernel();
    const { log, device, request } = family(kernel);
    request.reference();
    request.reference();
    kernel.runStraight('test', device.delete());
    expect(log).to.include('cleanup Request');
    expect(log).to.not.include('destroy Request');
    expect([request.references, request.isLive, request.isDestroyed]).to.deep.equal([2, false, false]);
    request.dereference();
    expect(log).to.not.include('destroy Request');
    request.dereference();
    expect(log.at(-1)).to.equal('destroy Request');
    expect(request.isDestroyed).to.equal(true);
  });

  it('B05: a deleted handle is used', () => {
    const kernel = newKernel();
    const { queue } = family(kernel);
    kernel.runStraight('test', queue.delete());
    const violation = crashOf(() => queue.requireLive('WdfIoQueueStart'));
    expect([violation.rule, violation.object]).to.deep.equal(['B05', queue.label]);
    expect(violation.message).to.equal(`WdfIoQueueStart is called with the handle of ${queue.label}, which was deleted`);
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [5, queue.objectId] });
    expect(() => queue.requireLive('WdfIoQueueStart'), 'the machine stays dead').to.throw(kernel.dead!.message);
  });

  it('B05: deleted a second time', () => {
    const kernel = newKernel();
    const { queue } = family(kernel);
    kernel.runStraight('test', queue.delete());
    expect(crashOf(() => kernel.runStraight('test', queue.delete())).rule).to.equal('B05');
  });

  it('B05: referenced or dereferenced after it was destroyed; EvtDestroy runs once', () => {
    for (const ddi of ['reference', 'dereference'] as const) {
      const kernel = newKernel();
      const { log, queue } = family(kernel);
      kernel.runStraight('test', queue.delete());
      const violation = crashOf(() => queue[ddi]());
      expect([violation.rule, violation.message.toLowerCase().includes(ddi)]).to.deep.equal(['B05', true]);
      expect(log.filter((line) => line === 'destroy Queue')).to.have.length(1);
    }
  });

  it('B08: the last reference of a live object is dropped', () => {
    const kernel = newKernel();
    const { log, queue } = family(kernel);
    queue.reference();
    queue.dereference();
    const violation = crashOf(() => queue.dereference());
    expect([violation.rule, violation.severity, violation.object]).to.deep.equal(['B08', 'crash', queue.label]);
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [7, queue.objectId] });
    expect(log).to.not.include('destroy Queue');
  });
});

describe('deletes that meet in the middle', () => {
  /** Both deletes suspend inside dispose; whatever the order, each object is disposed and destroyed once. */
  function meet(first: 'device' | 'queue', advancesBefore: number): string[] {
    const kernel = newKernel(everyPoint);
    const objects = family(kernel);
    const second = first === 'device' ? 'queue' : 'device';
    kernel.vcpus[0]!.queueThread('first', 1, objects[first].delete());
    for (let i = 0; i < advancesBefore && kernel.vcpus[0]!.isEnabled(); i++) kernel.vcpus[0]!.advance();
    if (objects[second].isLive || !objects[second].isDestroyed) kernel.vcpus[1]!.queueThread('second', 2, objects[second].delete());
    while (kernel.vcpus[1]!.isEnabled()) kernel.vcpus[1]!.advance();
    runToEnd(kernel);
    expect([...kernel.findings.kept]).to.deep.equal([]);
    expect(objects.device.isDestroyed && objects.queue.isDestroyed && objects.request.isDestroyed).to.equal(true);
    return objects.log;
  }

  const once = ['Device', 'Queue', 'Request', 'Timer']
    .flatMap((name) => ['cleanup', 'destroy', 'dispose'].map((what) => `${what} ${name}`))
    .sort();

  for (const advances of [1, 2]) {
    it(`a child's delete under way when its parent is deleted, after ${advances} advances`, () => {
      expect(meet('queue', advances).sort()).to.deep.equal(once);
    });
    it(`a parent's delete under way when its child is deleted, after ${advances} advances`, () => {
      expect(meet('device', advances).sort()).to.deep.equal(once);
    });
  }
});
