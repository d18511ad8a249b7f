import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostDelay } from '../../src/kernel/host-turn.js';
import type { JsonResult } from './support/invoke.js';

const fakeMain = fileURLToPath(new URL('./support/fake-main.js', import.meta.url));
const realMain = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the text appears on stderr. */
  readonly says: (text: string) => Promise<void>;
}

function start(main: string, words: string, behaviour = 'ok', stdout: 'pipe' | number = 'pipe'): Started {
  const env = { ...process.env, FAKE_LAB: behaviour, NO_COLOR: '1', DMALAB_DEBUG: '' };
  const child = spawn(process.execPath, [main, ...words.split(' ')], { env, stdio: ['ignore', stdout, 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...texts })));
  const says = async (text: string): Promise<void> => {
    while (!texts.stderr.includes(text) && child.exitCode === null) await hostDelay(5);
  };
  return { child, ended, says };
}

describe('the command line as a process', function () {
  this.timeout(20_000);
  let directory: string;

  before(() => (directory = mkdtempSync(join(tmpdir(), 'dmalab-process-'))));
  after(() => rmSync(directory, { recursive: true }));

  it('exits with the code of its verdict', async () => {
    expect(await start(fakeMain, 'run demo --quiet').ended).to.include({ code: 0, stdout: 'ok: nothing found\n', stderr: '' });
    expect(await start(realMain, '--version').ended).to.include({ code: 0, stderr: '' });
    expect(await start(realMain, 'rum').ended).to.include({ code: 2, stdout: '' });
  });

  it('writes a result of a megabyte to the last byte', async () => {
    const { code, stdout } = await start(fakeMain, 'run demo --json', 'large').ended;
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as { findings: { message: string }[] }).findings[0]!.message).to.have.length(1_000_000);
  });

  it('does not wait for timers that code under test has left behind, and tells of them, when the last byte is written', async () => {
    const { child, ended } = start(fakeMain, 'run demo --json', 'timer');
    child.stdout!.pause();
    await hostDelay(1500);
    expect(child.exitCode, 'a reader that takes its time').to.equal(null);
    child.stdout!.resume();
    const { code, stdout, stderr } = await ended;
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as { findings: { message: string }[] }).findings[0]!.message).to.have.length(1_000_000);
    expect(stderr).to.equal("dmalab: code under test has left timers of Node's behind (1); they are not waited for\n");
  });

  it('does not wait for anything else either', async () => {
    expect(await start(fakeMain, 'run demo --quiet', 'handle').ended).to.include({ code: 0, stdout: 'ok: nothing found\n', stderr: '' });
  });

  it('tells of the first error that what was left behind throws after the results, which takes nothing back', async () => {
    const { code, stdout, stderr } = await start(fakeMain, 'run demo --quiet', 'late').ended;
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: 'ok: nothing found\n' });
    expect(stderr).to.match(/^dmalab: after the results, code under test left something behind .*first at .*late\.mjs:3:7.*\n$/);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`prints the whole results at ${signal} and exits with 130`, async () => {
      const { child, ended, says } = start(fakeMain, 'run demo --json', 'wait');
      await says('running');
      child.kill(signal);
      const { code, stdout, stderr } = await ended;
      expect(code).to.equal(130);
      expect(JSON.parse(stdout) as JsonResult).to.include({ verdict: 'interrupted', requests: 42 });
      expect(stderr).to.contain('interrupted; waiting');
    });
  }

  it('takes the same key, delivered twice, for one', async () => {
    const { child, ended, says } = start(fakeMain, 'run demo --json', 'wait');
    await says('running');
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect((await ended).code).to.equal(130);
  });

  it('ends at once at a second interruption', async () => {
    const { child, ended, says } = start(fakeMain, 'run demo --json', 'deaf');
    await says('running');
    child.kill('SIGINT');
    await says('interrupt again');
    // On a busy machine the first key may still be looked after when the second one comes.
    for (let keys = 0; keys < 20 && child.exitCode === null && child.signalCode === null; keys++) {
      await hostDelay(600);
      child.kill('SIGINT');
    }
    expect(await ended).to.include({ signal: 'SIGINT', stdout: '' });
  });

  it('is silent when its reader goes away', async () => {
    const { child, ended } = start(fakeMain, 'run demo --json', 'large');
    child.stdout!.destroy();
    expect(await ended).to.include({ code: 1, stderr: '' });
  });

  it('exits with 2 when stdout is a full disk', async function () {
    if (process.platform !== 'linux') this.skip();
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await start(fakeMain, 'run demo --json', 'ok', full).ended;
    closeSync(full);
    expect(code).to.equal(2);
    expect(stderr).to.contain('cannot write the results to stdout').and.contain('ENOSPC');
  });

  it('exits with 3, never with the 1 of a finding, when an error escapes', async () => {
    const { code, stdout, stderr } = await start(fakeMain, 'run demo --json', 'escape').ended;
    expect(code).to.equal(3);
    expect((JSON.parse(stdout) as JsonResult).error).to.include({ kind: 'internal', code: 'UNCAUGHT' });
    expect(stderr).not.to.match(/\n +at /);
  });

  it('exits with 3 when it runs out of work without a result', async () => {
    const { code, stderr } = await start(fakeMain, 'run demo --json', 'never').ended;
    expect(code).to.equal(3);
    expect(stderr).to.contain('NO_RESULT');
  });

  it('notices a module that never finishes loading', async () => {
    const path = join(directory, 'stuck.mjs');
    writeFileSync(path, 'await new Promise(() => {});\nexport default {};\n');
    const { code, stdout, stderr } = await start(fakeMain, `run ${path} --json`).ended;
    expect(code).to.equal(2);
    expect((JSON.parse(stdout) as JsonResult).error).to.include({ kind: 'usage', code: 'USAGE_BAD_MODULE' });
    expect(stderr).to.contain('never finishes loading');
  });

  it('exits with 3 when a module throws after it was loaded', async () => {
    const path = join(directory, 'late.mjs');
    writeFileSync(
      path,
      `setImmediate(() => { throw new Error('too late'); });\nawait new Promise((done) => setTimeout(done, 50));\nexport default {};\n`,
    );
    const { code, stderr } = await start(fakeMain, `run ${path}`).ended;
    expect(code).to.equal(3);
    expect(stderr)
      .to.contain('too late')
      .and.not.match(/\n +at /);
  });
});
