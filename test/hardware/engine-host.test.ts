import { expect } from 'chai';
import { afterEach, describe, it } from 'mocha';
import { Piscina } from 'piscina';
import { hostDelay, hostTurn } from '../../src/kernel/host-turn.js';
import * as sg from '../../src/hardware/index.js';
import {
  DevicePower,
  EngineHostControl,
  HostCommand,
  HostState,
  plx9656,
  sgring,
  type DeviceModel,
  type EngineResult,
  type EngineTask,
} from '../../src/hardware/index.js';
import failing from './failing-model.js';
import { Rig, type RigOptions } from './rig.js';
import { SgringDriver, type Completion } from './sgring-driver.js';

const WAIT_MS = 10_000;
const engineUrl = new URL('../../workers/engine.js', import.meta.url).href;

describe('engine host on a worker thread', () => {
  let pool: Piscina<EngineTask, EngineResult> | null = null;
  let control: EngineHostControl | null = null;

  afterEach(async () => {
    control?.stop();
    await pool?.destroy();
    pool = null;
    control = null;
  });

  function start(
    model: DeviceModel,
    options: RigOptions = {},
    task: { spinPolls?: number; grants?: boolean } = {},
  ): { rig: Rig; host: EngineHostControl; result: Promise<EngineResult> } {
    const rig = new Rig(model, { shared: true, withHost: true, ...options });
    const host = new EngineHostControl(rig.memory, rig.host);
    host.prepare(task.grants === true ? HostCommand.Grant : HostCommand.Run);
    control = host;
    pool = new Piscina({ filename: engineUrl, minThreads: 1, maxThreads: 1, idleTimeout: Infinity });
    const result = pool.run({
      memory: rig.memory.wasm,
      host: rig.host,
      devices: rig.placements,
      interrupts: rig.interruptPlacement,
      firstRamFrame: rig.firstRamFrame,
      spinPolls: task.spinPolls ?? 0,
    });
    result.catch(() => undefined);
    return { rig, host, result };
  }

  /** Waits for interrupts until `count` completions are there, as a driver would: message, acknowledge, drain. */
  async function collect(rig: Rig, driver: SgringDriver, count: number): Promise<Completion[]> {
    const all: Completion[] = [];
    while (all.length < count) {
      if (!rig.interrupts.takeMessage(driver.view.firstVector + driver.channel)) {
        expect(await rig.interrupts.waitOnLoop(WAIT_MS), `${all.length} of ${count} completions`).to.not.equal('timed-out');
        continue;
      }
      driver.write(sg.SGRING_INT_CAUSE, driver.read(sg.SGRING_INT_CAUSE));
      all.push(...driver.drain());
    }
    return all;
  }

  const until = async (what: () => boolean): Promise<void> => {
    let tries = 0;
    while (!what()) {
      expect(tries++, 'tries').to.be.lessThan(1000);
      await hostDelay(5);
    }
  };

  it('moves bytes end to end with interrupts, sleeps when idle and wakes for a doorbell', async () => {
    const { rig, host, result } = start(sgring, { devices: 2, params: { localMemoryBytes: 1 << 16 } });
    const drivers = rig.views.map((view) => new SgringDriver(rig, 64, { view }));
    const buffers = rig.views.map((view) => rig.map(16, undefined, view));
    buffers.forEach((buffer, i) => rig.fillPattern(buffer.physical, 16 * 4096, i + 1));
    for (let round = 0; round < 20; round++) {
      drivers.forEach((driver, i) => {
        for (let tag = 0; tag < 16; tag++)
          driver.queue(tag, [{ address: buffers[i]!.logical + tag * 4096, lengthBytes: 4096, deviceOffset: tag * 4096 }]);
        driver.doorbell();
      });
      for (const driver of drivers)
        expect((await collect(rig, driver, 16)).map((c) => [c.tag, c.bytesMoved, c.status])).to.deep.equal(
          Array.from({ length: 16 }, (_, tag) => [tag, 4096, 0]),
        );
      drivers.forEach((driver, i) => {
        expect(rig.memory.firstDifference(driver.view.localMemory, buffers[i]!.physical, 1 << 16)).to.equal(-1);
        rig.memory.fill(driver.view.localMemory, 0, 1 << 16);
      });
      if (round % 5 === 0) await until(() => host.isSleeping);
    }
    const intervals = host.drainBusyIntervals();
    expect(intervals.length).to.be.greaterThan(3);
    for (const { startMs, endMs } of intervals) expect(endMs).to.be.at.least(startMs);
    const { heartbeat } = host;
    await until(() => host.heartbeat !== heartbeat);
    host.stop();
    const { steps, threadId, sleeps, busyMs } = await result;
    expect(threadId).to.be.greaterThan(0);
    expect(steps).to.equal(rig.views.reduce((sum, view) => sum + view.stepCount, 0));
    expect(steps).to.be.greaterThan(2 * 20 * 16);
    expect(sleeps).to.be.greaterThan(3);
    expect(busyMs).to.be.greaterThan(0);
    expect(host.readStats()).to.include({ threadId, steps, sleeps, state: HostState.Stopped });
    expect(host.failureReason()).to.equal(null);
  });

  it('loses nothing while driver and engine race on one channel', async () => {
    const { rig, host, result } = start(sgring, { params: { channels: 1, localMemoryBytes: 1 << 16 } }, { spinPolls: 200 });
    const buffer = rig.map(1);
    const driver = new SgringDriver(rig, 128);
    const total = 30_000;
    let submitted = 0;
    let completed = 0;
    while (completed < total) {
      const before = submitted;
      while (submitted < total && submitted - completed < 100 && submitted - before < 8)
        driver.queue(submitted++, [{ address: buffer.logical, lengthBytes: 64, deviceOffset: 0, flags: submitted & 1 }]);
      if (submitted !== before) driver.doorbell();
      if (rig.interrupts.takeMessage(0)) {
        driver.write(sg.SGRING_INT_CAUSE, driver.read(sg.SGRING_INT_CAUSE));
        for (const completion of driver.drain()) expect(completion.tag).to.equal(completed++);
      } else if (submitted - completed >= 100 || submitted === total) {
        expect(await rig.interrupts.waitOnLoop(WAIT_MS), `${completed} completed`).to.not.equal('timed-out');
      }
    }
    host.stop();
    await result;
    expect(driver.read(sg.SGRING_CQ_TAIL)).to.equal(total);
  });

  it('stops at a step boundary for power down and unplug, and no later', async () => {
    const { rig, host, result } = start(sgring, { params: { channels: 1, burstBytes: 64, localMemoryBytes: 1 << 16 } });
    const buffer = rig.map(16);
    const driver = new SgringDriver(rig, 16);
    for (let tag = 0; tag < 16; tag++) driver.queue(tag, [{ address: buffer.logical, lengthBytes: 1 << 16, deviceOffset: 0 }]);
    driver.doorbell();
    await until(() => rig.view.stepCount > 10);
    rig.view.setPowerState(DevicePower.D3);
    expect(rig.view.quiesce()).to.equal(true);
    const steps = rig.view.stepCount;
    rig.view.iommu.close(buffer.logical, 3);
    await hostDelay(20);
    expect(rig.view.stepCount).to.equal(steps);
    rig.view.iommu.open(buffer.logical, buffer.physical / 4096, 3, 1);
    rig.view.setPowerState(DevicePower.D0);
    await collect(rig, driver, 16);
    rig.view.setPresent(false);
    expect(rig.view.quiesce()).to.equal(true);
    expect(driver.read(sg.SGRING_STATUS)).to.equal(0xffff_ffff);
    expect(rig.view.iommu.takeFault()).to.equal(null);
    host.stop();
    await result;
  });

  it('performs exactly one step a grant in lockstep, and runs free afterwards', async () => {
    const { rig, host, result } = start(sgring, { params: { channels: 1, localMemoryBytes: 1 << 16 } }, { grants: true });
    const buffer = rig.map(1);
    const driver = new SgringDriver(rig, 8);
    driver.submit(1, [{ address: buffer.logical, lengthBytes: 64, deviceOffset: 0 }]);
    const performed: boolean[] = [];
    for (let i = 1; i <= 7; i++) {
      host.grant(0);
      expect(i % 2 === 0 ? await host.awaitGrantOnLoop(WAIT_MS) : host.awaitGrantBlocking(WAIT_MS)).to.equal(true);
      performed.push(host.grantPerformed);
      expect(rig.view.stepCount).to.equal(Math.min(i, 5));
    }
    // enable, fetch, burst, writeback, interrupt; then nothing is pending
    expect(performed).to.deep.equal([true, true, true, true, true, false, false]);
    driver.submit(2, [{ address: buffer.logical, lengthBytes: 64, deviceOffset: 0 }]);
    host.run();
    await collect(rig, driver, 2);
    host.stop();
    expect((await result).steps).to.equal(rig.view.stepCount);
  });

  it('carries the plx bridge, whose line rises from the other thread', async () => {
    const { rig, host, result } = start(plx9656);
    const buffer = rig.map(2);
    rig.fillPattern(buffer.physical, 8192, 3);
    const { view } = rig;
    view.writeRegister(sg.PLX_INTCSR, 4, sg.PLX_INTCSR_PCI_ENABLE | sg.PLX_INTCSR_DMA0_ENABLE);
    view.writeRegister(sg.PLX_DMAMODE0, 4, sg.PLX_MODE_DONE_INTERRUPT | sg.PLX_MODE_INTERRUPT_TO_PCI);
    for (let i = 0; i < 200; i++) {
      view.writeRegister(sg.PLX_DMAPADR0, 4, buffer.logical + i);
      view.writeRegister(sg.PLX_DMASIZ0, 4, 5000);
      view.writeRegister(sg.PLX_DMACSR0, 1, sg.PLX_CSR_ENABLE | sg.PLX_CSR_START);
      while (!rig.interrupts.isAsserted(0)) expect(rig.interrupts.waitBlocking(WAIT_MS), `transfer ${i}`).to.not.equal('timed-out');
      expect(view.readRegister(sg.PLX_DMACSR0, 1)).to.equal(sg.PLX_CSR_ENABLE | sg.PLX_CSR_DONE);
      expect(rig.memory.firstDifference(view.localMemory, buffer.physical + i, 5000), `transfer ${i}`).to.equal(-1);
      view.writeRegister(sg.PLX_DMACSR0, 1, sg.PLX_CSR_ENABLE | sg.PLX_CSR_CLEAR_INTERRUPT);
      expect(rig.interrupts.isAsserted(0)).to.equal(false);
      if (i % 50 === 0) await hostTurn();
    }
    host.stop();
    await result;
  });

  it('leaves a readable reason when a step throws, in a model that came from a module', async () => {
    const modelUrl = new URL('./failing-model.js', import.meta.url).href;
    const { rig, host, result } = start(failing, { device: { modelUrl } });
    for (let count = 1; count <= 2; count++) {
      rig.view.writeRegister(0, 4, 1);
      await until(() => rig.interrupts.takeMessage(0));
      expect(rig.view.readRegister(4, 4)).to.equal(count);
    }
    rig.view.writeRegister(0, 4, 1);
    const outcome = await result.then(
      () => 'resolved',
      (error: unknown) => (error as Error).message,
    );
    expect(outcome).to.match(/in a step of failing-0 after 2 steps: RangeError: the third command is one too many/);
    expect(host.state).to.equal(HostState.Failed);
    expect(host.failureReason()).to.equal(outcome);
    expect(rig.view.isEngaged).to.equal(false);
  });
});
