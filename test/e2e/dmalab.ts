import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostDelay } from '../../src/kernel/host-turn.js';

/** The built program, as a user starts it. */
export const mainPath = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** What `import ... from 'dmalab'` means in a fixture. */
export const packageUrl = new URL('../../src/index.js', import.meta.url).href;
export const faultsUrl = new URL('../scenarios/faults/', import.meta.url).href;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when something stands on stderr, or the process has ended. */
  readonly spoken: () => Promise<void>;
}

function collect(child: ChildProcess): Running {
  const texts = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...texts })));
  const spoken = async (): Promise<void> => {
    while (texts.stderr === '' && child.exitCode === null) await hostDelay(10);
  };
  return { child, ended, spoken };
}

const environment = { ...process.env, NO_COLOR: '1', CI: '1', DMALAB_DEBUG: '' };

/** Starts `dmalab` with these words in `cwd`. */
export function start(words: readonly string[], cwd: string): Running {
  return collect(spawn(process.execPath, [mainPath, ...words], { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] }));
}

export function dmalab(words: readonly string[], cwd: string): Promise<Ended> {
  return start(words, cwd).ended;
}

/** Runs a line in a shell, as somebody who pastes it. */
export function paste(line: string, cwd: string): Promise<Ended> {
  return collect(spawn(line, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], shell: true })).ended;
}

export type Json = Readonly<Record<string, unknown>>;

/** The one JSON object on stdout. Throws when stdout is anything else. */
export function jsonOf({ stdout, stderr }: Ended): Json {
  if (!stdout.endsWith('\n') || stdout.trimEnd().includes('\n')) throw new Error(`stdout is not one line: '${stdout}', stderr: ${stderr}`);
  return JSON.parse(stdout) as Json;
}

/** A folder for one suite, where `package.json` makes .js files modules. */
export function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dmalab-e2e-')));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

/** Text of a scenario module around one of the faulty drivers, or the right one (`SmallDriver`). */
export function moduleText(driver: string, more = ''): string {
  const file = driver === 'SmallDriver' ? 'small-driver' : 'drivers';
  return [
    `import { defineScenario } from '${packageUrl}';`,
    `import { ${driver} } from '${faultsUrl}${file}.js';`,
    `export default defineScenario({ name: 'mine', title: 'a scenario of a user',`,
    `  devices: [{ name: 'board', model: 'sgring', driver: new ${driver}('${driver}') }],`,
    `  workload: { requests: 20, outstanding: 4, maxMdls: 1 }, ${more} });`,
    '',
  ].join('\n');
}
