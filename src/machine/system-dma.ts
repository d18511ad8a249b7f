import { SystemDmaFunction, type SystemDmaHardware, type SystemDmaSetup, type SystemDmaState } from '../hal/index.js';
import * as sdma from '../hardware/index.js';
import { connectRequestLine, isLineAsserted, requestLinesOf, sdmaChannel, sdmaStateNames, type DeviceView } from '../hardware/index.js';
import { EventKind, type Dpc, type Kernel, type Suspending } from '../kernel/index.js';
import { InterruptVector, type DmaChannelResource } from '../wdf/index.js';

/** Wires the devices' request lines, numbered through the devices in their order, to the controller. */
export function connectRequestLines(controller: DeviceView, views: readonly DeviceView[]): void {
  let line = 0;
  for (const view of views)
    for (let portLine = 0; portLine < requestLinesOf(view.model, view.params); portLine++)
      connectRequestLine(controller, line++, view, portLine);
}

/** A device's request lines with their channels: the lines of the machine share `channels` in turn. */
export function dmaChannelsOf(view: DeviceView, views: readonly DeviceView[], channels: number): readonly DmaChannelResource[] {
  const before = views.slice(0, view.placement.index);
  const first = before.reduce((sum, { model, params }) => sum + requestLinesOf(model, params), 0);
  return Array.from({ length: requestLinesOf(view.model, view.params) }, (_, i) => ({
    channel: (first + i) % channels,
    requestLine: first + i,
  }));
}

/** The system DMA controller's registers as the HAL's driver for it sees them. */
export class SystemDmaPort implements SystemDmaHardware {
  readonly objectId: number;
  readonly channels: number;
  readonly elementsMax = sdma.SDMA_ELEMENTS;
  readonly domain: DeviceView['iommu'];

  constructor(private readonly view: DeviceView) {
    this.objectId = view.objectId;
    this.channels = view.params['channels']!;
    this.domain = view.iommu;
  }

  setElement(channel: number, index: number, address: number, lengthBytes: number): void {
    const at = sdma.SDMA_ELEMENT0 + index * sdma.SDMA_ELEMENT_BYTES;
    this.#write(channel, at, address % 0x1_0000_0000);
    this.#write(channel, at + 4, Math.floor(address / 0x1_0000_0000));
    this.#write(channel, at + 8, lengthBytes);
  }

  start(channel: number, setup: SystemDmaSetup): void {
    const flags =
      (setup.isRead ? sdma.SDMA_CONFIG_FROM_DEVICE : 0) |
      (setup.isDemand ? sdma.SDMA_CONFIG_DEMAND : 0) |
      (setup.isLooped ? sdma.SDMA_CONFIG_LOOP : 0);
    this.#write(
      channel,
      sdma.SDMA_CONFIG,
      setup.requestLine | flags | (setup.elements << sdma.SDMA_CONFIG_ELEMENTS_SHIFT) | (setup.widthBytes << sdma.SDMA_CONFIG_WIDTH_SHIFT),
    );
    this.#write(channel, sdma.SDMA_DEVICE_ADDRESS, setup.deviceAddress);
    this.#write(channel, sdma.SDMA_GENERATION, setup.generation);
    this.#write(channel, sdma.SDMA_COMMAND, sdma.SDMA_COMMAND_START);
  }

  stop(channel: number, generation: number): void {
    this.#write(channel, sdma.SDMA_STOP_GENERATION, generation);
    this.#write(channel, sdma.SDMA_COMMAND, sdma.SDMA_COMMAND_STOP);
  }

  state(channel: number): SystemDmaState {
    // A start that the controller has not taken yet is a transfer under way already.
    if ((this.view.registers.peekCommands(sdmaChannel(channel, sdma.SDMA_COMMAND)) & sdma.SDMA_COMMAND_START) !== 0) return 'Armed';
    return sdmaStateNames[this.#read(channel, sdma.SDMA_STATUS) & 0xff] as SystemDmaState;
  }

  generation(channel: number): number {
    return (this.#read(channel, sdma.SDMA_STATUS) >>> 8) & sdma.SDMA_GENERATION_MASK;
  }

  counter(channel: number): number {
    return this.#read(channel, sdma.SDMA_COUNTER);
  }

  takeCauses(): number {
    const causes = this.view.readRegister(sdma.SDMA_INT_CAUSE, 4);
    // Exactly what was seen (rule D20): a channel that ends now has its bit for the next time.
    this.view.writeRegister(sdma.SDMA_INT_CAUSE, 4, causes);
    return causes;
  }

  isLineAsserted(requestLine: number): boolean {
    return isLineAsserted(this.view, requestLine);
  }

  configure(channel: number, functionNumber: number, value: number): boolean {
    if (functionNumber !== SystemDmaFunction.Burst) return false;
    this.#write(channel, sdma.SDMA_BURST, value);
    return true;
  }

  #read(channel: number, register: number): number {
    return this.view.readRegister(sdmaChannel(channel, register), 4);
  }

  #write(channel: number, register: number, value: number): void {
    this.view.writeRegister(sdmaChannel(channel, register), 4, value);
  }
}

/** The controller's vector: its ISR is the HAL's, which only queues the HAL's DPC. */
export class SystemDmaVector extends InterruptVector {
  #dpc: Dpc | null = null;

  attach(dpc: Dpc): void {
    this.#dpc = dpc;
  }

  override deliver(): void {
    this.delivered++;
    this.cpu.push('isr', this.name, this.objectId, this.irql, serve(this.kernel, this, this.#dpc));
  }
}

function* serve(kernel: Kernel, vector: InterruptVector, dpc: Dpc | null): Suspending<void> {
  vector.source.take();
  kernel.emit(EventKind.InterruptDeliver, vector.objectId, vector.index, 0);
  dpc?.queue();
}
