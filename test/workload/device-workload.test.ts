import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  DeviceWorkload,
  LatencyRecorder,
  PayloadPattern,
  RequestSlot,
  workloadDefaults,
  type WorkloadConfig,
} from '../../src/workload/index.js';
import { EventKind, SeededRandom, type Suspending } from '../../src/kernel/index.js';
import { FrameAllocator, LayoutBuilder, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import { STATUS_CANCELLED, STATUS_SUCCESS } from '../../src/nt/index.js';
import { Request, RequestType, type IoQueue } from '../../src/wdf/index.js';
import { Rig } from '../wdf/rig.js';

type Handler = (queue: IoQueue, request: Request, lengthBytes: number) => Suspending<void>;

/** A workload over a driver that is nothing but one handler, on real memory. */
class Bench {
  readonly rig = new Rig();
  readonly memory: MachineMemory;
  readonly localMemory: number;
  readonly workload: DeviceWorkload;
  readonly slots: readonly RequestSlot[];

  constructor(handler: (bench: Bench) => Handler, config: Partial<WorkloadConfig> = {}, quota = 30) {
    const layout = new LayoutBuilder();
    const full: WorkloadConfig = { ...workloadDefaults, outstanding: 4, maxBytes: 8192, ...config };
    const pattern = new PayloadPattern(layout, full.maxBytes);
    this.localMemory = layout.reserve('local', 4 * 16384);
    const ram = layout.reserve('ram', 64 * PAGE_SIZE, { align: PAGE_SIZE });
    const memory = MachineMemory.create(layout.lengthBytes, false);
    this.memory = memory;
    pattern.fill(memory, new SeededRandom(1));
    const { kernel } = this.rig;
    const device = this.rig.createDevice();
    device.setDefaultQueue(this.rig.createQueue(device, { dispatchType: 'parallel', evtIoDefault: handler(this) }));
    this.rig.start(device);
    const frames = new FrameAllocator(ram / PAGE_SIZE, 64, 0, new SeededRandom(2));
    this.slots = Array.from(
      { length: full.outstanding },
      (_, i) => new RequestSlot(i, new Request(kernel), full, i * 16384, 16384, frames),
    );
    this.workload = new DeviceWorkload({
      ...{ kernel, memory, device, pattern, quota, deviceName: 'fake', slots: this.slots, config: full },
      ...{
        random: new SeededRandom(3),
        localMemoryAddress: this.localMemory,
        latency: new LatencyRecorder(),
        canceller: null,
        power: null,
      },
    });
  }

  run(): this {
    this.rig.thread(0, 'application', this.workload.thread());
    this.rig.settle();
    return this;
  }

  /** Does what hardware would: moves the bytes between the caller's buffer and the device's memory. */
  move(request: Request): void {
    let at = this.localMemory + request.deviceOffset;
    for (let mdl = request.mdl; mdl !== null; mdl = mdl.next) {
      for (let i = 0; i < mdl.byteCount; i++, at++) {
        const host = mdl.physicalAddress(i);
        if (request.type === RequestType.Read) this.memory.u8[host] = this.memory.u8[at]!;
        else this.memory.u8[at] = this.memory.u8[host]!;
      }
    }
  }

  get rules(): readonly string[] {
    return this.rig.kernel.findings.kept.map(({ rule }) => rule);
  }
}

/** A handler that moves everything and completes, changed by `options`. */
const moving =
  (
    options: {
      readonly status?: number;
      readonly short?: number;
      readonly moves?: boolean;
      readonly then?: (bench: Bench, request: Request) => void;
    } = {},
  ) =>
  (bench: Bench): Handler =>
    function* (_queue, request, lengthBytes) {
      if (options.moves !== false) bench.move(request);
      options.then?.(bench, request);
      yield* request.completeWithInformation(options.status ?? STATUS_SUCCESS, lengthBytes - (options.short ?? 0));
    };

describe('device workload', () => {
  it('completes its quota, verifies every byte, and is done', () => {
    const { workload, rules, slots } = new Bench(moving()).run();
    expect([workload.completed, workload.outstanding, workload.isDone, workload.failed]).to.deep.equal([30, 0, true, 0]);
    expect(workload.bytes).to.be.greaterThan(30 * 63);
    expect(workload.bytesVerified).to.equal(workload.bytes);
    expect(rules).to.deep.equal([]);
    expect(slots.some(({ inFlight }) => inFlight)).to.equal(false);
  });

  it('keeps as many requests in flight as it was asked to, and no more', () => {
    const held: Request[] = [];
    const keep = (): Handler =>
      function* (_queue, request) {
        held.push(request);
      };
    const { workload, rig, slots } = new Bench(keep, { outstanding: 3 }).run();
    expect([held.length, workload.outstanding, slots.filter(({ inFlight }) => inFlight).length, workload.isDone]).to.deep.equal([
      3,
      3,
      3,
      false,
    ]);
    rig.run(() => held[0]!.completeWithInformation(STATUS_CANCELLED, 0));
    rig.settle();
    expect([held.length, workload.completed, workload.failed]).to.deep.equal([4, 1, 1]);
  });

  it('stops when it is told to: nothing new is submitted, what is in flight still counts', () => {
    const held: Request[] = [];
    const keep = (bench: Bench): Handler =>
      function* (_queue, request) {
        bench.move(request);
        held.push(request);
      };
    const { workload, rig } = new Bench(keep, {}, Infinity).run();
    workload.stop();
    for (const request of [...held]) rig.run(() => request.completeWithInformation(STATUS_SUCCESS, request.lengthBytes));
    rig.settle();
    expect([held.length, workload.completed, workload.isDone]).to.deep.equal([4, 4, true]);
  });

  it("L-DATA: bytes that were not moved, for reads in the caller's buffer and for writes in the device", () => {
    for (const [readsPercent, where] of [
      [100, "the caller's buffer"],
      [0, 'device memory'],
    ] as const) {
      const { rules, rig, workload } = new Bench(moving({ moves: false }), { readsPercent }, 5).run();
      expect(rules).to.deep.equal(Array(5).fill('L-DATA'));
      expect(rig.kernel.findings.kept[0]!.message).to.contain(where).and.contain('byte 0');
      expect(workload.completed).to.equal(5);
    }
  });

  it('L-DATA names the byte', () => {
    const flip = (bench: Bench, request: Request): void => {
      bench.memory.u8[bench.localMemory + request.deviceOffset + 37]! ^= 1;
    };
    const { rig } = new Bench(moving({ then: flip }), { readsPercent: 0 }, 3).run();
    expect(rig.kernel.findings.total).to.equal(3);
    expect(rig.kernel.findings.kept[0]!.message).to.match(/byte 37 in device memory at 0x[0-9a-f]+/);
  });

  it('L-REQUEST-FAILED and L-SHORT-TRANSFER: a request that fails, and one that moves less than it was asked to', () => {
    const failed = new Bench(moving({ status: STATUS_CANCELLED, short: 4 }), {}, 3).run();
    expect(failed.rules).to.deep.equal(Array(3).fill('L-REQUEST-FAILED'));
    expect(failed.rig.kernel.findings.kept[0]!.message).to.contain('STATUS_CANCELLED');
    expect(failed.workload.failed).to.equal(3);
    const short = new Bench(moving({ short: 4 }), {}, 3).run();
    expect(short.rules).to.deep.equal(Array(3).fill('L-SHORT-TRANSFER'));
    expect([short.workload.bytesVerified, short.workload.failed]).to.deep.equal([0, 0]);
  });

  it('without payload compare nothing is verified and wrong bytes pass', () => {
    const { workload, rules } = new Bench(moving({ moves: false }), { verifyPayload: false }, 10).run();
    expect([workload.completed, workload.bytesVerified, rules.length]).to.deep.equal([10, 0, 0]);
    expect(workload.bytes).to.be.greaterThan(0);
  });

  it('an open loop submits when requests are due, not before', () => {
    const bench = new Bench(moving(), { ratePerSecond: 1000 }, 5);
    const { kernel } = bench.rig;
    const clock = kernel.clock as unknown as { advanceTo(ns: number): void };
    bench.run();
    const submitted: number[] = [];
    for (let ms = 0; ms < 8; ms++) {
      submitted.push(bench.workload.completed);
      clock.advanceTo((ms + 1) * 1e6);
      kernel.fireTimers(kernel.clock.nowNs());
      bench.rig.settle();
    }
    expect(submitted).to.deep.equal([1, 2, 3, 4, 5, 5, 5, 5]);
  });

  it('writes each submission and completion into the trace', () => {
    const { rig } = new Bench(moving(), {}, 8).run();
    const kinds = [...rig.kernel.events.newest()].map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === EventKind.RequestSubmit)).to.have.length(8);
    expect(kinds.filter((kind) => kind === EventKind.RequestComplete)).to.have.length(8);
  });
});
