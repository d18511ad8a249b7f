import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { MachineMemory, type WasmMemory } from '../../src/memory/index.js';
import { HAMMER_EVENTS, HAMMER_REGISTERS, hammerBlock } from './hammer-table.js';

/** The device's side of the hammer: raises each bit again as soon as the driver has acknowledged it. */
function hammer(wasm: WasmMemory): number {
  const registers = hammerBlock(new MachineMemory(wasm));
  const left = new Int32Array(HAMMER_REGISTERS.length * 16).fill(HAMMER_EVENTS);
  let open = left.length;
  let raised = 0;
  while (open > 0) {
    for (let r = 0; r < HAMMER_REGISTERS.length; r++) {
      const offset = HAMMER_REGISTERS[r]!;
      for (let bit = 0; bit < 16; bit++) {
        if (left[r * 16 + bit] === 0 || (registers.get(offset) & (1 << bit)) !== 0) continue;
        if ((registers.raise(offset, 1 << bit) & (1 << bit)) !== 0) throw new Error(`bit ${bit} of register ${offset} set itself`);
        raised++;
        if (--left[r * 16 + bit]! === 0) open--;
      }
    }
  }
  return raised;
}

if (!isMainThread) parentPort!.postMessage(hammer(workerData as WasmMemory));
