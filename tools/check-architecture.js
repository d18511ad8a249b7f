// @ts-check
/**
 * Runs dependency-cruiser over src and workers with the rules of .dependency-cruiser.cjs.
 *
 * It counts what was read: with a TypeScript it does not know, dependency-cruiser reads no module, finds nothing
 * wrong in nothing, and passes.
 *
 *     node tools/check-architecture.js [ROOT]
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';

export const MODULES_MIN = 20;
const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} root folder that holds src and workers
 * @returns {Promise<{ modules: number, dependencies: number, violations: string[] }>}
 */
export async function checkArchitecture(root) {
  const { options, ...ruleSet } = createRequire(import.meta.url)(join(projectRoot, '.dependency-cruiser.cjs'));
  const tsConfigPath = join(projectRoot, options.tsConfig.fileName);
  const folders = ['src', 'workers'].filter((folder) => existsSync(join(root, folder)));
  const result = await cruise(folders, { ...options, tsConfig: { fileName: tsConfigPath }, baseDir: root, ruleSet, validate: true });
  if (typeof result.output === 'string') throw new Error(`dependency-cruiser answered with text: ${result.output}`);
  const own = result.output.modules.filter(({ source }) => /^(src|workers)\//.test(source));
  return {
    modules: own.length,
    dependencies: own.reduce((sum, module) => sum + module.dependencies.length, 0),
    violations: result.output.summary.violations.map(({ rule, from, to, cycle }) => {
      const way = cycle === undefined ? to : cycle.map((step) => step.name).join(' -> ');
      return `${rule.name}: ${from} -> ${way}`;
    }),
  };
}

/** @param {string} root @returns {Promise<boolean>} */
async function main(root) {
  const { modules, dependencies, violations } = await checkArchitecture(root);
  for (const violation of violations) console.error(violation);
  if (modules < MODULES_MIN) console.error(`only ${modules} modules were read, at least ${MODULES_MIN} are there: the check saw nothing`);
  console.log(`architecture: ${modules} modules, ${dependencies} dependencies, ${violations.length} violations`);
  return violations.length === 0 && modules >= MODULES_MIN && dependencies > 0;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!(await main(resolve(process.argv[2] ?? projectRoot)))) process.exitCode = 1;
}
