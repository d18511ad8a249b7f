import { expect } from 'chai';
import { STATUS_SUCCESS, UsageError } from '../../src/nt/index.js';
import type { Suspending } from '../../src/kernel/index.js';
import { defineScenario, type ScenarioConfig } from '../../src/machine/scenario.js';

const driver = {
  name: 'idle',
  *evtDriverDeviceAdd(): Suspending<number> {
    return STATUS_SUCCESS;
  },
};
const device = { name: 'ring', model: 'sgring', driver };
const good: ScenarioConfig = { name: 'good', title: 'A good one', devices: [device] };

function problemOf(config: unknown): UsageError {
  try {
    defineScenario(config as ScenarioConfig);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('the scenario was accepted');
}

describe('defineScenario', () => {
  it('fills in defaults and keeps the objects it was given', () => {
    const scenario = defineScenario(good);
    expect(scenario).to.deep.equal({ ...good, kind: 'sample', workload: {}, machine: {}, survives: [] });
    expect(scenario.devices[0]!.driver).to.equal(driver);
    expect(defineScenario(scenario)).to.deep.equal(scenario);
  });

  it('takes every field there is', () => {
    const workload = {
      requests: Infinity,
      outstanding: 1,
      ratePerSecond: 0.5,
      readsPercent: 0,
      minBytes: 1,
      maxBytes: 64,
      alignBytes: 1,
      maxMdls: 1,
    };
    const config: ScenarioConfig = {
      ...good,
      kind: 'gallery',
      workload: { ...workload, verifyPayload: false },
      machine: { vcpus: 8, ramPages: 64, mapRegisters: 4, addressing: 'bounce32' },
      devices: [{ ...device, params: { channels: 2 }, workload: { maxBytes: 128 } }],
      survives: ['partial-count', 'delayed-grant'],
    };
    expect(defineScenario(config)).to.deep.equal(config);
  });

  it('accepts a driver that is an instance of a class', () => {
    class Driver {
      readonly name = 'classy';
      *evtDriverDeviceAdd(): Suspending<number> {
        return STATUS_SUCCESS;
      }
    }
    expect(() => defineScenario({ ...good, devices: [{ ...device, driver: new Driver() }] })).not.to.throw();
  });

  const bad: [change: object, where: string, message: string, expected: string][] = [
    [{ name: 'Not Good' }, 'name', "'name' is 'Not Good'", 'lower case'],
    [{ name: 'double--dash' }, 'name', 'double--dash', 'lower case'],
    [{ name: undefined }, 'name', "'name' is missing", 'lower case'],
    [{ title: '' }, 'title', "'title' is ''", 'a line'],
    [{ kind: 'other' }, 'kind', "'kind' is 'other'", 'sample, gallery, demo'],
    [{ devices: [] }, 'devices', 'an array of 0', '1 to 256 devices'],
    [{ devices: 'ring' }, 'devices', "'ring'", '1 to 256 devices'],
    [{ devices: [null] }, 'devices[0]', 'null', '{ name, model, driver }'],
    [{ devices: [{ ...device, model: 7 }] }, 'devices[0].model', 'is 7', 'dmalab list'],
    [{ devices: [{ ...device, parms: {} }] }, 'devices[0].parms', "no key 'parms'", "'params'"],
    [{ devices: [{ ...device, params: { channels: 'two' } }] }, 'devices[0].params.channels', "'two'", 'a number'],
    [{ devices: [{ ...device, driver: {} }] }, 'devices[0].driver', 'an object', 'evtDriverDeviceAdd'],
    [{ devices: [{ ...device, driver: { ...driver, name: '' } }] }, 'devices[0].driver', 'an object', 'a name'],
    [
      { devices: [{ ...device, driver: { name: 'a', evtDriverDeviceAdd: async () => {} } }] },
      'devices[0].driver',
      'an object',
      'generator',
    ],
    [{ devices: [device, device] }, 'devices[1].name', "is 'ring'", 'devices[0] has this one already'],
    [{ workload: { outstanding: 0 } }, 'workload.outstanding', 'is 0', 'a whole number from 1 to 65536'],
    [{ workload: { requests: 1.5 } }, 'workload.requests', 'is 1.5', 'Infinity'],
    [{ workload: { requests: 0 } }, 'workload.requests', 'is 0', '1 or more'],
    [{ workload: { ratePerSecond: -1 } }, 'workload.ratePerSecond', 'is -1', 'from 0'],
    [{ workload: { ratePerSecond: NaN } }, 'workload.ratePerSecond', 'is NaN', 'from 0'],
    [{ workload: { readsPercent: 101 } }, 'workload.readsPercent', 'is 101', '0 to 100'],
    [{ workload: { verifyPayload: 'yes' } }, 'workload.verifyPayload', "'yes'", 'true or false'],
    [{ workload: { minByte: 4 } }, 'workload.minByte', "no key 'minByte'", "'minBytes'"],
    [{ workload: { minBytes: 99_999 } }, 'workload.minBytes', 'is 99999', 'at most maxBytes, which is 16384'],
    [{ workload: { maxBytes: 8 } }, 'workload.maxBytes', 'is 8', 'at least minBytes, which is 64'],
    [{ devices: [{ ...device, workload: { maxBytes: 8 } }] }, 'devices[0].workload.maxBytes', 'is 8', 'at least minBytes'],
    [{ machine: { vcpus: 9 } }, 'machine.vcpus', 'is 9', 'from 1 to 8'],
    [{ machine: { ordering: ['posted-write'] } }, 'machine.ordering[0]', "'posted-write'", "'posted-writes'"],
    [{ machine: { addressing: 'virtual' } }, 'machine.addressing', "'virtual'", 'direct, bounce32, iommu'],
    [{ machine: { cpus: 2 } }, 'machine.cpus', "no key 'cpus'", "'vcpus'"],
    [{ machine: 5 }, 'machine', 'is 5', 'an object'],
    [{ wrokload: {} }, 'wrokload', "no key 'wrokload'", "'workload'"],
    [{ frobnicate: 1 }, 'frobnicate', "no key 'frobnicate'", 'one of name, title'],
  ];
  for (const [change, where, message, expected] of bad) {
    it(`refuses ${where}: ${message}`, () => {
      const error = problemOf({ ...good, ...change });
      expect(error.code).to.equal('USAGE_BAD_SCENARIO');
      expect(error.details.where).to.equal(where);
      expect(error.message).to.contain(message);
      expect(error.details.expected).to.contain(expected);
    });
  }

  it('refuses what is no object at all', () => {
    for (const config of [undefined, null, 42, 'demo', [], (): void => {}]) {
      expect(problemOf(config).message).to.match(/^a scenario cannot be /);
    }
  });
});
