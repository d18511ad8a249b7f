import { makeOp, OpKind, RegisterTable, wordRegister, FieldAccess, type DeviceModel } from '../../src/hardware/index.js';

const table = new RegisterTable('failing', 64, [wordRegister('GO', 0, FieldAccess.Command), wordRegister('COUNT', 4, FieldAccess.RO)]);

/** A model from a module of its own: counts commands, and throws at the third. */
const failing: DeviceModel = {
  name: 'failing',
  title: 'throws in a step',
  params: [],
  addressBits: 32,
  aperture: 'low',
  registers: () => table,
  bars: () => [],
  stateWords: () => 1,
  localMemoryBytes: () => 0,
  vectors: () => ({ kind: 'message', count: 1 }),
  reset: () => undefined,
  pending: (d) => (d.words[d.gate] !== 0 && d.registers.peekCommands(0) !== 0 ? makeOp(d.objectId, OpKind.Update) : -1),
  step: (d) => {
    if (d.words[d.gate] === 0 || d.registers.take(0, -1) === 0) return false;
    const count = d.registers.get(4) + 1;
    if (count === 3) throw new RangeError('the third command is one too many');
    d.registers.put(4, count);
    d.message(0);
    return true;
  },
  describe: () => [],
};

export default failing;
