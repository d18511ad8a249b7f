import { FieldAccess, RegisterBlock, RegisterTable } from '../../src/hardware/index.js';
import type { MachineMemory } from '../../src/memory/index.js';

/** Times each W1C bit is raised. */
export const HAMMER_EVENTS = 400;
/** W1C bits of each register; the upper half is RW. */
export const HAMMER_ACK = 0xffff;
export const HAMMER_REGISTERS = [0, 4, 128, 256] as const;

export const HAMMER_TABLE = new RegisterTable(
  'hammer',
  512,
  HAMMER_REGISTERS.map((offset) => ({
    name: `R${offset}`,
    offset,
    fields: [
      { name: 'Cause', mask: HAMMER_ACK, access: FieldAccess.W1C },
      { name: 'Enable', mask: 0xffff_0000, access: FieldAccess.RW },
    ],
  })),
);

export const hammerBlock = (memory: MachineMemory): RegisterBlock => new RegisterBlock(HAMMER_TABLE, memory, 4096, 8192);
