import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** The C sources stand beside the TypeScript sources; the compiled benchmarks run from dist/bench/. */
const sourceFolder = fileURLToPath(new URL('../../bench/peers/', import.meta.url));
const COMPILE_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 60_000;

export type CPeerName = 'copy' | 'ring';

/** A compiled C program that prints one JSON line. */
export interface CPeer {
  /** Runs it once; returns nanoseconds per operation. Throws with what it wrote to stderr when its own checks fail. */
  run(...args: readonly number[]): Promise<number>;
}

/** The C peers that could be built; `dispose` removes the folder they were built in. */
export class CPeers {
  private constructor(
    readonly compiler: string,
    readonly folder: string,
  ) {}

  /** Null when the machine has no C compiler under the name in CC, or `cc`. */
  static open(): CPeers | null {
    const compiler = process.env['CC'] ?? 'cc';
    try {
      execFileSync(compiler, ['--version'], { stdio: 'ignore', timeout: COMPILE_TIMEOUT_MS });
    } catch {
      return null;
    }
    return new CPeers(compiler, mkdtempSync(join(tmpdir(), 'dmalab-peers-')));
  }

  build(name: CPeerName): CPeer {
    const program = join(this.folder, name);
    const source = join(sourceFolder, `${name}.c`);
    execFileSync(this.compiler, ['-O2', '-Wall', '-Wextra', '-pthread', '-o', program, source], { timeout: COMPILE_TIMEOUT_MS });
    return { run: (...args) => runPeer(program, args) };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function runPeer(program: string, args: readonly number[]): Promise<number> {
  const { stdout } = await runFile(program, args.map(String), { timeout: RUN_TIMEOUT_MS });
  const { nsPerOperation } = JSON.parse(stdout) as { nsPerOperation: number };
  return nsPerOperation;
}

export const noCompiler = 'there is no C compiler (cc, or what CC names), so the C peers are left out';

/** Gives `body` the C peers, null where there is no compiler, and removes what was built. */
export async function withCPeers<T>(body: (peers: CPeers | null) => Promise<T>): Promise<T> {
  const peers = CPeers.open();
  try {
    return await body(peers);
  } finally {
    peers?.dispose();
  }
}
