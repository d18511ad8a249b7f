import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../nt/index.js';
import { isModuleUrl } from '../machine/device-modules.js';
import { defineScenario, type Scenario, type ScenarioConfig } from '../machine/scenario.js';
import { expectedName } from './choice.js';
import { fileErrorText, isUsageError } from './errors.js';
import type { Io } from './io.js';
import type { Lab } from './lab.js';

/** A scenario, and what names it from anywhere: its name, or the absolute path of its module. */
export interface LoadedScenario {
  readonly scenario: Scenario;
  readonly reference: string;
}

const MODULE_EXTENSIONS = ['.js', '.mjs', '.cjs'];
const TYPESCRIPT_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx'];

/** Names of built-in scenarios have neither a slash nor a dot; paths have one of them. */
function isPath(reference: string): boolean {
  return /[/\\]/.test(reference) || extname(reference) !== '';
}

/** A built-in name as it is; the path of a module from wherever it will be read. */
export function absoluteReference(reference: string): string {
  return isPath(reference) ? resolve(reference) : reference;
}

/**
 * Finds the scenario that a command line names: a built-in one by name, or the default export of a module by path.
 * Everything that is wrong with it is a UsageError naming it; errors of the module's own are given in its words.
 */
export async function loadScenario(reference: string, lab: Lab, io: Io): Promise<LoadedScenario> {
  if (!isPath(reference)) return { scenario: checkModels(builtIn(reference, lab), lab, reference), reference };
  const path = resolve(reference);
  requireModuleFile(reference, path);
  const scenario = scenarioOf(await importModule(path, io), path);
  return { scenario: checkModels(scenario, lab, path), reference: path };
}

function builtIn(name: string, lab: Lab): Scenario {
  const scenarios = lab.scenarios();
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  const names = scenarios.map((scenario) => scenario.name);
  throw new UsageError('USAGE_UNKNOWN_SCENARIO', `there is no scenario '${name}'`, {
    where: 'scenario',
    expected: `${expectedName(name, names, `one of ${names.length}`)}; 'dmalab list' shows them, and a module is named by its path, such as ./${name}.mjs`,
  });
}

function requireModuleFile(reference: string, path: string): void {
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch (error) {
    const text = fileErrorText(error) ?? String(error);
    throw new UsageError('USAGE_NO_SUCH_FILE', `cannot read the scenario module ${reference}: ${text}`, {
      where: path,
      expected: "the path of a .js or .mjs module, or a name that 'dmalab list' shows",
    });
  }
  if (!isFile) {
    throw new UsageError('USAGE_BAD_MODULE', `the scenario module ${reference} is not a file`, {
      where: path,
      expected: 'the path of a .js or .mjs module',
    });
  }
  const extension = extname(path);
  if (MODULE_EXTENSIONS.includes(extension)) return;
  const isTypeScript = TYPESCRIPT_EXTENSIONS.includes(extension);
  throw new UsageError(
    'USAGE_BAD_MODULE',
    isTypeScript ? `${reference} is TypeScript, which has to be compiled first` : `${reference} is no JavaScript module`,
    {
      where: path,
      expected: isTypeScript ? "compile it, with 'npx tsc' for example, and give the path of the .js file" : 'a .js, .mjs or .cjs file',
    },
  );
}

/** Imports the module; a top-level await that nothing will ever fulfil is noticed when the process has nothing left to do. */
async function importModule(path: string, io: Io): Promise<Record<string, unknown>> {
  let undo = (): void => {};
  const neverLoaded = new Promise<never>((_, reject) => {
    const stuck = (): void =>
      reject(
        new UsageError('USAGE_BAD_MODULE', `the scenario module ${path} never finishes loading`, {
          where: path,
          expected: 'a module whose top-level awaits end',
        }),
      );
    undo = io.onIdle(stuck);
  });
  try {
    return (await Promise.race([import(pathToFileURL(path).href), neverLoaded])) as Record<string, unknown>;
  } catch (error) {
    throw importError(error, path);
  } finally {
    undo();
  }
}

function importError(error: unknown, path: string): UsageError {
  if (isUsageError(error)) return inModule(error, path);
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' || code === 'MODULE_NOT_FOUND') {
    return new UsageError('USAGE_BAD_MODULE', `the scenario module ${path} imports what cannot be found: ${firstLine(message)}`, {
      where: path,
      expected: 'relative imports with their file extension, and packages installed where the module can see them',
    });
  }
  if (error instanceof SyntaxError) {
    return new UsageError('USAGE_BAD_MODULE', `the scenario module ${path} does not parse: ${firstLine(message)}`, {
      where: syntaxErrorPlace(error, path),
      expected: "an ECMAScript module; a .js file is one under a package.json with type 'module', an .mjs file always",
    });
  }
  const text = error instanceof Error && error.name !== 'Error' ? `${error.name}: ${message}` : message;
  return new UsageError('USAGE_SCENARIO_THREW', `the scenario module ${path} threw while it was loaded: ${text}`, {
    where: thrownPlace(error, path),
    expected: 'a module that exports a scenario by default and does nothing else',
  });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

/** `path:line:column` of the innermost frame in the module. */
function thrownPlace(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const url = pathToFileURL(path).href;
  const frame = stack.split('\n').find((line) => line.includes(`${url}:`) || line.includes(`${path}:`));
  const position = /:(\d+:\d+)\)?$/.exec(frame ?? '')?.[1];
  return position === undefined ? path : `${path}:${position}`;
}

/** V8 keeps the line of a syntax error in a module to itself; Node's own checker prints it. */
function syntaxErrorPlace(error: SyntaxError, path: string): string {
  const linked = /^file:\/\/\S+:(\d+)$/m.exec(firstLine(error.stack ?? ''))?.[1];
  if (linked !== undefined) return `${path}:${linked}`;
  const checked = spawnSync(process.execPath, ['--check', path], {
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const line = /:(\d+)$/.exec(firstLine(checked.stderr ?? ''))?.[1];
  return line === undefined ? path : `${path}:${line}`;
}

/** The default export as a scenario, its shape checked. */
function scenarioOf(module: Record<string, unknown>, path: string): Scenario {
  if (!('default' in module)) {
    const names = Object.keys(module);
    throw new UsageError(
      'USAGE_BAD_MODULE',
      `the scenario module ${path} has no default export${names.length === 0 ? '' : ` (it exports ${names.join(', ')})`}`,
      {
        where: path,
        expected: "export default defineScenario({ name, title, devices }), with defineScenario from 'dmalab'",
      },
    );
  }
  try {
    return defineScenario(module['default'] as ScenarioConfig);
  } catch (error) {
    throw isUsageError(error) ? inModule(error, path) : error;
  }
}

/** The same error, saying in which file. */
function inModule(error: UsageError, path: string): UsageError {
  const { where, expected } = error.details ?? {};
  const details = expected === undefined ? {} : { expected };
  return new UsageError(error.code, `${path}: ${error.message}`, { where: where === undefined ? path : `${path}: ${where}`, ...details });
}

function checkModels(scenario: Scenario, lab: Lab, where: string): Scenario {
  const known = lab.devices().map((device) => device.name);
  for (const [index, { name, model }] of scenario.devices.entries()) {
    if (isModuleUrl(model) || known.includes(model)) continue;
    throw new UsageError('USAGE_UNKNOWN_DEVICE', `device '${name}' of scenario '${scenario.name}' has the unknown model '${model}'`, {
      where: `${where}: devices[${index}].model`,
      expected: `${expectedName(model, known)}, or the URL of a module with a model of your own`,
    });
  }
  return scenario;
}
