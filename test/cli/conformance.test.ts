import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeLab } from './support/fake-lab.js';
import { invoke, jsonOf } from './support/invoke.js';

const directory = mkdtempSync(join(tmpdir(), 'dmalab-vectors-'));
const publicVectors = readFileSync(new URL('../../../test/conformance/vectors/designed.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const vectorNamed = (name: string): Record<string, unknown> =>
  publicVectors.map((line) => JSON.parse(line) as Record<string, unknown>).find((vector) => vector['name'] === name)!;
const good = vectorNamed('packet-contiguous-runs');
const expected = good['expect'] as unknown[];
let files = 0;

function fileOf(text: string): string {
  const path = join(directory, `${files++}.jsonl`);
  writeFileSync(path, text);
  return path;
}

async function conformance(text: string): Promise<Record<string, unknown>> {
  return jsonOf(await invoke(`conformance ${fileOf(text)} --json`, new FakeLab()));
}

const lines = (...vectors: unknown[]): string => vectors.map((vector) => JSON.stringify(vector)).join('\n');
const passed = (n: number): object => ({ passed: n, failed: 0, beyond: { passed: 0, reported: 0 }, failures: [] });

describe('conformance', () => {
  after(() => rmSync(directory, { recursive: true }));

  it('counts what passed and shows the first event of each vector that failed', async () => {
    const wrong = { ...good, name: 'wrong', expect: [...expected.slice(0, 4), ['cb'], ...expected.slice(5)] };
    const text = lines(good, wrong);
    expect(await conformance(text)).to.deep.include({ verdict: 'finding', passed: 1, failed: 1, beyond: { passed: 0, reported: 0 } });
    const { code, stdout } = await invoke(`conformance ${fileOf(text)}`, new FakeLab());
    expect(code).to.equal(1);
    expect(stdout).to.contain('1 passed, 1 failed').and.contain('failed wrong').and.contain('event 4').and.contain('expected  ["cb"]');
  });

  it('takes carriage returns, empty lines, a byte order mark and fields nobody knows', async () => {
    const more = { ...good, author: 'x', machine: { ...(good['machine'] as object), cpus: 4 } };
    expect(await conformance(`\uFEFF${JSON.stringify(more)}\r\n\r\n  \n${JSON.stringify(good)}\r\n`)).to.deep.include(passed(2));
  });

  it('takes a vector without the optional fields', async () => {
    const least = {
      name: 'least',
      enabler: { profile: 'Packet', maximumLength: 4096 },
      script: [],
      expect: [
        ['ret', 'EnablerCreate', null, 'SUCCESS'],
        ['limits', 4096, [4096, 4096], [2, 2]],
        ['final', 'hal', 64, 0],
      ],
    };
    expect(await conformance(lines(least))).to.deep.include(passed(1));
  });

  it('takes any status of a power callback', async () => {
    const failing = {
      name: 'power',
      enabler: { profile: 'Packet', maximumLength: 4096, power: { Fill: 'DATA_ERROR', Disable: 'LOST_WRITEBEHIND_DATA' } },
      script: [['PowerUp', null]],
      expect: [
        ['ret', 'EnablerCreate', null, 'SUCCESS'],
        ['limits', 4096, [4096, 4096], [2, 2]],
        ['cb', 'EvtDmaEnablerFill', null],
        ['ret', 'PowerUp', null, 'DATA_ERROR'],
        ['final', 'hal', 64, 0],
      ],
    };
    expect(await conformance(lines(failing))).to.deep.include(passed(1));
  });

  it('reads files longer than it reads at a time', async () => {
    const padded = { ...good, padding: 'ä'.repeat(300_000) };
    expect(await conformance(lines(padded, padded, padded, good))).to.deep.include(passed(4));
  });

  it('lets a vector beyond the contract pass with other events only if the misuse was reported', async () => {
    const misuse = vectorNamed('packet-cancel-completed');
    const others = { ...misuse, expect: (misuse['expect'] as unknown[]).slice(0, -1) };
    expect(await conformance(lines(misuse, others))).to.deep.include({ passed: 0, failed: 0, beyond: { passed: 1, reported: 1 } });
    const silent = { ...good, beyondContract: true, expect: expected.slice(0, -1) };
    expect(await conformance(lines(silent))).to.deep.include({ passed: 0, failed: 1, beyond: { passed: 0, reported: 0 } });
  });

  it('lists what the verifier found apart, without a word in the verdict', async () => {
    const misuse = vectorNamed('packet-cancel-completed');
    expect(await conformance(lines(good))).to.deep.include({ verdict: 'ok', findings: [], verifierFindings: { total: 0, byRule: {} } });
    const report = await conformance(lines(misuse, good, misuse));
    expect(report).to.deep.include({ verdict: 'ok', findings: [], verifierFindings: { total: 2, byRule: { D62: 2 } } });
    const { code, stdout } = await invoke(`conformance ${fileOf(lines(misuse, misuse))}`, new FakeLab());
    expect([code, stdout.includes('findings on the way   2: D62 (2)')]).to.deep.equal([0, true]);
  });

  const withMdl = (mdl: object): object => ({ ...good, buffers: { b0: [mdl] } });
  const withEnabler = (fields: object): object => ({ ...good, enabler: { profile: 'System', maximumLength: 4096, ...fields } });
  const init = (argument: unknown): object => ({ ...good, script: [['Initialize', 't0', argument]] });
  const broken: [what: string, line: string, message: string][] = [
    ['no JSON', '{"name": ', 'JSON'],
    ['a list', '[1]', 'no JSON object'],
    ['null', 'null', 'no JSON object'],
    ['no name', lines({ ...good, name: undefined }), 'no name'],
    ['no enabler', lines({ ...good, enabler: undefined }), 'no enabler'],
    ['no script', lines({ ...good, script: 5 }), 'no script'],
    ['no expectation', lines({ ...good, expect: undefined }), 'no expect'],
    ['a machine without registers', lines({ ...good, machine: { maxMapRegisters: 0 } }), 'maxMapRegisters below 1'],
    ['an unknown call', lines({ ...good, script: [['Explode', 't0']] }), 'Explode on transaction t0'],
    ['an unknown call of the enabler', lines({ ...good, script: [['Execute', null]] }), 'Execute on the enabler'],
    ['an unknown call in a callback', lines({ ...good, callbacks: { t0: { EvtProgramDma: [[['Explode', 't0']]] } } }), 'Explode'],
    ['callbacks that are no lists', lines({ ...good, callbacks: { t0: { EvtProgramDma: 5 } } }), 'no lists of lists'],
    ['a call that is none', lines({ ...good, script: ['Execute'] }), '"Execute" is no call'],
    ['a missing argument', lines(init(undefined)), 'Initialize of t0 has no argument'],
    ['a buffer that is not there', lines(init({ buffer: 'toString', offset: 0, length: 1, dir: 'Read' })), 'a buffer that is not there'],
    ['a buffer without MDLs', lines({ ...good, buffers: { b0: [] } }), 'buffer b0'],
    ['an MDL with too few pages', lines(withMdl({ off: 1, len: 4096, pfns: [1] })), 'has 1 pfns for 2 pages'],
    ['an MDL that begins behind its page', lines(withMdl({ off: 4096, len: 1, pfns: [1, 2] })), 'off that is no whole number below 4096'],
    ['an MDL of half a byte', lines(withMdl({ off: 0, len: 0.5, pfns: [1] })), 'a len that is no whole number'],
    ['a page without a number', lines(withMdl({ off: 0, len: 1, pfns: ['1'] })), 'no list of page frame numbers'],
    ['a page below the first', lines(withMdl({ off: 0, len: 1, pfns: [-1] })), 'no list of page frame numbers'],
    ['a length that is none', lines(init({ buffer: null, offset: 0, length: '1', dir: 'Read' })), 'no whole numbers as offset and length'],
    ['a direction that is none', lines(init({ buffer: null, offset: 0, length: 1, dir: 'Up' })), 'no dir'],
    ['an argument of another type', lines({ ...good, script: [['DmaCompletedFinal', 't0']] }), 'not a whole number'],
    ['an unknown completion', lines({ ...good, script: [['HalComplete', 't0', 'Done']] }), 'not DmaComplete'],
    ['a transaction without a name', lines({ ...good, script: [['Create', 5]] }), 'names 5 instead of a transaction'],
    ['a flag that is none', lines({ ...good, machine: { verifier: 'no' } }), 'verifier is neither true nor false'],
    ['a version that is none', lines(withEnabler({ dmaVersion: '3' })), 'the dmaVersion of its enabler'],
    ['power without statuses', lines(withEnabler({ power: { Fill: 0 } })), 'the power of its enabler'],
    ['a configuration that is no list', lines(withEnabler({ configure: 'Read' })), 'the configure of its enabler'],
    ['a request of no length', lines({ ...good, requests: { r0: { type: 'Read', length: -1 } } }), 'request r0 has a length'],
  ];
  for (const [what, line, message] of broken) {
    it(`${what} is USAGE_BAD_VECTOR and names file and line`, async () => {
      const path = fileOf(`${JSON.stringify(good)}\n\n${line}\n`);
      const result = await invoke(`conformance ${path} --json`, new FakeLab());
      expect(result.code).to.equal(2);
      expect(jsonOf(result)['error']).to.deep.include({ kind: 'usage', code: 'USAGE_BAD_VECTOR', where: `${path}:3` });
      expect((jsonOf(result)['error'] as { message: string }).message).to.contain(message);
    });
  }

  it('an empty file and an empty folder hold no vectors; a folder is read for its .jsonl files', async () => {
    const folder = join(directory, 'folder');
    mkdirSync(folder);
    for (const path of [fileOf('\n'), folder]) {
      const error = jsonOf(await invoke(`conformance ${path} --json`, new FakeLab()))['error'];
      expect(error).to.deep.include({ code: 'USAGE_NO_VECTORS', where: path });
    }
    writeFileSync(join(folder, 'readme.txt'), 'no vector');
    writeFileSync(join(folder, 'empty.jsonl'), '');
    writeFileSync(join(folder, 'one.jsonl'), JSON.stringify(good));
    expect(jsonOf(await invoke(`conformance ${folder} --json`, new FakeLab()))).to.deep.include(passed(1));
    const gone = jsonOf(await invoke(`conformance ${join(folder, 'gone')} --json`, new FakeLab()))['error'];
    expect(gone).to.deep.include({ code: 'USAGE_NO_SUCH_FILE', where: join(folder, 'gone') });
  });
});
