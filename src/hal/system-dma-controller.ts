import { STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import { Dpc, makeOp, OpKind, type Kernel, type Op, type Suspending, type VirtualCpu } from '../kernel/index.js';
import type { AdapterResources } from './adapter-resources.js';
import type { DmaAdapter } from './dma-adapter.js';
import type { DmaDomain } from './dma-domain.js';
import { dmaViolation } from './hal-fault.js';
import type { ScatterGatherList } from './scatter-gather-list.js';
import { DmaCompletionStatus, type TransferContext } from './transfer-context.js';

/** Where a channel of the controller stands (hal section 8). */
export type SystemDmaState = 'Idle' | 'Armed' | 'Running' | 'Draining' | 'Done' | 'Cancelled' | 'Error';

/** A transfer as the controller is given it. */
export interface SystemDmaSetup {
  requestLine: number;
  deviceAddress: number;
  widthBytes: number;
  isDemand: boolean;
  isLooped: boolean;
  isRead: boolean;
  elements: number;
  /** Echoed in the channel's status, so that the end of an earlier transfer is told from that of this one. */
  generation: number;
}

/** The controller's registers as the machine wires them; each call is bus accesses, none suspends. */
export interface SystemDmaHardware {
  /** The device's kernel object: its steps and what is done here depend on each other through it. */
  readonly objectId: number;
  readonly channels: number;
  /** Elements a channel's list has room for; a longer list is mapped short. */
  readonly elementsMax: number;
  /** The controller's own address space: it is the one that reaches memory, not the device behind it. */
  readonly domain: DmaDomain;
  setElement(channel: number, index: number, address: number, lengthBytes: number): void;
  start(channel: number, setup: SystemDmaSetup): void;
  /** Stops the transfer that was started as `generation`, if it still runs. */
  stop(channel: number, generation: number): void;
  state(channel: number): SystemDmaState;
  generation(channel: number): number;
  /** Bytes of the list still to be moved. */
  counter(channel: number): number;
  /** Bits of the channels whose transfers have ended since the last call. */
  takeCauses(): number;
  isLineAsserted(requestLine: number): boolean;
  /** ConfigureAdapterChannel for a channel that stands still. False when the controller has no such function. */
  configure(channel: number, functionNumber: number, value: number): boolean;
}

/** Functions of ConfigureAdapterChannel on this controller. */
export const SystemDmaFunction = {
  /** Most bytes of a burst of the channel, until it is given back; 0: as many as the controller does. */
  Burst: 1,
} as const;

const completionStatuses: Partial<Record<SystemDmaState, DmaCompletionStatus>> = {
  Done: DmaCompletionStatus.DmaComplete,
  Cancelled: DmaCompletionStatus.DmaCancelled,
  Error: DmaCompletionStatus.DmaError,
};

const GENERATION_MASK = 0xff_ffff;

/** Whether a transaction has the channel, and the transfer it was last started with. */
class ChannelUse {
  isTaken = false;
  /** Who has started the transfer and is on the way to the end of its EvtProgramDma; null behind it. */
  programmingCpu: VirtualCpu | null = null;
  /** Whose transfer it was last started with. */
  adapter: DmaAdapter | null = null;
  /** Null when nobody waits for the end of the transfer. */
  context: TransferContext | null = null;
  generation = 0;
  lengthBytes = 0;

  reset(): void {
    this.isTaken = false;
    this.programmingCpu = null;
    this.adapter = null;
    this.context = null;
    this.generation = 0;
    this.lengthBytes = 0;
  }
}

/**
 * The HAL's side of the system DMA controller. Adapters with the same channel compete for it in the allocation queue;
 * the owner's MapTransferEx starts the channel; its end comes back as interrupt, DPC, completion routine.
 */
export class SystemDmaController {
  /** Queued by the ISR of the controller's interrupt. */
  readonly dpc: Dpc;
  readonly #channels: readonly ChannelUse[];
  readonly #readOp: Op;
  readonly #setup: SystemDmaSetup = {
    requestLine: 0,
    deviceAddress: 0,
    widthBytes: 1,
    isDemand: false,
    isLooped: false,
    isRead: false,
    elements: 0,
    generation: 0,
  };

  constructor(
    private readonly kernel: Kernel,
    readonly hardware: SystemDmaHardware,
  ) {
    this.#channels = Array.from({ length: hardware.channels }, () => new ChannelUse());
    this.#readOp = makeOp(hardware.objectId, OpKind.Read);
    this.dpc = new Dpc(kernel, 'system DMA controller DPC', () => this.#evtDpc());
  }

  /** Every channel is free and was never started. */
  reset(): void {
    for (const channel of this.#channels) channel.reset();
    this.dpc.reset();
  }

  isChannel(channel: number | undefined): boolean {
    return channel !== undefined && channel >= 0 && channel < this.#channels.length;
  }

  isFree(adapter: AdapterResources): boolean {
    return !this.#use(adapter).isTaken;
  }

  take(adapter: AdapterResources): void {
    this.#use(adapter).isTaken = true;
    // What the owner before has configured ends with its ownership.
    for (const functionNumber of Object.values(SystemDmaFunction)) this.hardware.configure(channelOf(adapter), functionNumber, 0);
  }

  /** ConfigureAdapterChannel: NOT_IMPLEMENTED for an unknown function, INVALID_DEVICE_REQUEST while a transfer is under way. */
  *configure(adapter: DmaAdapter, functionNumber: number, value: number): Suspending<NtStatus> {
    if (this.kernel.at(this.#readOp)) yield this.#readOp;
    const channel = channelOf(adapter);
    if (this.#isBusy(channel)) return STATUS_INVALID_DEVICE_REQUEST;
    return this.hardware.configure(channel, functionNumber, value) ? STATUS_SUCCESS : STATUS_NOT_IMPLEMENTED;
  }

  #isBusy(channel: number): boolean {
    const state = this.hardware.state(channel);
    return state === 'Armed' || state === 'Running' || state === 'Draining';
  }

  give(adapter: AdapterResources): void {
    const use = this.#use(adapter);
    use.isTaken = false;
    use.adapter = null;
    use.context = null;
  }

  /** Programs the channel with what was mapped and starts it. Rule D52: in demand mode the device must not ask before EvtProgramDma has run. */
  start(
    adapter: DmaAdapter,
    context: TransferContext | null,
    list: ScatterGatherList,
    deviceAddressOffset: number,
    isWrite: boolean,
  ): void {
    const {
      dmaChannel: channel = 0,
      dmaRequestLine = 0,
      deviceAddress = 0,
      dmaWidthBits = 8,
      demandMode = false,
      autoInitialize = false,
    } = adapter.description;
    const { hardware } = this;
    if (demandMode && hardware.isLineAsserted(dmaRequestLine)) {
      this.kernel.violation({
        rule: 'D52',
        severity: 'error',
        object: adapter.label,
        message: `request line ${dmaRequestLine} is asserted before the transfer of ${adapter.label} is programmed: the controller moves data that nobody has prepared for`,
      });
    }
    const use = this.#use(adapter);
    use.adapter = adapter;
    use.context = context;
    use.programmingCpu = this.kernel.current;
    use.generation = (use.generation + 1) & GENERATION_MASK;
    use.lengthBytes = 0;
    for (let i = 0; i < list.count; i++) {
      hardware.setElement(channel, i, list.address(i), list.lengthBytes(i));
      use.lengthBytes += list.lengthBytes(i);
    }
    const setup = this.#setup;
    setup.requestLine = dmaRequestLine;
    setup.deviceAddress = deviceAddress + deviceAddressOffset;
    setup.widthBytes = dmaWidthBits / 8;
    setup.isDemand = demandMode;
    setup.isLooped = autoInitialize;
    setup.isRead = !isWrite;
    setup.elements = list.count;
    setup.generation = use.generation;
    hardware.start(channel, setup);
  }

  /** EvtProgramDma of the adapter's transfer has returned. */
  programmed(adapter: DmaAdapter): void {
    this.#use(adapter).programmingCpu = null;
  }

  /** Rule D53: a register of a subordinate device is written while its transfer, not in demand mode, may move data already. */
  deviceWritten(deviceName: string): void {
    for (const { adapter, programmingCpu } of this.#channels) {
      if (adapter === null || programmingCpu !== this.kernel.current || adapter.owner !== deviceName) continue;
      const { demandMode = false, autoInitialize = false } = adapter.description;
      if (demandMode || autoInitialize) continue;
      this.kernel.violation({
        rule: 'D53',
        severity: 'error',
        object: adapter.label,
        message: `${deviceName} is prepared in EvtProgramDma, when the transfer of ${adapter.label} has begun: not in demand mode the controller does not wait, so the device is prepared before WdfDmaTransactionExecute`,
      });
      return;
    }
  }

  /** Rule D55: the first channel that is kept although its transfer has ended and nothing can run any more; null when there is none. */
  describeKeptChannel(): { readonly adapter: AdapterResources; readonly channel: number } | null {
    for (let channel = 0; channel < this.#channels.length; channel++) {
      const { isTaken, adapter } = this.#channels[channel]!;
      if (!isTaken || adapter === null) continue;
      const state = this.hardware.state(channel);
      if (state === 'Done' || state === 'Cancelled' || state === 'Error') return { adapter, channel };
    }
    return null;
  }

  /** Asks the controller to stop; its interrupt says when it has. */
  stop(adapter: DmaAdapter): void {
    this.hardware.stop(channelOf(adapter), this.#use(adapter).generation);
  }

  /** ReadDmaCounter. */
  *counter(adapter: DmaAdapter): Suspending<number> {
    if (this.kernel.at(this.#readOp)) yield this.#readOp;
    const channel = channelOf(adapter);
    const { generation, lengthBytes } = this.#use(adapter);
    // Until the controller has taken the start up its counter is that of the transfer before. It rewinds the counter
    // before it shows the new generation, so this order of looks is right beside a running engine, too.
    return this.hardware.generation(channel) === generation ? this.hardware.counter(channel) : lengthBytes;
  }

  /** Rule A33, before a mapping ends: the controller must be through with it. */
  checkFlush(adapter: DmaAdapter): void {
    const channel = channelOf(adapter);
    if (!this.#isBusy(channel)) {
      this.#use(adapter).context = null;
      return;
    }
    const state = this.hardware.state(channel);
    dmaViolation(
      this.kernel,
      'A33',
      'crash',
      adapter.label,
      `${adapter.label} flushes channel ${channel} of the system DMA controller, which is ${state} with ${this.hardware.counter(channel)} bytes to go: stop it and await its completion first`,
      0x23,
      channel,
    );
  }

  #use(adapter: AdapterResources): ChannelUse {
    return this.#channels[channelOf(adapter)]!;
  }

  /** Tells every channel's owner once; ends of transfers that nobody waits for any more are dropped. */
  *#evtDpc(): Suspending<void> {
    if (this.kernel.at(this.#readOp)) yield this.#readOp;
    const causes = this.hardware.takeCauses();
    for (let channel = 0; channel < this.#channels.length; channel++) {
      if ((causes & (1 << channel)) === 0) continue;
      if (this.kernel.at(this.#readOp)) yield this.#readOp;
      const use = this.#channels[channel]!;
      const status = completionStatuses[this.hardware.state(channel)];
      const { context, adapter } = use;
      if (context === null || adapter === null || status === undefined || this.hardware.generation(channel) !== use.generation) continue;
      use.context = null;
      yield* adapter.completeSystemTransfer(context, status);
    }
  }
}

function channelOf(adapter: AdapterResources): number {
  return adapter.description.dmaChannel ?? 0;
}
