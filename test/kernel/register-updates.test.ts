import { expect } from 'chai';
import { describe, it } from 'mocha';
import { RegisterUpdates } from '../../src/kernel/register-updates.js';

const ALL = -1;
const BYTE = 0xff;

describe('read-modify-writes of registers', () => {
  it('a write of the lanes that the task has read is an update, another one is not', () => {
    const updates = new RegisterUpdates();
    updates.read(1, 5, ALL);
    expect([
      updates.isUpdate(1, 5, ALL),
      updates.isUpdate(1, 5, BYTE),
      updates.isUpdate(2, 5, ALL),
      updates.isUpdate(1, 6, ALL),
    ]).to.deep.equal([true, false, false, false]);
    updates.forget(1);
    expect(updates.isUpdate(1, 5, ALL)).to.equal(false);
  });

  it('is stale when another task has written since, not by its own write', () => {
    const updates = new RegisterUpdates();
    updates.read(1, 0, ALL);
    updates.written(1, 0);
    expect(updates.isStale(1, 0)).to.equal(false);
    updates.written(2, 0);
    expect(updates.isStale(1, 0)).to.equal(true);
    updates.read(1, 0, ALL);
    expect(updates.isStale(1, 0)).to.equal(false);
  });

  it('has room for any number of registers and forgets them on reset', () => {
    const updates = new RegisterUpdates();
    updates.read(3, 1000, ALL);
    expect(updates.isUpdate(3, 1000, ALL)).to.equal(true);
    updates.reset();
    expect(updates.isUpdate(3, 1000, ALL)).to.equal(false);
  });
});
