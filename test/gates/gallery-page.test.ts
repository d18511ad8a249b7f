import { expect } from 'chai';
import { describe, it } from 'mocha';
import { readFileSync } from 'node:fs';
import { gallery } from '../../src/scenarios/index.js';
import { galleryPage, lineStart, linesOf, wrongCells } from './gallery-page.js';
import { TABLE_STRATEGIES } from './gallery.js';

const page = readFileSync(new URL('../../../docs/gallery.md', import.meta.url), 'utf8');
const lines = linesOf(page);

describe('docs/gallery.md', function () {
  this.timeout(60_000);

  it('has a line for every pair, with its label, and nothing that the page is not made of', () => {
    for (const pair of gallery) expect(lines.get(pair.defect.name), pair.defect.name).to.match(/^\| /).and.include(lineStart(pair));
    expect(galleryPage(gallery, lines)).to.equal(page);
  });

  // One pair on each board, under each strategy once: `npm run gates -- gallery-page` counts all cells.
  const boards = [...new Set(gallery.map(({ defect }) => defect.devices[0]!.model))];
  boards.forEach((model, i) => {
    const pair = gallery.find(({ defect }) => defect.devices[0]!.model === model)!;
    const strategy = TABLE_STRATEGIES[i % TABLE_STRATEGIES.length]!;
    it(`says what the code comes to: ${pair.defect.name} under ${strategy}`, () => {
      expect(wrongCells(pair, lines.get(pair.defect.name)!, [strategy])).to.deep.equal([]);
    });
  });

  it('a number that is not right is named', () => {
    const easy = gallery.find(({ defect }) => defect.name === 'second-reservation-waits')!;
    const line = lines.get(easy.defect.name)!;
    expect(wrongCells(easy, line, ['pos'])).to.deep.equal([]);
    const wrong = line.replace(/\| (\d+) \|/, (_, pos: string) => `| ${Number(pos) + 1} |`);
    const [complaint] = wrongCells(easy, wrong, ['pos']);
    expect(complaint).to.match(/^pos: the page says \d+, and it is \d+$/);
  });
});
