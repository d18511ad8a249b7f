import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../../src/cli/cli.js';
import { openLab } from '../../src/cli/real-lab.js';
import { TestIo } from '../cli/support/invoke.js';
import { dmalab, jsonOf, moduleText, newFolder, packageUrl, type Ended } from './dmalab.js';

/**
 * Every way to hand the real program something wrong: exit 2, one clear message, no stack trace, one JSON object. A
 * few go through a process of their own, the rest through the same command line and laboratory in this one.
 */

const driver = `{ name: 'd', *evtDriverDeviceAdd() { return 0; } }`;
const files: Readonly<Record<string, string>> = {
  'throws.mjs': `throw new RangeError('out of luck');`,
  'named.mjs': `export const scenario = {};`,
  'nothing.mjs': ``,
  'number.mjs': `export default 42;`,
  'typed.ts': `export default {};`,
  'syntax.mjs': `const = 3;`,
  'imports.mjs': `import 'no-such-package-anywhere';`,
  'model.mjs': `import { defineScenario } from '${packageUrl}';\nexport default defineScenario({ name: 'm', title: 't', devices: [{ name: 'a', model: 'sgrign', driver: ${driver} }] });`,
  'refused.mjs': `import { defineScenario } from '${packageUrl}';\nexport default defineScenario({ name: 'm', title: 't', devices: [] });`,
  'good.mjs': moduleText('SmallDriver'),
  'empty.json': ``,
  'broken.json': `{ "format": "dmalab-schedule", `,
  'other.json': `{ "format": "something else" }`,
  'choices.json': JSON.stringify({
    format: 'dmalab-schedule',
    version: 1,
    scenario: 'ring',
    seed: 1,
    strategy: 'random',
    parameters: {},
    choices: '0x12 banana',
    eventHash: '0',
    memoryHash: '0',
    finding: null,
  }),
  'gone.json': JSON.stringify({
    format: 'dmalab-schedule',
    version: 1,
    scenario: 'no-such-scenario',
    seed: 1,
    strategy: 'random',
    parameters: {},
    choices: '0',
    eventHash: '0',
    memoryHash: '0',
    finding: null,
  }),
};

type Case = readonly [line: string, code: string, says: RegExp];

/** What people really type, as processes. */
const typed: readonly Case[] = [
  ['run dmeo', 'USAGE_UNKNOWN_SCENARIO', /dmeo/],
  ['run demo --request 5', 'USAGE_UNKNOWN_FLAG', /--request/],
  ['run demo --rate -5', 'USAGE_BAD_NUMBER', /negative/],
  ['run demo --requests 1.5', 'USAGE_BAD_NUMBER', /whole/],
  ['run demo --outstanding 0', 'USAGE_BAD_NUMBER', /too small/],
  ['run demo --map-registers 1000000', 'USAGE_BAD_NUMBER', /map-registers/],
  ['run ./missing.mjs', 'USAGE_NO_SUCH_FILE', /missing\.mjs/],
  ['run ./throws.mjs', 'USAGE_SCENARIO_THREW', /out of luck/],
  ['run ./nothing.mjs', 'USAGE_BAD_MODULE', /default export/],
  ['replay ./broken.json', 'USAGE_BAD_SCHEDULE', /not JSON/],
];

const cases: readonly Case[] = [
  ['rum demo', 'USAGE_UNKNOWN_COMMAND', /rum/],
  ['run', 'USAGE_MISSING_ARGUMENT', /scenario/],
  ['explore nothing', 'USAGE_UNKNOWN_SCENARIO', /nothing/],
  ['run demo --requests 0', 'USAGE_BAD_NUMBER', /too small/],
  ['run demo --preempt 2', 'USAGE_BAD_NUMBER', /more than 1/],
  ['run demo --duration 0', 'USAGE_BAD_NUMBER', /no time/],
  ['run demo --map-registers 1', 'USAGE_PARAMETER', /map registers/],
  ['run demo --map-registers 2000000', 'USAGE_BAD_NUMBER', /too large/],
  ['run ring --outstanding 65536 --requests 10', 'USAGE_MEMORY', /pages/],
  ['run plx9x5x --outstanding 20000 --min-bytes 64 --max-bytes 64 --requests 1', 'USAGE_PARAMETER', /requests in flight share/],
  ['run demo --min-bytes 4096 --max-bytes 64', 'USAGE_BAD_LENGTHS', /4096/],
  ['run demo --addressing sideways', 'USAGE_BAD_CHOICE', /sideways/],
  ['explore demo --strategy wild', 'USAGE_UNKNOWN_STRATEGY', /wild/],
  ['explore demo --workers 0', 'USAGE_BAD_NUMBER', /too small/],
  ['explore demo --workers 2 --strategy dpor', 'USAGE_WORKERS', /dpor learns.*pos, pct/s],
  ['explore demo --seconds 0', 'USAGE_BAD_NUMBER', /no time/],
  ['explore demo --schedules -1', 'USAGE_BAD_NUMBER', /negative/],
  ['run demo more', 'USAGE_EXCESS_ARGUMENT', /argument/],
  ['run ./named.mjs', 'USAGE_BAD_MODULE', /default export/],
  ['run ./number.mjs', 'USAGE_BAD_SCENARIO', /42/],
  ['run ./typed.ts', 'USAGE_BAD_MODULE', /TypeScript/],
  ['run ./syntax.mjs', 'USAGE_BAD_MODULE', /does not parse/],
  ['run ./imports.mjs', 'USAGE_BAD_MODULE', /no-such-package-anywhere/],
  ['run ./model.mjs', 'USAGE_UNKNOWN_DEVICE', /sgrign/],
  ['run ./refused.mjs', 'USAGE_BAD_SCENARIO', /devices/],
  ['run ./good.mjs --out ./package.json', 'USAGE_OUT_NOT_WRITABLE', /package\.json/],
  ['replay', 'USAGE_MISSING_ARGUMENT', /file/],
  ['replay ./missing.json', 'USAGE_NO_SUCH_FILE', /missing\.json/],
  ['replay ./empty.json', 'USAGE_BAD_SCHEDULE', /empty/],
  ['replay ./other.json', 'USAGE_BAD_SCHEDULE', /format/],
  ['replay ./choices.json', 'USAGE_BAD_SCHEDULE', /banana/],
  ['replay ./gone.json', 'USAGE_UNKNOWN_SCENARIO', /no-such-scenario/],
  ['replay ./choices.json --backend wild', 'USAGE_BAD_CHOICE', /wild/],
];

describe('dmalab as a user starts it: bad input', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = newFolder();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });
  after(() => rmSync(folder, { recursive: true }));

  const wordsOf = (line: string): string[] => [...line.split(' '), '--json'];

  /** The same call in this process; paths are made absolute in place of the folder it would be made in. */
  async function inProcess(line: string): Promise<Ended> {
    const io = new TestIo();
    const words = wordsOf(line).map((word) => (word.startsWith('./') ? join(folder, word) : word));
    const code = await runCli(words, io, openLab);
    return { code, stdout: io.stdout.text, stderr: io.stderr.text };
  }

  function expectUsageError(ended: Ended, [, code, says]: Case): void {
    expect(ended.code, ended.stderr).to.equal(2);
    const json = jsonOf(ended);
    expect(json).to.deep.include({ verdict: 'error', findings: [] });
    expect(json['error']).to.have.all.keys('kind', 'code', 'message', 'where', 'expected');
    expect(json['error']).to.include({ kind: 'usage', code });
    expect(ended.stderr).to.match(says).and.contain(code);
    expect(ended.stderr).to.not.match(/\n\s+at /);
    expect(ended.stderr.trimEnd().split('\n').length, 'message, where, expected').to.be.at.most(3);
  }

  for (const each of typed) {
    it(`process: 'dmalab ${each[0]}' is ${each[1]}`, async () => expectUsageError(await dmalab(wordsOf(each[0]), folder), each));
  }
  for (const each of cases) {
    it(`'dmalab ${each[0]}' is ${each[1]}`, async () => expectUsageError(await inProcess(each[0]), each));
  }

  it('without --json stdout stays empty', async () => {
    const { code, stdout, stderr } = await dmalab(['run', 'nothing-known'], folder);
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr).to.match(/^dmalab: error: there is no scenario 'nothing-known'/);
  });

  it('no command at all is told what there is', async () => {
    const { code, stdout, stderr } = await dmalab([], folder);
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr).to.contain('USAGE_NO_COMMAND').and.contain('explore');
  });

  it('leaves nothing behind in the folder', () => {
    expect(readdirSync(folder).sort()).to.deep.equal([...Object.keys(files), 'package.json'].sort());
  });
});
