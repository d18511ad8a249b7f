import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dmalab, jsonOf, moduleText, newFolder, paste, start, type Ended, type Json } from './dmalab.js';

/** Members of the results, by their published names. */
const EVERY = ['verdict', 'scenario', 'seed', 'findings'];
const RUN = [
  ...EVERY,
  'requests',
  'bytes',
  'requestsPerSecond',
  'bytesPerSecond',
  'latencyNs',
  'interrupts',
  'nestedInterrupts',
  'cancels',
];
const EXPLORE = [...EVERY, 'strategy', 'workers', 'schedules', 'steps', 'schedulesPerSecond', 'exhausted'];
const FINDING = ['rule', 'title', 'message', 'object', 'step', 'schedule', 'replay'];

function expectFinding(finding: unknown, rule: string): Json {
  expect(finding).to.include.all.keys(...FINDING);
  const json = finding as Json;
  expect(json['rule']).to.equal(rule);
  expect(json['title']).to.be.a('string').and.not.equal(rule);
  expect(json['message']).to.be.a('string').and.not.equal('');
  expect(json['replay']).to.be.a('string').and.not.match(/\n/);
  return json;
}

describe('dmalab as a user starts it: results', function () {
  this.timeout(30_000);
  let folder: string;

  before(() => {
    folder = newFolder();
    writeFileSync(join(folder, 'good.mjs'), moduleText('SmallDriver'));
    writeFileSync(join(folder, 'deadlock.mjs'), moduleText('LocksInOppositeOrder'));
    writeFileSync(join(folder, 'twice.mjs'), moduleText('CompletesTwice'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('a folder with a blank in its name: every line to paste replays; a module that was moved is named by --scenario', async () => {
    const odd = join(folder, 'my drivers');
    mkdirSync(odd);
    writeFileSync(join(odd, 'deadlock.mjs'), moduleText('LocksInOppositeOrder'));
    const explored = await dmalab(['explore', './deadlock.mjs', '--out', 'what I found', '--json'], odd);
    expect(explored.code, explored.stderr).to.equal(1);
    const { replay, schedule } = expectFinding((jsonOf(explored)['findings'] as Json[])[0], 'L-DEADLOCK') as Record<string, string>;
    const again = await paste(`${replay} --json`, odd);
    expect(again.code, again.stderr).to.equal(1);
    renameSync(join(odd, 'deadlock.mjs'), join(odd, 'moved there.mjs'));
    expect((await paste(replay!, odd)).code).to.equal(2);
    for (const command of ['replay', 'explain', 'shrink']) {
      const moved = await dmalab([command, schedule!, '--scenario', './moved there.mjs', '--json'], odd);
      expect(moved.code, moved.stderr).to.equal(1);
      const line = expectFinding((jsonOf(moved)['findings'] as Json[])[0], 'L-DEADLOCK')['replay'] as string;
      expect((await paste(line, odd)).code, line).to.equal(1);
    }
  });

  it('sweep with a finding: a shrunk schedule, the full one beside it, and why; both replay', async () => {
    const ended = await dmalab(['sweep', 'cancel-left-to-dpc', '--cancel', '--out', 'swept', '--json'], folder);
    expect(ended.code, ended.stderr).to.equal(1);
    const finding = expectFinding((jsonOf(ended)['findings'] as Json[])[0], 'L-QUIESCENCE');
    const { preemptions } = finding['shrink'] as { preemptions: { before: number; after: number } };
    expect(preemptions.after).to.be.lessThan(preemptions.before);
    expect(finding['explanation']).to.be.a('string').and.contain('EvtRequestCancel');
    const file = String(finding['schedule']);
    for (const words of [[file], [file, '--backend', 'lockstep'], [file.replace(/json$/, 'full.json')], [String(finding['token'])]]) {
      const replayed = await dmalab(['replay', ...words, '--json'], folder);
      expect(replayed.code, replayed.stderr).to.equal(1);
      expectFinding((jsonOf(replayed)['findings'] as Json[])[0], 'L-QUIESCENCE');
    }
    const text = await dmalab(['sweep', 'cancel-left-to-dpc', '--cancel', '--out', 'swept'], folder);
    expect(text.stdout)
      .to.match(/shrunk +preemptions \d+ -> \d+/)
      .and.match(/why +It became inevitable/);
  });

  it('run --record with a finding: its schedule is shrunk, the recorded one stands beside it, and all of them replay', async () => {
    const words = [
      'run',
      'deadlock.mjs',
      '--record',
      '--epoch',
      '8',
      '--requests',
      '20000',
      '--preempt',
      '1/4',
      '--out',
      'rec-found',
      '--json',
    ];
    const ended = await dmalab(words, folder);
    expect(ended.code, ended.stderr).to.equal(1);
    const finding = expectFinding((jsonOf(ended)['findings'] as Json[])[0], 'L-DEADLOCK');
    const { preemptions } = finding['shrink'] as { preemptions: { before: number; after: number } };
    expect(preemptions.after).to.be.at.most(preemptions.before);
    expect(finding['explanation']).to.be.a('string').and.contain('inevitable');
    const file = String(finding['schedule']);
    for (const replay of [[file], [file, '--backend', 'lockstep'], [file.replace(/json$/, 'full.json')], [String(finding['token'])]]) {
      const replayed = await dmalab(['replay', ...replay, '--json'], folder);
      expect(replayed.code, replayed.stderr).to.equal(1);
      expectFinding((jsonOf(replayed)['findings'] as Json[])[0], 'L-DEADLOCK');
    }
  });

  it('run --record --json writes a file that replay takes on both backends, to the same memory', async () => {
    const words = [
      'run',
      'plx9x5x',
      '--record',
      '--keep-recording',
      '--epoch',
      '6',
      '--requests',
      '30',
      '--preempt',
      '1/20',
      '--out',
      'rec',
      '--json',
    ];
    const ended = await dmalab(words, folder);
    expect(ended).to.include({ code: 0, stderr: '' });
    const json = jsonOf(ended);
    expect(json).to.deep.include({ verdict: 'ok', requests: 30, findings: [] });
    const { schedule, epochs, exact } = json['recording'] as Record<string, unknown>;
    expect([epochs, exact]).to.deep.equal([5, true]);
    const kept = JSON.parse(readFileSync(join(folder, schedule as string), 'utf8')) as Json;
    for (const backend of ['controlled', 'lockstep']) {
      const replayed = await dmalab(['replay', schedule as string, '--backend', backend, '--json'], folder);
      expect(replayed.code).to.equal(0);
      const report = jsonOf(replayed);
      expect(report).to.deep.include({ verdict: 'ok', backend, divergence: null, memoryHash: kept['memoryHash'] });
      const threads = Object.keys(report['deviceStepsByThread'] as object);
      if (backend === 'controlled') expect(threads).to.deep.equal(['0']);
      else expect(threads).to.not.include('0').and.not.be.empty;
    }
  });

  it('run --json: one object with every member, exit 0, nothing on stderr', async () => {
    const ended = await dmalab(['run', 'demo', '--requests', '400', '--seed', '9', '--json'], folder);
    expect(ended).to.include({ code: 0, stderr: '' });
    const json = jsonOf(ended);
    expect(json).to.include.all.keys(...RUN);
    expect(json).to.deep.include({ verdict: 'ok', scenario: 'demo', seed: 9, findings: [], requests: 400 });
    for (const member of ['bytes', 'requestsPerSecond', 'bytesPerSecond', 'interrupts', 'nestedInterrupts']) {
      expect(json[member], member).to.be.a('number').greaterThan(0);
    }
    expect(json['latencyNs']).to.have.all.keys('p50', 'p90', 'p99', 'p999', 'max');
    const { p50, p90, p99, p999, max } = json['latencyNs'] as Record<string, number>;
    expect([p50, p90, p99, p999, max]).to.deep.equal([p50, p90, p99, p999, max].sort((a, b) => a! - b!));
    expect(json['cancels']).to.have.all.keys('requested', 'won', 'lost', 'byWindow');
    expect(json['bytesVerified']).to.equal(json['bytes']);
  });

  it('run in words: a summary on stdout, exit 0', async () => {
    const { code, stdout } = await dmalab(['run', 'ring', '--requests', '200'], folder);
    expect(code).to.equal(0);
    expect(stdout).to.contain('ring').and.contain('200').and.match(/ok/);
    expect(() => JSON.parse(stdout) as unknown).to.throw(SyntaxError);
  });

  it('explore --json: one object with every member', async () => {
    const ended = await dmalab(['explore', 'plx9x5x', '--schedules', '25', '--seed', '3', '--json'], folder);
    expect(ended).to.include({ code: 0, stderr: '' });
    const json = jsonOf(ended);
    expect(json).to.include.all.keys(...EXPLORE);
    expect(json).to.deep.include({
      verdict: 'ok',
      scenario: 'plx9x5x',
      seed: 3,
      findings: [],
      strategy: 'pos',
      schedules: 25,
      exhausted: false,
    });
    expect(json['steps']).to.be.a('number').greaterThan(25);
    const { schedules, orders, pairs, curve } = json['coverage'] as { schedules: number; orders: Json; pairs: Json; curve: Json[] };
    expect([schedules, orders['unseen']]).to.deep.equal([25, (orders['once'] as number) / 25]);
    expect(curve.at(-1)).to.deep.equal({ schedules: 25, pairs: pairs['distinct'] });
    expect(existsSync(join(folder, 'dmalab-findings')), 'no folder without a finding').to.equal(false);
  });

  it('list --json: scenarios, devices and strategies', async () => {
    const ended = await dmalab(['list', '--json'], folder);
    expect(ended).to.include({ code: 0, stderr: '' });
    const { scenarios, devices, strategies } = jsonOf(ended) as { scenarios: Json[]; devices: Json[]; strategies: Json[] };
    expect(scenarios.map(({ name }) => name)).to.include.members(['demo', 'plx9x5x', 'ring']);
    for (const scenario of scenarios) {
      expect(scenario).to.have.all.keys('name', 'kind', 'title', 'expects', 'twin');
      expect(scenario['kind']).to.be.oneOf(['sample', 'gallery', 'demo']);
    }
    expect(devices.map(({ name }) => name)).to.include.members(['plx9656', 'sgring']);
    expect(strategies.map(({ name }) => name)).to.include('random');
  });

  it('a scenario module by its path runs and explores under its own name', async () => {
    const [run, explore] = await Promise.all([
      dmalab(['run', './good.mjs', '--requests', '20', '--json'], folder),
      dmalab(['explore', join(folder, 'good.mjs'), '--schedules', '10', '--json'], folder),
    ]);
    expect([run.code, explore.code]).to.deep.equal([0, 0]);
    expect(jsonOf(run)).to.deep.include({ verdict: 'ok', scenario: 'mine', requests: 20 });
    expect(jsonOf(explore)).to.deep.include({ verdict: 'ok', scenario: 'mine', schedules: 10 });
  });

  it('run with a finding: exit 1, the finding whole, and its line runs it again', async () => {
    const ended = await dmalab(['run', 'twice.mjs', '--seed', '4', '--json'], folder);
    expect(ended.code).to.equal(1);
    const json = jsonOf(ended);
    expect(json['verdict']).to.equal('finding');
    const finding = expectFinding((json['findings'] as unknown[])[0], 'C08');
    expect([finding['step'], finding['schedule']]).to.deep.equal([null, null]);
    const again = await paste(`${String(finding['replay'])} --json`, folder);
    expect(again.code).to.equal(1);
    expectFinding((jsonOf(again)['findings'] as unknown[])[0], 'C08');
    const words = await dmalab(['run', 'twice.mjs', '--seed', '4'], folder);
    expect(words.code).to.equal(1);
    expect(words.stdout).to.contain('C08').and.contain('completed already');
  });

  it('explore with a finding writes a schedule under --out, which replays; changed, it diverges', async () => {
    const ended = await dmalab(['explore', 'deadlock.mjs', '--schedules', '2000', '--out', 'found', '--json'], folder);
    expect(ended.code).to.equal(1);
    const finding = expectFinding((jsonOf(ended)['findings'] as unknown[])[0], 'L-DEADLOCK');
    expect(finding['step']).to.be.a('number').greaterThan(0);
    const file = String(finding['schedule']);
    expect(file).to.match(/^found\//);

    const replayed = await dmalab(['replay', file, '--json'], folder);
    expect(replayed.code).to.equal(1);
    const report = jsonOf(replayed);
    expect(report).to.include({ verdict: 'finding', scenario: 'mine' });
    expect(expectFinding((report['findings'] as unknown[])[0], 'L-DEADLOCK')['message']).to.equal(finding['message']);
    const pasted = await paste(String(finding['replay']), folder);
    expect(pasted.code).to.equal(1);
    expect(pasted.stdout).to.contain('L-DEADLOCK');

    const schedule = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { seed: number };
    writeFileSync(join(folder, 'changed.json'), JSON.stringify({ ...schedule, seed: schedule.seed + 1 }));
    const diverged = await dmalab(['replay', 'changed.json', '--json'], folder);
    expect(diverged.code).to.equal(2);
    expect(jsonOf(diverged)).to.include({ verdict: 'diverged' });
    expect(jsonOf(diverged)['divergence']).to.have.all.keys('step', 'expected', 'found');
  });

  it('explore on threads finds what one thread finds, in a module of its own, too', async () => {
    const search = async (workers: number): Promise<readonly [Json, string]> => {
      const words = ['explore', 'deadlock.mjs', '--workers', String(workers), '--seed', '2', '--out', `found-${workers}`, '--json'];
      const ended = await dmalab(words, folder);
      expect(ended.code, ended.stderr).to.equal(1);
      const json = jsonOf(ended);
      const [finding] = json['findings'] as Json[];
      // The schedule as it was found: how far it is shrunk depends on the time that takes.
      return [json, readFileSync(join(folder, String(finding!['schedule']).replace(/json$/, 'full.json')), 'utf8')];
    };
    const [[alone, schedule], [shared, sharedSchedule]] = await Promise.all([search(1), search(2)]);
    expect([alone['workers'], shared['workers']]).to.deep.equal([1, 2]);
    expect(sharedSchedule).to.equal(schedule);
    for (const name of ['schedules', 'steps', 'distinctHashes', 'verifiedTwice', 'points', 'coverage'])
      expect(shared[name], name).to.deep.equal(alone[name]);
  });

  it('explore --seconds ends in time with whole results, on threads and alone', async () => {
    const search = (more: readonly string[]): Promise<Ended> => dmalab(['explore', 'ring', '--seconds', '1.5', '--json', ...more], folder);
    for (const ended of await Promise.all([search([]), search(['--workers', '2'])])) {
      expect(ended.code, ended.stderr).to.equal(0);
      const json = jsonOf(ended);
      expect(json).to.deep.include({ verdict: 'ok', exhausted: false });
      expect(json['distinctHashes']).to.equal(json['schedules']);
    }
    const first = jsonOf(await search(['--schedules', '3']));
    expect(first).to.include({ schedules: 3 });
  });

  it('explore --steps bounds each schedule, and so does the replay of its file', async () => {
    const ended = await dmalab(['explore', 'plx9x5x', '--steps', '120', '--out', 'bounded', '--json'], folder);
    expect(ended.code).to.equal(1);
    const finding = expectFinding((jsonOf(ended)['findings'] as unknown[])[0], 'L-STEP-BOUND');
    expect(finding['message']).to.contain('120 operations');
    const replayed = await dmalab(['replay', String(finding['schedule']), '--json'], folder);
    expect([replayed.code, jsonOf(replayed)['verdict']]).to.deep.equal([1, 'finding']);
  });

  it('explore takes the flags that shape the machine, and its schedule carries them', async () => {
    const flags =
      '--faults hang=1/1 --devices 2 --map-registers 8 --addressing iommu --min-bytes 64 --max-bytes 512 --cancel 0.1 --power-cycle 1/9';
    const ended = await dmalab(['explore', 'amcc5933', '--schedules', '20', ...flags.split(' '), '--out', 'shaped', '--json'], folder);
    expect(ended.code).to.equal(1);
    const [finding] = jsonOf(ended)['findings'] as { schedule: string; rule: string; message: string }[];
    const schedule = JSON.parse(readFileSync(join(folder, finding!.schedule), 'utf8')) as { parameters: Json };
    expect(schedule.parameters).to.include({ 'faults.hang': '1/1', 'machine.addressing': 'iommu', 'machine.mapRegisters': 8 });
    expect(schedule.parameters).to.include({ 'workload.minBytes': 64, 'workload.maxBytes': 512 });
    const replayed = jsonOf(await dmalab(['replay', finding!.schedule, '--json'], folder));
    expect(replayed['verdict']).to.equal('finding');
    expect((replayed['findings'] as { message: string }[])[0]!.message).to.equal(finding!.message);
  });

  it('the same seed gives the same traffic, another seed another', async () => {
    const bytes = async (seed: number): Promise<unknown> =>
      jsonOf(await dmalab(['run', 'ring', '--requests', '100', '--seed', String(seed), '--json'], folder))['bytes'];
    const [first, second, other] = [await bytes(1), await bytes(1), await bytes(2)];
    expect(second).to.equal(first);
    expect(other).to.not.equal(first);
  });
});

describe('dmalab as a user starts it: interruption and progress', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => (folder = newFolder()));
  after(() => rmSync(folder, { recursive: true }));

  it('SIGINT during a run ends it with whole results and exit 130; progress stands on stderr only', async () => {
    const { child, ended, spoken } = start(['run', 'demo', '--duration', '25', '--json'], folder);
    await spoken();
    child.kill('SIGINT');
    const end = await ended;
    expect(end.code).to.equal(130);
    const json = jsonOf(end);
    expect(json).to.include.all.keys(...RUN);
    expect(json).to.deep.include({ verdict: 'interrupted', scenario: 'demo', findings: [] });
    expect(json['requests']).to.be.a('number').greaterThan(0);
    expect(json['bytesVerified']).to.equal(json['bytes']);
    expect(end.stderr).to.contain('requests').and.contain('interrupted');
  });

  it('SIGINT during a search does, too', async () => {
    const { child, ended, spoken } = start(['explore', 'plx9x5x', '--schedules', '100000000', '--workers', '1', '--json'], folder);
    await spoken();
    child.kill('SIGINT');
    const end = await ended;
    expect(end.code).to.equal(130);
    expect(jsonOf(end)).to.include.all.keys(...EXPLORE);
    expect(jsonOf(end)).to.include({ verdict: 'interrupted' });
    expect(jsonOf(end)['schedules']).to.be.a('number').greaterThan(0);
  });

  it('SIGINT during a search on threads ends all of them', async () => {
    const words = ['explore', 'plx9x5x', '--schedules', '100000000', '--workers', '2', '--json'];
    const { child, ended } = start(words, folder);
    // Not before the threads are up and at work, which a progress line tells.
    child.stderr!.on('data', (text: string) => /, [1-9][\d,]* of/.test(text) && child.kill('SIGINT'));
    const end = await ended;
    expect(end.code).to.equal(130);
    expect(jsonOf(end)).to.include.all.keys(...EXPLORE);
    expect(jsonOf(end)).to.include({ verdict: 'interrupted', workers: 2 });
    expect(jsonOf(end)['schedules']).to.be.a('number').greaterThan(0);
  });

  it('--quiet says nothing on stderr', async () => {
    const { code, stderr, stdout } = await dmalab(['run', 'ring', '--duration', '1.5', '--quiet'], folder);
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.equal('ok: nothing found\n');
  });
});
