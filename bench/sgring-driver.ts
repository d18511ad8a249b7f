import type { DeviceView } from '../src/hardware/device-view.js';
import * as reg from '../src/hardware/sgring-registers.js';
import { PAGE_SIZE } from '../src/memory/index.js';

const SLEEP_MS = 50;
/** Sleeps in a row without a completion after which the engine counts as lost. */
const SLEEPS_MAX = 100;
/** Moderation: device steps after which an interrupt is sent although fewer completions than a batch wait. */
const MODERATION_STEPS = 64;
const CHANNEL = 0;

export interface RingDriverOptions {
  readonly slots: number;
  readonly batch: number;
  /** Requests in flight; a tag each. */
  readonly tags: number;
  readonly payloadBytes: number;
  /** Looks at the completion ring's tail before the driver sleeps; 0 where there is no core for it. */
  readonly spins: number;
  /** Called instead of waiting: steps an engine that no other thread runs. Default none. */
  readonly stepEngine?: () => void;
}

/** Frames a ring driver needs: its two rings and a host buffer for every tag, packed. */
export function ringFrames({ slots, tags, payloadBytes }: Pick<RingDriverOptions, 'slots' | 'tags' | 'payloadBytes'>): number {
  const pages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);
  return pages(slots * reg.SGRING_DESCRIPTOR_BYTES) + pages(slots * reg.SGRING_COMPLETION_BYTES) + pages(tags * payloadBytes);
}

const register = (offset: number): number => reg.sgringRegister(CHANNEL, offset);

/**
 * The least a driver can do with an sgring: fill a batch of descriptors, ring the tail doorbell once, reap what has
 * completed and check every completion. No framework, no objects; pages are opened for the device once, at the start.
 */
export class RingDriver {
  readonly #device: DeviceView;
  readonly #options: RingDriverOptions;
  readonly #words: Int32Array;
  readonly #submissions: number;
  readonly #completions: number;
  readonly #hostBase: number;
  readonly #addressHigh: Int32Array;
  readonly #addressLow: Int32Array;
  readonly #inFlight: Uint8Array;
  readonly #freeTags: Int32Array;
  #freeCount: number;
  #tail = 0;
  #head = 0;
  #left = 0;
  #done = 0;
  sleeps = 0;

  constructor(device: DeviceView, firstFrame: number, options: RingDriverOptions) {
    const { slots, tags, payloadBytes } = options;
    this.#device = device;
    this.#options = options;
    this.#words = device.words;
    const submissionFrames = Math.ceil((slots * reg.SGRING_DESCRIPTOR_BYTES) / PAGE_SIZE);
    const completionFrames = Math.ceil((slots * reg.SGRING_COMPLETION_BYTES) / PAGE_SIZE);
    this.#submissions = (firstFrame * PAGE_SIZE) >> 2;
    this.#completions = ((firstFrame + submissionFrames) * PAGE_SIZE) >> 2;
    const bufferFrame = firstFrame + submissionFrames + completionFrames;
    this.#hostBase = bufferFrame * PAGE_SIZE;
    for (let frame = 0; frame < ringFrames(options); frame++) this.#open(firstFrame + frame);
    this.#addressHigh = new Int32Array(tags);
    this.#addressLow = new Int32Array(tags);
    this.#inFlight = new Uint8Array(tags);
    this.#freeTags = Int32Array.from({ length: tags }, (_, tag) => tag);
    this.#freeCount = tags;
    for (let tag = 0; tag < tags; tag++) {
      const address = device.iommu.frameAddress(bufferFrame) + tag * payloadBytes;
      this.#addressHigh[tag] = Math.floor(address / 2 ** 32);
      this.#addressLow[tag] = address % 2 ** 32;
    }
    this.#fillBuffers();
    this.#start(firstFrame, firstFrame + submissionFrames);
  }

  #open(frame: number): void {
    const { iommu } = this.#device;
    iommu.open(iommu.frameAddress(frame), frame, 3, frame);
  }

  #fillBuffers(): void {
    const { u8 } = this.#device.memory;
    const { tags, payloadBytes } = this.#options;
    for (let at = 0; at < tags * payloadBytes; at++) u8[this.#hostBase + at] = at * 31 + (at >> 8) + 7;
  }

  #start(submissionFrame: number, completionFrame: number): void {
    const device = this.#device;
    const { slots, batch } = this.#options;
    const write = (offset: number, value: number): void => device.writeRegister(register(offset), 4, value);
    const base = (low: number, high: number, frame: number): void => {
      const address = device.iommu.frameAddress(frame);
      write(low, address % 2 ** 32);
      write(high, Math.floor(address / 2 ** 32));
    };
    device.powerOn();
    device.setBusMasterEnabled(true);
    write(reg.SGRING_RING_SIZE, slots);
    base(reg.SGRING_SQ_BASE_LOW, reg.SGRING_SQ_BASE_HIGH, submissionFrame);
    base(reg.SGRING_CQ_BASE_LOW, reg.SGRING_CQ_BASE_HIGH, completionFrame);
    write(reg.SGRING_MODERATION, batch | (MODERATION_STEPS << reg.SGRING_MODERATION_STEPS_SHIFT));
    write(reg.SGRING_CTRL, reg.SGRING_CTRL_ENABLE);
  }

  /** Moves `requests` payloads and returns nanoseconds per request. Throws at the first completion that is wrong. */
  run(requests: number): number {
    this.#left = requests;
    this.#done = 0;
    const begin = performance.now();
    while (this.#done < requests) {
      const submitted = this.#submit();
      if (this.#reap() === 0 && submitted === 0) this.#waitForCompletions();
    }
    return ((performance.now() - begin) * 1e6) / requests;
  }

  #submit(): number {
    const { batch } = this.#options;
    const count = this.#left < batch ? this.#left : batch;
    if (count === 0 || this.#freeCount < count) return 0;
    let tail = this.#tail;
    for (let i = 0; i < count; i++, tail = (tail + 1) | 0) this.#fill(tail, this.#freeTags[--this.#freeCount]!);
    this.#tail = tail;
    this.#left -= count;
    // Releases the descriptors: an atomic store to the doorbell.
    this.#device.writeRegister(register(reg.SGRING_SQ_TAIL), 4, tail);
    return count;
  }

  #fill(index: number, tag: number): void {
    const { slots, payloadBytes } = this.#options;
    const words = this.#words;
    const at = this.#submissions + ((index & (slots - 1)) << 3);
    words[at + reg.SgringDescriptor.AddressLow] = this.#addressLow[tag]!;
    words[at + reg.SgringDescriptor.AddressHigh] = this.#addressHigh[tag]!;
    words[at + reg.SgringDescriptor.LengthBytes] = payloadBytes;
    words[at + reg.SgringDescriptor.Flags] = reg.SGRING_END_OF_REQUEST;
    words[at + reg.SgringDescriptor.DeviceOffset] = tag * payloadBytes;
    words[at + reg.SgringDescriptor.Tag] = tag;
    this.#inFlight[tag] = 1;
  }

  #reap(): number {
    // Acquires the completions before it.
    const ready = this.#device.readRegister(register(reg.SGRING_CQ_TAIL), 4) | 0;
    const count = (ready - this.#head) | 0;
    if (count === 0) return 0;
    for (let index = this.#head; index !== ready; index = (index + 1) | 0) this.#check(index);
    this.#head = ready;
    this.#done += count;
    this.#device.writeRegister(register(reg.SGRING_CQ_HEAD), 4, ready);
    return count;
  }

  #check(index: number): void {
    const { slots, payloadBytes } = this.#options;
    const words = this.#words;
    const at = this.#completions + ((index & (slots - 1)) << 2);
    const tag = words[at + reg.SgringCompletion.Tag]!;
    const right =
      this.#inFlight[tag] === 1 &&
      words[at + reg.SgringCompletion.Status] === reg.SgringStatus.Ok &&
      words[at + reg.SgringCompletion.BytesMoved] === payloadBytes &&
      words[at + reg.SgringCompletion.Sequence] === reg.sgringSequence(index, slots);
    if (!right) throw new Error(`completion ${index} is wrong: ${Array.from(words.subarray(at, at + 4)).join(', ')}`);
    this.#inFlight[tag] = 0;
    this.#freeTags[this.#freeCount++] = tag;
  }

  /** Spins for a bounded while; then arms the interrupt, looks again, and sleeps. */
  #waitForCompletions(): void {
    const { stepEngine } = this.#options;
    if (stepEngine !== undefined) {
      stepEngine();
      if (!this.#isReady())
        throw new Error(`the engine has nothing to do while ${this.#options.tags - this.#freeCount} requests are in flight`);
      return;
    }
    const device = this.#device;
    for (let spin = 0; spin < this.#options.spins; spin++) if (this.#isReady()) return;
    const { interrupts } = device;
    for (let sleep = 0; sleep < SLEEPS_MAX; sleep++) {
      device.writeRegister(register(reg.SGRING_INT_CAUSE), 4, reg.SGRING_INT_COMPLETION);
      device.writeRegister(register(reg.SGRING_INT_MASK), 4, reg.SGRING_INT_COMPLETION);
      if (!this.#isReady()) interrupts.waitBlocking(SLEEP_MS);
      device.writeRegister(register(reg.SGRING_INT_MASK), 4, 0);
      interrupts.takeMessage(device.firstVector);
      this.sleeps++;
      if (this.#isReady()) return;
    }
    const status = device.readRegister(register(reg.SGRING_STATUS), 4).toString(16);
    throw new Error(
      `the engine completed nothing for ${SLEEP_MS * SLEEPS_MAX} ms; ${this.#options.tags - this.#freeCount} requests are in flight, STATUS is 0x${status}`,
    );
  }

  #isReady(): boolean {
    return (this.#device.readRegister(register(reg.SGRING_CQ_TAIL), 4) | 0) !== this.#head;
  }

  /** Compares device memory with the host buffers; throws at a difference. For runs in which every tag was used. */
  checkPayload(): void {
    const { memory, localMemory } = this.#device;
    const { tags, payloadBytes } = this.#options;
    const at = memory.firstDifference(localMemory, this.#hostBase, tags * payloadBytes);
    if (at >= 0) throw new Error(`device memory differs from the host buffers at byte ${at}`);
  }
}
