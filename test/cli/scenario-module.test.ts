import { expect } from 'chai';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeLab } from './support/fake-lab.js';
import { invoke, jsonOf, type Outcome } from './support/invoke.js';

const driver = `{ name: 'd', *evtDriverDeviceAdd() { return 0; } }`;
const scenario = (members = ''): string =>
  `export default { name: 'mine', title: 'Mine', devices: [{ name: 'ring', model: 'sgring', driver: ${driver} }], ${members} };`;

describe('a scenario module', () => {
  let directory: string;

  before(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'dmalab-module-')));
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  });
  after(() => rmSync(directory, { recursive: true }));

  const run = (name: string, text: string, lab = new FakeLab()): Promise<Outcome> => {
    writeFileSync(join(directory, name), text);
    return invoke(['run', join(directory, name), '--json'], lab);
  };
  const fails = async (name: string, text: string, code: string): Promise<{ message: string; where: string; expected: string }> => {
    const outcome = await run(name, text);
    expect(outcome.code).to.equal(2);
    expect(outcome.stderr).not.to.match(/\n +at /);
    const { error } = jsonOf(outcome);
    expect(error).to.include({ kind: 'usage', code });
    expect(`${error!.message} ${error!.where}`).to.contain(join(directory, name));
    return { message: error!.message, where: error!.where ?? '', expected: error!.expected ?? '' };
  };

  it('runs under its own name and is referred to by its absolute path', async () => {
    const lab = new FakeLab();
    const outcome = await run('good.mjs', scenario(`workload: { outstanding: 3 }`), lab);
    expect(outcome.code).to.equal(0);
    expect(lab.runOptions.scenarioReference).to.equal(join(directory, 'good.mjs'));
    expect(lab.calls[0]).to.have.nested.include({ 'scenario.name': 'mine', 'scenario.kind': 'sample', 'scenario.workload.outstanding': 3 });
  });

  it('may be a .js file and may await at its top', async () => {
    expect((await run('good.js', `await Promise.resolve();\n${scenario()}`)).code).to.equal(0);
  });

  it('that is a directory is refused', async () => {
    mkdirSync(join(directory, 'folder.mjs'));
    const outcome = await invoke(['run', join(directory, 'folder.mjs')]);
    expect(outcome.code).to.equal(2);
    expect(outcome.stderr).to.contain('is not a file').and.contain('USAGE_BAD_MODULE');
  });

  it('in TypeScript has to be compiled first', async () => {
    const { message, expected } = await fails('typed.ts', scenario(), 'USAGE_BAD_MODULE');
    expect(message).to.contain('TypeScript');
    expect(expected).to.contain('tsc').and.contain('.js');
  });

  it('of another kind is refused', async () => {
    expect((await fails('data.json', '{}', 'USAGE_BAD_MODULE')).message).to.contain('no JavaScript module');
  });

  it('that imports what is not there says what', async () => {
    const { message } = await fails('imports.mjs', `import 'no-such-package-anywhere';\n${scenario()}`, 'USAGE_BAD_MODULE');
    expect(message).to.contain('no-such-package-anywhere');
  });

  it('that does not parse says in which line', async () => {
    const { message, where } = await fails('syntax.mjs', `const a = 1;\nconst b = ;\n`, 'USAGE_BAD_MODULE');
    expect(message).to.contain("Unexpected token ';'");
    expect(where).to.equal(`${join(directory, 'syntax.mjs')}:2`);
  });

  it('that imports a name nobody exports says in which line', async () => {
    const { where } = await fails('named.mjs', `\nimport { nothing } from 'node:fs';\n${scenario()}`, 'USAGE_BAD_MODULE');
    expect(where).to.equal(`${join(directory, 'named.mjs')}:2`);
  });

  it('that throws speaks for itself, with its own line', async () => {
    const { message, where } = await fails(
      'throws.mjs',
      `function f() {\n  throw new RangeError('out of luck');\n}\nf();`,
      'USAGE_SCENARIO_THREW',
    );
    expect(message).to.contain('RangeError: out of luck');
    expect(where).to.equal(`${join(directory, 'throws.mjs')}:2:9`);
  });

  it('that throws no Error is reported as well', async () => {
    expect((await fails('throws-text.mjs', `throw 'just a text';`, 'USAGE_SCENARIO_THREW')).message).to.contain('just a text');
  });

  it('without a default export lists what it exports', async () => {
    const { message, expected } = await fails('named-export.mjs', 'export const scenario = 1, other = 2;', 'USAGE_BAD_MODULE');
    expect(message).to.contain('no default export').and.contain('other, scenario');
    expect(expected).to.contain('export default defineScenario');
  });

  it('with a default export of another shape names the field', async () => {
    expect((await fails('number.mjs', 'export default 42;', 'USAGE_BAD_SCENARIO')).message).to.contain('cannot be 42');
    const nothing = await fails('empty.mjs', 'export default {};', 'USAGE_BAD_SCENARIO');
    expect(nothing.message).to.contain("'name' is missing");
    const typo = await fails('typo.mjs', scenario(`workloda: {}`), 'USAGE_BAD_SCENARIO');
    expect(typo.where).to.equal(`${join(directory, 'typo.mjs')}: workloda`);
    expect(typo.expected).to.contain("'workload'");
  });

  it('with an unknown device model names the nearest', async () => {
    const { where, expected } = await fails('model.mjs', scenario().replace('sgring', 'sgrign'), 'USAGE_UNKNOWN_DEVICE');
    expect(where).to.contain('devices[0].model');
    expect(expected).to.contain("'sgring'");
  });

  it('may bring a device model of its own, as the URL of a module', async () => {
    const lab = new FakeLab();
    expect(
      (await run('own-model.mjs', scenario().replace("'sgring'", "new URL('./device.mjs', import.meta.url).href"), lab)).code,
    ).to.equal(0);
    expect(lab.calls).to.have.length(1);
  });
});
