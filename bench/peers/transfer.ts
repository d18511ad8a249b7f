import { MachineMemory, PAGE_SIZE, type WasmMemory } from '../../src/memory/index.js';

/** A request as a message: the same facts as a descriptor of a ring. */
export interface TransferMessage {
  readonly tag: number;
  /** Byte offset in memory. */
  readonly address: number;
  readonly deviceOffset: number;
  readonly lengthBytes: number;
}

export interface TransferDone {
  readonly tag: number;
  readonly status: number;
  readonly lengthBytes: number;
}

/** Where host buffers and the device's memory lie; plain data, and the memory itself, for a worker. */
export interface TransferPlan {
  readonly wasm: WasmMemory;
  readonly hostBase: number;
  readonly deviceBase: number;
  readonly deviceBytes: number;
  readonly payloadBytes: number;
  readonly tags: number;
}

/** The device's local memory in all ring and message workloads. */
export const DEVICE_BYTES = 4 << 20;
export const STATUS_OK = 0;
const STATUS_OUT_OF_BOUNDS = 1;

/** Memory with a filled host buffer for every tag, packed as in the C ring, and room for the device. */
export function planTransfers(payloadBytes: number, tags: number): TransferPlan {
  const hostBase = PAGE_SIZE;
  const hostBytes = Math.ceil((payloadBytes * tags) / PAGE_SIZE) * PAGE_SIZE;
  const deviceBase = hostBase + hostBytes;
  const memory = MachineMemory.create(deviceBase + DEVICE_BYTES, true);
  for (let at = 0; at < payloadBytes * tags; at++) memory.u8[hostBase + at] = at * 31 + (at >> 8) + 7;
  return { wasm: memory.wasm, hostBase, deviceBase, deviceBytes: DEVICE_BYTES, payloadBytes, tags };
}

export function messageOf(plan: TransferPlan, tag: number): TransferMessage {
  const at = tag * plan.payloadBytes;
  return {
    tag,
    address: plan.hostBase + at,
    deviceOffset: at % (plan.deviceBytes - plan.payloadBytes + 1),
    lengthBytes: plan.payloadBytes,
  };
}

/** The device's half: bounds, copy, completion. It copies with the lab's own copy engine, so that the peers differ in transport only. */
export class TransferEngine {
  readonly #memory: MachineMemory;

  constructor(private readonly plan: TransferPlan) {
    this.#memory = new MachineMemory(plan.wasm);
  }

  perform({ tag, address, deviceOffset, lengthBytes }: TransferMessage): TransferDone {
    const { deviceBase, deviceBytes } = this.plan;
    const inside = address >= 0 && address + lengthBytes <= deviceBase && deviceOffset >= 0 && deviceOffset + lengthBytes <= deviceBytes;
    if (!inside) return { tag, status: STATUS_OUT_OF_BOUNDS, lengthBytes: 0 };
    this.#memory.copy(deviceBase + deviceOffset, address, lengthBytes);
    return { tag, status: STATUS_OK, lengthBytes };
  }
}

/** The driver's half of the book-keeping: every completion is for something in flight, succeeded and moved everything. */
export class InFlight {
  readonly #inFlight: Uint8Array;
  readonly #free: number[];

  constructor(private readonly plan: TransferPlan) {
    this.#inFlight = new Uint8Array(plan.tags);
    this.#free = Array.from({ length: plan.tags }, (_, tag) => tag);
  }

  take(): TransferMessage {
    const tag = this.#free.pop();
    if (tag === undefined) throw new Error('more requests in flight than tags');
    this.#inFlight[tag] = 1;
    return messageOf(this.plan, tag);
  }

  complete({ tag, status, lengthBytes }: TransferDone): void {
    if (this.#inFlight[tag] !== 1) throw new Error(`a completion for tag ${tag}, which is not in flight`);
    if (status !== STATUS_OK) throw new Error(`request ${tag} failed with status ${status}`);
    if (lengthBytes !== this.plan.payloadBytes) throw new Error(`request ${tag} moved ${lengthBytes} bytes of ${this.plan.payloadBytes}`);
    this.#inFlight[tag] = 0;
    this.#free.push(tag);
  }
}

/** Compares every host buffer with its place in device memory, for runs in which each tag was used; throws at a difference. */
export function checkPayload(plan: TransferPlan): void {
  const { payloadBytes, tags, hostBase, deviceBase, deviceBytes } = plan;
  if (payloadBytes === 0 || payloadBytes * tags > deviceBytes) return;
  const memory = new MachineMemory(plan.wasm);
  const at = memory.firstDifference(deviceBase, hostBase, payloadBytes * tags);
  if (at >= 0) throw new Error(`device memory differs from the host buffers at byte ${at}`);
}
