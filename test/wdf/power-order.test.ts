import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import {
  NT_SUCCESS,
  PASSIVE_LEVEL,
  STATUS_CANCELLED,
  STATUS_DEVICE_REMOVED,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  type NtStatus,
} from '../../src/nt/index.js';
import {
  DmaEnabler,
  Interrupt,
  PNP_TRANSITIONS,
  RegisterBlock,
  type Device,
  type IoQueue,
  type PnpRequest,
  type PnpState,
  type Request,
  type TranslatedResource,
} from '../../src/wdf/index.js';
import { everyInterleaving, statusesOf } from './bench-queue.js';
import { Application, Rig } from './rig.js';

interface Full {
  readonly rig: Rig;
  readonly device: Device;
  readonly application: Application;
  readonly managed: IoQueue;
  readonly unmanaged: IoQueue;
  readonly held: Request[];
  /** Called by every callback with its name, after it was logged. */
  hook: (name: string) => void;
}

/** A device with everything: interrupt, enabler, two queues, all callbacks. Callbacks above PASSIVE_LEVEL log their level. */
function full(...failing: readonly string[]): Full {
  const log = (name: string): NtStatus => {
    const { irql } = rig.kernel.current;
    rig.log.push(irql === PASSIVE_LEVEL ? name : `${name} @${irql}`);
    all.hook(name);
    return failing.includes(name) ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
  };
  const rig: Rig = new Rig({
    sources: ['message'],
    callbacks: {
      evtDevicePrepareHardware: () => log('PrepareHardware'),
      evtDeviceReleaseHardware: () => log('ReleaseHardware'),
      evtDeviceD0Entry: () => log('D0Entry'),
      evtDeviceD0EntryPostInterruptsEnabled: () => log('PostInterruptsEnabled'),
      evtDeviceD0ExitPreInterruptsDisabled: () => log('PreInterruptsDisabled'),
      evtDeviceD0Exit: () => log('D0Exit'),
      evtDeviceSelfManagedIoInit: () => log('SelfManagedIoInit'),
      evtDeviceSelfManagedIoSuspend: () => log('SelfManagedIoSuspend'),
      evtDeviceSelfManagedIoRestart: () => log('SelfManagedIoRestart'),
      evtDeviceSelfManagedIoFlush: () => void log('SelfManagedIoFlush'),
      evtDeviceSelfManagedIoCleanup: () => void log('SelfManagedIoCleanup'),
      evtDeviceSurpriseRemoval: () => void log('SurpriseRemoval'),
    },
  });
  const device = rig.createDevice();
  Interrupt.create(device, {
    evtInterruptIsr: () => true,
    evtInterruptEnable: () => log('Enable'),
    evtInterruptDisable: () => log('Disable'),
  });
  const application = new Application(rig);
  const held: Request[] = [];
  const handlers = {
    evtIoDefault(_queue: IoQueue, request: Request): void {
      log(`EvtIo ${application.nameOf(request)}`);
      held.push(request);
    },
    *evtIoStop(_queue: IoQueue, request: Request, flags: number): Suspending<void> {
      log(`EvtIoStop ${application.nameOf(request)} ${flags}`);
      if (flags === 1) yield* request.stopAcknowledge(false);
      else yield* request.complete(STATUS_DEVICE_REMOVED);
    },
    evtIoResume: (_queue: IoQueue, request: Request) => void log(`EvtIoResume ${application.nameOf(request)}`),
  };
  const managed = rig.createQueue(device, { dispatchType: 'parallel', ...handlers });
  const unmanaged = rig.createQueue(device, { dispatchType: 'parallel', powerManaged: false, ...handlers });
  device.configureRequestDispatching(managed, 3);
  device.configureRequestDispatching(unmanaged, 4);
  rig.run(createEnabler(device, log));
  const all: Full = { rig, device, application, managed, unmanaged, held, hook: () => undefined };
  return all;
}

function* createEnabler(device: Device, log: (name: string) => NtStatus): Suspending<void> {
  yield* DmaEnabler.create(device, {
    profile: 'ScatterGather64',
    maximumLengthBytes: 4096,
    evtDmaEnablerFill: () => log('Fill'),
    evtDmaEnablerEnable: () => log('EnableDma'),
    evtDmaEnablerSelfManagedIoStart: () => log('IoStart'),
    evtDmaEnablerSelfManagedIoStop: () => log('IoStop'),
    evtDmaEnablerDisable: () => log('DisableDma'),
    evtDmaEnablerFlush: () => log('Flush'),
  });
}

const D0_UP = ['D0Entry', 'Enable @3', 'PostInterruptsEnabled', 'Fill', 'EnableDma', 'IoStart'];
const DMA_DOWN = ['IoStop', 'DisableDma', 'Flush'];
const D0_DOWN = ['PreInterruptsDisabled', 'Disable @3', 'D0Exit'];

/** What a transition logs. */
function logOf(all: Full, body: () => Suspending<unknown>): string[] {
  all.rig.log.length = 0;
  all.rig.run(body());
  return [...all.rig.log];
}

function submitRead(all: Full, ...names: string[]): void {
  all.application.submit(all.device, ...names.map((name) => all.application.request(name)));
}

describe('power order (section 9)', () => {
  it('§9 up, rows 1 to 8: first start', () => {
    const all = full();
    submitRead(all, 'early');
    expect(logOf(all, () => all.device.start())).to.deep.equal(['PrepareHardware', ...D0_UP, 'EvtIo early', 'SelfManagedIoInit']);
    expect([all.device.pnpState, all.rig.busMaster]).to.deep.equal(['D0', [true]]);
  });

  it('§9 up again: no PrepareHardware, EvtIoResume before dispatch, Restart in place of Init', () => {
    const all = full();
    all.rig.start(all.device);
    submitRead(all, 'kept');
    all.rig.run(all.device.powerDown());
    submitRead(all, 'late');
    expect(logOf(all, () => all.device.powerUp())).to.deep.equal([...D0_UP, 'EvtIoResume kept', 'EvtIo late', 'SelfManagedIoRestart']);
    expect(all.rig.powerStates).to.deep.equal([0, 3, 0]);
  });

  it('§9 down, rows 1 to 6: suspend, queues, enablers, pre-interrupts, interrupts, D0 exit', () => {
    const all = full();
    all.rig.start(all.device);
    submitRead(all, 'a');
    expect(logOf(all, () => all.device.powerDown())).to.deep.equal(['SelfManagedIoSuspend', 'EvtIoStop a 1', ...DMA_DOWN, ...D0_DOWN]);
    expect([all.device.pnpState, all.rig.busMaster]).to.deep.equal(['Dx', [true, false]]);
  });

  it('§9 removal, rows 1 to 8: then release, purge, flush, the other queues, cleanup, disposal', () => {
    const all = full();
    all.rig.start(all.device);
    submitRead(all, 'a');
    all.application.submit(all.device, all.application.request('w', 4));
    expect(logOf(all, () => all.device.remove())).to.deep.equal([
      ...['SelfManagedIoSuspend', 'EvtIoStop a 1', ...DMA_DOWN, ...D0_DOWN, 'ReleaseHardware'],
      ...['EvtIoStop a 2', 'completed a', 'SelfManagedIoFlush', 'EvtIoStop w 2', 'completed w', 'SelfManagedIoCleanup'],
    ]);
    expect([all.device.isDestroyed, all.device.pnpState]).to.deep.equal([true, 'Removed']);
  });

  it('§9 removal from Dx leaves out what was done already', () => {
    const all = full();
    all.rig.start(all.device);
    all.rig.run(all.device.powerDown());
    expect(logOf(all, () => all.device.remove())).to.deep.equal(['ReleaseHardware', 'SelfManagedIoFlush', 'SelfManagedIoCleanup']);
  });

  it('§9 stop for rebalancing: down and released; start prepares again and restarts', () => {
    const all = full();
    all.rig.start(all.device);
    expect(logOf(all, () => all.device.stop())).to.deep.equal(['SelfManagedIoSuspend', ...DMA_DOWN, ...D0_DOWN, 'ReleaseHardware']);
    expect(all.device.pnpState).to.equal('Stopped');
    expect(logOf(all, () => all.device.start())).to.deep.equal(['PrepareHardware', ...D0_UP, 'SelfManagedIoRestart']);
  });

  it('§9 a purged queue accepts nothing more, whatever the driver does', () => {
    const all = full();
    all.rig.start(all.device);
    all.rig.run(all.device.surpriseRemove());
    all.rig.run(all.managed.start());
    submitRead(all, 'late');
    expect(statusesOf(all.application)).to.deep.equal({ late: STATUS_INVALID_DEVICE_STATE });
  });

  const failures: readonly (readonly [failing: string, log: readonly string[]])[] = [
    ['PrepareHardware', ['PrepareHardware']],
    ['D0Entry', ['PrepareHardware', 'D0Entry', 'ReleaseHardware']],
    ['Fill', ['PrepareHardware', ...D0_UP.slice(0, 4), 'IoStop', ...D0_DOWN, 'ReleaseHardware']],
    ['EnableDma', ['PrepareHardware', ...D0_UP.slice(0, 5), 'IoStop', 'DisableDma', ...D0_DOWN, 'ReleaseHardware']],
    ['IoStart', ['PrepareHardware', ...D0_UP, ...DMA_DOWN, ...D0_DOWN, 'ReleaseHardware']],
    ['SelfManagedIoInit', ['PrepareHardware', ...D0_UP, 'SelfManagedIoInit', ...DMA_DOWN, ...D0_DOWN, 'ReleaseHardware']],
  ];
  for (const [failing, log] of failures) {
    it(`§9 ${failing} fails: what was done is undone, and the device can only be removed`, () => {
      const all = full(failing);
      expect(logOf(all, () => all.device.start())).to.deep.equal(log);
      expect([all.device.pnpState, all.rig.busMaster.at(-1) ?? false, all.rig.powerStates.at(-1)]).to.deep.equal(['Failed', false, 3]);
      const isInitialised = failing === 'SelfManagedIoInit';
      expect(logOf(all, () => all.device.remove())).to.deep.equal(isInitialised ? ['SelfManagedIoFlush', 'SelfManagedIoCleanup'] : []);
    });
  }

  it('§9 powering up fails: down again, released; requests are purged by the removal', () => {
    const failing: string[] = [];
    const all = full();
    all.rig.start(all.device);
    all.rig.run(all.device.powerDown());
    submitRead(all, 'waits');
    all.hook = (name): void => {
      if (name === 'D0Entry') failing.push(name);
    };
    const broken = full('SelfManagedIoRestart');
    broken.rig.start(broken.device);
    broken.rig.run(broken.device.powerDown());
    expect(NT_SUCCESS(broken.rig.run(broken.device.powerUp()))).to.equal(false);
    expect(broken.rig.log.slice(-8)).to.deep.equal(['SelfManagedIoRestart', ...DMA_DOWN, ...D0_DOWN, 'ReleaseHardware']);
    expect(broken.device.pnpState).to.equal('Failed');
    all.rig.run(all.device.remove());
    expect([failing, statusesOf(all.application)]).to.deep.equal([[], { waits: STATUS_CANCELLED }]);
  });
});

describe('surprise removal (section 10)', () => {
  const DOWN = ['SelfManagedIoSuspend', 'EvtIoStop a 1', ...DMA_DOWN, ...D0_DOWN];

  it('§10 from D0: EvtDeviceSurpriseRemoval first, then the power-down sequence, although the hardware is gone', () => {
    const all = full();
    all.rig.start(all.device);
    submitRead(all, 'a');
    all.hook = (name): void => void expect(all.rig.registers[0]!.isPresent, name).to.equal(false);
    expect(logOf(all, () => all.device.surpriseRemove())).to.deep.equal([
      ...['SurpriseRemoval', ...DOWN, 'ReleaseHardware', 'EvtIoStop a 2', 'completed a', 'SelfManagedIoFlush'],
    ]);
    expect(statusesOf(all.application)).to.deep.equal({ a: STATUS_DEVICE_REMOVED });
    expect(logOf(all, () => all.device.remove())).to.deep.equal(['SelfManagedIoCleanup']);
    expect(all.rig.kernel.findings.total).to.equal(0);
  });

  it('§10 EvtInterruptDisable is skipped when the device was in Dx', () => {
    const all = full();
    all.rig.start(all.device);
    all.rig.run(all.device.powerDown());
    expect(logOf(all, () => all.device.surpriseRemove())).to.deep.equal(['SurpriseRemoval', 'ReleaseHardware', 'SelfManagedIoFlush']);
  });

  it('§10 not synchronised with the power-down callbacks: it runs before, between or after them, which themselves keep their order', () => {
    const places = new Set<number>();
    everyInterleaving(() => {
      const all = full();
      all.rig.start(all.device);
      all.rig.log.length = 0;
      all.rig.thread(0, 'power', dropStatus(all.device.powerDown()));
      all.rig.thread(1, 'pull', all.device.surpriseRemove());
      return {
        rig: all.rig,
        check: (): void => {
          const { log } = all.rig;
          places.add(log.indexOf('SurpriseRemoval'));
          const rest = log.filter((name) => name !== 'SurpriseRemoval');
          expect(rest, 'the same whoever begins').to.deep.equal([
            'SelfManagedIoSuspend',
            ...DMA_DOWN,
            ...D0_DOWN,
            'ReleaseHardware',
            'SelfManagedIoFlush',
          ]);
          expect(all.device.pnpState).to.equal('SurpriseRemoved');
        },
      };
    });
    expect([...places].length).to.be.greaterThan(2);
  });

  it('§10 registers read all ones, writes vanish, and nothing is a finding until ReleaseHardware', () => {
    const seen: number[] = [];
    const rig: Rig = new Rig({
      callbacks: {
        *evtDeviceD0Exit(device): Suspending<NtStatus> {
          const registers = new RegisterBlock(device.kernel, device.resources.registers);
          yield* registers.write32(0, 5);
          seen.push(yield* registers.read32(0), yield* registers.read8(0));
          return STATUS_SUCCESS;
        },
      },
    });
    const device = rig.createDevice();
    rig.start(device);
    rig.run(device.surpriseRemove());
    expect([seen, rig.registers[0]!.words[0], rig.kernel.findings.total]).to.deep.equal([[0xffff_ffff, 0xffff_ffff], 0, 0]);
  });

  it('C18: completing, cancelling and stopping queues in EvtDeviceSurpriseRemoval', () => {
    const rules: string[] = [];
    for (const act of [
      (request: Request): Suspending<unknown> => request.complete(STATUS_DEVICE_REMOVED),
      (request: Request): Suspending<unknown> => request.cancelIrp(),
      (_request: Request, queue: IoQueue): Suspending<unknown> => queue.stop(),
    ]) {
      const held: Request[] = [];
      const rig: Rig = new Rig({
        callbacks: {
          *evtDeviceSurpriseRemoval(): Suspending<void> {
            yield* act(held[0]!, queue);
          },
        },
      });
      const device = rig.createDevice();
      const queue = rig.createQueue(device, {
        dispatchType: 'parallel',
        evtIoDefault: (_queue, request) => void held.push(request),
        *evtIoStop(_queue, request): Suspending<void> {
          yield* request.complete(STATUS_DEVICE_REMOVED);
        },
      });
      device.setDefaultQueue(queue);
      rig.start(device);
      const application = new Application(rig);
      application.submit(device, application.request('a'));
      rig.run(device.surpriseRemove());
      rules.push(...rig.kernel.findings.kept.map(({ rule }) => rule));
      expect(application.completed).to.have.length(1);
    }
    expect(rules).to.deep.equal(['C18', 'C18', 'C18']);
  });
});

describe('device: resources and registers', () => {
  it('PrepareHardware gets the translated resources as a list', () => {
    const seen: TranslatedResource[] = [];
    const rig = new Rig({
      sources: ['line', 'message'],
      callbacks: {
        evtDevicePrepareHardware(_device, { translated }) {
          seen.push(...translated);
          return STATUS_SUCCESS;
        },
      },
    });
    rig.start(rig.createDevice());
    expect(seen).to.deep.equal([
      { type: 'memory', bar: 0, lengthBytes: 64 },
      { type: 'memory', bar: 1, lengthBytes: 4096 },
      { type: 'interrupt', vector: 0, irql: 3, mode: 'line', messageId: 0 },
      { type: 'interrupt', vector: 1, irql: 4, mode: 'message', messageId: 1 },
    ]);
  });

  it("D47: registers are the driver's from PrepareHardware to the end of D0Exit, and again from D0Entry", () => {
    const when: string[] = [];
    const rig: Rig = new Rig({
      callbacks: {
        evtDevicePrepareHardware: (device) => touch(device, 'PrepareHardware'),
        evtDeviceD0Entry: (device) => touch(device, 'D0Entry'),
        evtDeviceD0Exit: (device) => touch(device, 'D0Exit'),
        evtDeviceReleaseHardware: (device) => touch(device, 'ReleaseHardware'),
      },
    });
    function* touch(device: Device, name: string): Suspending<NtStatus> {
      const registers = new RegisterBlock(device.kernel, device.resources.registers);
      const before = rig.kernel.findings.total;
      const value = yield* registers.read32(0);
      yield* registers.write32(4, 1);
      when.push(`${name}: ${rig.kernel.findings.total - before} findings, ${value === 0 ? 'read' : 'all ones'}`);
      return STATUS_SUCCESS;
    }
    const device = rig.createDevice();
    rig.run(dropStatus(touch(device, 'DeviceAdd')));
    rig.start(device);
    rig.run(device.powerDown());
    rig.run(dropStatus(touch(device, 'Dx')));
    rig.run(device.powerUp());
    rig.run(device.stop());
    expect(when).to.deep.equal([
      'DeviceAdd: 2 findings, all ones',
      ...['PrepareHardware: 0 findings, read', 'D0Entry: 0 findings, read', 'D0Exit: 0 findings, read'],
      'Dx: 2 findings, all ones',
      ...['D0Entry: 0 findings, read', 'D0Exit: 0 findings, read', 'ReleaseHardware: 2 findings, all ones'],
    ]);
    expect(new Set(rig.kernel.findings.kept.map(({ rule, severity }) => `${rule} ${severity}`))).to.deep.equal(new Set(['D47 error']));
  });

  it('every request that the table allows leads to the state it names; a device that is gone refuses the others', () => {
    const requests: readonly PnpRequest[] = ['start', 'powerDown', 'powerUp', 'stop', 'surpriseRemove', 'remove'];
    const reach: Record<PnpState, (rig: Rig, device: Device) => void> = {
      NotStarted: () => undefined,
      D0: (rig, device) => void rig.start(device),
      Dx: (rig, device) => void (rig.start(device), rig.run(device.powerDown())),
      Stopped: (rig, device) => void (rig.start(device), rig.run(device.stop())),
      Failed: (rig, device) => void rig.start(device),
      SurpriseRemoved: (rig, device) => void rig.run(device.surpriseRemove()),
      Removed: (rig, device) => void rig.run(device.remove()),
    };
    let allowed = 0;
    for (const [state, transitions] of Object.entries(PNP_TRANSITIONS) as [PnpState, Partial<Record<PnpRequest, PnpState>>][]) {
      for (const request of requests) {
        const rig = new Rig({ callbacks: state === 'Failed' ? { evtDeviceD0Entry: () => STATUS_UNSUCCESSFUL } : {} });
        const device = rig.createDevice();
        reach[state](rig, device);
        expect(device.pnpState).to.equal(state);
        const ask = (): unknown => rig.run<unknown>(device[request]());
        const expected = transitions[request];
        const isGone = state === 'Failed' || state === 'SurpriseRemoved' || state === 'Removed';
        if (expected === undefined && isGone && request !== 'remove') {
          expect(ask(), `${request} in ${state}`).to.equal(request === 'surpriseRemove' ? undefined : STATUS_DEVICE_REMOVED);
          expect(device.pnpState).to.equal(state);
        } else if (expected === undefined) expect(ask, `${request} in ${state}`).to.throw('is asked of');
        else {
          ask();
          allowed++;
          expect(device.pnpState, `${request} in ${state}`).to.equal(expected);
        }
      }
    }
    expect(allowed).to.equal(17);
  });
});

function* dropStatus(body: Suspending<unknown>): Suspending<void> {
  yield* body;
}
