import { expect } from 'chai';
import { describe, it } from 'mocha';
import { FakeLab, sweepReport } from './support/fake-lab.js';
import { invoke, jsonOf } from './support/invoke.js';

describe('dmalab sweep', () => {
  it('asks for one event at every operation and prints the table', async () => {
    const lab = new FakeLab();
    const outcome = await invoke(['sweep', 'demo', '--cancel', '--json'], lab);
    expect(outcome.code).to.equal(0);
    expect(jsonOf(outcome)).to.deep.equal(sweepReport);
    expect(lab.calls[0]!.command).to.equal('sweep');
    expect((lab.calls[0] as { options: object }).options).to.include({ event: 'cancel', requests: 1, orders: 0, seed: 1, races: false });
    expect((await invoke(['sweep', 'demo', '--power-down', '--orders', '3', '--races', '--steps', '5000'], lab)).stdout).to.contain(
      'cancel before each operation of 1 request',
    );
    expect((lab.calls[1] as { options: object }).options).to.include({ event: 'power-down', orders: 3, races: true, stepsMax: 5000 });
  });

  it('without an event, with two, or with numbers that cannot be, it is a usage error', async () => {
    for (const flags of [
      [],
      ['--cancel', '--unplug'],
      ['--cancel', '--requests', '0'],
      ['--cancel', '--requests', '65'],
      ['--cancel', '--orders', 'x'],
    ])
      expect((await invoke(['sweep', 'demo', ...flags], new FakeLab())).code, flags.join(' ')).to.equal(2);
  });
});
