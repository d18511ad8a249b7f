import { expect } from 'chai';
import { describe, it } from 'mocha';
import * as nt from '../../src/nt/index.js';

const statuses = Object.entries(nt).filter((entry): entry is [string, number] => entry[0].startsWith('STATUS_'));

describe('NTSTATUS', () => {
  it('knows every exported status by name and by value', () => {
    expect(statuses.length).to.be.greaterThan(40);
    for (const [name, value] of statuses) {
      expect(nt.statusName(value), name).to.equal(name);
      expect(nt.statusByName(name), name).to.equal(value);
      expect(nt.statusByName(name.replace(/^STATUS_/, '')), name).to.equal(value);
    }
  });

  it('gives no two names one value', () => {
    expect(new Set(statuses.map(([, value]) => value)).size).to.equal(statuses.length);
  });

  it('keeps every value a signed 32-bit number', () => {
    for (const [name, value] of statuses) expect(Object.is(value, value | 0), name).to.equal(true);
  });

  it('takes the two severity bits for success or failure, as the Windows macro does', () => {
    for (const [name, value] of statuses) expect(nt.NT_SUCCESS(value), name).to.equal(((value >>> 30) & 3) < 2);
    expect(nt.NT_SUCCESS(nt.STATUS_SUCCESS)).to.equal(true);
    expect(nt.NT_SUCCESS(nt.STATUS_PENDING)).to.equal(true);
    expect(nt.NT_SUCCESS(nt.STATUS_WDF_QUEUED)).to.equal(true);
    expect(nt.NT_SUCCESS(nt.STATUS_NO_MORE_ENTRIES)).to.equal(false);
    expect(nt.NT_SUCCESS(nt.STATUS_CANCELLED)).to.equal(false);
    expect(nt.NT_SUCCESS(nt.STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS)).to.equal(false);
  });

  it('has the published values of the WDF facility', () => {
    expect(nt.STATUS_WDF_BUSY >>> 0).to.equal(0xc0200204);
    expect(nt.STATUS_WDF_TOO_FRAGMENTED >>> 0).to.equal(0xc020020a);
    expect(nt.STATUS_MORE_PROCESSING_REQUIRED >>> 0).to.equal(0xc0000016);
  });

  it('prints an unknown value as eight hex digits and knows no unknown name', () => {
    expect(nt.statusName(0xc000beef | 0)).to.equal('0xc000beef');
    expect(nt.statusName(1)).to.equal('0x00000001');
    expect(nt.statusByName('STATUS_NO_SUCH_THING')).to.equal(undefined);
    expect(nt.statusByName('toString'), 'a name of Object.prototype').to.equal(undefined);
  });
});

describe('IRQL', () => {
  it('has names for levels, DIRQL in between', () => {
    const names = [nt.PASSIVE_LEVEL, nt.APC_LEVEL, nt.DISPATCH_LEVEL, nt.DIRQL_MIN, nt.HIGH_LEVEL].map(nt.irqlName);
    expect(names).to.deep.equal(['PASSIVE_LEVEL', 'APC_LEVEL', 'DISPATCH_LEVEL', 'DIRQL(3)', 'HIGH_LEVEL']);
  });
});

describe('bug check', () => {
  it('prints as a crash dump does', () => {
    const text = nt.bugCheckText({ code: nt.WDF_VIOLATION, parameters: [nt.WdfViolation.DMA_FATAL_ERROR, 0x11, -1, 'x'] });
    expect(text).to.equal('0x10D WDF_VIOLATION (0x8, 0x11, 0xffffffff, x)');
    expect(nt.bugCheckText({ code: 0x7f, parameters: [] })).to.equal('0x7F UNKNOWN_BUG_CHECK ()');
  });

  it('carries its violation', () => {
    const violation = { rule: 'B05', severity: 'crash', message: 'gone', object: 'Device#3' } as const;
    const bugCheck = new nt.BugCheck(violation);
    expect(bugCheck).to.be.instanceOf(Error);
    expect(bugCheck.message).to.equal('gone');
    expect(bugCheck.violation).to.equal(violation);
  });

  it('prints parameters beyond 2^32 in full', () => {
    expect(nt.bugCheckText({ code: nt.DRIVER_VERIFIER_DMA_VIOLATION, parameters: [0x26, 0x10_0000_2000] })).to.equal(
      '0xE6 DRIVER_VERIFIER_DMA_VIOLATION (0x26, 0x1000002000)',
    );
  });
});

describe('errors', () => {
  it('have a stable code and, for usage errors, what would be right', () => {
    const usage = new nt.UsageError('USAGE_X', 'no such thing', { where: '--seed', expected: 'a number' });
    expect([usage.name, usage.code, usage.details.where, usage.details.expected]).to.deep.equal([
      'UsageError',
      'USAGE_X',
      '--seed',
      'a number',
    ]);
    expect(() => nt.assertInternal(false, 'X', 'broken'))
      .to.throw(nt.InternalError, 'broken')
      .with.property('code', 'X');
    expect(() => nt.assertInternal(true, 'X', 'broken')).to.not.throw();
  });
});
