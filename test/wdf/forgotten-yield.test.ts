import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';

const index = new URL('../../src/index.js', import.meta.url).href;
const main = new URL('../../src/cli/main.js', import.meta.url).pathname;

/** A driver in plain JavaScript that completes every request at once; `line` is what its EvtIo does first. */
const module = (line: string): string => `
import { defineScenario, DmaEnabler, DmaTransaction, IoQueue, STATUS_SUCCESS, WdfSpinLock } from '${index}';
let enabler, transaction, lock;
const driver = { name: 'plain', *evtDriverDeviceAdd(init) {
  const device = init.create().object;
  const queue = IoQueue.create(device, { dispatchType: 'sequential', *evtIoDefault(queue, request, lengthBytes) {
    ${line}
    yield* request.completeWithInformation(STATUS_SUCCESS, lengthBytes);
  } }).object;
  device.setDefaultQueue(queue);
  lock = WdfSpinLock.create(device);
  enabler = (yield* DmaEnabler.create(device, { profile: 'ScatterGather64', maximumLengthBytes: 65536 })).object;
  transaction = (yield* DmaTransaction.create(enabler)).object;
  return STATUS_SUCCESS;
} };
export default defineScenario({ name: 'plain', title: 'plain', devices: [{ name: 'board', model: 'sgring', driver }] });
`;

/** In a process of its own: the watch, once installed, stays for the process. */
describe('a forgotten yield* in plain JavaScript is L-FORGOTTEN-YIELD, with the call', function () {
  this.timeout(30_000);
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dmalab-yield-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const explore = (line: string): { findings: { rule: string; message: string }[] } => {
    const path = join(folder, 'plain.mjs');
    writeFileSync(path, module(line));
    const { stdout } = spawnSync(process.execPath, [main, 'explore', path, '--schedules', '1', '--out', folder, '--json'], {
      encoding: 'utf8',
    });
    return JSON.parse(stdout) as { findings: { rule: string; message: string }[] };
  };

  for (const [line, call] of [
    ['lock.acquire();', 'WdfSpinLock.acquire'],
    ['transaction.dmaCompleted();', 'DmaTransaction.dmaCompleted'],
    ['transaction.release();', 'DmaTransaction.release'],
    ['queue.stop();', 'IoQueue.stop'],
  ] as const) {
    it(call, () => {
      const [first] = explore(line).findings;
      expect(first!.rule).to.equal('L-FORGOTTEN-YIELD');
      expect(first!.message).to.contain(`${call} was called without yield*`);
    });
  }

  it('with yield* everywhere there is no such finding', () => {
    const { findings } = explore('yield* lock.acquire(); yield* lock.release();');
    // This driver moves nothing, which the payload check says.
    expect(new Set(findings.map(({ rule }) => rule))).to.deep.equal(new Set(['L-DATA']));
  });
});
