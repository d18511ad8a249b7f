import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { RandomWalk } from '../../src/explore/strategies/index.js';
import { EventRing, VirtualClock, makeOp, opObject, OpKind } from '../../src/kernel/index.js';
import { Machine } from '../../src/machine/machine.js';
import { PAGE_SIZE } from '../../src/memory/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { createStrands } from '../../src/machine/strands.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

const scenario = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;

function machineOf(name: string, overrides: Overrides = { seed: 1 }): { machine: Machine; clock: VirtualClock } {
  const clock = new VirtualClock();
  const parameters = resolveParameters(scenario(name), { ...overrides, workload: { requests: 8, ...overrides.workload } });
  return { clock, machine: new Machine(parameters, { hosts: 0, clock, events: new EventRing(4096) }) };
}

describe('machine', () => {
  it('its prologue brings every device to D0 and queues its application', () => {
    const { machine } = machineOf('demo');
    machine.prologue();
    for (const { device, workload, view, deviceInit } of machine.devices) {
      expect(device).to.equal(deviceInit.device);
      expect([device!.isStarted, view.busMasterEnabled, workload!.isDone]).to.deep.equal([true, true, false]);
    }
    expect(machine.kernel.vcpus.slice(0, 2).map((cpu) => cpu.isEnabled())).to.deep.equal([true, true]);
    expect([machine.isDone, machine.dead]).to.deep.equal([false, null]);
  });

  it('is the same after a reset: memory, object ids, and what the prologue leaves', () => {
    for (const name of ['plx9x5x', 'ring', 'demo']) {
      const { machine } = machineOf(name, { seed: 4, machine: { addressing: 'iommu' } });
      const empty = machine.hash();
      const idOf = (): number[] => machine.devices.map(({ device }) => device!.objectId);
      machine.prologue();
      const [started, ids] = [machine.hash(), idOf()];
      expect(started).to.not.equal(empty);
      machine.reset();
      expect(machine.hash()).to.equal(empty);
      machine.prologue();
      expect([machine.hash(), idOf()]).to.deep.equal([started, ids]);
    }
  });

  it("its hash sees every byte of frames, registers, device state and tables, not the oracle's pattern", () => {
    const { machine } = machineOf('ring');
    machine.prologue();
    const before = machine.hash();
    for (const { name, offset, hashed } of machine.plan.regions) {
      machine.memory.touch(offset, 1);
      machine.memory.u8[offset]! ^= 1;
      expect(machine.hash() !== before, name).to.equal(hashed);
      machine.memory.u8[offset]! ^= 1;
    }
    expect(machine.hash()).to.equal(before);
    expect(machine.plan.regions.filter(({ hashed }) => !hashed).map(({ name }) => name)).to.include('payload pattern');
  });

  it('writes nothing that a reset would not clear: after executions of every scenario the pages nobody touched are zero', () => {
    for (const { name } of builtInScenarios) {
      for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
        const parameters = resolveParameters(scenario(name), {
          seed: 3,
          machine: { addressing },
          workload: { requests: 12, cancelPerMillion: 200_000, unplugPerMillion: 20_000 },
        });
        const backend = new ControlledBackend(parameters);
        const strategy = new RandomWalk();
        for (let seed = 0; seed < 4; seed++) {
          strategy.newExecution(seed);
          backend.execute(strategy);
          const { memory, plan } = backend.machine;
          const sparse = plan.regions.filter((region) => region.sparse);
          expect(sparse.map((region) => region.name)).to.include('ram');
          for (const region of sparse)
            for (let page = region.offset; page < region.offset + region.lengthBytes; page += PAGE_SIZE)
              if (!memory.isTouched(page))
                expect(memory.firstDifference(page, 0, PAGE_SIZE), `${name} ${region.name} ${page}`).to.equal(-1);
        }
      }
    }
  }).timeout(30_000);

  it('a removal straight after the prologue leaves nothing', () => {
    const { machine } = machineOf('demo');
    machine.prologue();
    for (const { workload } of machine.devices) workload!.stop();
    machine.epilogue();
    expect(machine.kernel.findings.total).to.equal(0);
    expect(machine.devices.every(({ device }) => device!.isDestroyed)).to.equal(true);
  });

  it('a removal with requests in flight is a finding for each device that has them (C14)', () => {
    const { machine, clock } = machineOf('demo');
    machine.prologue();
    for (const cpu of machine.kernel.vcpus) while (cpu.isEnabled()) cpu.advance();
    expect(clock.nowNs()).to.equal(0);
    const outstanding = machine.devices.map(({ workload }) => workload!.outstanding);
    expect(outstanding).to.deep.equal([4, 4]);
    let thrown: unknown = null;
    try {
      machine.epilogue();
    } catch (error) {
      thrown = error;
    }
    const rules = machine.kernel.findings.kept.map(({ rule }) => rule);
    expect(rules.length).to.be.greaterThan(0);
    if (thrown === null) expect(rules.filter((rule) => rule === 'C14')).to.have.length(2);
    else expect(machine.dead).to.equal(thrown);
  });
});

describe('strands', () => {
  it('virtual CPUs come first, then devices, vectors and time; ids are places', () => {
    const { machine, clock } = machineOf('demo');
    machine.prologue();
    const strands = createStrands(machine, clock);
    expect(strands.map(({ id }) => id)).to.deep.equal(strands.map((_, i) => i));
    const kinds = strands.map(({ kind }) => kind);
    const cpus = machine.kernel.vcpus.length;
    expect(kinds.slice(0, cpus)).to.deep.equal(Array(cpus).fill('vcpu'));
    expect(kinds.slice(cpus, cpus + 6)).to.deep.equal(['engine', 'engine', 'interrupt', 'interrupt', 'interrupt', 'timer']);
    expect(kinds.slice(cpus + 6)).to.not.include.members(['vcpu']);
    expect(strands[cpus]!.name).to.equal('plx');
  });

  it('a device that waits for its driver is not enabled, one with a doorbell is, and names itself in its operation', () => {
    const { machine, clock } = machineOf('ring');
    machine.prologue();
    const strands = createStrands(machine, clock);
    const engine = strands.find(({ kind }) => kind === 'engine')!;
    while (engine.isEnabled()) engine.advance(engine.pending);
    expect(engine.isEnabled()).to.equal(false);
    const application = strands[0]!;
    while (application.isEnabled()) application.advance(application.pending);
    expect(engine.isEnabled()).to.equal(true);
    expect(opObject(engine.pending)).to.equal(machine.views[0]!.objectId);
    const { stepCount } = machine.views[0]!;
    engine.advance(engine.pending);
    expect(machine.views[0]!.stepCount).to.equal(stepCount + 1);
  });

  it("an interrupt strand delivers to the vector's own virtual CPU", () => {
    const { machine, clock } = machineOf('ring');
    machine.prologue();
    const strands = createStrands(machine, clock);
    const engine = strands.find(({ kind }) => kind === 'engine')!;
    const interrupts = strands.filter(({ kind }) => kind === 'interrupt');
    while (strands[0]!.isEnabled()) machine.kernel.vcpus[0]!.advance();
    while (!interrupts.some((each) => each.isEnabled()) && engine.isEnabled()) engine.advance(engine.pending);
    const ready = interrupts.find((each) => each.isEnabled())!;
    const vector = machine.vectors[ready.id - interrupts[0]!.id]!;
    expect(ready.pending).to.equal(makeOp(vector.objectId, OpKind.Deliver));
    ready.advance(ready.pending);
    expect(vector.delivered).to.equal(1);
    expect(vector.cpu.irql).to.equal(vector.irql);
    expect(vector.cpu.top!.kind).to.equal('isr');
    expect(ready.isEnabled()).to.equal(false);
  });
});
