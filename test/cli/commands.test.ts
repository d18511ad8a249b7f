import { expect } from 'chai';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InternalError, UsageError } from '../../src/nt/index.js';
import { FakeLab, finding, replayReport, runReport } from './support/fake-lab.js';
import { invoke, jsonOf, TestIo } from './support/invoke.js';

const finished = { ...runReport, verdict: 'finding' as const, findings: [finding], findingsTotal: 1 };

describe('commands', () => {
  let lab: FakeLab;
  let directory: string;

  beforeEach(() => {
    lab = new FakeLab();
    directory = mkdtempSync(join(tmpdir(), 'dmalab-test-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  describe('list', () => {
    it('prints scenarios, devices and strategies as tables', async () => {
      const { code, stdout, stderr } = await invoke('list', lab);
      expect(code).to.equal(0);
      expect(stdout).to.match(/demo +demo +sgring +The scenario demo/);
      expect(stdout).to.contain('A PCI bus master').and.contain('A random walk');
      expect(stderr).to.equal('');
    });

    it('prints one JSON object', async () => {
      const result = jsonOf(await invoke('list --json', lab));
      expect(result['scenarios']).to.deep.include({ name: 'demo', kind: 'demo', title: 'The scenario demo', expects: null, twin: null });
      expect(result['devices']).to.have.length(2);
      expect(result['strategies']).to.deep.equal([
        { name: 'random', title: 'A random walk' },
        { name: 'pos', title: 'Partial orders' },
      ]);
    });
  });

  describe('run', () => {
    it('gives every flag to the laboratory', async () => {
      const line =
        `run demo --requests 100 --duration 2.5 --seed 9 --outstanding 4 --rate 1000 --reads 25 --min-bytes 64 --max-bytes 4096` +
        ` --devices 3 --map-registers 16 --addressing iommu --preempt 0.05 --no-verify-payload --keep-going --out ${directory}`;
      expect((await invoke(line, lab)).code).to.equal(0);
      expect(lab.runOptions).to.deep.equal({
        requests: 100,
        durationSeconds: 2.5,
        seed: 9,
        outstanding: 4,
        ratePerSecond: 1000,
        readsPercent: 25,
        minBytes: 64,
        maxBytes: 4096,
        devices: 3,
        mapRegisters: 16,
        addressing: 'iommu',
        preempt: { numerator: 1, denominator: 20 },
        verifyPayload: false,
        keepGoing: true,
        outDir: directory,
        scenarioReference: 'demo',
        paste: { program: 'dmalab', again: `dmalab ${line.replace(` --out ${directory}`, '')}` },
        blocking: true,
      });
    });

    it('leaves to the scenario what was not given', async () => {
      await invoke('run demo', lab);
      expect(lab.runOptions).to.deep.equal({
        seed: 1,
        verifyPayload: true,
        keepGoing: false,
        outDir: 'dmalab-findings',
        scenarioReference: 'demo',
        paste: { program: 'dmalab', again: 'dmalab run demo --seed 1' },
        blocking: true,
      });
    });

    it('prints the report as one JSON object, without an error', async () => {
      const outcome = await invoke('run demo --json', lab);
      expect(outcome.code).to.equal(0);
      expect(jsonOf(outcome)).to.deep.equal(runReport).and.not.have.property('error');
    });

    it('exits with 1 at a finding', async () => {
      lab.onRun = () => Promise.resolve(finished);
      const text = await invoke('run demo', lab);
      expect(text.code).to.equal(1);
      expect(text.stdout).to.contain('A15').and.contain('run again');
      const json = await invoke('run demo --json', lab);
      expect(json.code).to.equal(1);
      expect(jsonOf(json).findings).to.deep.equal([finding]);
    });

    it('prints only findings and verdict when quiet', async () => {
      const { stdout, stderr } = await invoke('run demo --quiet', lab);
      expect(stdout).to.equal('ok: nothing found\n');
      expect(stderr).to.equal('');
    });

    it('makes the output directory that was named, and leaves nothing in it', async () => {
      const out = join(directory, 'a', 'b');
      expect((await invoke(['run', 'demo', '--out', out], lab)).code).to.equal(0);
      expect(readdirSync(out)).to.deep.equal([]);
    });

    it('takes colour only on a terminal that wants it', async () => {
      const colour = async (env: Record<string, string>, isTty: boolean): Promise<boolean> =>
        (await invoke('run demo', lab, new TestIo(env, isTty))).stdout.includes('\u001b[');
      expect(await colour({}, true)).to.equal(true);
      expect(await colour({}, false)).to.equal(false);
      expect(await colour({ NO_COLOR: '1' }, true)).to.equal(false);
      expect(await colour({ TERM: 'dumb' }, true)).to.equal(false);
      expect(await colour({ CI: 'true' }, true)).to.equal(false);
      expect(await colour({ FORCE_COLOR: '1', CI: 'true' }, false)).to.equal(true);
    });
  });

  describe('the tour', () => {
    const linesOf = (stdout: string): string[] =>
      [...stdout.matchAll(/^ {2}(dmalab .*?) {3}/gm)].map((match) => match[1]!).filter((line) => !line.includes('│'));

    it('shows commands that exist', async () => {
      const { stdout } = await invoke('run demo --tour', lab);
      const lines = linesOf(stdout);
      expect(lines).to.have.length.within(3, 4);
      for (const line of lines) {
        const outcome = await invoke(line.replace('dmalab ', ''), new FakeLab());
        expect(outcome.code, line).to.equal(0);
        expect(outcome.stdout, line).not.to.equal('');
      }
    });

    it("ends 'npm start', and no other run", async () => {
      const start = { npm_lifecycle_event: 'start' };
      expect((await invoke('run demo --duration 5', lab, new TestIo(start))).stdout).to.contain('Try next');
      expect((await invoke('run ring-basic', lab, new TestIo(start))).stdout).not.to.contain('Try next');
      expect((await invoke('run demo', lab)).stdout).not.to.contain('Try next');
      expect(jsonOf(await invoke('run demo --json --tour', lab)).verdict).to.equal('ok');
    });
  });

  describe('explore', () => {
    it('gives every flag to the laboratory', async () => {
      const line =
        'explore demo --strategy random --schedules 50 --seed 3 --requests 4 --outstanding 2 --min-bytes 64 --max-bytes 4096' +
        ' --devices 3 --map-registers 16 --addressing iommu --ordering posted-writes --cancel 0.2 --power-cycle 1/4 --unplug 1/1000000' +
        ' --faults hang=1/500 --seconds 7.5 --workers 3 --steps 9000';
      expect((await invoke(`${line} --out ${directory}`, lab)).code).to.equal(0);
      const call = lab.calls[0]!;
      expect(call.options).to.deep.equal({
        strategy: 'random',
        schedules: 50,
        seconds: 7.5,
        workers: 3,
        stepsMax: 9000,
        races: false,
        seed: 3,
        requests: 4,
        outstanding: 2,
        minBytes: 64,
        maxBytes: 4096,
        devices: 3,
        mapRegisters: 16,
        addressing: 'iommu',
        ordering: ['posted-writes'],
        cancel: { numerator: 1, denominator: 5 },
        powerCycle: { numerator: 1, denominator: 4 },
        unplug: { numerator: 1, denominator: 1_000_000 },
        faults: { hang: { numerator: 1, denominator: 500 } },
        outDir: directory,
        scenarioReference: 'demo',
        paste: { program: 'dmalab', again: `dmalab ${line}` },
      });
    });

    it('searches a thousand schedules at random by default', async () => {
      await invoke('explore demo', lab);
      expect(lab.calls[0]!.options).to.include({ strategy: 'pos', schedules: 1000, seed: 1 });
      expect(lab.calls[0]!.options).to.not.have.any.keys('seconds', 'workers');
    });

    it('searches on until the time is up when only that is given', async () => {
      await invoke('explore demo --seconds 3', lab);
      expect(lab.calls[0]!.options).to.include({ seconds: 3 }).and.not.have.property('schedules');
    });
  });

  describe('replay', () => {
    const file = (text: string): string => {
      const path = join(directory, 'schedule.json');
      writeFileSync(path, text);
      return path;
    };

    it('hands the parsed file on and exits with 1 when the finding is there again', async () => {
      const path = file('{"scenario":"demo","seed":5,"choices":[1,2]}');
      const outcome = await invoke(['replay', path, '--backend', 'controlled', '--json'], lab);
      expect(outcome.code).to.equal(1);
      expect(jsonOf(outcome)).to.deep.equal(replayReport);
      expect(lab.calls[0]).to.deep.include({ command: 'replay', schedule: { scenario: 'demo', seed: 5, choices: [1, 2] } });
      expect(lab.calls[0]!.options).to.include({ file: path, backend: 'controlled' });
    });

    it('exits with 2 when the replay diverged, and names the step', async () => {
      const divergence = { step: 17, expected: 'vCPU 1 read', found: 'engine 0 burst' };
      lab.onReplay = () => Promise.resolve({ ...replayReport, verdict: 'diverged', findings: [], findingsTotal: 0, divergence });
      const text = await invoke(['replay', file('{}')], lab);
      expect(text.code).to.equal(2);
      expect(text.stdout).to.contain('first difference at step 17');
      expect(jsonOf(await invoke(['replay', file('{}'), '--json'], lab))['divergence']).to.deep.equal(divergence);
    });

    it('finds the scenario that the file names', async () => {
      lab.onReplay = async (_, options) => ({ ...replayReport, scenario: (await options.loadScenario('ring-basic')).name });
      expect(jsonOf(await invoke(['replay', file('{}'), '--json'], lab)).scenario).to.equal('ring-basic');
      lab.onReplay = async (_, options) => ({ ...replayReport, scenario: (await options.loadScenario('gone')).name });
      const outcome = await invoke(['replay', file('{"scenario":"gone","seed":5}'), '--json'], lab);
      expect(outcome.code).to.equal(2);
      expect(jsonOf(outcome)).to.include({ verdict: 'error', scenario: 'gone', seed: 5 });
      expect(jsonOf(outcome).error).to.include({ kind: 'usage', code: 'USAGE_UNKNOWN_SCENARIO' });
    });
  });

  describe('an interruption', () => {
    it('aborts, prints the whole results so far and exits with 130', async () => {
      const io = new TestIo();
      lab.onRun = ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ ...runReport, verdict: 'interrupted', requests: 17 }));
          io.interrupt();
        });
      const outcome = await invoke('run demo --json', lab, io);
      expect(outcome.code).to.equal(130);
      expect(jsonOf(outcome)).to.include({ verdict: 'interrupted', requests: 17 });
      expect(outcome.stderr).to.contain('interrupted');
      expect(io.isListening).to.equal(false);
    });

    it('before there is any result still gives a verdict', async () => {
      const io = new TestIo();
      lab.onRun = ({ signal }) => {
        io.interrupt();
        return Promise.reject(signal.reason as Error);
      };
      const outcome = await invoke('run demo --seed 8 --json', lab, io);
      expect(outcome.code).to.equal(130);
      expect(jsonOf(outcome)).to.deep.equal({ verdict: 'interrupted', scenario: 'demo', seed: 8, findings: [] });
    });

    it('does not hide another error', async () => {
      const io = new TestIo();
      lab.onRun = () => {
        io.interrupt();
        return Promise.reject(new InternalError('ENGINE_STUCK', 'an engine does not end'));
      };
      expect((await invoke('run demo', lab, io)).code).to.equal(3);
    });

    it('by an escaped error is an internal error', async () => {
      const io = new TestIo();
      lab.onRun = () => {
        io.interrupt({ kind: 'uncaught', error: Object.assign(new TypeError('nobody caught me'), { stack: '' }) });
        return Promise.resolve(runReport);
      };
      const outcome = await invoke('run demo --json', lab, io);
      expect(outcome.code).to.equal(3);
      expect(jsonOf(outcome).error).to.include({ kind: 'internal', code: 'UNCAUGHT', message: 'an error escaped: nobody caught me' });
    });
  });

  it('an error that escapes from code under test is a finding', async () => {
    const io = new TestIo();
    lab.onRun = () => {
      io.interrupt({
        kind: 'uncaught',
        error: Object.assign(new TypeError('too late'), { stack: 'TypeError: too late\n    at /drivers/mine.mjs:4:7' }),
      });
      return Promise.resolve(runReport);
    };
    const outcome = await invoke('run demo --json', lab, io);
    expect(outcome.code).to.equal(1);
    const { verdict, findings, findingsTotal } = jsonOf(outcome);
    expect({ verdict, findingsTotal }).to.deep.equal({ verdict: 'finding', findingsTotal: 1 });
    expect(findings[0]).to.include({ rule: 'L-DRIVER-THREW', schedule: null });
    expect(outcome.stdout).to.contain('TypeError: too late at /drivers/mine.mjs:4:7');
  });

  describe('an internal error', () => {
    it('exits with 3, with its code and without a stack', async () => {
      lab.onRun = () => Promise.reject(new InternalError('RING_LOST', 'the ring lost a slot'));
      const outcome = await invoke('run demo --json', lab);
      expect(outcome.code).to.equal(3);
      expect(jsonOf(outcome)).to.deep.equal({
        verdict: 'error',
        scenario: 'demo',
        seed: 1,
        findings: [],
        error: { kind: 'internal', code: 'RING_LOST', message: 'the ring lost a slot', where: null, expected: null },
      });
      expect(outcome.stderr).to.equal('dmalab: internal error: the ring lost a slot (RING_LOST)\n');
    });

    it('shows the stack to those who debug dmalab', async () => {
      lab.onRun = () => Promise.reject(new TypeError('x is undefined'));
      const quiet = await invoke('run demo', lab);
      expect(quiet.stderr)
        .to.contain('(UNEXPECTED)')
        .and.not.match(/\n +at /);
      const debug = await invoke('run demo', lab, new TestIo({ DMALAB_DEBUG: '1' }));
      expect(debug.stderr).to.match(/TypeError: x is undefined\n +at /);
    });

    it('is a verdict that does not fit its findings', async () => {
      lab.onRun = () => Promise.resolve({ ...finished, verdict: 'ok' });
      const outcome = await invoke('run demo --json', lab);
      expect(outcome.code).to.equal(3);
      expect(jsonOf(outcome).error).to.include({ code: 'VERDICT_OK_WITH_FINDINGS' });
    });
  });

  it('pass usage errors of the laboratory on', async () => {
    lab.onRun = () => Promise.reject(new UsageError('USAGE_TOO_BIG', 'too much memory', { where: '--devices', expected: 'fewer' }));
    const outcome = await invoke('run demo --json', lab);
    expect(outcome.code).to.equal(2);
    expect(jsonOf(outcome).error).to.deep.equal({
      kind: 'usage',
      code: 'USAGE_TOO_BIG',
      message: 'too much memory',
      where: '--devices',
      expected: 'fewer',
    });
  });

  it('call a disk that is full during the run the disk of the user', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
    lab.onRun = () => Promise.reject(full);
    const outcome = await invoke(['run', 'demo', '--json', '--out', directory], lab);
    expect(outcome.code).to.equal(2);
    expect(jsonOf(outcome).error).to.include({ code: 'USAGE_OUT_NOT_WRITABLE', where: '--out' });
    expect(outcome.stderr).to.contain('the disk is full');
  });

  it('help and version go to stdout with exit code 0', async () => {
    const help = await invoke('--help');
    expect(help).to.include({ code: 0, stderr: '' });
    for (const command of ['list', 'run', 'explore', 'replay']) {
      expect(help.stdout).to.contain(`  ${command} `);
      const { code, stdout } = await invoke(`${command} --help`);
      expect(code).to.equal(0);
      expect(stdout).to.contain('--json').and.contain(`Usage: dmalab ${command}`);
    }
    const version = await invoke('--version');
    expect(version.code).to.equal(0);
    expect(version.stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });
});
