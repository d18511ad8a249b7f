import { expect } from 'chai';
import { before, describe, it } from 'mocha';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { builtInScenarios } from '../../src/scenarios/built-in.js';
import { rules } from '../../src/verifier/index.js';
import type { Vector } from '../../src/conformance/index.js';
import { projectRoot, readSources, type SourceFile } from '../tidy/project.js';
import { codeIn, filesIn, membersIn, parsePage, testsIn, type Page, type Row } from './page.js';
import { publicMembers } from './public-members.js';
import { REFERENCE_DDIS } from './reference-ddis.js';
import { testTitles } from './titles.js';

const PAGE = 'docs/kmdf-map.md';
const page = parsePage(readFileSync(projectRoot + PAGE, 'utf8'));
const sources = readSources('src');
const vectors = readVectors();

function readVectors(): ReadonlyMap<string, string> {
  const folder = `${projectRoot}test/conformance/vectors/`;
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(folder + name, 'utf8').split('\n'));
  return new Map(texts.filter((text) => text !== '').map((text) => [(JSON.parse(text) as Vector).name, text]));
}

const rowsOf = ({ tables }: Page, column: string): Row[] =>
  tables.filter(({ columns }) => columns.includes(column)).flatMap(({ rows }) => rows);

const ddiRows = (of: Page): Row[] => rowsOf(of, 'DDI');

// --- checks: each takes a page and returns what is wrong with it ----------------------------------------------------

function missingFiles(of: Page): string[] {
  return filesIn(of.text).filter((path) => !existsSync(projectRoot + path));
}

let declaredMembers: ReadonlySet<string> | null = null;

/** In a row that names a file, one of its files must declare the member; elsewhere any file of src may. */
function missingMembers(of: Page): string[] {
  const declared = (declaredMembers ??= publicMembers(sources));
  return of.lines.flatMap((line, at) => {
    const named = filesIn(line).filter((path) => path.startsWith('src/'));
    const places = named.length > 0 ? named : sources.map(({ path }) => path);
    return membersIn(line)
      .filter(({ owner, member }) => !places.some((path) => declared.has(`${path} ${owner}.${member}`)))
      .map(({ owner, member }) => `line ${at + 1}: ${owner}.${member}`);
  });
}

function missingTests(of: Page, titles: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return of.lines
    .flatMap((line, at) => testsIn(line, at + 1))
    .filter(({ file, title }) => titles.get(file)?.has(title) !== true)
    .map(({ file, title, line }) => `line ${line}: ${file} "${title}"`);
}

function missingVectors(of: Page): string[] {
  return rowsOf(of, 'vectors').flatMap(({ line, cells }) =>
    codeIn(cells.vectors!)
      .filter((name) => !vectors.has(name))
      .map((name) => `line ${line}: ${name}`),
  );
}

/** Rules that are named but not checked by this version, or that nobody knows. */
function missingRules(of: Page): string[] {
  const checked = new Set(rules.filter(({ implemented }) => implemented).map(({ id }) => id));
  const prose = of.lines.map((line) => line.replace(/"[^"]*"/g, ''));
  return prose.flatMap((line) => line.match(/\b(?:[A-D]\d\d|L-[A-Z][A-Z-]+)\b/g) ?? []).filter((id) => !checked.has(id));
}

/** How vectors spell a call: without `WdfDmaTransaction`; of enablers the getters keep their noun. */
function operationOf(ddi: string): string {
  const name = ddi.replace(/^WdfDmaTransaction|^WdfObject/, '');
  const ofEnabler = name.replace(/^WdfDmaEnabler/, '');
  if (ofEnabler === name)
    return name.replace('EvtDmaTransactionConfigureDmaChannel', 'EvtConfigureDmaChannel').replace('EvtDmaTransactionDma', 'EvtDma');
  return /^(Create|Get(?:MaximumLength|FragmentLength))$/.test(ofEnabler) ? `Enabler${ofEnabler}` : ofEnabler;
}

/** `executed` needs a vector, and each vector of such a row must make the call, or show the callback. */
function unprovedRows(of: Page): string[] {
  const executed = ddiRows(of).filter(({ cells }) => cells.truth === 'executed');
  return executed.flatMap(({ line, cells }) => {
    const ddi = cells.DDI!.split(/[ ,]/)[0]!;
    const names = codeIn(cells.vectors!);
    if (names.length === 0) return [`line ${line}: ${ddi} is executed by no vector`];
    if (ddi === 'SCATTER_GATHER_LIST') return [];
    const call = new RegExp(`"${operationOf(ddi)}[":]`);
    return names.filter((name) => !call.test(vectors.get(name) ?? '')).map((name) => `line ${line}: ${name} does not call ${ddi}`);
  });
}

const isMissing = ({ cells }: Row): boolean => cells.status!.startsWith('missing');

/** A row says done, partly or missing; what is done has a test or a vector, what is missing is not in the sources. */
function wrongStatus(of: Page): string[] {
  return ddiRows(of).flatMap((row) => {
    const { line, cells } = row;
    const complaint = (what: string): string => `line ${line}: ${cells.DDI!} ${what}`;
    if (!/^(done|partly: .+|missing(: .+)?|done: .+)$/.test(cells.status!)) return [complaint('has no status')];
    if (!/^(executed|read|own choice)$/.test(cells.truth!)) return [complaint('has no truth')];
    if (isMissing(row))
      return cells
        .DDI!.match(/Wdf\w+/g)!
        .filter(isInSources)
        .map((ddi) => complaint(`is in the sources: ${ddi}`));
    if (membersIn(cells.ours!).length === 0) return [complaint('names no member')];
    const isProved = codeIn(cells.vectors!).length > 0 || testsIn(cells.tests!, line).length > 0;
    return cells.status!.startsWith('done') && !isProved ? [complaint('is done, but nothing exercises it')] : [];
  });
}

const isInSources = (ddi: string): boolean => sources.some(({ text }) => new RegExp(`\\b${ddi}\\b`).test(text));

/** The scenario's own file and what it imports from beside it. */
function scenarioSources(name: string): string {
  const named = new RegExp(`defineScenario\\(\\{\\s*name: '${name}'`);
  const start = sources.find(({ text }) => named.test(text));
  const seen = new Map<string, string>();
  const visit = ({ path, text }: SourceFile): void => {
    if (seen.has(path)) return;
    seen.set(path, text);
    for (const match of text.matchAll(/from '(\.\/[^']+)\.js'/g)) {
      const imported = sources.find((file) => file.path === join(dirname(path), `${match[1]!}.ts`));
      if (imported !== undefined) visit(imported);
    }
  };
  if (start !== undefined) visit(start);
  return [...seen.values()].join('\n');
}

function wrongScenarios(of: Page): string[] {
  const known = new Set(builtInScenarios.map(({ name }) => name));
  return rowsOf(of, 'scenarios').flatMap(({ line, cells }) => {
    // Every class has a `create`: there the class stands in the call as well.
    const members = membersIn(cells.ours ?? '').map(({ owner, member }) => (member === 'create' ? `${owner}.create` : member));
    return codeIn(cells.scenarios!).flatMap((name) => {
      if (!known.has(name)) return [`line ${line}: there is no scenario ${name}`];
      const isUsed = members.length === 0 || members.some((member) => new RegExp(`\\b${member}\\b`).test(scenarioSources(name)));
      return isUsed ? [] : [`line ${line}: ${name} does not use ${members.join(', ')}`];
    });
  });
}

/** DDIs of the map's sections that the sources speak of and the page does not. */
function unmappedDdis(of: Page): string[] {
  const family = /\bWdf(?:DmaEnabler|DmaTransaction|CommonBuffer|Request|IoQueue|Interrupt)[A-Z]\w+/g;
  const spoken = new Set(sources.flatMap(({ text }) => text.match(family) ?? []));
  // One row covers both directions; the comments name one DDI for them.
  const aliases = new Set(['WdfRequestRetrieveWdmMdl']);
  return [...spoken].filter((ddi) => !aliases.has(ddi) && !new RegExp(`\\b${ddi}\\b`).test(of.text));
}

/** DDIs of the reference tables that no row of the page is about. */
function ddisWithoutRow(of: Page): string[] {
  const named = new Set(ddiRows(of).flatMap(({ cells }) => cells.DDI!.split(/[ ,]+/)));
  return Object.values(REFERENCE_DDIS)
    .flat()
    .filter((ddi) => !named.has(ddi));
}

/** Sections with rows that were read and no word where. */
function sectionsWithoutSource(of: Page): string[] {
  return of.text
    .split(/^## /m)
    .filter((section) => /\| read \|$/m.test(section) && /^\| DDI /m.test(section) && !/^Read in /m.test(section))
    .map((section) => section.split('\n')[0]!);
}

// --- the page, and the checks themselves -------------------------------------------------------------------------------

describe(`the page ${PAGE}`, function () {
  this.timeout(60_000);
  let titles: ReadonlyMap<string, ReadonlySet<string>>;

  before(async () => {
    const files = new Set(page.lines.flatMap((line, at) => testsIn(line, at + 1)).map(({ file }) => file));
    titles = await testTitles([...files].filter((file) => existsSync(`${projectRoot}test/${file}.test.ts`)));
  });

  it('has a row for every DDI, under 400 lines', () => {
    expect(ddiRows(page)).to.have.length.greaterThan(80);
    expect(page.lines.length).to.be.lessThan(400);
    expect(new Set(ddiRows(page).map(({ cells }) => cells.DDI)).size).to.equal(ddiRows(page).length);
    expect(unmappedDdis(page)).to.deep.equal([]);
  });

  it('has a row for every DDI of the reference tables', () => expect(ddisWithoutRow(page)).to.deep.equal([]));
  it('says where it was read, section by section', () => expect(sectionsWithoutSource(page)).to.deep.equal([]));
  it('names files that exist', () => expect(missingFiles(page)).to.deep.equal([]));
  it('names public members where they are declared', () => expect(missingMembers(page)).to.deep.equal([]));
  it('names tests that exist', () => expect(missingTests(page, titles)).to.deep.equal([]));
  it('names vectors that exist', () => expect(missingVectors(page)).to.deep.equal([]));
  it('names rules that are checked', () => expect(missingRules(page)).to.deep.equal([]));
  it('says executed only of what a vector executes', () => expect(unprovedRows(page)).to.deep.equal([]));
  it('says done only of what is exercised, and missing only of what is not there', () => expect(wrongStatus(page)).to.deep.equal([]));
  it('names scenarios that use the member', () => expect(wrongScenarios(page)).to.deep.equal([]));

  it('would not pass with any of that wrong', () => {
    const row = (ours: string, vector: string, scenario: string, status: string, truth: string): Page =>
      parsePage(
        `| DDI | ours | vectors | tests | scenarios | status | truth |\n|---|---|---|---|---|---|---|\n` +
          `| WdfDmaTransactionExecute | ${ours} | ${vector} | - | ${scenario} | ${status} | ${truth} |`,
      );
    const right = row(
      '`DmaTransactionBase.execute`, `src/wdf/dma-transaction-base.ts`',
      '`packet-queue-fifo`',
      '`ring`',
      'done',
      'executed',
    );
    const checks = [missingFiles, missingMembers, missingVectors, missingRules, unprovedRows, wrongStatus, wrongScenarios];
    expect(checks.map((check) => check(right))).to.deep.equal(checks.map(() => []));

    expect(missingFiles(row('`src/wdf/nowhere.ts`', '-', '-', 'done', 'read'))).to.deep.equal(['src/wdf/nowhere.ts']);
    expect(missingMembers(row('`DmaTransactionBase.execute`, `src/wdf/request.ts`', '-', '-', 'done', 'read'))).to.have.length(1);
    expect(missingMembers(row('`DmaTransactionBase.stageTransfer`', '-', '-', 'done', 'read')), 'protected').to.have.length(1);
    expect(missingVectors(row('-', '`packet-queue-fifty`', '-', 'done', 'read'))).to.have.length(1);
    expect(missingRules(row('reported as C99', '-', '-', 'done', 'read'))).to.deep.equal(['C99']);
    expect(unprovedRows(row('-', '`packet-cancel-created`', '-', 'done', 'executed'))).to.deep.equal([
      'line 3: packet-cancel-created does not call WdfDmaTransactionExecute',
    ]);
    expect(wrongStatus(row('-', '-', '-', 'missing', 'read'))).to.have.length(1);
    expect(wrongStatus(row('`DmaTransactionBase.execute`', '-', '-', 'done', 'read'))).to.have.length(1);
    expect(wrongScenarios(row('`DmaTransactionBase.initializeUsingOffset`', '-', '`plx9x5x`', 'done', 'read'))).to.have.length(1);
    expect(wrongScenarios(row('`DmaTransactionBase.execute`', '-', '`string`', 'done', 'read'))).to.have.length(1);
    expect(missingTests(parsePage('`wdf/request` "tells the caller once", and `wdf/request`'), titles)).to.have.length(2);
    expect(unmappedDdis(right)).to.include('WdfDmaTransactionRelease');
    expect(ddisWithoutRow(right)).to.include('WdfDmaTransactionRelease').and.not.include('WdfDmaTransactionExecute');
    expect(sectionsWithoutSource(parsePage(page.text.replace('Read in `fxtimer.cpp`', '`fxtimer.cpp`')))).to.have.length(1);
    const shorter = page.text.split('\n').filter((line) => !line.startsWith('| ReadDmaCounter '));
    expect(ddisWithoutRow(parsePage(shorter.join('\n'))), 'one row taken out').to.deep.equal(['ReadDmaCounter']);
  });
});
