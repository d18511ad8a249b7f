import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeLab } from './support/fake-lab.js';
import { invoke, jsonOf } from './support/invoke.js';

const directory = mkdtempSync(join(tmpdir(), 'dmalab-bad-'));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const occupied = file('occupied', 'a file');

/** Each: the words, the code, what the message must say, what the advice must say. */
const cases: [words: string, code: string, message: string, expected: string][] = [
  ['', 'USAGE_NO_COMMAND', 'no command', 'list, run, explore, replay'],
  ['rum demo', 'USAGE_UNKNOWN_COMMAND', "'rum'", "'run'"],
  ['help rum', 'USAGE_UNKNOWN_COMMAND', "'rum'", "'run'"],
  ['run', 'USAGE_MISSING_ARGUMENT', 'scenario', 'dmalab run'],
  ['run demo ring', 'USAGE_EXCESS_ARGUMENT', 'Expected 1 argument but got 2', 'dmalab run'],
  ['run demo --requets 5', 'USAGE_UNKNOWN_FLAG', "'--requets'", "'--requests'"],
  ['run demo --zzz', 'USAGE_UNKNOWN_FLAG', "'--zzz'", 'dmalab run --help'],
  ['--zzz', 'USAGE_UNKNOWN_FLAG', "'--zzz'", '--version'],
  ['run demo --seed', 'USAGE_MISSING_VALUE', '--seed', '--seed <n>'],
  ['run demo --requests 1.5', 'USAGE_BAD_NUMBER', "'1.5' is not a whole number", '1 or more'],
  ['run demo --requests 0', 'USAGE_BAD_NUMBER', 'too small', '1 or more'],
  ['run demo --requests NaN', 'USAGE_BAD_NUMBER', "'NaN' is not a number", '1 or more'],
  ['run demo --duration 0', 'USAGE_BAD_NUMBER', 'no time', 'above 0'],
  ['run demo --duration=-2', 'USAGE_BAD_NUMBER', 'negative', 'above 0'],
  ['run demo --rate -5', 'USAGE_BAD_NUMBER', "'-5' is negative", 'from 0'],
  ['run demo --outstanding 0', 'USAGE_BAD_NUMBER', 'too small', 'from 1 to 65536'],
  ['run demo --devices 0', 'USAGE_BAD_NUMBER', 'too small', 'from 1 to 256'],
  ['run demo --map-registers 0', 'USAGE_BAD_NUMBER', 'too small', 'from 1'],
  ['run demo --reads 101', 'USAGE_BAD_NUMBER', 'too large', 'from 0 to 100'],
  ['run demo --preempt 2', 'USAGE_BAD_NUMBER', 'more than 1', 'from 0 to 1'],
  ['run demo --seed -1', 'USAGE_BAD_NUMBER', 'negative', 'from 0 to 4294967295'],
  ['run demo --min-bytes 4096 --max-bytes 64', 'USAGE_BAD_LENGTHS', 'from 4096 to 64', 'at most the largest transfer'],
  ['run demo --min-bytes 20000', 'USAGE_BAD_LENGTHS', 'from 20000 to 16384', 'give --max-bytes too'],
  ['run demo --max-bytes 32', 'USAGE_BAD_LENGTHS', 'from 64 to 32', 'give --min-bytes too'],
  ['run demo --ordering posted-wrtes', 'USAGE_BAD_ORDERING', "'posted-wrtes'", "'posted-writes'"],
  ['explore demo --ordering posted-writes,zebra', 'USAGE_BAD_ORDERING', "'zebra'", 'posted-writes'],
  ['explore demo --ordering posted-writes,none', 'USAGE_BAD_ORDERING', "'none' stands alone", 'none, all, or a list'],
  ['run demo --addressing imomu', 'USAGE_BAD_CHOICE', "'imomu'", "'iommu'"],
  ['run dmo', 'USAGE_UNKNOWN_SCENARIO', "'dmo'", "'demo'"],
  ['run dmo', 'USAGE_UNKNOWN_SCENARIO', "'dmo'", 'dmalab list'],
  ['run ./gone.mjs', 'USAGE_NO_SUCH_FILE', 'no such file', 'dmalab list'],
  [`run demo --out ${occupied}`, 'USAGE_OUT_NOT_WRITABLE', occupied, 'a directory'],
  [`run demo --out ${join(occupied, 'below')}`, 'USAGE_OUT_NOT_WRITABLE', 'no directory', 'a directory'],
  ['run demo --out /proc/dmalab', 'USAGE_OUT_NOT_WRITABLE', '/proc/dmalab', 'a directory'],
  ['explore', 'USAGE_MISSING_ARGUMENT', 'scenario', 'dmalab explore'],
  ['explore demo --strategy randm', 'USAGE_UNKNOWN_STRATEGY', "'randm'", "'random'"],
  ['explore demo --schedules 0', 'USAGE_BAD_NUMBER', 'too small', '1 or more'],
  ['explore demo --duration 5', 'USAGE_UNKNOWN_FLAG', "'--duration'", 'dmalab explore --help'],
  [`explore demo --out ${occupied}`, 'USAGE_OUT_NOT_WRITABLE', occupied, 'a directory'],
  ['replay', 'USAGE_MISSING_ARGUMENT', 'file', 'dmalab replay'],
  ['replay gone.json', 'USAGE_NO_SUCH_FILE', 'no such file', 'dmalab explore'],
  [`replay ${directory}`, 'USAGE_NO_SUCH_FILE', 'it is a directory', 'dmalab explore'],
  [`replay ${file('empty.json', ' \n')}`, 'USAGE_BAD_SCHEDULE', 'empty', 'dmalab explore'],
  [`replay ${file('text.json', 'hello')}`, 'USAGE_BAD_SCHEDULE', 'not JSON', 'dmalab explore'],
  [`replay ${file('array.json', '[1]')}`, 'USAGE_BAD_SCHEDULE', 'no JSON object', 'dmalab explore'],
  [`replay ${file('null.json', 'null')}`, 'USAGE_BAD_SCHEDULE', 'no JSON object', 'dmalab explore'],
  [`replay ${file('ok.json', '{}')} --backend threads`, 'USAGE_BAD_CHOICE', "'threads'", 'one of controlled, lockstep'],
  ['run demo --keep-recording', 'USAGE_FLAGS', '--keep-recording', 'together with --record'],
  ['run demo --epoch 4', 'USAGE_FLAGS', '--epoch', 'together with --record'],
  ['run demo --record --epoch 0', 'USAGE_BAD_NUMBER', 'too small', '1 or more'],
  ['run demo --record --rate 100', 'USAGE_FLAGS', 'virtual time', 'without --rate'],
  ['run demo --record --fail-nth', 'USAGE_FLAGS', 'under control', 'not both'],
  ['list demo', 'USAGE_EXCESS_ARGUMENT', 'too many arguments', 'dmalab list'],
];

describe('bad input', () => {
  after(() => rmSync(directory, { recursive: true }));

  for (const [words, code, message, expected] of cases) {
    it(`'${words.replaceAll(directory, '...')}' is ${code} ('${expected}')`, async () => {
      const lab = new FakeLab();
      const text = await invoke(words, lab);
      expect(text.code).to.equal(2);
      expect(text.stdout).to.equal('');
      expect(text.stderr).to.match(/^dmalab: error: /);
      expect(text.stderr.match(/dmalab: error/g)).to.have.length(1);
      expect(text.stderr).to.contain(`(${code})`).and.contain(message).and.contain(expected);
      expect(text.stderr).not.to.match(/\n +at |undefined|\[object/);
      expect(lab.calls).to.deep.equal([]);
    });

    if (words === '' || words.startsWith('--')) continue;
    it(`'${words.replaceAll(directory, '...')} --json' is one JSON object beside it`, async () => {
      const json = await invoke(`${words} --json`);
      expect(json.code).to.equal(2);
      const result = jsonOf(json);
      expect(result).to.have.all.keys('verdict', 'scenario', 'seed', 'findings', 'error');
      expect(result).to.include({ verdict: 'error' });
      expect(result.findings).to.deep.equal([]);
      expect(result.error).to.have.all.keys('kind', 'code', 'message', 'where', 'expected');
      expect(result.error).to.include({ kind: 'usage' });
      expect(result.error!.where).to.be.a('string').that.is.not.empty;
      expect(json.stderr).to.contain(result.error!.message);
    });
  }

  it('names scenario and seed in the JSON even when a flag beside them is wrong', async () => {
    expect(jsonOf(await invoke('run --seed 7 demo --requests 1.5 --json'))).to.include({ scenario: 'demo', seed: 7 });
    expect(jsonOf(await invoke('run demo --requests 1.5 --json'))).to.include({ scenario: 'demo', seed: 1 });
    expect(jsonOf(await invoke('run demo --seed x --json'))).to.include({ scenario: 'demo', seed: null });
  });
});
