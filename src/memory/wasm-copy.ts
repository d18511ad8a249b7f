/**
 * The copy engine: a WebAssembly module of about 200 bytes over the machine's memory.
 *
 * V8 copies *shared* buffers word by word in every JavaScript form; the `memory.copy` instruction does not.
 * The module is assembled here so that nothing has to be built or downloaded.
 */
export interface CopyModule {
  /** `memory.copy`; overlapping ranges are allowed. Traps as RuntimeError beyond the memory's end. */
  copy(to: number, from: number, lengthBytes: number): void;
  fill(to: number, value: number, lengthBytes: number): void;
  /** Offset of the first byte that differs between two ranges, or -1 when they are equal. */
  firstDifference(a: number, b: number, lengthBytes: number): number;
  /** 64-bit hash of a range whose length is a multiple of HASH_BLOCK_BYTES, chained through `seed`. Once per execution, so a BigInt may carry it. */
  hash(from: number, lengthBytes: number, seed: bigint): bigint;
}

export const HASH_BLOCK_BYTES = 32;

/** The parts of the WebAssembly API used here; @types/node does not declare them. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}
interface WasmApi {
  Memory: new (descriptor: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
}
const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;

export const WASM_PAGE_BYTES = 65536;

export function createWasmMemory(lengthBytes: number, shared: boolean): WasmMemory {
  const pages = Math.ceil(lengthBytes / WASM_PAGE_BYTES);
  // maximum = initial: the memory never grows, so views taken once stay valid for ever.
  return new wasm.Memory({ initial: pages, maximum: pages, shared });
}

export function createCopyModule(memory: WasmMemory): CopyModule {
  const pages = memory.buffer.byteLength / WASM_PAGE_BYTES;
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const module = new wasm.Module(assemble(pages, shared));
  return new wasm.Instance(module, { m: { m: memory } }).exports as CopyModule;
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];
const name = (text: string): number[] => [...leb(text.length), ...Buffer.from(text, 'latin1')];
const func = (body: number[]): number[] => [...leb(body.length), ...body];

function assemble(pages: number, shared: boolean): Uint8Array {
  const I32 = 0x7f;
  const I64 = 0x7e;
  const types = [3, 0x60, 3, I32, I32, I32, 0, 0x60, 3, I32, I32, I32, 1, I32, 0x60, 3, I32, I32, I64, 1, I64];
  const imports = [1, ...name('m'), ...name('m'), 2, shared ? 3 : 1, ...leb(pages), ...leb(pages)];
  const exports = [4, ...name('copy'), 0, 0, ...name('fill'), 0, 1, ...name('firstDifference'), 0, 2, ...name('hash'), 0, 3];
  const argument = (n: number): number[] => [0x20, n];
  const bulk = (opcode: number[]): number[] => func([0, ...argument(0), ...argument(1), ...argument(2), ...opcode, 0x0b]);
  const bodies = [4, ...bulk([0xfc, 0x0a, 0, 0]), ...bulk([0xfc, 0x0b, 0]), ...func(firstDifferenceBody()), ...func(hashBody())];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, imports),
    ...section(3, [4, 0, 0, 1, 2]),
    ...section(7, exports),
    ...section(10, bodies),
  ]);
}

/** Sixteen bytes a turn while they are equal and sixteen are left, then byte by byte; local 3 is the offset. */
function firstDifferenceBody(): number[] {
  const get = (n: number): number[] => [0x20, n];
  const add = 0x6a;
  const advance = (bytes: number): number[] => [...get(3), 0x41, bytes, add, 0x21, 3];
  const load = (opcode: number[], base: number): number[] => [...get(base), ...get(3), add, ...opcode, 0, 0];
  const vector = [0xfd, 0x00];
  const byte = [0x2d];
  const wide = [
    ...[0x02, 0x40, 0x03, 0x40], // block, loop
    ...[...get(3), 0x41, 16, add, ...get(2), 0x4b, 0x0d, 1], // offset + 16 > length: leave the block
    ...[...load(vector, 0), ...load(vector, 1), 0xfd, 0x51, 0xfd, 0x53, 0x0d, 1], // xor has a bit: leave the block
    ...[...advance(16), 0x0c, 0, 0x0b, 0x0b],
  ];
  const narrow = [
    ...[0x02, 0x40, 0x03, 0x40],
    ...[...get(3), ...get(2), 0x4f, 0x0d, 1], // offset >= length: leave the block
    ...[...load(byte, 0), ...load(byte, 1), 0x47, 0x04, 0x40, ...get(3), 0x0f, 0x0b], // bytes differ: return offset
    ...[...advance(1), 0x0c, 0, 0x0b, 0x0b],
  ];
  return [1, 1, 0x7f, ...wide, ...narrow, 0x41, 0x7f, 0x0b];
}

/** 2^64 divided by the golden ratio, odd. */
const HASH_MULTIPLIER = 0x9e3779b97f4a7c15n;

/** Signed LEB128 of a 64-bit constant. */
function sleb64(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asIntN(64, value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** Four lanes of xor, multiply, rotate over 32 bytes a turn, so that no lane waits for another; locals 3 to 6 are the lanes, 7 the end. */
function hashBody(): number[] {
  const get = (n: number): number[] => [0x20, n];
  const multiplier = [0x42, ...sleb64(HASH_MULTIPLIER)];
  const xor = 0x85;
  const multiply = 0x7e;
  const lanes = [0, 1, 2, 3];
  const start = lanes.flatMap((k) => [...get(2), 0x42, ...sleb64(BigInt(k + 1) * 0x5851f42d4c957f2dn), xor, 0x21, 3 + k]);
  const turn = lanes.flatMap((k) => [...get(3 + k), ...get(0), 0x29, 0, 8 * k, xor, ...multiplier, multiply, 0x42, 29, 0x89, 0x21, 3 + k]);
  const loop = [
    ...[0x02, 0x40, 0x03, 0x40], // block, loop
    ...[...get(0), ...get(7), 0x4f, 0x0d, 1], // from >= end: leave the block
    ...turn,
    ...[...get(0), 0x41, HASH_BLOCK_BYTES, 0x6a, 0x21, 0, 0x0c, 0, 0x0b, 0x0b],
  ];
  const fold = [...get(3), ...[4, 5, 6].flatMap((k) => [...multiplier, multiply, ...get(k), 0x7c])];
  const finish = [...fold, 0x22, 3, ...get(3), 0x42, 32, 0x88, xor, ...multiplier, multiply];
  return [2, 4, 0x7e, 1, 0x7f, ...start, ...get(0), ...get(1), 0x6a, 0x21, 7, ...loop, ...finish, 0x0b];
}
