import { expect } from 'chai';
import { describe, it } from 'mocha';
import { FxObject, SeededRandom, type Kernel, type Suspending } from '../../src/kernel/index.js';
import { HalPlatform, Mdl, type Addressing, type DmaDomain, type ScatterGatherList } from '../../src/hal/index.js';
import { STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS, statusName } from '../../src/nt/index.js';
import { CommonBuffer } from '../../src/wdf/common-buffer.js';
import { DmaDirection, DmaEnabler, type DmaProfile } from '../../src/wdf/dma-enabler.js';
import { DmaTransaction, type EvtProgramDma } from '../../src/wdf/dma-transaction.js';
import type { DmaDevice } from '../../src/wdf/dma-host.js';
import { CountingDomain, deathOf, MemoryRig, newHalKernel } from '../hal/support.js';
import { started } from '../wdf/rig.js';

class RigDevice extends FxObject implements DmaDevice {
  readonly dmaEnablers: DmaEnabler[] = [];
  activePacketTransaction: FxObject | null = null;
  alignmentRequirement = 15;

  constructor(
    kernel: Kernel,
    readonly platform: HalPlatform,
    readonly domain: DmaDomain | null = null,
  ) {
    super(kernel, 'Device', null);
  }
}

const mdl = (): Mdl => new Mdl(Int32Array.of(10, 20, 30, 40), 0, 16384);

function newEnabler(device: RigDevice, profile: DmaProfile, maximumLengthBytes = 4096): DmaEnabler {
  const created = device.kernel.runStraight('create', DmaEnabler.create(device, { profile, maximumLengthBytes, wdmDmaVersionOverride: 3 }));
  if (!created.ok) throw new Error(statusName(created.status));
  return created.object;
}

function newTransaction(enabler: DmaEnabler): DmaTransaction {
  const created = enabler.kernel.runStraight(
    'create',
    started(() => DmaTransaction.create(enabler)),
  );
  if (!created.ok) throw new Error(statusName(created.status));
  return created.object;
}

function* initializeAndExecute(transaction: DmaTransaction, program: EvtProgramDma): Suspending<void> {
  const buffer = mdl();
  expect(yield* transaction.initialize(program, DmaDirection.WriteToDevice, buffer, buffer.virtualAddress, 16384)).to.equal(STATUS_SUCCESS);
  expect(yield* transaction.execute()).to.equal(STATUS_SUCCESS);
}

/** Advances virtual CPU `id` until `until` holds or it has nothing left. */
function advance(kernel: Kernel, id: number, until: () => boolean): void {
  const cpu = kernel.vcpus[id]!;
  for (let i = 0; i < 1000 && cpu.isEnabled() && !until(); i++) cpu.advance();
}

/** Executes on vCPU 0, stops inside the first EvtProgramDma, and completes that transfer on vCPU 1. */
function completeFromAnotherCpu(profile: DmaProfile): string[] {
  const kernel = newHalKernel(2);
  const device = new RigDevice(kernel, new HalPlatform(kernel));
  const transaction = newTransaction(newEnabler(device, profile));
  const log: string[] = [];
  function* program(): Suspending<boolean> {
    const nth = log.filter((line) => line.startsWith('program')).length;
    log.push(`program ${nth} on ${kernel.current.id}`);
    const op = kernel.callOp(1);
    if (kernel.at(op)) yield op;
    log.push(`leave ${nth}`);
    return true;
  }
  function* complete(): Suspending<void> {
    const status = yield* transaction.dmaCompleted();
    log.push(`completed ${statusName(status)}`);
  }
  kernel.gate = { at: () => true };
  kernel.vcpus[0]!.queueThread('execute', 0, initializeAndExecute(transaction, program));
  advance(kernel, 0, () => log.length > 0);
  kernel.vcpus[1]!.queueThread('complete', 0, complete());
  advance(kernel, 1, () => false);
  advance(kernel, 0, () => false);
  return log;
}

describe('a completion on another virtual CPU while EvtProgramDma runs', () => {
  it('packet: returns at once and leaves the next transfer to the staging thread', () => {
    expect(completeFromAnotherCpu('Packet')).to.deep.equal([
      'program 0 on 0',
      'completed STATUS_MORE_PROCESSING_REQUIRED',
      'leave 0',
      'program 1 on 0',
      'leave 1',
    ]);
  });

  it('scatter/gather: runs the next EvtProgramDma while the first has not returned', () => {
    expect(completeFromAnotherCpu('ScatterGather')).to.deep.equal([
      'program 0 on 0',
      'program 1 on 1',
      'leave 1',
      'completed STATUS_MORE_PROCESSING_REQUIRED',
      'leave 0',
    ]);
  });
});

/** One transaction holds all registers, a second waits for them; one CPU gives them back while another cancels. */
function cancelAgainstGrant(seed: number): { won: boolean; programmed: number; state: string } {
  const kernel = newHalKernel(2);
  const platform = new HalPlatform(kernel, { mapRegisters: 2 });
  const enabler = newEnabler(new RigDevice(kernel, platform), 'Packet');
  const [holder, waiter] = [newTransaction(enabler), newTransaction(enabler)];
  const outcome = { won: false, programmed: 0, state: '' };
  kernel.runStraight(
    'hold',
    initializeAndExecute(holder, () => true),
  );
  kernel.runStraight(
    'wait',
    initializeAndExecute(waiter, () => ++outcome.programmed > 0),
  );
  function* cancel(): Suspending<void> {
    outcome.won = yield* waiter.cancel();
    outcome.state = waiter.stateName;
  }
  function* giveBack(): Suspending<void> {
    yield* holder.dmaCompletedFinal(0);
  }
  kernel.gate = { at: () => true };
  kernel.vcpus[0]!.queueThread('give back', 0, giveBack());
  kernel.vcpus[1]!.queueThread('cancel', 0, cancel());
  const random = new SeededRandom(seed);
  for (
    let enabled = kernel.vcpus.filter((cpu) => cpu.isEnabled());
    enabled.length > 0;
    enabled = kernel.vcpus.filter((cpu) => cpu.isEnabled())
  ) {
    enabled[random.below(enabled.length)]!.advance();
  }
  expect(platform.pool.free).to.equal(outcome.won ? 2 : 0);
  return outcome;
}

describe('cancel against grant', () => {
  it('withdraws or lets run, never both and never neither', () => {
    const wins = new Set<boolean>();
    for (let seed = 0; seed < 60; seed++) {
      const { won, programmed, state } = cancelAgainstGrant(seed);
      expect(programmed).to.equal(won ? 0 : 1);
      if (won) expect(state).to.equal('TransferFailed');
      wins.add(won);
    }
    expect([...wins].sort()).to.deep.equal([false, true]);
  });
});

describe('what the framework does not notice and the lab reports', () => {
  function run(
    profile: DmaProfile,
    body: (transaction: DmaTransaction, other: DmaTransaction) => Suspending<void>,
    mapRegisters = 4,
  ): string[] {
    const kernel = newHalKernel();
    const enabler = newEnabler(new RigDevice(kernel, new HalPlatform(kernel, { mapRegisters })), profile);
    kernel.runStraight('test', body(newTransaction(enabler), newTransaction(enabler)));
    return kernel.findings.kept.map(({ rule, severity }) => `${rule} ${severity}`);
  }

  it('D27: a transfer retried for ever', () => {
    const found = run('Packet', function* (transaction): Suspending<void> {
      yield* initializeAndExecute(transaction, () => true);
      for (let i = 0; i < 1500; i++) expect(yield* transaction.dmaCompletedWithLength(0)).to.equal(STATUS_MORE_PROCESSING_REQUIRED);
    });
    expect(found).to.deep.equal(['D27 error']);
  });

  it('nothing for asking a transaction for its device, in any state', () => {
    const found = run('Packet', function* (transaction): Suspending<void> {
      const { device } = transaction.enabler;
      expect(transaction.device).to.equal(device);
      yield* initializeAndExecute(transaction, (own, given) => own.device === given);
      yield* transaction.dmaCompletedFinal(0);
      yield* transaction.release();
      expect(transaction.device).to.equal(device);
    });
    expect(found).to.deep.equal([]);
  });

  it('D26: the length of the transfer in flight asked for when there is none', () => {
    const found = run('Packet', function* (transaction): Suspending<void> {
      yield* initializeAndExecute(transaction, () => transaction.currentDmaTransferLengthBytes === 4096);
      yield* transaction.dmaCompletedFinal(0);
      expect(transaction.currentDmaTransferLengthBytes).to.equal(0);
    });
    expect(found).to.deep.equal(['D26 error']);
  });

  it('D38: a single transfer that takes more registers than are reserved for it; not one that takes too many anyhow', () => {
    const initialize = (registersReserved: number) =>
      function* (transaction: DmaTransaction): Suspending<void> {
        const buffer = new Mdl(Int32Array.of(10, 11), 100, 4096);
        if (registersReserved > 0) yield* transaction.allocateResources(DmaDirection.WriteToDevice, registersReserved, () => undefined);
        transaction.setSingleTransferRequirement(true);
        const status = yield* transaction.initialize(() => true, DmaDirection.WriteToDevice, buffer, buffer.virtualAddress, 4096);
        expect(statusName(status)).to.equal(registersReserved === 1 ? 'STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS' : 'STATUS_SUCCESS');
      };
    expect([run('Packet', initialize(1)), run('Packet', initialize(2)), run('Packet', initialize(0))]).to.deep.equal([
      ['D38 error'],
      [],
      [],
    ]);
  });

  it('D63: a reservation that waits is released', () => {
    const found = run(
      'Packet',
      function* (transaction, other): Suspending<void> {
        yield* transaction.allocateResources(DmaDirection.WriteToDevice, 2, () => undefined);
        yield* other.allocateResources(DmaDirection.WriteToDevice, 2, () => undefined);
        yield* other.freeResources();
      },
      3,
    );
    expect(found).to.deep.equal(['D63 error']);
  });

  it('D63: a transaction whose reservation waits is deleted', () => {
    const found = run(
      'Packet',
      function* (transaction, other): Suspending<void> {
        yield* transaction.allocateResources(DmaDirection.WriteToDevice, 2, () => undefined);
        yield* other.allocateResources(DmaDirection.WriteToDevice, 2, () => undefined);
        yield* other.delete();
      },
      3,
    );
    expect(found).to.deep.equal(['D63 error']);
  });

  it('D61: a packet list kept after EvtProgramDma', () => {
    const found = run('Packet', function* (transaction): Suspending<void> {
      let kept: ScatterGatherList | null = null;
      yield* initializeAndExecute(transaction, (_transaction, _device, _context, _direction, list) => {
        kept = list;
        return list.count === 1;
      });
      expect(kept!).to.have.property('count');
    });
    expect(found[0]).to.equal('D61 error');
  });

  it('D61: the list of the transfer before, read while the next one is in flight', () => {
    const found = run('ScatterGather', function* (transaction): Suspending<void> {
      const kept: ScatterGatherList[] = [];
      yield* initializeAndExecute(transaction, (_transaction, _device, _context, _direction, list) => kept.push(list) > 0);
      expect(yield* transaction.dmaCompleted()).to.equal(STATUS_MORE_PROCESSING_REQUIRED);
      expect([kept[1]!.address(0), kept[0]!.address(0)]).to.deep.equal([20 * 4096, 10 * 4096]);
    });
    expect(found).to.deep.equal(['D61 error']);
  });

  it('L-STEP-BOUND: scatter/gather completions nested without end', () => {
    const found = deathOf(() =>
      run('ScatterGather', function* (transaction): Suspending<void> {
        yield* initializeAndExecute(transaction, function* (self): Suspending<boolean> {
          yield* self.dmaCompletedWithLength(0);
          return true;
        });
      }),
    );
    expect(found.rule).to.equal('L-STEP-BOUND');
  });

  it('nothing for a driver that does it right', () => {
    const found = run('ScatterGather', function* (transaction): Suspending<void> {
      yield* initializeAndExecute(transaction, () => true);
      while ((yield* transaction.dmaCompleted()) === STATUS_MORE_PROCESSING_REQUIRED);
      expect(transaction.bytesTransferred).to.equal(16384);
      yield* transaction.release();
      yield* transaction.delete();
    });
    expect(found).to.deep.equal([]);
  });
});

describe('CommonBuffer', () => {
  function rig(addressing: Addressing, profile: DmaProfile, domain = new CountingDomain()): { rig: MemoryRig; enabler: DmaEnabler } {
    const memory = new MemoryRig({ addressing }, domain);
    return { rig: memory, enabler: newEnabler(new RigDevice(memory.kernel, memory.platform, memory.domain), profile) };
  }

  function create(enabler: DmaEnabler, lengthBytes: number, alignmentMask?: number): CommonBuffer {
    const config = { alignmentMask: alignmentMask ?? enabler.commonBufferAlignment };
    const created = enabler.kernel.runStraight('create', CommonBuffer.createWithConfig(enabler, lengthBytes, config));
    if (!created.ok) throw new Error(statusName(created.status));
    return created.object;
  }

  for (const addressing of ['direct', 'bounce', 'iommu'] as const) {
    it(`is one memory for driver and device (${addressing}), and closed to the device when it goes`, () => {
      const { rig: memory, enabler } = rig(addressing, 'ScatterGather64');
      const buffer = create(enabler, 5000);
      buffer.write32(4996, -5);
      const physical = memory.domain.translate(buffer.logicalAddress + 4996, 1)!;
      expect(memory.memory.i32[physical / 4]).to.equal(-5);
      memory.memory.i32[physical / 4] = 77;
      expect([buffer.read32(4996), buffer.lengthBytes, buffer.read32(0)]).to.deep.equal([77, 5000, 0]);
      expect(buffer.logicalAddress).to.not.equal(buffer.virtualAddress);
      memory.kernel.runStraight('delete', enabler.delete());
      expect([memory.domain.openPages, memory.kernel.findings.total]).to.deep.equal([0, 0]);
    });
  }

  it('aligns the logical address, beyond a page, too', () => {
    const { enabler } = rig('direct', 'ScatterGather64');
    for (const mask of [63, 4095, 16383]) expect(create(enabler, 100, mask).logicalAddress % (mask + 1)).to.equal(0);
  });

  it("lies in the window where the frames are beyond the device's address width", () => {
    const { rig: memory, enabler } = rig('direct', 'ScatterGather', new CountingDomain(0x2_0000_0000, 64, 0x8000_0000));
    const { logicalAddress } = create(enabler, 100);
    expect([logicalAddress >= 0x8000_0000, logicalAddress < 0x8004_0000]).to.deep.equal([true, true]);
    expect(memory.domain.translate(logicalAddress, 2)).to.not.equal(null);
  });

  it('is refused with a length of 0, and its end is guarded (A17)', () => {
    const { enabler } = rig('direct', 'Packet64');
    const refused = enabler.kernel.runStraight('create', CommonBuffer.create(enabler, 0));
    expect(statusName(refused.status)).to.equal('STATUS_INVALID_PARAMETER');
    const buffer = create(enabler, 64);
    expect(deathOf(() => buffer.write32(64, 1)).rule).to.equal('A17');
  });
});
