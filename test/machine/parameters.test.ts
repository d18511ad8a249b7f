import { expect } from 'chai';
import { describe, it } from 'mocha';
import { LayoutBuilder } from '../../src/memory/index.js';
import { UsageError } from '../../src/nt/index.js';
import { loadDeviceModules } from '../../src/machine/device-modules.js';
import { deviceObjectId, planMachine } from '../../src/machine/plan.js';
import { RAM_PAGES_MAX, resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import { defineScenario, type Scenario, type ScenarioDevice } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';

const demo = builtInScenarios.find(({ name }) => name === 'demo')!;

function usageErrorOf(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('nothing was thrown');
}

function scenarioOf(...devices: readonly Partial<ScenarioDevice>[]): Scenario {
  return defineScenario({
    name: 'mine',
    title: 'devices',
    devices: devices.map((device, i) => ({ name: `d${i}`, model: 'sgring', driver: new SmallDriver(), ...device })),
  });
}

describe('machine parameters', () => {
  it('what the caller says outranks the device, the device the scenario, the scenario the defaults', () => {
    const scenario = defineScenario({
      name: 'mine',
      title: 'ranks',
      devices: [{ name: 'd', model: 'sgring', driver: new SmallDriver(), workload: { outstanding: 3, readsPercent: 10 } }],
      workload: { outstanding: 2, readsPercent: 20, maxMdls: 7 },
      machine: { vcpus: 4, mapRegisters: 100 },
    });
    const { machine, devices } = resolveParameters(scenario, { seed: 1, machine: { mapRegisters: 50 }, workload: { readsPercent: 30 } });
    expect(devices[0]!.workload).to.include({ outstanding: 3, readsPercent: 30, maxMdls: 7, minBytes: 64 });
    expect(machine).to.include({ vcpus: 4, mapRegisters: 50, addressing: 'direct' });
  });

  it('requests are shared out without losing one', () => {
    for (const [requests, instances] of [
      [7, 1],
      [10, 3],
      [1, 4],
      [100, 7],
    ] as const) {
      const { devices } = resolveParameters(demo, { seed: 1, instances, workload: { requests } });
      const quotas = devices.map(({ quota }) => quota);
      expect(quotas).to.have.length(2 * instances);
      expect(quotas.reduce((sum, quota) => sum + quota, 0)).to.equal(requests);
      expect(Math.max(...quotas) - Math.min(...quotas)).to.be.at.most(1);
    }
    expect(resolveParameters(demo, { seed: 1 }).devices.map(({ quota }) => quota)).to.deep.equal([Infinity, Infinity]);
  });

  it('instances have names of their own', () => {
    const names = (instances: number): string[] => resolveParameters(demo, { seed: 1, instances }).devices.map(({ name }) => name);
    expect(names(1)).to.deep.equal(['plx', 'ring']);
    expect(names(2)).to.deep.equal(['plx-0', 'plx-1', 'ring-0', 'ring-1']);
  });

  const wrong: readonly (readonly [overrides: Omit<Overrides, 'seed'>, where: RegExp])[] = [
    [{ machine: { vcpus: 0 } }, /vcpus/],
    [{ machine: { vcpus: 9 } }, /vcpus/],
    [{ machine: { mapRegisters: 1 } }, /map-registers/],
    [{ machine: { mapRegisters: RAM_PAGES_MAX + 1 } }, /map-registers/],
    [{ machine: { mapRegisters: 100, ramPages: 99 } }, /map-registers/],
    [{ machine: { ramPages: RAM_PAGES_MAX + 1 } }, /ramPages/],
    [{ workload: { outstanding: 0 } }, /outstanding/],
    [{ workload: { minBytes: 128, maxBytes: 64 } }, /bytes/i],
    [{ workload: { alignBytes: 3 } }, /align/],
    [{ workload: { minBytes: 66, maxBytes: 66 } }, /bytes/i],
  ];
  for (const [overrides, where] of wrong) {
    it(`${JSON.stringify(overrides)} is a usage error that says what would be right`, () => {
      const error = usageErrorOf(() => resolveParameters(demo, { seed: 1, ...overrides }));
      expect(error.code).to.equal('USAGE_PARAMETER');
      expect(error.details.where).to.match(where);
      expect(error.details.expected).to.be.a('string').and.not.equal('');
    });
  }
});

describe('machine plan', () => {
  const planOf = (scenario: Scenario, overrides: Overrides, hosts = 0): ReturnType<typeof planMachine> =>
    planMachine(resolveParameters(scenario, overrides), hosts);

  it('boards on a level line share one vector, each message has its own', () => {
    const { placements, vectorCount } = planOf(demo, { seed: 1, instances: 3 });
    const firsts = placements.map(({ vectors }) => vectors.first);
    expect(new Set(firsts.slice(0, 3)).size, 'three plx on one line').to.equal(1);
    expect(placements.slice(3).map(({ vectors }) => vectors.count)).to.deep.equal([2, 2, 2]);
    expect(new Set(firsts).size).to.equal(4);
    expect(vectorCount).to.equal(1 + 3 * 2);
  });

  it('no two regions overlap, and all lie inside the memory', () => {
    for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
      const { regions, lengthBytes, firstRamFrame, ramFrames } = planOf(demo, { seed: 1, instances: 2, machine: { addressing } }, 2);
      const sorted = [...regions].sort((a, b) => a.offset - b.offset);
      sorted.slice(1).forEach((region, i) => expect(region.offset, region.name).to.be.at.least(sorted[i]!.offset + sorted[i]!.lengthBytes));
      const last = sorted.at(-1)!;
      expect(last.offset + last.lengthBytes).to.be.at.most(lengthBytes);
      expect((firstRamFrame + ramFrames) * 4096).to.be.at.most(lengthBytes);
    }
  });

  it('devices are dealt to engine hosts in turn', () => {
    expect(planOf(demo, { seed: 1, instances: 2 }, 2).hostOf).to.deep.equal([0, 1, 0, 1]);
    expect(planOf(demo, { seed: 1 }, 0).hostOf).to.deep.equal([-1, -1]);
  });

  it('object ids of devices follow those of the virtual CPUs', () => {
    const parameters = resolveParameters(demo, { seed: 1, machine: { vcpus: 3 } });
    const { placements } = planMachine(parameters, 0);
    const [first, second] = placements.map(({ objectId }) => objectId);
    expect(first).to.be.greaterThan(3);
    expect([first, second]).to.deep.equal([deviceObjectId(parameters, 0), first! + 1]);
  });

  it('buffers that do not fit are a usage error, before anything is built', () => {
    const error = usageErrorOf(() =>
      planOf(demo, { seed: 1, machine: { ramPages: 1200, mapRegisters: 16 }, workload: { outstanding: 500 } }),
    );
    expect(error).to.include({ code: 'USAGE_MEMORY' });
    expect(error.message).to.match(/\d+ pages/);
  });

  it('more interrupt vectors than the controller has are a usage error', () => {
    const ringOf = (instances: number): unknown =>
      planOf(scenarioOf({ params: { channels: 4 } }), { seed: 1, instances, workload: { outstanding: 1, maxBytes: 4096, maxMdls: 1 } });
    const error = usageErrorOf(() => ringOf(256));
    expect(error).to.include({ code: 'USAGE_PARAMETER' });
    expect(error.message).to.contain('1024 interrupt vectors');
    expect(error.details).to.include({ where: '--devices' });
    expect(() => ringOf(248)).not.to.throw();
  });

  it('an unknown model is a usage error that lists the known ones', () => {
    const error = usageErrorOf(() => planOf(scenarioOf({ model: 'floppy' }), { seed: 1 }));
    expect(error.code).to.equal('USAGE_UNKNOWN_DEVICE');
    expect(error.details.expected).to.contain('sgring').and.contain('plx9656');
  });

  it('a parameter that the model does not have is a usage error', () => {
    const unknown = usageErrorOf(() => planOf(scenarioOf({ params: { wheels: 4 } }), { seed: 1 }));
    expect(unknown.message).to.contain('wheels');
    const outside = usageErrorOf(() => planOf(scenarioOf({ params: { channels: 99 } }), { seed: 1 }));
    expect(outside.message).to.contain('channels').and.contain('99');
  });

  it("starts behind a page that is never used: address 0 is nobody's", () => {
    expect(new LayoutBuilder().reserve('first', 32)).to.be.at.least(4096);
    expect(Math.min(...planOf(demo, { seed: 1 }).regions.map(({ offset }) => offset))).to.be.at.least(4096);
  });
});

describe('device modules', () => {
  const load = async (url: string): Promise<UsageError | null> => {
    try {
      await loadDeviceModules(scenarioOf({ name: 'board', model: url }));
      return null;
    } catch (error) {
      expect(error).to.be.instanceOf(UsageError);
      return error as UsageError;
    }
  };
  const fault = (name: string): string => new URL(`../scenarios/faults/${name}.js`, import.meta.url).href;

  it('are imported by their URL; built-in names are left alone', async () => {
    expect(await load(fault('throwing-device'))).to.equal(null);
    expect(await load('sgring')).to.equal(null);
  });

  it('that are not there, or export no model, are usage errors naming the device', async () => {
    for (const [url, says] of [
      [fault('no-such-device'), /cannot be imported/],
      [fault('drivers'), /exports no device model/],
    ] as const) {
      const error = await load(url);
      expect(error).to.include({ code: 'USAGE_BAD_DEVICE' });
      expect(error!.message).to.match(says).and.contain("'board'");
      expect(error!.details.where).to.equal(url);
    }
  });
});
