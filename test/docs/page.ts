/** A Markdown page taken apart as far as its checks need it. */
export interface Page {
  readonly text: string;
  readonly lines: readonly string[];
  readonly tables: readonly Table[];
}

export interface Table {
  /** The heading above it, without its signs. */
  readonly heading: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly line: number;
  /** By column name. */
  readonly cells: Readonly<Record<string, string>>;
}

/** A test as the page cites it: its file without `test/` and `.test.ts`, and its title. */
export interface TestCitation {
  readonly file: string;
  readonly title: string;
  readonly line: number;
}

/** A member as the page cites it: `Class.member`. */
export interface MemberCitation {
  readonly owner: string;
  readonly member: string;
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

export function parsePage(text: string): Page {
  const lines = text.split('\n');
  const tables: Table[] = [];
  let heading = '';
  let table: { heading: string; columns: string[]; rows: Row[] } | null = null;
  lines.forEach((line, at) => {
    if (line.startsWith('#')) heading = line.replace(/^#+ */, '');
    if (!line.startsWith('|')) table = null;
    else if (table === null) tables.push((table = { heading, columns: cellsOf(line), rows: [] }));
    else if (!/^\|[-| ]+\|$/.test(line)) table.rows.push(rowOf(table.columns, cellsOf(line), at + 1));
  });
  return { text, lines, tables };
}

function rowOf(columns: readonly string[], cells: readonly string[], line: number): Row {
  if (cells.length !== columns.length) throw new Error(`line ${line}: ${cells.length} cells under ${columns.length} columns`);
  return { line, cells: Object.fromEntries(columns.map((column, at) => [column, cells[at]!])) };
}

/** Everything between backticks. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

/** A citation is a test file in backticks with titles in quotes behind it, divided by commas. */
const CITATION = /`([a-z0-9]+\/[a-z0-9-]+)`((?:,? "[^"]+")*)/g;

/** Tests cited in one line. A file without a title counts as an empty title, which no test has. */
export function testsIn(text: string, line: number): TestCitation[] {
  return [...text.matchAll(CITATION)].flatMap(([, file, titles]) => {
    const cited = [...titles!.matchAll(/"([^"]+)"/g)].map((match) => match[1]!);
    return (cited.length === 0 ? [''] : cited).map((title) => ({ file: file!, title, line }));
  });
}

export function membersIn(text: string): MemberCitation[] {
  return [...text.matchAll(/`([A-Z][A-Za-z0-9]*)\.([a-z][A-Za-z0-9]*)`/g)].map((match) => ({ owner: match[1]!, member: match[2]! }));
}

/** Files of the repository cited in `text`: paths with a folder and an ending. */
export function filesIn(text: string): string[] {
  return codeIn(text).filter((code) => /^[a-z]+\/[\w./-]+\.[a-z]+$/.test(code));
}
