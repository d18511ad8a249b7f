import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import {
  DeviceView,
  EngineHostControl,
  InterruptController,
  planDevice,
  planEngineHost,
  planInterruptController,
  sgring,
  type EngineTask,
} from '../src/hardware/index.js';
import { LayoutBuilder, MachineMemory, PAGE_SIZE } from '../src/memory/index.js';
import { DEVICE_BYTES } from './peers/transfer.js';
import { RingDriver, ringFrames, type RingDriverOptions } from './sgring-driver.js';

/** Looks of an idle engine and of a waiting driver before they sleep, where there are cores for both. */
const SPINS = availableParallelism() > 1 ? 2000 : 0;
/** Steps of one call, as of an engine host's turn. */
const STEPS_PER_TURN = 64;
/** The compiled benchmarks run from dist/bench/. */
const engineEntry = fileURLToPath(new URL('../workers/engine.js', import.meta.url));

/** An sgring with nothing around it but memory, interrupt controller and the bare driver. */
export interface RingMachine {
  readonly device: DeviceView;
  readonly driver: RingDriver;
  readonly task: EngineTask;
}

type RingShape = Omit<RingDriverOptions, 'spins' | 'stepEngine'>;

/** A ring machine for an engine thread, or (`alone`) one whose driver steps the engine itself when it has nothing else to do. */
export function createRingMachine(shape: RingShape, alone = false): RingMachine {
  const layout = new LayoutBuilder();
  const host = planEngineHost(layout, 0);
  const interrupts = planInterruptController(layout, 1);
  const ramFrames = ringFrames(shape);
  const params = { channels: 1, localMemoryBytes: DEVICE_BYTES };
  const placement = planDevice(layout, sgring, {
    name: 'ring',
    index: 0,
    objectId: 1,
    params,
    ramFrames,
    firstVector: 0,
    host: alone ? 0 : host,
  });
  const firstRamFrame = layout.reserve('ram', ramFrames * PAGE_SIZE, { align: PAGE_SIZE }) / PAGE_SIZE;
  const memory = MachineMemory.create(layout.lengthBytes, true);
  const device = new DeviceView(memory, sgring, placement, { interrupts: new InterruptController(memory, interrupts), firstRamFrame });
  const driver = new RingDriver(device, firstRamFrame, {
    ...shape,
    spins: SPINS,
    ...(alone ? { stepEngine: () => stepToIdle(device) } : {}),
  });
  return { device, driver, task: { memory: memory.wasm, host, devices: [placement], interrupts, firstRamFrame, spinPolls: SPINS } };
}

/** As an engine host does it: the model's own loop where it has one. */
function stepToIdle(device: DeviceView): void {
  const { model } = device;
  if (model.stepMany === undefined) while (model.step(device));
  else while (model.stepMany(device, STEPS_PER_TURN) > 0);
}

/** Starts the machine's engine on a piscina worker; the returned function stops it and destroys the pool. */
export function startEngine({ device, task }: RingMachine): () => Promise<void> {
  const control = new EngineHostControl(device.memory, task.host);
  control.prepare();
  const pool = new Piscina({ filename: engineEntry, minThreads: 1, maxThreads: 1, idleTimeout: Infinity });
  const ended = pool.run(task) as Promise<unknown>;
  return async () => {
    control.stop();
    try {
      await ended;
    } finally {
      await pool.destroy();
    }
  };
}
