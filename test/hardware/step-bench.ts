import { sgring } from '../../src/hardware/index.js';
import { Rig } from './rig.js';
import { SgringDriver } from './sgring-driver.js';
function bench(bytes: number, rounds: number, channels = 2): number {
  const rig = new Rig(sgring, { ramFrames: 1024 });
  const buf = rig.map(64);
  const driver = new SgringDriver(rig, 1024);
  for (let i = 0; i < 1024; i++) driver.queue(i, [{ address: buf.logical + (i % 32) * 4096, lengthBytes: bytes, deviceOffset: (i % 32) * 4096, flags: i & 1 }]);
  void channels;
  driver.tail = 0;
  const { view } = rig; const { model } = view;
  let n = 0;
  const start = process.cpuUsage();
  for (let r = 0; r < rounds; r++) {
    driver.tail = (driver.tail + 512) | 0;
    driver.doorbell();
    while (model.step(view));
    driver.head = (driver.head + 512) | 0;
    driver.write(0x1c, driver.head);
    driver.write(0x84, 7);
    n += 512;
  }
  return (process.cpuUsage(start).user * 1000) / n;
}
for (let i = 0; i < 3; i++) for (const b of [4, 64, 512, 4096]) console.log(b, bench(b, 2000).toFixed(1));
