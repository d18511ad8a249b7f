import { SGRING_CQ_HEAD, SGRING_INT_CAUSE, sgring } from '../../src/hardware/index.js';
import { Rig } from './rig.js';
import { SgringDriver } from './sgring-driver.js';

/** Engine-side cost per descriptor, one thread: node dist/test/hardware/step-bench.js. */
const rig = new Rig(sgring, { ramFrames: 1024, params: { channels: Number(process.argv[2] ?? 2) } });
const buffer = rig.map(64);
const driver = new SgringDriver(rig, 1024);
const { view } = rig;
const { model } = view;

function bench(bytes: number, rounds: number, many: boolean): number {
  const first = driver.tail;
  for (let i = 0; i < 1024; i++)
    driver.queue(i, [{ address: buffer.logical + (i % 32) * 4096, lengthBytes: bytes, deviceOffset: (i % 32) * 4096, flags: i & 1 }]);
  driver.tail = first;
  const start = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    driver.tail = (driver.tail + 512) | 0;
    driver.doorbell();
    while (many ? model.stepMany!(view, 64) > 0 : model.step(view));
    driver.head = (driver.head + 512) | 0;
    driver.write(SGRING_CQ_HEAD, driver.head);
    driver.write(SGRING_INT_CAUSE, 7);
  }
  return (process.cpuUsage(start).user * 1000) / (rounds * 512);
}

for (let i = 0; i < 3; i++) {
  for (const bytes of [64, 512, 4096]) {
    process.stdout.write(
      `${bytes} bytes: stepMany ${bench(bytes, 4000, true).toFixed(1)} ns, step ${bench(bytes, 4000, false).toFixed(1)} ns a descriptor (user time)\n`,
    );
  }
}
