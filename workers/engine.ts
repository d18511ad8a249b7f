import { threadId } from 'node:worker_threads';
import { registerDeviceModel } from '../src/hardware/device-models.js';
import type { DeviceModel } from '../src/hardware/device-model.js';
import { runEngineHost, type EngineResult, type EngineTask } from '../src/hardware/engine-host.js';

/** Piscina entry of an engine thread: one task for as long as the machine runs. Loads memory and hardware only. */
export default async function engine(task: EngineTask): Promise<EngineResult> {
  for (const { modelUrl } of task.devices) {
    if (modelUrl === null) continue;
    const module = (await import(modelUrl)) as { default: DeviceModel };
    registerDeviceModel(module.default);
  }
  return runEngineHost(task, threadId);
}
