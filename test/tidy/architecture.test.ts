import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importTool, projectRoot } from './project.js';

interface Architecture {
  readonly MODULES_MIN: number;
  readonly checkArchitecture: (root: string) => Promise<{ modules: number; dependencies: number; violations: string[] }>;
}
const { checkArchitecture, MODULES_MIN } = await importTool<Architecture>('tools/check-architecture.js');

describe('architecture', () => {
  let copy = '';
  before(() => {
    copy = mkdtempSync(join(tmpdir(), 'dmalab-architecture-'));
    for (const folder of ['src', 'workers']) {
      if (existsSync(join(projectRoot, folder))) cpSync(join(projectRoot, folder), join(copy, folder), { recursive: true });
    }
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  /** Adds one file to the copy, reads what the check says about it, takes it away. */
  async function violationsOf(path: string, text: string): Promise<string[]> {
    const target = join(copy, path);
    mkdirSync(join(target, '..'), { recursive: true });
    writeFileSync(target, text);
    try {
      const { violations } = await checkArchitecture(copy);
      return violations.filter((violation) => violation.includes(path));
    } finally {
      rmSync(target);
    }
  }

  it('holds for the tree', async () => {
    const { modules, dependencies, violations } = await checkArchitecture(projectRoot);
    expect(violations.join('\n')).to.equal('');
    expect(modules).to.be.at.least(MODULES_MIN);
    expect(dependencies).to.be.greaterThan(modules);
  });

  const planted: readonly (readonly [rule: string, path: string, text: string])[] = [
    ['layer-nt', 'src/nt/planted.ts', "import { PAGE_SIZE } from '../memory/index.js';\nexport const x = PAGE_SIZE;\n"],
    ['layer-memory', 'src/memory/planted.ts', "import type { Kernel } from '../kernel/index.js';\nexport type X = Kernel;\n"],
    ['layer-kernel', 'src/kernel/planted.ts', "import { Mdl } from '../hal/mdl.js';\nexport const x = Mdl;\n"],
    ['layer-hal', 'src/hal/planted.ts', "import type { DriverConfig } from '../wdf/driver.js';\nexport type X = DriverConfig;\n"],
    ['layer-hardware', 'src/hardware/planted.ts', "import { Kernel } from '../kernel/kernel.js';\nexport const x = Kernel;\n"],
    ['layer-hardware', 'src/hardware/planted.ts', "import { Mdl } from '../hal/mdl.js';\nexport const x = Mdl;\n"],
    ['layer-wdf', 'src/wdf/planted.ts', "import type { Finding } from '../machine/report.js';\nexport type X = Finding;\n"],
    ['layer-verifier', 'src/verifier/planted.ts', "import { Mdl } from '../hal/mdl.js';\nexport const x = Mdl;\n"],
    ['layer-trace', 'src/trace/planted.ts', "export const x = import('../memory/index.js');\n"],
    ['layer-scenarios', 'src/scenarios/planted.ts', "import { Kernel } from '../kernel/index.js';\nexport const x = Kernel;\n"],
    ['engine-worker-is-small', 'workers/planted.ts', "import { Kernel } from '../src/kernel/index.js';\nexport const x = Kernel;\n"],
    ['unknown-folder', 'src/misc/planted.ts', "import { NT_SUCCESS } from '../nt/index.js';\nexport const x = NT_SUCCESS;\n"],
    ['ground-has-no-packages', 'src/kernel/planted.ts', "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;\n"],
    ['no-cycle-when-running', 'src/kernel/planted.ts', "import { x } from './planted-b.js';\nexport const y = () => x;\n"],
  ];
  for (const [rule, path, text] of planted) {
    it(`sees a planted ${rule} in ${path}`, async () => {
      const partner = join(copy, 'src/kernel/planted-b.ts');
      writeFileSync(partner, "import { y } from './planted.js';\nexport const x = () => y;\n");
      const violations = await violationsOf(path, text);
      rmSync(partner);
      expect(violations.map((violation) => violation.split(':')[0])).to.include(rule);
    });
  }

  it('lets device models read the four kernel files they need', async () => {
    const text =
      "import { makeOp } from '../kernel/op.js';\nimport type { Clock } from '../kernel/clock.js';\nexport const x: [typeof makeOp, Clock?] = [makeOp];\n";
    expect(await violationsOf('src/hardware/planted.ts', text)).to.deep.equal([]);
  });

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
