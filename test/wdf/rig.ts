import { EventRing, Kernel, VirtualClock, type Gate, type Suspending } from '../../src/kernel/index.js';
import { FrameAllocator, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import { HalPlatform, Mdl, type DmaDomain, type HalPolicy } from '../../src/hal/index.js';
import { DIRQL_MIN, STATUS_SUCCESS, type NtStatus } from '../../src/nt/index.js';
import {
  DeviceInit,
  InterruptVector,
  IoQueue,
  Request,
  RequestType,
  type BusResources,
  type Device,
  type ExecutionLevel,
  type FileObject,
  type IoCompletion,
  type IoControl,
  type IoQueueConfig,
  type PnpPowerEventCallbacks,
  type RegisterPort,
  type SynchronizationScope,
  type VectorSource,
} from '../../src/wdf/index.js';

/** What a thread runs: a generator, or a call to make when it runs, because it does its work when it is called. */
export type Body<T> = Suspending<T> | (() => Suspending<T>);

export function started<T>(body: Body<T>): Suspending<T> {
  return typeof body === 'function' ? called(body) : body;
}

function* called<T>(call: () => Suspending<T>): Suspending<T> {
  return yield* call();
}

/** A register window of plain words; all ones while its device is not there. */
export class FakeRegisters implements RegisterPort {
  readonly lengthBytes = 64;
  isPresent = true;
  readonly words = new Int32Array(16);

  constructor(readonly objectId: number) {}

  readRegister(offset: number): number {
    return this.isPresent ? this.words[offset >> 2]! >>> 0 : 0xffff_ffff;
  }

  writeRegister(offset: number, _widthBytes: 1 | 2 | 4, value: number): void {
    if (this.isPresent) this.words[offset >> 2] = value;
  }
}

/** A line or message that the test asserts. */
export class FakeSource implements VectorSource {
  /** A level line: asserted while a device holds it. A message: not yet taken. */
  pending = false;
  taken = 0;

  constructor(readonly kind: 'line' | 'edge' | 'message' = 'line') {}

  isPending(): boolean {
    return this.pending;
  }

  take(): void {
    this.taken++;
    if (this.kind !== 'line') this.pending = false;
  }
}

export interface RigOptions {
  readonly callbacks?: PnpPowerEventCallbacks;
  readonly scope?: SynchronizationScope;
  readonly executionLevel?: ExecutionLevel;
  /** Real memory under the platform: buffers can be looked into, and there is pool. Default false. */
  readonly hasMemory?: boolean;
  /** Where its devices see memory. Default nowhere. */
  readonly domain?: DmaDomain;
  /** What its HAL does where it may do more than one thing. */
  readonly policy?: Partial<HalPolicy>;
  /** Kind of each interrupt resource. Default none. */
  readonly sources?: readonly ('line' | 'edge' | 'message')[];
}

/** Pages of a rig with memory: the lower half is the tests' own, the last quarter is pool. */
export const RIG_PAGES = 32;

/** One machine of plain parts: a kernel, a HAL without memory, and devices on vectors that the test raises. */
export class Rig {
  readonly kernel: Kernel;
  readonly platform: HalPlatform;
  readonly sources: readonly FakeSource[];
  readonly vectors: readonly InterruptVector[];
  /** What setBusMaster was called with, over all devices. */
  readonly busMaster: boolean[] = [];
  /** What setPowerState was called with, over all devices. */
  readonly powerStates: number[] = [];
  readonly registers: FakeRegisters[] = [];
  /** What happened, in order; tests write into it from callbacks. */
  readonly log: string[] = [];

  constructor(private readonly options: RigOptions = {}) {
    this.kernel = new Kernel({ vcpus: 2, clock: new VirtualClock(), events: new EventRing(1024) });
    const memory = options.hasMemory === true ? MachineMemory.create(RIG_PAGES * PAGE_SIZE, false) : null;
    const frames = memory === null ? null : new FrameAllocator(RIG_PAGES / 2, RIG_PAGES / 2, RIG_PAGES / 4, { below: () => 0 });
    this.platform = new HalPlatform(this.kernel, { memory, frames, policy: options.policy ?? {} });
    this.sources = (options.sources ?? []).map((kind) => new FakeSource(kind));
    const cpu = this.kernel.vcpus[0]!;
    this.vectors = this.sources.map((source, i) => new InterruptVector(this.kernel, i, DIRQL_MIN + i, cpu, source, `${source.kind} ${i}`));
  }

  /** What EvtDriverDeviceAdd is given. */
  deviceInit(name = 'fake'): DeviceInit {
    const { kernel, platform, vectors, busMaster, powerStates } = this;
    const registers = new FakeRegisters(kernel.nextObjectId('Device'));
    this.registers.push(registers);
    const resources: BusResources = {
      deviceName: name,
      registers,
      vectors,
      localMemoryBytes: 4096,
      platform,
      domain: this.options.domain ?? null,
      capabilities: {},
      setBusMaster: (enabled) => void busMaster.push(enabled),
      setPowerState: (state) => void powerStates.push(state),
      setPresent: (present) => void (registers.isPresent = present),
    };
    const init = new DeviceInit(kernel, resources);
    init.setPnpPowerEventCallbacks(this.options.callbacks ?? {});
    init.setSynchronizationScope(this.options.scope ?? 'none');
    init.setExecutionLevel(this.options.executionLevel ?? 'dispatch');
    return init;
  }

  createDevice(name?: string): Device {
    const created = this.deviceInit(name).create();
    if (!created.ok) throw new Error('the device was not created');
    return created.object;
  }

  openFile(device: Device, name = 'file'): FileObject {
    const opened = this.run(device.openFile(name));
    if (!opened.ok) throw new Error('the device was not opened');
    return opened.object;
  }

  createQueue(device: Device, config: IoQueueConfig): IoQueue {
    const created = IoQueue.create(device, config);
    if (!created.ok) throw new Error('the queue was not created');
    return created.object;
  }

  /** Runs code on virtual CPU 0 at PASSIVE_LEVEL to its end, with all DPCs it causes. */
  run<T>(body: Body<T>): T {
    return this.kernel.runStraight('test', started(body));
  }

  start(device: Device): NtStatus {
    return this.run(device.start());
  }

  /** Queues a thread on a virtual CPU; `settle` runs it. */
  thread(cpu: number, name: string, body: Body<void>): void {
    this.kernel.vcpus[cpu]!.queueThread(name, this.kernel.vcpus[cpu]!.objectId, started(body));
  }

  /** Advances whatever can run and delivers whatever is pending until nothing is left. Returns the advances made. */
  settle(gate?: Gate): number {
    if (gate !== undefined) this.kernel.gate = gate;
    for (let advances = 0; advances < 100_000; advances++) {
      const vector = this.vectors.find((each) => each.isDeliverable);
      vector?.deliver();
      const cpu = this.kernel.vcpus.find((each) => each.isEnabled());
      if (cpu === undefined) return advances;
      cpu.advance();
    }
    throw new Error('the machine does not come to rest');
  }
}

export interface Completed {
  readonly name: string;
  readonly status: NtStatus;
  readonly bytes: number;
}

/** The I/O manager's side: named requests with a one-page buffer, and what became of them. */
export class Application implements IoCompletion {
  readonly completed: Completed[] = [];
  readonly #names = new Map<Request, string>();

  constructor(private readonly rig: Rig) {}

  request(name: string, type: RequestType = RequestType.Read, lengthBytes = 64, fileObject: FileObject | null = null): Request {
    const request = new Request(this.rig.kernel);
    this.#names.set(request, name);
    const mdl = lengthBytes === 0 ? null : new Mdl(Int32Array.of(7), 0, lengthBytes);
    request.prepare(type, mdl, lengthBytes, 0, this, fileObject);
    return request;
  }

  /** A device control request; `fileObject` as for `request`. */
  control(name: string, control: IoControl, fileObject: FileObject | null = null): Request {
    const request = new Request(this.rig.kernel);
    this.#names.set(request, name);
    request.prepareDeviceControl(control, this, fileObject);
    return request;
  }

  nameOf(request: Request): string {
    return this.#names.get(request)!;
  }

  requestCompleted(request: Request, status: NtStatus, bytes: number): void {
    const name = this.nameOf(request);
    this.completed.push({ name, status, bytes });
    this.rig.log.push(`completed ${name}`);
  }

  /** Submits requests in order from one thread at PASSIVE_LEVEL. */
  submit(device: Device, ...requests: readonly Request[]): void {
    this.rig.run(submitAll(device, requests));
  }

  get names(): readonly string[] {
    return this.completed.map(({ name }) => name);
  }
}

export function* submitAll(device: Device, requests: readonly Request[]): Suspending<void> {
  for (const request of requests) yield* device.submit(request);
}

/** Completes a request from outside any callback. */
export function* complete(rig: Rig, request: Request, status: NtStatus = STATUS_SUCCESS): Suspending<void> {
  rig.log.push('Complete begins');
  yield* request.complete(status);
  rig.log.push('Complete returns');
}
