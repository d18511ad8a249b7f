import { expect } from 'chai';
import { describe, it } from 'mocha';
import { KernelEvent, type Suspending } from '../../src/kernel/index.js';
import { DIRQL_MIN, PASSIVE_LEVEL, STATUS_SUCCESS, statusName } from '../../src/nt/index.js';
import { Interrupt, WdfSpinLock, WdfWaitLock, type Device, type InterruptConfig } from '../../src/wdf/index.js';
import { Rig } from './rig.js';

interface Bench {
  readonly rig: Rig;
  readonly device: Device;
  readonly interrupt: Interrupt;
  readonly rules: () => string[];
}

/** A device whose interrupt logs what happens to it; the source is a message unless said otherwise. */
function bench(config: Partial<InterruptConfig> = {}, kind: 'line' | 'message' = 'message'): Bench {
  const rig = new Rig({ sources: [kind] });
  const device = rig.createDevice();
  const log = (what: string): number => rig.log.push(`${what} at ${rig.kernel.current.irql}`);
  const created = Interrupt.create(device, {
    evtInterruptIsr: () => log('ISR') > 0,
    evtInterruptEnable: () => (log('enable'), STATUS_SUCCESS),
    evtInterruptDisable: () => (log('disable'), STATUS_SUCCESS),
    ...config,
  });
  if (!created.ok) throw new Error('the interrupt was not created');
  return { rig, device, interrupt: created.object, rules: () => rig.kernel.findings.kept.map(({ rule }) => rule) };
}

function raise(rig: Rig): void {
  rig.sources[0]!.pending = true;
  rig.settle();
}

/** The body of a thread that says when it has made its call. */
function* logged(rig: Rig, what: string, call: Suspending<unknown>): Suspending<void> {
  yield* call;
  rig.log.push(what);
}

const taken = (rig: Rig): string[] => rig.log.splice(0);

describe('WdfInterruptDisable and WdfInterruptEnable', () => {
  it('a power-down waits for a WdfInterruptDisable under way: D0Exit comes when the work item has ended', () => {
    const { rig, device, interrupt, rules } = bench({
      evtInterruptIsr: (own) => own.queueWorkItemForIsr(),
      *evtInterruptWorkItem() {
        yield* go.wait();
        rig.log.push('work item ends');
      },
    });
    const go = new KernelEvent(rig.kernel, 'go');
    rig.start(device);
    raise(rig);
    rig.thread(0, 'driver', logged(rig, 'disabled', interrupt.disable()));
    rig.settle();
    rig.thread(0, 'power', logged(rig, 'powered down', device.powerDown()));
    rig.settle();
    taken(rig);
    go.set();
    rig.settle();
    expect(taken(rig)).to.deep.equal(['work item ends', 'disabled', 'powered down']);
    expect(rules()).to.deep.equal([]);
  });

  it('call the callbacks at DIRQL under the lock; in between the ISR cannot be reached', () => {
    const { rig, device, interrupt, rules } = bench();
    rig.start(device);
    expect(taken(rig)).to.deep.equal([`enable at ${DIRQL_MIN}`]);
    rig.run(interrupt.disable());
    raise(rig);
    expect(taken(rig)).to.deep.equal([`disable at ${DIRQL_MIN}`]);
    rig.run(interrupt.enable());
    raise(rig);
    expect([taken(rig), rules()]).to.deep.equal([[`enable at ${DIRQL_MIN}`, `ISR at ${DIRQL_MIN}`], []]);
  });

  it('a line that is asserted meanwhile is masked, not a storm, and is delivered when somebody is connected again', () => {
    const { rig, device, interrupt, rules } = bench(
      { evtInterruptIsr: () => ((rig.sources[0]!.pending = false), rig.log.push('ISR') > 0) },
      'line',
    );
    rig.start(device);
    rig.run(interrupt.disable());
    taken(rig);
    raise(rig);
    expect([taken(rig), rig.vectors[0]!.delivered]).to.deep.equal([[], 0]);
    rig.run(interrupt.enable());
    rig.settle();
    expect([taken(rig), rules()]).to.deep.equal([[`enable at ${DIRQL_MIN}`, 'ISR'], []]);
  });

  it('a disabled interrupt stays so over a power cycle, with neither callback, until it is enabled', () => {
    const { rig, device, interrupt, rules } = bench();
    rig.start(device);
    rig.run(interrupt.disable());
    taken(rig);
    rig.run(device.powerDown());
    rig.run(device.powerUp());
    raise(rig);
    expect(taken(rig)).to.deep.equal([]);
    rig.run(interrupt.enable());
    expect([taken(rig), rules()]).to.deep.equal([[`enable at ${DIRQL_MIN}`], []]);
    rig.run(device.powerDown());
    expect(taken(rig)).to.deep.equal([`disable at ${DIRQL_MIN}`]);
  });

  it('enabling outside of D0 is C20; the next D0 entry connects it', () => {
    const { rig, device, interrupt, rules } = bench();
    rig.start(device);
    rig.run(interrupt.disable());
    rig.run(device.powerDown());
    taken(rig);
    rig.run(interrupt.enable());
    expect([taken(rig), rules()]).to.deep.equal([[], ['C20']]);
    rig.run(device.powerUp());
    expect(taken(rig)).to.deep.equal([`enable at ${DIRQL_MIN}`]);
  });

  it('enabling what is connected is C20 and does nothing; disabling twice is harmless', () => {
    const { rig, device, interrupt, rules } = bench();
    rig.start(device);
    taken(rig);
    rig.run(interrupt.enable());
    expect([taken(rig), rules()]).to.deep.equal([[], ['C20']]);
    rig.run(interrupt.disable());
    rig.run(interrupt.disable());
    expect([taken(rig), rules()]).to.deep.equal([[`disable at ${DIRQL_MIN}`], ['C20']]);
  });

  it('above PASSIVE_LEVEL they are C01 and do nothing', () => {
    const { rig, device, rules } = bench({
      evtInterruptIsr: (own) => own.queueDpcForIsr(),
      *evtInterruptDpc(own): Suspending<void> {
        yield* own.disable();
        yield* own.enable();
      },
    });
    rig.start(device);
    taken(rig);
    raise(rig);
    expect([taken(rig), rules()]).to.deep.equal([[], ['C01', 'C01']]);
  });

  it('disabling waits for the DPC and the work item that were queued', () => {
    const { rig, device, interrupt } = bench({
      evtInterruptIsr: (own) => own.queueWorkItemForIsr(),
      evtInterruptWorkItem: () => void rig.log.push('work item'),
    });
    rig.start(device);
    taken(rig);
    rig.sources[0]!.pending = true;
    rig.vectors[0]!.deliver();
    rig.kernel.vcpus[0]!.advance();
    rig.run(
      (function* (): Suspending<void> {
        yield* interrupt.disable();
        rig.log.push('disabled');
      })(),
    );
    expect(taken(rig)).to.deep.equal([`disable at ${DIRQL_MIN}`, 'work item', 'disabled']);
  });

  it('of an interrupt with passive handling the callbacks run at PASSIVE_LEVEL', () => {
    const { rig, device, interrupt } = bench({ passiveHandling: true });
    rig.start(device);
    rig.run(interrupt.disable());
    rig.run(interrupt.enable());
    expect(taken(rig)).to.deep.equal(['enable', 'disable', 'enable'].map((what) => `${what} at ${PASSIVE_LEVEL}`));
  });
});

describe('WdfInterruptReportInactive and WdfInterruptReportActive', () => {
  it('nothing is delivered while the interrupt is inactive; a line that stays asserted comes then', () => {
    const { rig, device, interrupt, rules } = bench(
      { evtInterruptIsr: () => ((rig.sources[0]!.pending = false), rig.log.push('ISR') > 0) },
      'line',
    );
    rig.start(device);
    taken(rig);
    interrupt.reportInactive();
    raise(rig);
    expect([taken(rig), rig.vectors[0]!.delivered]).to.deep.equal([[], 0]);
    interrupt.reportActive();
    rig.settle();
    expect([taken(rig), rules()]).to.deep.equal([['ISR'], []]);
  });

  it('a sharer that is inactive is not asked, the others are', () => {
    const { rig, device, interrupt } = bench({ evtInterruptIsr: () => expect.fail('inactive') }, 'line');
    const neighbour = rig.createDevice('neighbour');
    Interrupt.create(neighbour, { evtInterruptIsr: () => ((rig.sources[0]!.pending = false), rig.log.push('neighbour') > 0) });
    rig.start(device);
    rig.start(neighbour);
    taken(rig);
    interrupt.reportInactive();
    raise(rig);
    expect(taken(rig)).to.deep.equal(['neighbour']);
  });

  it('while it is not connected they are C20 and ignored; a D0 entry makes it active again', () => {
    const { rig, device, interrupt, rules } = bench();
    interrupt.reportActive();
    rig.start(device);
    interrupt.reportInactive();
    rig.run(device.powerDown());
    interrupt.reportInactive();
    rig.run(device.powerUp());
    taken(rig);
    raise(rig);
    expect([taken(rig), rules()]).to.deep.equal([[`ISR at ${DIRQL_MIN}`], ['C20', 'C20']]);
  });
});

describe('WdfInterruptGetInfo', () => {
  it('says which vector, level, mode and message', () => {
    const { interrupt, rig } = bench();
    expect(interrupt.info).to.deep.equal({ messageNumber: 0, vector: 0, irql: DIRQL_MIN, mode: 'message', messageSignaled: true });
    expect(bench({}, 'line').interrupt.info.messageSignaled).to.equal(false);
    expect(rig.kernel.findings.kept).to.deep.equal([]);
  });
});

describe('WdfInterruptCreate', () => {
  const isr = { evtInterruptIsr: () => true };

  it('is for EvtDriverDeviceAdd and EvtDevicePrepareHardware: INVALID_DEVICE_STATE elsewhere', () => {
    const created: string[] = [];
    const tryIn = (where: string) => (device: Device) => {
      created.push(`${where}: ${statusName(Interrupt.create(device, { ...isr, resourceIndex: 0 }).status)}`);
      return STATUS_SUCCESS;
    };
    const rig = new Rig({
      sources: ['message'],
      callbacks: { evtDevicePrepareHardware: tryIn('PrepareHardware'), evtDeviceD0Entry: tryIn('D0Entry') },
    });
    const device = rig.createDevice();
    tryIn('DeviceAdd')(device);
    rig.start(device);
    tryIn('D0')(device);
    expect(created).to.deep.equal([
      'DeviceAdd: STATUS_SUCCESS',
      'PrepareHardware: STATUS_SUCCESS',
      'D0Entry: STATUS_INVALID_DEVICE_STATE',
      'D0: STATUS_INVALID_DEVICE_STATE',
    ]);
  });

  it('takes a spin lock for DIRQL handling and a wait lock for passive handling, not the other: INVALID_PARAMETER', () => {
    const device = new Rig({ sources: ['message'] }).createDevice();
    const spinLock = WdfSpinLock.create(device);
    const waitLock = WdfWaitLock.create(device);
    const statusOf = (config: Partial<InterruptConfig>): string =>
      statusName(Interrupt.create(device, { ...isr, resourceIndex: 0, ...config }).status);
    expect([statusOf({ waitLock }), statusOf({ spinLock, passiveHandling: true })]).to.deep.equal([
      'STATUS_INVALID_PARAMETER',
      'STATUS_INVALID_PARAMETER',
    ]);
    expect([statusOf({ spinLock }), statusOf({ waitLock, passiveHandling: true })]).to.deep.equal(['STATUS_SUCCESS', 'STATUS_SUCCESS']);
  });

  it('a shared wait lock is what the passive ISR holds', () => {
    let wasHeld = false;
    const rig = new Rig({ sources: ['message'] });
    const device = rig.createDevice();
    const waitLock = WdfWaitLock.create(device);
    Interrupt.create(device, { evtInterruptIsr: () => (wasHeld = waitLock.isHeldByCurrent), passiveHandling: true, waitLock });
    rig.start(device);
    raise(rig);
    expect(wasHeld).to.equal(true);
  });
});

describe('the lock DDIs of the wrong kind of interrupt, or at the wrong level', () => {
  it('TryToAcquireLock of an interrupt at DIRQL is C20 and takes nothing', () => {
    const { rig, device, interrupt, rules } = bench();
    rig.start(device);
    expect([rig.run(interrupt.tryToAcquireLock()), rules()]).to.deep.equal([false, ['C20']]);
  });

  it('TryToAcquireLock and Synchronize of a passive interrupt above PASSIVE_LEVEL are C01', () => {
    const answers: boolean[] = [];
    const { rig, device, rules } = bench({
      passiveHandling: true,
      evtInterruptIsr: (own) => own.queueDpcForIsr(),
      *evtInterruptDpc(own): Suspending<void> {
        answers.push(yield* own.tryToAcquireLock(), yield* own.synchronize(() => true));
      },
    });
    rig.start(device);
    raise(rig);
    expect([answers, rules()]).to.deep.equal([
      [false, false],
      ['C01', 'C01'],
    ]);
  });
});
