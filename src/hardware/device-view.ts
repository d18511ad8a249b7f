import { atomics, zeroWords, type MachineMemory } from '../memory/index.js';
import { DONE, makeOp, type Op, type OpKind } from '../kernel/op.js';
import { DmaWrites } from './dma-writes.js';
import { DeviceHeader, assertReachable, type DevicePlacement } from './device-plan.js';
import type { DeviceModel, DeviceParams, RegisterDescription } from './device-model.js';
import { HostWord } from './host-layout.js';
import { InterruptController, type LineSource } from './interrupt-controller.js';
import { IommuDomain } from './iommu.js';
import { RegisterAccessError, RegisterAccessFault, RegisterBlock, type RegisterWidth } from './register-block.js';

/** What all devices of a machine share. */
export interface HardwarePlatform {
  readonly interrupts: InterruptController;
  /** First frame the frame allocator may hand out; devices see nothing below it. */
  readonly firstRamFrame: number;
}

/** Device power states of the header. */
export const DevicePower = { D0: 0, D1: 1, D2: 2, D3: 3 } as const;
export type DevicePower = (typeof DevicePower)[keyof typeof DevicePower];

/** All ones, what a read gives when nobody answers on the bus, by width. */
const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const;

/**
 * A device as seen from one thread: offsets and views over its words in machine memory, no state of its own. The main
 * thread and the engine host each make one from the same placement.
 */
export class DeviceView implements LineSource {
  readonly words: Int32Array;
  /** Word index of the model's first state word. */
  readonly state: number;
  readonly params: DeviceParams;
  readonly registers: RegisterBlock;
  readonly iommu: IommuDomain;
  readonly interrupts: InterruptController;
  /** Byte offset of the device's local memory. */
  readonly localMemory: number;
  readonly localMemoryBytes: number;
  readonly firstVector: number;
  readonly objectId: number;
  readonly name: string;
  /** Word index of the gate: 1 while the device may act. */
  readonly gate: number;
  /** Word index of the free-running step counter. */
  readonly steps: number;
  /** Word index of the planned faults; the word is 0 while none are planned. */
  readonly faults: number;
  /** What it has written and memory does not show yet: data on the bus, status held back in the device. Null where it is there at once. */
  readonly dataWrites: DmaWrites | null;
  readonly writeBacks: DmaWrites | null;
  readonly #header: number;
  readonly #engaged: number;
  readonly #host: number;

  constructor(
    readonly memory: MachineMemory,
    readonly model: DeviceModel,
    readonly placement: DevicePlacement,
    platform: HardwarePlatform,
  ) {
    this.words = memory.i32;
    this.state = placement.state >> 2;
    this.params = placement.params;
    this.registers = new RegisterBlock(model.registers(placement.params), memory, placement.registers, placement.latches);
    this.interrupts = platform.interrupts;
    this.iommu = new IommuDomain(memory, placement.iommu, platform.firstRamFrame, platform.interrupts);
    assertReachable(placement, model.addressBits, this.iommu.endAddress);
    this.localMemory = placement.localMemory;
    this.localMemoryBytes = placement.localMemoryBytes;
    this.firstVector = placement.vectors.first;
    this.objectId = placement.objectId;
    this.name = placement.name;
    this.#header = placement.header >> 2;
    this.gate = this.#header + DeviceHeader.Gate;
    this.steps = this.#header + DeviceHeader.Steps;
    this.faults = placement.faults >> 2;
    const { dataWrites, writeBacks } = placement;
    this.dataWrites = dataWrites === 0 ? null : new DmaWrites(memory, dataWrites);
    this.writeBacks = writeBacks === 0 ? null : new DmaWrites(memory, writeBacks);
    // A device's read goes behind its own writes.
    if (this.dataWrites !== null) this.iommu.beforeRead = () => this.dataWrites!.flush();
    this.#engaged = placement.engaged >> 2;
    this.#host = placement.host >> 2;
    if (placement.vectors.kind === 'line') platform.interrupts.connectLine(placement.vectors.first, this);
  }

  /** The scheduling point of a device action. */
  op(kind: OpKind): Op {
    return makeOp(this.objectId, kind);
  }

  // ---- The driver's side of the bus

  /** It is there and in D0: accesses reach its registers. */
  get answers(): boolean {
    return this.words[this.#header + DeviceHeader.Answers] !== 0;
  }

  /** Reads a register, unsigned; all ones when the device is gone or not in D0. Throws RegisterAccessError. */
  readRegister(offset: number, widthBytes: RegisterWidth): number {
    if (!this.answers) return ALL_ONES[widthBytes] ?? this.registers.read(offset, widthBytes);
    return this.registers.read(offset, widthBytes);
  }

  /** Writes a register and wakes the engine if that gave it something to do; vanishes when the device is gone or not in D0. Throws RegisterAccessError. */
  writeRegister(offset: number, widthBytes: RegisterWidth, value: number): void {
    if (!this.answers) return;
    const commands = this.registers.write(offset, widthBytes, value);
    const lanes = widthBytes === 4 ? value | 0 : (value & ALL_ONES[widthBytes]) << ((offset & 3) * 8);
    if (this.model.registerWritten !== undefined) this.model.registerWritten(this, offset - (offset & 3), lanes);
    this.registers.commit(offset, commands);
    this.kick();
  }

  /** Reads local memory through its base address register, unsigned; all ones when nobody answers. Throws RegisterAccessError. */
  readLocal(offset: number, widthBytes: RegisterWidth): number {
    const at = this.#localAddress(offset, widthBytes);
    if (this.words[this.#header + DeviceHeader.Answers] === 0) return ALL_ONES[widthBytes];
    if (widthBytes === 4) return this.words[at >> 2]! >>> 0;
    return widthBytes === 2 ? this.memory.u16[at >> 1]! : this.memory.u8[at]!;
  }

  /** Writes local memory through its base address register. Throws RegisterAccessError. */
  writeLocal(offset: number, widthBytes: RegisterWidth, value: number): void {
    const at = this.#localAddress(offset, widthBytes);
    if (this.words[this.#header + DeviceHeader.Answers] === 0) return;
    this.memory.touch(at, widthBytes);
    if (widthBytes === 4) this.words[at >> 2] = value;
    else if (widthBytes === 2) this.memory.u16[at >> 1] = value;
    else this.memory.u8[at] = value;
  }

  #localAddress(offset: number, widthBytes: number): number {
    const inside = Number.isInteger(offset) && offset >= 0 && offset + widthBytes <= this.localMemoryBytes;
    const code = inside ? RegisterAccessFault.Alignment : RegisterAccessFault.Range;
    if (!inside || offset % widthBytes !== 0) {
      throw new RegisterAccessError(
        code,
        this.name,
        offset,
        widthBytes,
        `${this.name}: an access of ${widthBytes} bytes at 0x${offset.toString(16)} of ${this.localMemoryBytes} bytes of local memory`,
      );
    }
    return this.localMemory + offset;
  }

  // ---- The device's side

  /** Writes data to memory; `target` and `source` are byte offsets, and `lengthBytes` lie within a page of the target. */
  writeMemory(target: number, source: number, lengthBytes: number): void {
    if (this.dataWrites === null) this.memory.copy(target, source, lengthBytes);
    else this.dataWrites.copy(target, source, lengthBytes);
  }

  /** Writes a word of status back to index `word` of `memory.i32`: whoever sees it sees the data written before (rule D01). */
  storeStatus(word: number, value: number): void {
    const held = this.writeBacks ?? this.dataWrites;
    if (held === null) atomics.store(this.words, word, value);
    else held.store(word << 2, value);
  }

  /** As `storeStatus`, and sets bits only. */
  raiseStatus(word: number, bits: number): void {
    const held = this.writeBacks ?? this.dataWrites;
    if (held === null) atomics.or(this.words, word, bits);
    else held.or(word << 2, bits);
  }

  /** The oldest status held back reaches memory, behind all data. */
  writeBackOne(): void {
    this.dataWrites?.flush();
    this.writeBacks!.arriveOne();
  }

  /** Everything reaches memory. */
  pushWrites(): void {
    this.dataWrites?.flush();
    this.writeBacks?.flush();
  }

  /** The answer to a register read comes behind the data on the bus and, of some registers, behind status that was held back. */
  pushAheadOfRead(offset: number): void {
    this.dataWrites?.flush();
    if (this.writeBacks !== null && this.model.writesBackAt?.(offset - (offset & 3)) === true) this.writeBacks.flush();
  }

  /** Sends the device's message `vector` (0-based), behind all it has written. */
  message(vector: number): void {
    if (this.writeBacks !== null) this.pushWrites();
    this.interrupts.message(this.firstVector + vector);
  }

  /** Tells the processor that the device's line may have changed. */
  lineChanged(): void {
    this.interrupts.lineChanged(this.firstVector);
  }

  lineAsserted(): boolean {
    if (this.words[this.#header + DeviceHeader.Answers] === 0) return false;
    return this.model.lineAsserted?.(this) ?? false;
  }

  /** Wakes the engine host if it sleeps while this device has something to do. */
  kick(): void {
    const host = this.#host;
    if (host === 0) return;
    const { words } = this;
    // Written before this load: either the host, which sets the flag before it looks again, sees what was written, or we see the flag.
    if (atomics.load(words, host + HostWord.Sleeping) === 0 || this.model.pending(this) === DONE) return;
    if (atomics.exchange(words, host + HostWord.Sleeping, 0) === 0) return;
    atomics.add(words, host + HostWord.Doorbell, 1);
    atomics.notify(words, host + HostWord.Doorbell);
  }

  // ---- The platform's side: configuration space and slot, main thread

  get isPresent(): boolean {
    return this.words[this.#header + DeviceHeader.Present] !== 0;
  }

  get powerState(): DevicePower {
    return this.words[this.#header + DeviceHeader.PowerState]! as DevicePower;
  }

  get busMasterEnabled(): boolean {
    return this.words[this.#header + DeviceHeader.BusMaster] !== 0;
  }

  /** Unplugged (false): registers read all ones, writes vanish, the engine stands still, the line drops, at the next step boundary. */
  setPresent(present: boolean): void {
    this.#setHeader(DeviceHeader.Present, present ? 1 : 0);
  }

  /** Pulls the device out of its slot: nothing of it moves any more, messages on their way are lost. False when its engine does not come to rest. */
  unplug(): boolean {
    this.setPresent(false);
    const quiet = this.quiesce();
    // Data on the bus is beyond the device already; what it held back is lost with it.
    this.dataWrites?.flush();
    this.writeBacks?.discard();
    const { kind, first, count } = this.placement.vectors;
    if (kind === 'message') for (let vector = first; vector < first + count; vector++) this.interrupts.discard(vector);
    return quiet;
  }

  /** Only D0 answers and acts. What a device keeps over D3 is the driver's affair: see `powerOn`. */
  setPowerState(state: DevicePower): void {
    this.#setHeader(DeviceHeader.PowerState, state);
  }

  /** With bus mastering off a device moves nothing, neither data nor messages. */
  setBusMasterEnabled(enabled: boolean): void {
    this.#setHeader(DeviceHeader.BusMaster, enabled ? 1 : 0);
  }

  #setHeader(field: number, value: number): void {
    const { words } = this;
    const header = this.#header;
    atomics.store(words, header + field, value);
    const answers = words[header + DeviceHeader.Present] !== 0 && words[header + DeviceHeader.PowerState] === DevicePower.D0;
    const acts = answers && words[header + DeviceHeader.BusMaster] !== 0;
    atomics.store(words, header + DeviceHeader.Answers, answers ? 1 : 0);
    atomics.store(words, header + DeviceHeader.Gate, acts ? 1 : 0);
    this.kick();
  }

  /** Plugs the device in and brings it to D0 with power-on register values; bus mastering is off as after any reset. */
  powerOn(): void {
    this.setPowerState(DevicePower.D3);
    this.quiesce();
    this.reset();
    this.setBusMasterEnabled(false);
    this.setPresent(true);
    this.setPowerState(DevicePower.D0);
  }

  /** Registers, latches and state words to their power-on values. The engine must stand still. */
  reset(): void {
    zeroWords(this.words, this.state, this.state + this.placement.stateWords);
    this.words[this.steps] = 0;
    this.registers.reset();
    this.model.reset(this);
  }

  /** True while an engine host is inside a batch of this device's steps. */
  get isEngaged(): boolean {
    return atomics.load(this.words, this.#engaged) !== 0;
  }

  /** The engine host's bracket around a batch: after `setPowerState` or `setPresent` no further batch begins, `quiesce` waits for the running one. */
  setEngaged(engaged: boolean): void {
    atomics.exchange(this.words, this.#engaged, engaged ? 1 : 0);
    // No load of the first step may go ahead of the flag: the acquiring load keeps them behind it on every processor.
    atomics.load(this.words, this.gate);
  }

  /** Waits, spinning, until the batch in progress is over. False when that took more than `spinsMax` looks: the host is lost. */
  quiesce(spinsMax = 50_000_000): boolean {
    for (let spins = 0; spins < spinsMax; spins++) if (!this.isEngaged) return true;
    return false;
  }

  /** Steps performed since power on, unsigned. */
  get stepCount(): number {
    return this.words[this.steps]! >>> 0;
  }

  /** Registers and internal state by name, for reports. */
  describeRegisters(): readonly RegisterDescription[] {
    return [...this.registers.describe(), ...this.model.describe(this)];
  }
}
