import { expect } from 'chai';
import { describe, it } from 'mocha';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checks, codeOnly, FILE_LINES_MAX, runCheck } from './checks.js';
import { projectRoot, readSources, type SourceFile } from './project.js';

const files = ['src', 'workers', 'bench', 'test'].flatMap((folder) => readSources(folder));

describe('tidy: the tree', () => {
  it('is read at all', () => {
    expect(files.filter(({ path }) => path.startsWith('src/')).length).to.be.greaterThan(20);
    expect(files.some(({ path }) => path === 'test/tidy/tidy.test.ts')).to.equal(true);
  });

  for (const check of checks) {
    it(check.name, () => {
      expect(runCheck(check, files).join('\n')).to.equal('');
    });
  }

  it('runs no compiled test whose source is gone', () => {
    const compiled = readdirSync(join(projectRoot, 'dist/test'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.test.js'),
    );
    const orphans = compiled.filter((path) => !existsSync(join(projectRoot, 'test', path.replace(/\.js$/, '.ts'))));
    expect(compiled).to.not.be.empty;
    expect(orphans, 'run `npm run clean`').to.deep.equal([]);
  });
});

/** One planted fault: the check it must trip, and a near miss that it must let pass. */
interface Plant {
  readonly check: string;
  readonly path: string;
  readonly fault: string;
  readonly nearMiss: SourceFile;
}
const inKernel = 'src/kernel/planted.ts';
const plant = (check: string, path: string, fault: string, nearMissText: string, nearMissPath = path): Plant => ({
  check,
  path,
  fault,
  nearMiss: { path: nearMissPath, text: nearMissText },
});

const randomSeam = 'seam: unseeded random numbers';
const timeSeam = 'seam: wall time';
const timerSeam = 'seam: host timers';
const gcSeam = 'seam: garbage collection made visible';

const plants: readonly Plant[] = [
  plant(randomSeam, inKernel, 'const n = Math.random();', '// Math.random() is not for us\n'),
  plant(randomSeam, 'workers/engine.ts', 'const id = crypto.randomUUID();', "const text = 'Math.random()';"),
  plant(timeSeam, inKernel, 'const t = Date.now();', 'const t = Date.now();', 'bench/ring.ts'),
  plant(timeSeam, inKernel, 'const t = new Date();', 'const t = new DateRange();'),
  plant(timeSeam, inKernel, 'const t = performance.now();', 'const t = performance.now();', 'src/kernel/clock.ts'),
  plant(timeSeam, inKernel, 'const t = process.hrtime.bigint();', '/* hrtime is slow */'),
  plant(timerSeam, inKernel, 'setTimeout(f, 1);', 'setTimeout(f, 1);', 'src/kernel/host-turn.ts'),
  plant(timerSeam, inKernel, 'setInterval(f, 1);', 'const setIntervalMs = 1;'),
  plant(timerSeam, inKernel, 'setImmediate(f);', 'setImmediate(f);', 'test/a.test.ts'),
  plant(timerSeam, inKernel, 'queueMicrotask(f);', '// queueMicrotask(f)'),
  plant(gcSeam, inKernel, 'const r = new WeakRef(o);', 'const r = new WeakMap();'),
  plant('seam: raw atomics', inKernel, 'Atomics.store(w, 0, 1);', 'atomics.store(w, 0, 1);'),
  plant('seam: raw atomics', 'workers/engine.ts', 'Atomics.wait(w, 0, 1);', 'Atomics.wait(w, 0, 1);', 'src/memory/atomics.ts'),
  plant(`no file of src is over ${FILE_LINES_MAX} lines`, inKernel, 'x;\n'.repeat(FILE_LINES_MAX + 1), 'x;\n'.repeat(FILE_LINES_MAX)),
  plant('no test runs alone or is skipped for good', 'test/a.test.ts', "it.only('x', f);", "it('only', f); list.only(1);"),
  plant('no test runs alone or is skipped for good', 'test/a.test.ts', "describe.skip('x', f);", "// describe.skip('x')"),
  plant('no `as any`', inKernel, 'const x = y as any;', 'const x = y as anyone;'),
  plant('no type error is silenced by a comment', inKernel, '// @ts-ignore\nf();', "const text = 'x // @ts-ignore';"),
  plant('no type error is silenced by a comment', inKernel, '/* @ts-expect-error */ f();', '// ignore this'),
  plant('default exports are for scenarios only', inKernel, 'export default class {}', 'export default x;', 'src/scenarios/demo/main.ts'),
  plant(
    'every test file asserts something',
    'test/a.test.ts',
    "it('x', () => { f(); }); // expect(1)",
    "it('x', () => { expect(f()).to.equal(1); });",
  ),
  plant(
    'index.ts is a list of exports',
    'src/kernel/index.ts',
    'export const x = 1;',
    "export * from './a.js';\nexport type { B } from './b.js';\n",
  ),
  plant('files are named in kebab-case', 'src/kernel/SpinLock.ts', '', '', 'src/kernel/spin-lock.ts'),
];

describe('tidy: planted faults', () => {
  for (const { check: name, path, fault, nearMiss } of plants) {
    it(`${name}: sees ${fault.slice(0, 40).split('\n')[0]} in ${path}`, () => {
      const check = checks.find((candidate) => candidate.name === name)!;
      expect(runCheck(check, [{ path, text: fault }]).length).to.be.greaterThan(0);
      expect(runCheck(check, [nearMiss])).to.deep.equal([]);
    });
  }

  it('plants a fault for every check', () => {
    expect(checks.filter(({ name }) => !plants.some(({ check }) => check === name)).map(({ name }) => name)).to.deep.equal([]);
  });

  it('names the line', () => {
    const seam = checks.find(({ name }) => name === randomSeam)!;
    const text = "/* a\n b */\nconst s = 'x';\nconst n = Math.random();\n";
    expect(runCheck(seam, [{ path: inKernel, text }])[0]).to.match(/^src\/kernel\/planted\.ts:4: Math\.random/);
  });

  it('blanks comments and texts and keeps lines and columns', () => {
    expect(codeOnly("a('b'); // c\n/* d\n e */ f;")).to.equal("a(' ');     \n    \n      f;");
    expect(codeOnly("f(/it's/, `x ${y} it's // z`, 'q');")).to.equal("f(/    /, `   {y}          `, ' ');");
    expect(codeOnly('/** Math.random() */\nexport {};')).to.equal('                    \nexport {};');
  });
});
