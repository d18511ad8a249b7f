import { expect } from 'chai';
import { describe, it } from 'mocha';
import { runVector, type Vector } from '../../src/conformance/index.js';
import { HalPlatform } from '../../src/hal/index.js';
import { FxObject } from '../../src/kernel/index.js';
import { statusName } from '../../src/nt/index.js';
import { DmaEnabler, DMA_ENABLER_CONFIG_SIZE, type DmaEnablerConfig } from '../../src/wdf/dma-enabler.js';
import { TestDevice } from '../../src/conformance/test-machine.js';
import { newHalKernel } from '../hal/support.js';

const all = {
  Fill: 'SUCCESS',
  Enable: 'SUCCESS',
  SelfManagedIoStart: 'SUCCESS',
  SelfManagedIoStop: 'SUCCESS',
  Disable: 'SUCCESS',
  Flush: 'SUCCESS',
};

/** Callbacks and results of a script of PowerUp and PowerDown calls. */
function power(statuses: Record<string, string>, calls: readonly string[]): string[] {
  const vector: Vector = {
    name: 'power',
    machine: {},
    enabler: { profile: 'Packet', maximumLength: 4096, power: { ...all, ...statuses } },
    script: calls.map((call) => [call] as const),
    expect: [],
  };
  const events = runVector(vector).events as [string, string, null, string?][];
  return events.slice(2, -1).map(([kind, name, , value]) => (kind === 'cb' ? name.replace('EvtDmaEnabler', '') : `${name}: ${value}`));
}

describe('power callbacks of an enabler', () => {
  it('Enable fails: Disable is called, Flush is not', () => {
    expect(power({ Enable: 'UNSUCCESSFUL' }, ['PowerUp', 'PowerDown'])).to.deep.equal([
      'Fill',
      'Enable',
      'PowerUp: UNSUCCESSFUL',
      'SelfManagedIoStop',
      'Disable',
      'PowerDown: SUCCESS',
    ]);
  });

  it('power down visits all and returns the first failure', () => {
    expect(power({ SelfManagedIoStop: 'DEVICE_NOT_READY', Flush: 'UNSUCCESSFUL' }, ['PowerDown'])).to.deep.equal([
      'SelfManagedIoStop',
      'Disable',
      'Flush',
      'PowerDown: DEVICE_NOT_READY',
    ]);
  });

  it('a failure is remembered over later power-ups', () => {
    expect(power({ Fill: 'UNSUCCESSFUL' }, ['PowerUp', 'PowerUp', 'PowerDown'])).to.deep.equal([
      'Fill',
      'PowerUp: UNSUCCESSFUL',
      'Fill',
      'PowerUp: UNSUCCESSFUL',
      'SelfManagedIoStop',
      'PowerDown: SUCCESS',
    ]);
  });
});

describe('a power callback that succeeds with another status than SUCCESS', () => {
  it('power up returns what the last callback returned, power down SUCCESS', () => {
    expect(
      power({ SelfManagedIoStart: 'PENDING', Flush: 'TIMEOUT' }, ['PowerUp', 'PowerDown']).filter((line) => line.includes(':')),
    ).to.deep.equal(['PowerUp: PENDING', 'PowerDown: SUCCESS']);
    expect(power({ Enable: 'PENDING' }, ['PowerUp']).at(-1)).to.equal('PowerUp: SUCCESS');
    const vector: Vector = {
      name: 'power',
      enabler: { profile: 'Packet', maximumLength: 4096, power: { Fill: 'PENDING' } },
      script: [['PowerUp']],
      expect: [],
    };
    expect(runVector(vector).events.at(-2)).to.deep.equal(['ret', 'PowerUp', null, 'PENDING']);
  });
});

describe('WdfDmaEnablerCreate', () => {
  function create(config: Partial<DmaEnablerConfig>, parent?: FxObject): string {
    const kernel = newHalKernel();
    // Without DMA verification, whose rule A35 would not let an unknown version pass.
    const device = new TestDevice(kernel, new HalPlatform(kernel, { dmaVerification: false }));
    const attributes = parent === undefined ? {} : { parent };
    const created = kernel.runStraight(
      'create',
      DmaEnabler.create(device, { profile: 'Packet', maximumLengthBytes: 4096, ...config }, attributes),
    );
    expect(device.dmaEnablers).to.have.length(created.ok ? 1 : 0);
    expect(device.platform.adapters).to.have.length(created.ok ? 1 : 0);
    return statusName(created.status);
  }

  it('checks its configuration and leaves nothing behind', () => {
    expect(create({ size: DMA_ENABLER_CONFIG_SIZE })).to.equal('STATUS_SUCCESS');
    expect(create({ size: 48 })).to.equal('STATUS_INFO_LENGTH_MISMATCH');
    expect(create({ profile: 'toString' as 'Packet' })).to.equal('STATUS_INVALID_PARAMETER');
    expect(create({ maximumLengthBytes: 0 })).to.equal('STATUS_INVALID_PARAMETER');
    expect(create({ wdmDmaVersionOverride: 4 })).to.equal('STATUS_UNSUCCESSFUL');
    expect(create({ addressWidthOverride: 33 })).to.equal('STATUS_INVALID_PARAMETER');
    expect(create({ requireSingleTransfer: true })).to.equal('STATUS_INVALID_PARAMETER');
  });

  it('refuses a parent that is no descendant of the device', () => {
    const stranger = newHalKernel();
    expect(create({}, new TestDevice(stranger, new HalPlatform(stranger)))).to.equal('STATUS_WDF_OBJECT_ATTRIBUTES_INVALID');
  });
});

describe('WdfDmaEnablerSetMaximumScatterGatherElements', () => {
  function setInEvtProgramDma(verifier: boolean): unknown {
    const vector: Vector = {
      name: 'element limit',
      machine: { verifier },
      enabler: { profile: 'ScatterGather', maximumLength: 4096 },
      buffers: { b0: [{ off: 0, len: 100, pfns: [1] }] },
      script: [
        ['Create', 't0'],
        ['Initialize', 't0', { buffer: 'b0', offset: 0, length: 100, dir: 'Read' }],
        ['Execute', 't0'],
        ['GetMaximumScatterGatherElements', null],
      ],
      callbacks: { t0: { EvtProgramDma: [[['SetMaximumScatterGatherElements', null, 2]]] } },
      expect: [],
    };
    return (runVector(vector).events.find((event) => (event as string[])[1] === 'GetMaximumScatterGatherElements') as unknown[])[3];
  }

  it('is refused at DISPATCH_LEVEL by the framework verifier, and by nobody else', () => {
    expect(setInEvtProgramDma(true)).to.equal(0xffff_ffff);
    expect(setInEvtProgramDma(false)).to.equal(2);
  });
});

describe('breaks of the framework verifier on an enabler', () => {
  const system: DmaEnablerConfig = { profile: 'System', maximumLengthBytes: 4096 };
  const settings = { deviceAddress: 0, dmaWidthBits: 32, dmaDescriptor: { channel: 0, requestLine: 0 } } as const;

  function rulesOf(use: (enabler: DmaEnabler) => void, frameworkVerifier = true): string[] {
    const kernel = newHalKernel();
    const device = new TestDevice(kernel, new HalPlatform(kernel, { frameworkVerifier }));
    const created = kernel.runStraight('create', DmaEnabler.create(device, system));
    if (created.ok) use(created.object);
    return kernel.findings.kept.map(
      ({ rule, object }) => `${rule} ${object === (created.ok && created.object.label) ? 'enabler' : object}`,
    );
  }

  it('C03: a direction that is none, for the getters; a configuration without a descriptor, or a second one', () => {
    const useAll = (enabler: DmaEnabler): void => {
      expect([enabler.fragmentLengthBytes(2), enabler.wdmGetDmaAdapter(-1)]).to.deep.equal([0, null]);
      expect(statusName(enabler.configureSystemProfile({ ...settings, dmaDescriptor: null }, 0))).to.equal('STATUS_INVALID_PARAMETER');
      expect(statusName(enabler.configureSystemProfile(settings, 0))).to.equal('STATUS_SUCCESS');
      expect(statusName(enabler.configureSystemProfile(settings, 1))).to.equal('STATUS_INVALID_PARAMETER');
    };
    expect(rulesOf(useAll)).to.deep.equal(Array(4).fill('C03 enabler'));
    expect(rulesOf(useAll, false), 'without the verifier').to.deep.equal([]);
  });

  it('a wrong direction of the configuration is INVALID_PARAMETER, and nothing is said, as in the framework', () => {
    expect(
      rulesOf((enabler) => expect(statusName(enabler.configureSystemProfile(settings, 2))).to.equal('STATUS_INVALID_PARAMETER')),
    ).to.deep.equal([]);
  });
});
