import { DIRQL_MIN, NT_SUCCESS, UsageError, statusName, type BugCheck, type NtStatus } from '../nt/index.js';
import {
  Kernel,
  SeededRandom,
  deriveSeed,
  isSuspending,
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
import { DeviceInit, InterruptVector, Request, type BusResources, type Device, type DriverConfig } from '../wdf/index.js';
import { Canceller, DeviceWorkload, LatencyRecorder, PowerActor, RequestSlot } from '../workload/index.js';
import type { DeviceParameters, MachineParameters } from './parameters.js';
import { auditMachine } from './audit.js';
import { LocalStepper, type DeviceStepper } from './device-stepper.js';
import { MachineFaults } from './faults.js';
import { planMachine, type MachinePlan } from './plan.js';
import { registersText } from './registers-text.js';
import { DeviceRegisterPort } from './register-port.js';
import { SystemDmaPort, SystemDmaVector, connectRequestLines, dmaChannelsOf } from './system-dma.js';

/** Most map registers the platform gives one adapter. */
const MAP_REGISTERS_PER_ADAPTER_MAX = 64;

/** A device with its driver's device object and its traffic. */
export interface MachineDevice {
  readonly name: string;
  readonly parameters: DeviceParameters;
  readonly view: DeviceView;
  readonly registers: DeviceRegisterPort;
  readonly vectors: readonly InterruptVector[];
  readonly deviceInit: DeviceInit;
  /** Set by the prologue. */
  device: Device | null;
  workload: DeviceWorkload | null;
  canceller: Canceller | null;
  power: PowerActor | null;
  /** The driver refused to start, and an injected fault explains it. */
  refusedStart: boolean;
}

/** `worker_threads.threadId` of the main thread. */
const MAIN_THREAD = 0;

/** Scheduling points of a prologue, or of an epilogue, before it counts as one that never ends. */
const STRAIGHT_POINTS_MAX = 2_000_000;

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
  devices: MachineDevice[] = [];
  vectors: InterruptVector[] = [];
  platform!: HalPlatform;
  readonly frames: FrameAllocator;

  constructor(
    readonly parameters: MachineParameters,
    options: MachineOptions,
  ) {
    this.plan = planMachine(parameters, options.hosts);
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
    this.#build();
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
    return { firstDeviceId: this.views[0]!.objectId, deviceNames, poolId: this.platform.pool.objectId };
  }

  #random(part: string): RandomSource {
    return new SeededRandom(deriveSeed(this.parameters.seed, part));
  }

  /** The objects of one execution, in the same order and with the same ids every time. */
  #build(): void {
    const { kernel, plan, parameters } = this;
    for (const view of this.views) kernel.nextObjectId('Device', view);
    const { addressing, mapRegisters, starvationGrants, ordering } = parameters.machine;
    this.faults.reset(this.views);
    this.platform = new HalPlatform(kernel, {
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
    this.vectors = Array.from({ length: plan.vectorCount }, (_, i) => this.#createVector(i));
    this.#connectSystemDma();
    this.devices = parameters.devices.map((device, i) => this.#createDevice(device, i));
  }

  /** The controller after the devices, if there is one: powered, wired to their request lines, its interrupt the HAL's. */
  #connectSystemDma(): void {
    const controller = this.#systemDma;
    if (controller === null) return;
    controller.powerOn();
    controller.setBusMasterEnabled(true);
    const systemDma = new SystemDmaController(this.kernel, new SystemDmaPort(controller));
    this.platform.systemDma = systemDma;
    (this.vectors[controller.firstVector] as SystemDmaVector).attach(systemDma.dpc);
    connectRequestLines(controller, this.views);
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
    view.powerOn();
    this.faults.arm(view);
    const { placement } = view;
    const vectors = this.vectors.slice(placement.vectors.first, placement.vectors.first + placement.vectors.count);
    const onWrite = view.model.isSubordinate === true ? () => this.#subordinateWritten(view) : null;
    const registers = new DeviceRegisterPort(this.kernel, view, onWrite);
    const deviceInit = new DeviceInit(this.kernel, this.#resources(registers, vectors), parameters.driverParams);
    return {
      name: parameters.name,
      parameters,
      view,
      registers,
      vectors,
      deviceInit,
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
      const workload = this.#createWorkload(device, device.device);
      device.workload = workload;
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
    if (this.#straightPoints > STRAIGHT_POINTS_MAX) {
      this.kernel.violation({
        rule: 'L-STEP-BOUND',
        severity: 'crash',
        object: null,
        message: `bringing the devices up or down did not end within ${STRAIGHT_POINTS_MAX} operations: a driver waits for something in a loop`,
      });
    }
    this.#settleBus();
    if (this.stepper !== null) for (const view of this.views) this.stepper.step(view);
    return false;
  }

  /** Where nobody chooses, nothing stays on its way. */
  #settleBus(): void {
    if (this.parameters.machine.ordering.length === 0) return;
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

  #createWorkload(machineDevice: MachineDevice, device: Device): DeviceWorkload {
    const { view, parameters } = machineDevice;
    const { workload: asked } = parameters;
    // Frames have no place in the device's memory.
    const regionBytes =
      asked.traffic === 'loopback'
        ? asked.maxBytes
        : Math.floor(view.localMemoryBytes / asked.outstanding / asked.alignBytes) * asked.alignBytes;
    // Longer requests than a slot's part of the device's memory cannot be checked; lengths are drawn from what is left of the range.
    const config = { ...asked, maxBytes: Math.min(asked.maxBytes, regionBytes) };
    if (regionBytes < config.minBytes) {
      throw new UsageError(
        'USAGE_PARAMETER',
        `${config.outstanding} requests in flight share the ${view.localMemoryBytes} bytes of memory on ${view.name}: that leaves ${regionBytes} bytes each, and the smallest has ${config.minBytes}`,
        { where: '--outstanding', expected: `at most ${Math.floor(view.localMemoryBytes / config.minBytes)}` },
      );
    }
    const slots = Array.from({ length: config.outstanding }, (_, i) => {
      const request = new Request(this.kernel, device.requestContext?.createFor(this.kernel, `${machineDevice.name} request ${i}`));
      return new RequestSlot(i, request, config, i * regionBytes, regionBytes, this.frames);
    });
    machineDevice.canceller =
      config.cancelPerMillion === 0
        ? null
        : new Canceller(this.kernel, this.outsideCpu, config, this.#random(`cancellations of ${machineDevice.name}`));
    const disturbs = config.powerCyclesPerMillion > 0 || config.unplugPerMillion > 0;
    machineDevice.power = disturbs
      ? new PowerActor(this.kernel, this.outsideCpu, device, config, this.#random(`power of ${machineDevice.name}`), machineDevice.name)
      : null;
    const workload = new DeviceWorkload({
      kernel: this.kernel,
      memory: this.memory,
      device,
      deviceName: machineDevice.name,
      slots,
      pattern: this.plan.pattern,
      random: this.#random(`traffic of ${machineDevice.name}`),
      config,
      quota: parameters.quota,
      localMemoryAddress: view.localMemory,
      latency: this.plan.hosts.length === 0 ? null : this.latency,
      canceller: machineDevice.canceller,
      power: machineDevice.power,
      faults: this.faults.ledgerOf(view),
    });
    if (machineDevice.canceller !== null) machineDevice.canceller.slots = slots;
    return workload;
  }

  /** All traffic that was asked for has been submitted and has completed. */
  get isDone(): boolean {
    return this.devices.every((device) => device.workload === null || device.workload.isDone);
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
    this.#build();
  }

  /** Hash of everything that belongs to the machine, sixteen hex digits; transport words and the lab's oracle do not enter. */
  hash(): string {
    return this.#image.hash();
  }
}

/** EvtDriverDeviceAdd as a thread's code; plain JavaScript may have a plain function in its place. */
function* addDevice(driver: DriverConfig, deviceInit: DeviceInit): Suspending<NtStatus> {
  // eslint-disable-next-line dmalab/suspending-under-yield-star -- whether it suspends is known only when it has been called
  const result = driver.evtDriverDeviceAdd(deviceInit) as Suspending<NtStatus> | NtStatus;
  return isSuspending(result) ? yield* result : result;
}
