import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Worker } from 'node:worker_threads';
import {
  FieldAccess,
  RegisterAccessError,
  RegisterBlock,
  RegisterTable,
  wordRegister,
  type RegisterWidth,
} from '../../src/hardware/index.js';
import { MachineMemory } from '../../src/memory/index.js';
import { HAMMER_ACK, HAMMER_EVENTS, HAMMER_REGISTERS, HAMMER_TABLE, hammerBlock } from './hammer-table.js';

const MIXED = new RegisterTable('mixed', 16, [
  {
    name: 'MIXED',
    offset: 4,
    resetValue: 0x0000_0f05,
    fields: [
      { name: 'Rw', mask: 0x0000_00ff, access: FieldAccess.RW },
      { name: 'W1c', mask: 0x0000_ff00, access: FieldAccess.W1C },
      { name: 'Ro', mask: 0x000f_0000, access: FieldAccess.RO },
      { name: 'Wo', mask: 0x00f0_0000, access: FieldAccess.WO },
      { name: 'Command', mask: 0x0f00_0000, access: FieldAccess.Command },
      { name: 'RwCommand', mask: 0xf000_0000, access: FieldAccess.RWCommand },
    ],
  },
  wordRegister('PLAIN', 12, FieldAccess.RW),
]);

function block(table: RegisterTable, shared = false): RegisterBlock {
  const registers = new RegisterBlock(table, MachineMemory.create(65536, shared), 4096, 8192);
  registers.reset();
  return registers;
}

/** What the data sheet says a write does to a word, byte by byte and field by field, without atomics. */
function expected(word: number, offset: number, width: number, value: number): { word: number; command: number } {
  let command = 0;
  for (let bit = 0; bit < 32; bit++) {
    const from = (offset - 4) * 8;
    if (bit < from || bit >= from + width * 8) continue;
    const written = Math.floor(value / 2 ** (bit - from)) % 2 === 1;
    const mask = 1 << bit;
    const field = bit < 8 ? 'RW' : bit < 16 ? 'W1C' : bit < 20 ? 'RO' : bit < 24 ? 'WO' : bit < 28 ? 'COMMAND' : 'RW-COMMAND';
    if (field === 'RW' || field === 'WO' || field === 'RW-COMMAND') word = written ? word | mask : word & ~mask;
    if (field === 'W1C' && written) word &= ~mask;
    if ((field === 'COMMAND' || field === 'RW-COMMAND') && written) command |= mask;
  }
  return { word, command };
}

const access = fc.oneof(
  fc.record({ width: fc.constant<RegisterWidth>(4), offset: fc.constant(4), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ width: fc.constant<RegisterWidth>(2), offset: fc.constantFrom(4, 6), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ width: fc.constant<RegisterWidth>(1), offset: fc.constantFrom(4, 5, 6, 7), value: fc.integer({ min: 0, max: 0xff }) }),
);
const action = fc.oneof(
  access.map((a) => ({ kind: 'write' as const, ...a })),
  fc.integer().map((bits) => ({ kind: 'raise' as const, bits: bits & 0x000f_ff00 })),
  fc.integer().map((mask) => ({ kind: 'take' as const, mask })),
);

describe('register block', () => {
  it('does to every field in every lane what its access says', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const registers = block(MIXED);
        let model = 0x0f05;
        let latch = 0;
        for (const a of actions) {
          if (a.kind === 'write') {
            registers.commit(a.offset, registers.write(a.offset, a.width, a.value));
            const next = expected(model, a.offset, a.width, a.value);
            model = next.word;
            latch |= next.command;
          } else if (a.kind === 'raise') {
            expect(registers.raise(4, a.bits)).to.equal(model);
            model |= a.bits;
          } else {
            expect(registers.take(4, a.mask)).to.equal(latch & a.mask);
            latch &= ~a.mask;
          }
          expect(registers.get(4)).to.equal(model | 0);
          expect(registers.peekCommands(4)).to.equal(latch);
          expect(registers.read(4, 4)).to.equal((model & 0xf00f_ffff) >>> 0);
          for (const lane of [0, 1, 2, 3]) expect(registers.read(4 + lane, 1)).to.equal(((model & 0xf00f_ffff) >>> (lane * 8)) & 0xff);
          expect(registers.read(6, 2)).to.equal(((model & 0xf00f_ffff) >>> 16) & 0xffff);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses accesses that fit no register, with what is wrong', () => {
    const registers = block(MIXED);
    const code = (offset: number, width: number): string => {
      try {
        registers.read(offset, width as RegisterWidth);
      } catch (error) {
        expect(error).to.be.instanceOf(RegisterAccessError);
        return (error as RegisterAccessError).code;
      }
      return 'none';
    };
    expect(code(4, 3)).to.equal('REGISTER_WIDTH');
    expect(code(5, 2)).to.equal('REGISTER_ALIGNMENT');
    expect(code(6, 4)).to.equal('REGISTER_ALIGNMENT');
    expect(code(16, 4)).to.equal('REGISTER_RANGE');
    expect(code(-4, 4)).to.equal('REGISTER_RANGE');
    expect(code(2 ** 32 + 4, 4)).to.equal('REGISTER_RANGE');
    expect(code(4.5, 1)).to.equal('REGISTER_RANGE');
    expect(code(8, 4)).to.equal('REGISTER_UNDEFINED');
    expect(code(0, 1)).to.equal('REGISTER_UNDEFINED');
    expect(code(12, 4)).to.equal('none');
    expect(() => registers.write(8, 4, 1)).to.throw(RegisterAccessError, /0x8 hits no register/);
  });

  it('refuses tables whose registers overlap or lie outside', () => {
    expect(() => new RegisterTable('t', 8, [wordRegister('A', 0, FieldAccess.RW), wordRegister('B', 0, FieldAccess.RW)])).to.throw(
      /two registers/,
    );
    expect(() => new RegisterTable('t', 8, [wordRegister('A', 8, FieldAccess.RW)])).to.throw(/outside/);
    const overlap = [
      {
        name: 'A',
        offset: 0,
        fields: [
          { name: 'x', mask: 3, access: FieldAccess.RW },
          { name: 'y', mask: 2, access: FieldAccess.RO },
        ],
      },
    ];
    expect(() => new RegisterTable('t', 8, overlap)).to.throw(/overlaps/);
  });

  it('gives reset values back', () => {
    const registers = block(MIXED);
    registers.commit(4, registers.write(4, 4, 0xffff_ffff));
    expect(registers.peekCommands(4)).to.equal(0xff00_0000 | 0);
    registers.reset();
    expect(registers.get(4)).to.equal(0x0f05);
    expect(registers.peekCommands(4)).to.equal(0);
  });

  /**
   * The device raises every W1C bit again and again, each time waiting until it was acknowledged; the driver
   * acknowledges exactly what it observed and writes the RW half of the same words in between. A single lost bit
   * would leave both waiting for each other.
   */
  it('loses no W1C bit and no RW write between two threads', async () => {
    const memory = MachineMemory.create(65536, true);
    const registers = hammerBlock(memory);
    registers.reset();
    const worker = new Worker(new URL('./hammer-worker.js', import.meta.url), { workerData: memory.wasm });
    const failed = new Promise<never>((_, reject) => worker.once('error', reject));
    const done = new Promise<number>((resolve) => worker.once('message', resolve));
    const acknowledged = new Int32Array(HAMMER_REGISTERS.length * 16);
    const control = { lastRw: 0, mismatches: 0, rounds: 0 };
    const wanted = HAMMER_REGISTERS.length * 16 * HAMMER_EVENTS;
    let total = 0;
    while (total < wanted) {
      for (let r = 0; r < HAMMER_REGISTERS.length; r++) total += acknowledge(registers, r, acknowledged, control);
      if (control.rounds++ % 256 === 0) await Promise.race([failed, new Promise((resolve) => setImmediate(resolve))]);
    }
    const raised = await Promise.race([done, failed]);
    await worker.terminate();
    expect(raised).to.equal(wanted);
    expect(Array.from(acknowledged)).to.deep.equal(Array.from({ length: acknowledged.length }, () => HAMMER_EVENTS));
    expect(control.mismatches).to.equal(0);
    for (const { offset } of HAMMER_TABLE.words) expect(registers.get(offset) & HAMMER_ACK).to.equal(0);
  });
});

/** One look of the driver at one register: acknowledges what it sees, through a lane of its choice, and writes the RW half. */
function acknowledge(
  registers: RegisterBlock,
  r: number,
  counts: Int32Array,
  control: { lastRw: number; mismatches: number; rounds: number },
): number {
  const offset = HAMMER_REGISTERS[r]!;
  const observed = registers.read(offset, 4) & HAMMER_ACK;
  let seen = 0;
  for (let bit = 0; bit < 16; bit++) {
    if ((observed & (1 << bit)) === 0) continue;
    counts[r * 16 + bit]!++;
    seen++;
  }
  const rw = (control.rounds * 7 + r) & 0xffff;
  if (control.rounds % 3 === 0) {
    registers.write(offset, 4, observed + rw * 0x1_0000);
  } else {
    if (observed !== 0) registers.write(offset, 2, observed);
    registers.write(offset + 2, 2, rw);
  }
  if (registers.read(offset + 2, 2) !== rw) control.mismatches++;
  return seen;
}
