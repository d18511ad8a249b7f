import { expect } from 'chai';
import { before, describe, it } from 'mocha';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { importTool, projectRoot } from './project.js';

interface Architecture {
  readonly MODULES_MIN: number;
  readonly checkArchitecture: (root: string) => Promise<{ modules: number; dependencies: number; violations: string[] }>;
}
const { checkArchitecture, MODULES_MIN } = await importTool<Architecture>('tools/check-architecture.js');

/** Each in a file of its own, so that one reading of the copy sees them all; the last one is no fault. */
const planted: readonly (readonly [rule: string | null, path: string, text: string])[] = [
  ['layer-nt', 'src/nt/planted.ts', "import { PAGE_SIZE } from '../memory/index.js';\nexport const x = PAGE_SIZE;\n"],
  ['layer-memory', 'src/memory/planted.ts', "import type { Kernel } from '../kernel/index.js';\nexport type X = Kernel;\n"],
  ['layer-kernel', 'src/kernel/planted.ts', "import { Mdl } from '../hal/mdl.js';\nexport const x = Mdl;\n"],
  ['layer-hal', 'src/hal/planted.ts', "import type { DriverConfig } from '../wdf/driver.js';\nexport type X = DriverConfig;\n"],
  ['layer-hardware', 'src/hardware/planted.ts', "import { Kernel } from '../kernel/kernel.js';\nexport const x = Kernel;\n"],
  ['layer-hardware', 'src/hardware/planted-hal.ts', "import { Mdl } from '../hal/mdl.js';\nexport const x = Mdl;\n"],
  ['layer-wdf', 'src/wdf/planted.ts', "import type { Finding } from '../machine/report.js';\nexport type X = Finding;\n"],
  ['layer-verifier', 'src/verifier/planted.ts', "import { Mdl } from '../hal/mdl.js';\nexport const x = Mdl;\n"],
  ['layer-trace', 'src/trace/planted.ts', "export const x = import('../memory/index.js');\n"],
  ['layer-scenarios', 'src/scenarios/planted.ts', "import { Kernel } from '../kernel/index.js';\nexport const x = Kernel;\n"],
  ['engine-worker-is-small', 'workers/planted.ts', "import { Kernel } from '../src/kernel/index.js';\nexport const x = Kernel;\n"],
  ['unknown-folder', 'src/misc/planted.ts', "import { NT_SUCCESS } from '../nt/index.js';\nexport const x = NT_SUCCESS;\n"],
  ['ground-has-no-packages', 'src/kernel/planted-node.ts', "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;\n"],
  ['no-development-packages-in-src', 'src/cli/planted.ts', "import fc from 'fast-check';\nexport const x = fc;\n"],
  ['unresolvable', 'src/cli/planted-lost.ts', "import { x } from './nowhere.js';\nexport const y = x;\n"],
  ['no-cycle-when-running', 'src/kernel/planted-a.ts', "import { y } from './planted-b.js';\nexport const x = () => y;\n"],
  [
    null,
    'src/hardware/planted-good.ts',
    "import { makeOp } from '../kernel/op.js';\nimport type { Clock } from '../kernel/clock.js';\nexport const x: [typeof makeOp, Clock?] = [makeOp];\n",
  ],
];

describe('architecture', () => {
  let violations: string[] = [];

  before(async () => {
    const copy = mkdtempSync(join(tmpdir(), 'dmalab-architecture-'));
    try {
      for (const folder of ['src', 'workers']) {
        if (existsSync(join(projectRoot, folder))) cpSync(join(projectRoot, folder), join(copy, folder), { recursive: true });
      }
      symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
      cpSync(join(projectRoot, 'package.json'), join(copy, 'package.json'));
      for (const [, path, text] of planted) {
        mkdirSync(dirname(join(copy, path)), { recursive: true });
        writeFileSync(join(copy, path), text);
      }
      writeFileSync(join(copy, 'src/kernel/planted-b.ts'), "import { x } from './planted-a.js';\nexport const y = () => x;\n");
      ({ violations } = await checkArchitecture(copy));
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it('holds for the tree', async () => {
    const tree = await checkArchitecture(projectRoot);
    expect(tree.violations.join('\n')).to.equal('');
    expect(tree.modules).to.be.at.least(MODULES_MIN);
    expect(tree.dependencies).to.be.greaterThan(tree.modules);
  });

  for (const [rule, path] of planted) {
    it(rule === null ? `lets ${path} pass` : `sees a planted ${rule} in ${path}`, () => {
      const rules = violations.filter((violation) => violation.includes(`: ${path} -> `)).map((violation) => violation.split(':')[0]);
      if (rule === null) expect(rules).to.deep.equal([]);
      else expect(rules).to.include(rule);
    });
  }

  it('fails when it reads next to nothing', () => {
    const empty = mkdtempSync(join(tmpdir(), 'dmalab-empty-'));
    mkdirSync(join(empty, 'src/nt'), { recursive: true });
    writeFileSync(join(empty, 'src/nt/a.ts'), 'export const a = 1;\n');
    const { status, stderr } = spawnSync(process.execPath, [join(projectRoot, 'tools/check-architecture.js'), empty], { encoding: 'utf8' });
    rmSync(empty, { recursive: true });
    expect(status).to.equal(1);
    expect(stderr).to.match(/the check saw nothing/);
  });
});
