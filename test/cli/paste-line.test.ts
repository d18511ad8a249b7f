import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { shellQuote } from '../../src/report/index.js';
import { pasteAgain, programOf } from '../../src/cli/paste-line.js';
import { flagValueOf, operandOf } from '../../src/cli/argv-facts.js';

describe('lines to paste', () => {
  it('start with what runs the program from here', () => {
    expect(programOf('/home/a/lab/dist/src/cli/main.js', '/home/a/lab')).to.equal('node dist/src/cli/main.js');
    expect(programOf('/opt/lab/main.js', '/home/a')).to.equal('node /opt/lab/main.js');
    expect(programOf('/home/a b/main.js', '/home')).to.equal("node 'a b/main.js'");
    expect(programOf('/home/a/node_modules/.bin/dmalab', '/home/a')).to.equal('npx dmalab');
    expect(programOf('/usr/local/bin/dmalab', '/home/a')).to.equal('dmalab');
  });

  it('have the seed, and no flag that only changes how results are shown', () => {
    const again = (line: string): string => pasteAgain('dmalab', line.split(' '), 7);
    expect(again('run demo --json --out /tmp/x --quiet --requests 5')).to.equal('dmalab run demo --requests 5 --seed 7');
    expect(again('run demo --out=/tmp/x --seed 7')).to.equal('dmalab run demo --seed 7');
    expect(again('run demo --seed=7 --tour')).to.equal('dmalab run demo --seed=7');
    expect(pasteAgain('dmalab', ['replay', 'a file.json', '--json'], null)).to.equal("dmalab replay 'a file.json'");
  });

  it('survive a shell, whatever the words are', () => {
    const words = fc.array(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((word) => !word.includes('\u0000')),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(words, (list) => {
        const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${['x', ...list].map(shellQuote).join(' ')}`], { encoding: 'utf8' });
        expect(printed).to.equal(['x', ...list, ''].join('\u0000'));
      }),
      { numRuns: 30 },
    );
  });
});

describe('what a command line says before it is checked', () => {
  const valueFlags = new Set(['--seed', '--requests']);

  it('is the first word that is no flag and no value of one', () => {
    expect(operandOf(['--seed', '5', 'demo', '--json'], valueFlags)).to.equal('demo');
    expect(operandOf(['--seed=5', '--json', 'demo'], valueFlags)).to.equal('demo');
    expect(operandOf(['--seed', '5'], valueFlags)).to.equal(null);
  });

  it('is the last value of a flag', () => {
    expect(flagValueOf(['--seed', '5', '--seed=6'], '--seed')).to.equal('6');
    expect(flagValueOf(['demo'], '--seed')).to.equal(null);
    expect(flagValueOf(['--seed'], '--seed')).to.equal(null);
  });
});
