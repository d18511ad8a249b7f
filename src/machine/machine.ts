import { DIRQL_MIN, NT_SUCCESS, statusName, type BugCheck, type NtStatus } from '../nt/index.js';
import {
  Kernel,
  SeededRandom,
  deriveSeed,
  asSuspending,
  type Suspending,
  type Clock,
  type EventRing,
  type Gate,
  type RaceWatchObjects,
  type RandomSource,
  type VirtualCpu,
} from '../kernel/index.js';
import { FrameAllocator, MachineImage, MachineMemory } from '../memory/index.js';
import { HalPlatform, SystemDmaController } from '../hal/index.js';
import { DeviceView, InterruptController, faultViolation } from '../hardware/index.js';
import { DeviceInit, InterruptVector, type BusResources, type DriverConfig } from '../wdf/index.js';
import { LatencyRecorder } from '../workload/index.js';
import type { DeviceParameters, MachineParameters } from './parameters.js';
import { auditMachine } from './audit.js';
import { LocalStepper, type DeviceStepper } from './device-stepper.js';
import { MachineFaults } from './faults.js';
import { createWorkload, deviceSeeds, type MachineDevice } from './machine-device.js';
import { planMachine, type MachinePlan } from './plan.js';
import { registersText } from './registers-text.js';
import { DeviceRegisterPort } from './register-port.js';
import { SystemDmaPort, SystemDmaVector, connectRequestLines, dmaChannelsOf } from './system-dma.js';

/** Most map registers the platform gives one adapter. */
const MAP_REGISTERS_PER_ADAPTER_MAX = 64;

/** `worker_threads.threadId` of the main thread. */
const MAIN_THREAD = 0;

/** Scheduling points of a prologue, or of an epilogue, before it counts as one that never ends. */
const STRAIGHT_POINTS_MAX = 2_000_000;

export type { MachineDevice } from './machine-device.js';

export interface MachineOptions {
  /** Engine hosts on worker threads; 0 when the main thread steps the devices. */
  readonly hosts: number;
  readonly clock: Clock;
  readonly events: EventRing;
}

/**
 * The composition root: a whole machine for one scenario, from memory to the traffic. An execution is
 * `prologue`, then whatever a backend makes of the strands, then `epilogue`; `reset` makes the machine new without
 * building its memory or views again.
 */
export class Machine {
  readonly plan: MachinePlan;
  readonly memory: MachineMemory;
  readonly kernel: Kernel;
  readonly controller: InterruptController;
  readonly views: readonly DeviceView[];
  readonly latency = new LatencyRecorder();
  /** Who steps the devices when the main thread orders it, prologues included; null while engine hosts run freely. */
  stepper: DeviceStepper | null;
  readonly faults: MachineFaults;
  /** Timers that fired because nothing else could go on, in a row without a completion; under control. */
  readonly fruitless = { timers: 0, completed: 0 };
  readonly #image: MachineImage;
  /** What is on its way between processors, devices and memory may stay there. */
  readonly #ordersBus: boolean;
  readonly devices: readonly MachineDevice[];
  readonly vectors: readonly InterruptVector[];
  readonly platform: HalPlatform;
  readonly frames: FrameAllocator;

  constructor(
    readonly parameters: MachineParameters,
    options: MachineOptions,
  ) {
    this.plan = planMachine(parameters, options.hosts);
    this.#ordersBus = parameters.machine.ordering.length > 0;
    this.faults = new MachineFaults(parameters);
    this.memory = MachineMemory.create(this.plan.lengthBytes, options.hosts > 0);
    this.#image = new MachineImage(this.memory, this.plan.regions);
    this.kernel = new Kernel({ vcpus: parameters.machine.vcpus + 1, clock: options.clock, events: options.events });
    this.stepper = options.hosts === 0 ? new LocalStepper(this.kernel, MAIN_THREAD) : null;
    this.controller = new InterruptController(this.memory, this.plan.controller);
    const hardware = { interrupts: this.controller, firstRamFrame: this.plan.firstRamFrame };
    this.views = this.plan.placements.map((placement, i) => new DeviceView(this.memory, this.plan.models[i]!, placement, hardware));
    this.plan.pattern.fill(this.memory, this.#random('payload pattern'));
    this.frames = new FrameAllocator(this.plan.firstRamFrame, this.plan.ramFrames, this.plan.contiguousFrames, this.#random('frames'));
    for (const view of this.views) this.kernel.nextObjectId('Device', view);
    this.platform = this.#createPlatform();
    this.vectors = Array.from({ length: this.plan.vectorCount }, (_, i) => this.#createVector(i));
    this.#createSystemDma();
    this.devices = parameters.devices.map((device, i) => this.#createDevice(device, i));
    this.kernel.keepObjects();
    this.#powerOn();
  }

  /** The last virtual CPU belongs to the outside world - whoever cancels, unplugs, changes power - and has no interrupts. */
  get outsideCpu(): VirtualCpu {
    return this.kernel.vcpus[this.parameters.machine.vcpus]!;
  }

  get dead(): BugCheck | null {
    return this.kernel.dead;
  }

  /** What race detection must tell from framework objects. */
  get raceObjects(): RaceWatchObjects {
    const deviceNames = this.views.map(({ name }) => name);
    const postsWrites = this.parameters.machine.ordering.includes('posted-writes');
    return { firstDeviceId: this.views[0]!.objectId, deviceNames, poolId: this.platform.pool.objectId, postsWrites };
  }

  #random(part: string): RandomSource {
    return new SeededRandom(deriveSeed(this.parameters.seed, part));
  }

  #createPlatform(): HalPlatform {
    const { addressing, mapRegisters, starvationGrants, ordering } = this.parameters.machine;
    return new HalPlatform(this.kernel, {
      addressing: addressing === 'bounce32' ? 'bounce' : addressing,
      mapRegisters,
      // An adapter that may ask for more registers than there are would wait for ever.
      maxMapRegistersPerAdapter: Math.min(mapRegisters, MAP_REGISTERS_PER_ADAPTER_MAX),
      memory: this.memory,
      frames: this.frames,
      faults: this.faults.platform,
      policy: {
        starvationGrants,
        grantContext: ordering.includes('grant-from-dpc') ? 'dpc' : 'freeing-call',
        preCancel: ordering.includes('pre-cancel'),
        tornFields: ordering.includes('torn-fields'),
      },
    });
  }

  /** The HAL's driver for the controller behind the devices, if there is one: its interrupt is the HAL's. */
  #createSystemDma(): void {
    const controller = this.#systemDma;
    if (controller === null) return;
    const systemDma = new SystemDmaController(this.kernel, new SystemDmaPort(controller));
    this.platform.systemDma = systemDma;
    (this.vectors[controller.firstVector] as SystemDmaVector).attach(systemDma.dpc);
  }

  /** Devices with power, nothing planned for them yet, and drivers that were not asked: how an execution begins. */
  #powerOn(): void {
    this.faults.reset(this.views);
    const controller = this.#systemDma;
    if (controller !== null) {
      controller.powerOn();
      controller.setBusMasterEnabled(true);
      connectRequestLines(controller, this.views);
    }
    for (const device of this.devices) {
      device.view.powerOn();
      this.faults.arm(device.view);
      device.deviceInit = this.#newDeviceInit(device);
      device.device = null;
      device.workload = null;
      device.canceller = null;
      device.power = null;
      device.refusedStart = false;
    }
  }

  #newDeviceInit({ bus, parameters }: Pick<MachineDevice, 'bus' | 'parameters'>): DeviceInit {
    return new DeviceInit(this.kernel, bus, parameters.driverParams);
  }

  get #systemDma(): DeviceView | null {
    return this.views.length > this.parameters.devices.length ? this.views[this.parameters.devices.length]! : null;
  }

  /** Vectors are dealt to the virtual CPUs in turn and keep them (fixed affinity). */
  #createVector(index: number): InterruptVector {
    const { kernel, controller } = this;
    const cpu = kernel.vcpus[index % this.parameters.machine.vcpus]!;
    const isLine = controller.isLine(index);
    const source = isLine
      ? { kind: 'line' as const, isPending: () => controller.isPending(index) && controller.isAsserted(index), take: () => undefined }
      : { kind: 'message' as const, isPending: () => controller.isPending(index), take: () => void controller.takeMessage(index) };
    const Vector = this.#systemDma?.firstVector === index ? SystemDmaVector : InterruptVector;
    return new Vector(kernel, index, DIRQL_MIN + (index % 8), cpu, source, `${isLine ? 'line' : 'message'} ${index}`);
  }

  #createDevice(parameters: DeviceParameters, index: number): MachineDevice {
    const view = this.views[index]!;
    const { placement } = view;
    const vectors = this.vectors.slice(placement.vectors.first, placement.vectors.first + placement.vectors.count);
    const onWrite = view.model.isSubordinate === true ? () => this.#subordinateWritten(view) : null;
    const registers = new DeviceRegisterPort(this.kernel, view, onWrite);
    const bus = this.#resources(registers, vectors);
    const { name } = parameters;
    return {
      name,
      parameters,
      view,
      registers,
      vectors,
      bus,
      seeds: deviceSeeds(this.parameters.seed, name),
      faults: this.faults.ledgerOf(view),
      traffic: null,
      slots: [],
      deviceInit: this.#newDeviceInit({ bus, parameters }),
      device: null,
      workload: null,
      canceller: null,
      power: null,
      refusedStart: false,
    };
  }

  /** An access to configuration space pushes posted writes ahead of it; with the device pulled, they vanish. */
  #resources(registers: DeviceRegisterPort, vectors: readonly InterruptVector[]): BusResources {
    const { view } = registers;
    return {
      deviceName: view.name,
      registers,
      dmaChannels: dmaChannelsOf(view, this.views, this.parameters.machine.dmaChannels),
      vectors,
      localMemoryBytes: view.localMemoryBytes,
      platform: this.platform,
      domain: view.iommu,
      capabilities: view.params,
      setBusMaster: (enabled) => {
        registers.settle();
        view.setBusMasterEnabled(enabled);
        if (!enabled) this.#requireStill(view);
      },
      setPowerState: (state) => {
        registers.settle();
        this.#setPowerState(view, state);
      },
      setPresent: (present) => {
        this.#setPresent(view, present);
        registers.settle();
      },
    };
  }

  /** The system DMA controller looks at the registers of the devices on its request lines. */
  #subordinateWritten(view: DeviceView): void {
    this.#systemDma!.kick();
    this.platform.systemDma!.deviceWritten(view.name);
  }

  /** D0 after another state is a power-on: registers start over. */
  #setPowerState(view: DeviceView, state: 0 | 1 | 2 | 3): void {
    if (state === view.powerState) return;
    if (state === 0 && view.isPresent) view.powerOn();
    else view.setPowerState(state);
    this.#requireStill(view);
  }

  /** A pulled device has no interrupts on their way any more, either. */
  #setPresent(view: DeviceView, present: boolean): void {
    if (present) view.setPresent(true);
    else view.unplug();
    this.#requireStill(view);
  }

  /** Between two steps, as hardware is: the batch that an engine host is in ends first. */
  #requireStill(view: DeviceView): void {
    this.kernel.races?.deviceHeld(view.objectId);
    if (view.quiesce()) return;
    this.kernel.violation({
      rule: 'L-ENGINE-LOST',
      severity: 'crash',
      object: view.name,
      message: `the engine of ${view.name} does not come to the end of its steps`,
    });
  }

  /**
   * DriverEntry to D0 for every device, without choices, then the threads of the traffic are queued. Throws the
   * BugCheck of a driver that breaks a rule on the way; a driver that refuses to start is a finding.
   */
  prologue(): void {
    this.#straightPoints = 0;
    for (const device of this.devices) this.#startDevice(device);
    this.#settleBus();
    this.devices.forEach((device, i) => {
      if (device.device?.isStarted !== true) return;
      const workload = createWorkload(this, device, device.device);
      for (let k = 0; k < device.parameters.workload.applications; k++) {
        const cpu = this.kernel.vcpus[(i + k) % this.parameters.machine.vcpus]!;
        cpu.queueThread(`${device.name}: application ${k}`, cpu.objectId, workload.thread());
      }
    });
  }

  /**
   * How a prologue and an epilogue run: without choices, but the devices live. Where no engine host steps them freely,
   * each takes a step at every point, so that a driver which polls a register sees it change.
   */
  readonly #straight: Gate = { at: () => this.#atStraight() };
  #straightPoints = 0;

  #atStraight(): boolean {
    this.#straightPoints++;
    if (this.#straightPoints > STRAIGHT_POINTS_MAX) this.#reportEndless();
    if (this.#ordersBus) this.#settleBus();
    const { stepper, views } = this;
    if (stepper !== null) for (let i = 0; i < views.length; i++) stepper.step(views[i]!);
    return false;
  }

  #reportEndless(): void {
    this.kernel.violation({
      rule: 'L-STEP-BOUND',
      severity: 'crash',
      object: null,
      message: `bringing the devices up or down did not end within ${STRAIGHT_POINTS_MAX} operations: a driver waits for something in a loop`,
    });
  }

  /** Where nobody chooses, nothing stays on its way. */
  #settleBus(): void {
    if (!this.#ordersBus) return;
    for (const { registers } of this.devices) registers.settle();
  }

  #startDevice(device: MachineDevice): void {
    const { kernel } = this;
    const { driver } = device.parameters;
    const failedBefore = this.faults.injected('allocation-failure');
    const added = kernel.runStraight(`${device.name}: EvtDriverDeviceAdd`, addDevice(driver, device.deviceInit), this.#straight);
    device.device = device.deviceInit.device;
    const status =
      NT_SUCCESS(added) && device.device !== null
        ? kernel.runStraight(`${device.name}: start`, device.device.start(), this.#straight)
        : added;
    if (NT_SUCCESS(status) && device.device !== null) return;
    // Short of resources a driver may refuse, by returning the error; what it leaves behind is looked at in the end.
    device.refusedStart = !NT_SUCCESS(status) && this.faults.injected('allocation-failure') > failedBefore;
    if (device.refusedStart) return;
    const why =
      typeof status !== 'number'
        ? `EvtDriverDeviceAdd returned ${String(status)}, not an NTSTATUS`
        : device.device === null
          ? 'EvtDriverDeviceAdd returned without creating the device'
          : `it failed with ${statusName(status)}`;
    kernel.violation({
      rule: 'L-START',
      severity: 'error',
      object: device.name,
      message: `driver ${driver.name} did not start ${device.name}: ${why}`,
    });
  }

  /** All traffic that was asked for has been submitted and has completed. */
  get isDone(): boolean {
    for (const { workload } of this.devices) if (workload !== null && !workload.isDone) return false;
    return true;
  }

  /** Requests that have completed, over all devices. */
  get requestsCompleted(): number {
    let sum = 0;
    for (const { workload } of this.devices) if (workload !== null) sum += workload.completed;
    return sum;
  }

  /** Bytes that these have moved. */
  get bytesMoved(): number {
    let sum = 0;
    for (const { workload } of this.devices) if (workload !== null) sum += workload.bytes;
    return sum;
  }

  /** Requests were submitted and have not completed. */
  get hasOutstanding(): boolean {
    for (const { workload } of this.devices) if (workload !== null && workload.outstanding > 0) return true;
    return false;
  }

  /** What is outstanding, where each request stands, and what the registers of its device hold. */
  describeOutstanding(): string {
    const texts = this.devices.map(({ workload, view }) => {
      const inFlight = workload?.describeInFlight() ?? '';
      return inFlight === '' ? '' : `${inFlight}; registers of ${view.name}: ${registersText(view)}`;
    });
    return texts.filter((text) => text !== '').join('; ');
  }

  /** Looks at what the devices' translation tables refused; rule A36 is a crash and throws. */
  reportFaults(): void {
    if (!this.controller.takeFaultAttention()) return;
    for (const view of this.views) {
      const fault = view.iommu.takeFault();
      if (fault !== null) this.kernel.violation(faultViolation(view.name, view.objectId, fault));
    }
  }

  /** Every application closes its file and every device is removed in order, then the audit: nothing may be left. Only on a machine whose traffic has ended. */
  epilogue(): void {
    this.#straightPoints = 0;
    for (const { name, device, workload } of this.devices) {
      if (workload !== null) this.kernel.runStraight(`${name}: close`, workload.closeFile(), this.#straight);
      if (device !== null) this.kernel.runStraight(`${name}: removal`, device.remove(), this.#straight);
    }
    this.#settleBus();
    auditMachine(this);
  }

  /** A new machine in the same memory: everything an execution touched is undone, ids start over. */
  reset(): void {
    this.#image.clear();
    this.controller.reset();
    this.kernel.reset();
    this.latency.reset();
    this.fruitless.timers = 0;
    this.fruitless.completed = 0;
    this.frames.reset();
    this.platform.reset();
    for (const vector of this.vectors) vector.reset();
    this.#powerOn();
  }

  /** Hash of everything that belongs to the machine, sixteen hex digits; transport words and the lab's oracle do not enter. */
  hash(): string {
    return this.#image.hash();
  }
}

/** EvtDriverDeviceAdd as a thread's code; plain JavaScript may have a plain function in its place. */
function* addDevice(driver: DriverConfig, deviceInit: DeviceInit): Suspending<NtStatus> {
  return yield* asSuspending(driver.evtDriverDeviceAdd(deviceInit) as Suspending<NtStatus> | NtStatus);
}
