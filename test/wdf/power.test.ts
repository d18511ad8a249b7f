import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import {
  BugCheck,
  NT_SUCCESS,
  PASSIVE_LEVEL,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  type NtStatus,
} from '../../src/nt/index.js';
import { DmaEnabler, Interrupt, declareContext, type Device } from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import { Application, Rig } from './rig.js';

/** The callbacks of a power cycle by the names the log shows; one of them may fail. */
interface Cycle {
  readonly rig: Rig;
  readonly device: Device;
  readonly application: Application;
}

/**
 * A device with two interrupts, two enablers and a queue, whose every callback writes its name and level into the
 * log. The callbacks named in `failing` return UNSUCCESSFUL.
 */
function cycle(...failing: readonly string[]): Cycle {
  const log = (name: string): NtStatus => {
    const { irql } = rig.kernel.current;
    rig.log.push(irql === PASSIVE_LEVEL ? name : `${name} @${irql}`);
    return failing.includes(name) ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
  };
  const rig: Rig = new Rig({
    sources: ['message', 'message'],
    callbacks: {
      evtDevicePrepareHardware: () => log('PrepareHardware'),
      evtDeviceReleaseHardware: () => log('ReleaseHardware'),
      evtDeviceD0Entry: () => log('D0Entry'),
      evtDeviceD0EntryPostInterruptsEnabled: () => log('PostInterruptsEnabled'),
      evtDeviceD0ExitPreInterruptsDisabled: () => log('PreInterruptsDisabled'),
      evtDeviceD0Exit: () => log('D0Exit'),
    },
  });
  const device = rig.createDevice();
  for (let i = 0; i < 2; i++) {
    Interrupt.create(device, {
      evtInterruptIsr: () => true,
      evtInterruptEnable: () => log(`Enable${i}`),
      evtInterruptDisable: () => log(`Disable${i}`),
    });
  }
  const application = new Application(rig);
  const queue = rig.createQueue(device, {
    dispatchType: 'parallel',
    *evtIoDefault(_queue, request): Suspending<void> {
      log('EvtIo');
      yield* request.complete(STATUS_SUCCESS);
    },
  });
  device.setDefaultQueue(queue);
  rig.run(createEnablers(device, log));
  return { rig, device, application };
}

function* createEnablers(device: Device, log: (name: string) => NtStatus): Suspending<void> {
  for (let i = 0; i < 2; i++) {
    yield* DmaEnabler.create(device, {
      profile: 'ScatterGather64',
      maximumLengthBytes: 4096,
      evtDmaEnablerFill: () => log(`Fill${i}`),
      evtDmaEnablerEnable: () => log(`EnableDma${i}`),
      evtDmaEnablerSelfManagedIoStart: () => log(`IoStart${i}`),
      evtDmaEnablerSelfManagedIoStop: () => log(`IoStop${i}`),
      evtDmaEnablerDisable: () => log(`DisableDma${i}`),
      evtDmaEnablerFlush: () => log(`Flush${i}`),
    });
  }
}

const UP = ['PrepareHardware', 'D0Entry', 'Enable0 @3', 'Enable1 @4', 'PostInterruptsEnabled'];
const DMA_UP = ['Fill0', 'EnableDma0', 'IoStart0', 'Fill1', 'EnableDma1', 'IoStart1'];
const DMA_DOWN = ['IoStop0', 'DisableDma0', 'Flush0', 'IoStop1', 'DisableDma1', 'Flush1'];
const DOWN = ['PreInterruptsDisabled', 'Disable0 @3', 'Disable1 @4', 'D0Exit', 'ReleaseHardware'];

describe('power: order of section 9', () => {
  it('up: D0 entry, interrupts, post-interrupts, enablers one after the other, then queues', () => {
    const { rig, device, application } = cycle();
    application.submit(device, application.request('early'));
    expect(rig.start(device)).to.equal(STATUS_SUCCESS);
    expect(rig.log).to.deep.equal([...UP, ...DMA_UP, 'EvtIo', 'completed early']);
    expect([device.isStarted, rig.busMaster]).to.deep.equal([true, [true]]);
  });

  it('down: enablers, pre-interrupts, interrupts, D0 exit, release; then everything is disposed', () => {
    const { rig, device } = cycle();
    rig.start(device);
    rig.log.length = 0;
    rig.run(device.remove());
    expect(rig.log).to.deep.equal([...DMA_DOWN, ...DOWN]);
    expect([device.isDestroyed, rig.busMaster, rig.platform.adapters.length]).to.deep.equal([true, [true, false], 0]);
    expect(rig.kernel.findings.total).to.equal(0);
  });

  it('after removal no interrupt reaches the driver', () => {
    const { rig, device } = cycle();
    rig.start(device);
    rig.run(device.remove());
    rig.sources[0]!.pending = true;
    rig.settle();
    expect(rig.vectors[0]!.unclaimed).to.equal(1);
  });
});

describe('power: a failing step undoes what was done', () => {
  const dmaFailures: readonly (readonly [failing: string, up: readonly string[], down: readonly string[]])[] = [
    ['Fill0', ['Fill0'], ['IoStop0', 'IoStop1', 'DisableDma1', 'Flush1']],
    ['EnableDma0', ['Fill0', 'EnableDma0'], ['IoStop0', 'DisableDma0', 'IoStop1', 'DisableDma1', 'Flush1']],
    ['IoStart0', ['Fill0', 'EnableDma0', 'IoStart0'], DMA_DOWN],
    ['Fill1', ['Fill0', 'EnableDma0', 'IoStart0', 'Fill1'], ['IoStop0', 'DisableDma0', 'Flush0', 'IoStop1']],
    [
      'EnableDma1',
      ['Fill0', 'EnableDma0', 'IoStart0', 'Fill1', 'EnableDma1'],
      ['IoStop0', 'DisableDma0', 'Flush0', 'IoStop1', 'DisableDma1'],
    ],
    ['IoStart1', DMA_UP, DMA_DOWN],
  ];
  for (const [failing, up, down] of dmaFailures) {
    it(`${failing}: no further enabler starts, every enabler is powered down, then the device`, () => {
      const { rig, device } = cycle(failing);
      expect(rig.start(device)).to.equal(STATUS_UNSUCCESSFUL);
      expect(rig.log).to.deep.equal([...UP, ...up, ...down, ...DOWN]);
    });
  }

  it('enablers that fail on the way down are all visited, and the device goes on', () => {
    const { rig, device } = cycle('IoStop0', 'DisableDma0', 'Flush0', 'IoStop1');
    rig.start(device);
    rig.log.length = 0;
    rig.run(device.remove());
    expect(rig.log).to.deep.equal([...DMA_DOWN, ...DOWN]);
    expect(device.isDestroyed).to.equal(true);
  });

  it('PrepareHardware: D0 is never entered', () => {
    const { rig, device } = cycle('PrepareHardware');
    expect(rig.start(device)).to.equal(STATUS_UNSUCCESSFUL);
    expect(rig.log[0]).to.equal('PrepareHardware');
    expect(rig.log).not.to.include('D0Entry');
  });

  it('the interrupt that fails and those behind it stay disconnected, those before it are disabled again', () => {
    const { rig, device } = cycle('Enable1');
    rig.start(device);
    expect(rig.log).to.include('Disable0 @3').and.not.include('Disable1 @4').and.not.include('PostInterruptsEnabled');
    expect(rig.log.at(-1)).to.equal('ReleaseHardware');
  });

  const steps = ['PrepareHardware', 'D0Entry', 'Enable0', 'Enable1', 'PostInterruptsEnabled', 'Fill0', 'EnableDma1', 'IoStart1'];
  for (const failing of steps) {
    it(`${failing}: the device is off, its interrupts are dead, requests wait, and it can be removed`, () => {
      const { rig, device, application } = cycle(failing);
      expect(NT_SUCCESS(rig.start(device))).to.equal(false);
      expect(device.isStarted).to.equal(false);
      expect(rig.busMaster.at(-1) ?? false, 'bus mastering').to.equal(false);
      rig.sources.forEach((source) => (source.pending = true));
      rig.settle();
      expect(rig.vectors.map(({ unclaimed }) => unclaimed)).to.deep.equal([1, 1]);
      application.submit(device, application.request('late'));
      expect(application.completed).to.deep.equal([]);
      rig.log.length = 0;
      rig.run(device.remove());
      expect(rig.log, 'nothing is torn down twice, and what waits is purged').to.deep.equal(['completed late']);
      expect(application.completed[0]!.status).to.equal(STATUS_CANCELLED);
      expect([device.isDestroyed, rig.platform.adapters.length]).to.deep.equal([true, 0]);
    });
  }
});

describe('power: callbacks', () => {
  it('must return a status', () => {
    const rig = new Rig({ callbacks: { evtDeviceD0Entry: (() => undefined) as unknown as () => NtStatus } });
    expect(() => rig.start(rig.createDevice('forgetful'))).to.throw(BugCheck, /evtDeviceD0Entry of forgetful returned undefined/);
  });

  it('must return at the level they were called at (B22)', () => {
    const rig = new Rig({
      sources: ['message'],
      callbacks: {
        *evtDeviceD0EntryPostInterruptsEnabled(device): Suspending<NtStatus> {
          yield* device.interrupts[0]!.acquireLock();
          return STATUS_SUCCESS;
        },
      },
    });
    const device = rig.createDevice();
    Interrupt.create(device, { evtInterruptIsr: () => true });
    const violation = crashOf(() => rig.start(device));
    expect(violation.rule).to.equal('B22');
    expect(violation.bugCheck!.parameters.slice(1)).to.deep.equal([PASSIVE_LEVEL, rig.vectors[0]!.irql]);
  });
});

describe('device: creation', () => {
  it('makes one device of a DeviceInit', () => {
    const init = new Rig().deviceInit();
    expect(init.device).to.equal(null);
    const first = init.create();
    expect(first.ok && first.object === init.device).to.equal(true);
    expect(init.create()).to.deep.equal({ ok: false, status: STATUS_INVALID_DEVICE_REQUEST });
  });

  it('gives the device a context of its type', () => {
    class Context {
      opened = 0;
    }
    const context = declareContext('MY_CONTEXT', Context);
    const rig = new Rig();
    const [first, second] = [rig.deviceInit().create(context), rig.deviceInit().create(context)];
    if (!first.ok || !second.ok) throw new Error('the devices were not created');
    context(first.object).opened = 1;
    expect([context(first.object).opened, context(second.object).opened]).to.deep.equal([1, 0]);
    expect(() => context(rig.createDevice())).to.throw(TypeError, 'MY_CONTEXT');
  });

  it('takes everything that hangs on it along when it is deleted', () => {
    const { rig, device } = cycle();
    const children = [...device.children];
    expect(children.map(({ typeName }) => typeName)).to.include.members(['Interrupt', 'IoQueue', 'DmaEnabler']);
    rig.run(device.delete());
    expect(children.every((child) => child.isDestroyed)).to.equal(true);
    const violation = crashOf(() => rig.run(device.delete()));
    expect(violation.rule).to.equal('B05');
  });
});
