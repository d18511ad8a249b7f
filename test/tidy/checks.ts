import ts from 'typescript';
import type { SourceFile } from './project.js';

/** A tidy check: which files it looks at, and what is wrong with one. Returns complaints, none when the file is clean. */
export interface TidyCheck {
  readonly name: string;
  applies(path: string): boolean;
  complaints(file: SourceFile): string[];
}

/** src and workers run in the machine's world, bench and test stand outside and may look at real time. */
const inMachine = (path: string): boolean => /^(src|workers)\//.test(path);

const textLiterals = new Set<ts.SyntaxKind>([
  ts.SyntaxKind.StringLiteral,
  ts.SyntaxKind.NoSubstitutionTemplateLiteral,
  ts.SyntaxKind.TemplateHead,
  ts.SyntaxKind.TemplateMiddle,
  ts.SyntaxKind.TemplateTail,
  ts.SyntaxKind.RegularExpressionLiteral,
]);

const stripped = new Map<string, string>();

/** The code with comments and the insides of strings, templates and regular expressions blanked: words in prose are not uses. Lines and columns stay. */
export function codeOnly(text: string): string {
  const known = stripped.get(text);
  if (known !== undefined) return known;
  const source = ts.createSourceFile('tidy.ts', text, ts.ScriptTarget.Latest, true);
  const characters = text.replace(/[^\n]/g, ' ').split('');
  const visit = (node: ts.Node): void => {
    if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) return;
    const children = node.getChildren(source);
    children.forEach(visit);
    if (children.length > 0) return;
    const [start, end] = [node.getStart(source), node.getEnd()];
    const isText = textLiterals.has(node.kind);
    for (let at = start; at < end; at++) if (!isText || at === start || at === end - 1) characters[at] = text[at]!;
  };
  visit(source);
  const code = characters.join('');
  stripped.set(text, code);
  return code;
}

function matches(file: SourceFile, pattern: RegExp, says: (found: string) => string): string[] {
  return codeOnly(file.text)
    .split('\n')
    .flatMap((line, index) => [...line.matchAll(pattern)].map((match) => `${file.path}:${index + 1}: ${says(match[0].trim())}`));
}

interface Seam {
  readonly name: string;
  readonly pattern: RegExp;
  readonly allowed: readonly string[];
}

const hostTurn = 'src/kernel/host-turn.ts';
/** What makes two runs of one seed differ, and the one file that may touch it. */
export const seams: readonly Seam[] = [
  {
    name: 'unseeded random numbers',
    pattern: /\bMath\s*\.\s*random\b|\brandomUUID\b|\bgetRandomValues\b|\brandomBytes\b|\bcrypto\s*\./g,
    allowed: ['src/kernel/random.ts'],
  },
  { name: 'wall time', pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\b|\bperformance\s*\.|\bhrtime\b/g, allowed: ['src/kernel/clock.ts'] },
  { name: 'host timers', pattern: /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b|\bnextTick\b/g, allowed: [hostTurn] },
  { name: 'garbage collection made visible', pattern: /\bWeakRef\b|\bFinalizationRegistry\b/g, allowed: [] },
  { name: 'raw atomics', pattern: /\bAtomics\s*[.[]/g, allowed: ['src/memory/atomics.ts'] },
];

const seamChecks: TidyCheck[] = seams.map(({ name, pattern, allowed }) => ({
  name: `seam: ${name}`,
  applies: (path) => inMachine(path) && !allowed.includes(path),
  complaints: (file) => matches(file, pattern, (found) => `${found} outside ${allowed.join(', ') || 'any file'}`),
}));

export const FILE_LINES_MAX = 450;

const fileLength: TidyCheck = {
  name: `no file of src is over ${FILE_LINES_MAX} lines`,
  applies: (path) => path.startsWith('src/'),
  complaints({ path, text }) {
    const lines = text.split('\n').length - 1;
    return lines > FILE_LINES_MAX ? [`${path}: ${lines} lines, more than ${FILE_LINES_MAX}`] : [];
  },
};

const noExclusiveTests: TidyCheck = {
  name: 'no test runs alone or is skipped for good',
  applies: (path) => path.startsWith('test/'),
  complaints: (file) =>
    matches(file, /\b(?:describe|it|context|suite|test)\s*\.\s*(?:only|skip)\s*\(/g, (found) => `${found} was left behind`),
};

const noAny: TidyCheck = {
  name: 'no `as any`',
  applies: () => true,
  complaints: (file) => matches(file, /\bas\s+any\b|<any>/g, (found) => `${found} switches the type checker off`),
};

const noSuppression: TidyCheck = {
  name: 'no type error is silenced by a comment',
  applies: () => true,
  complaints: ({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /^\s*(?:\/\/|\/\*|\*).*@ts-(?:ignore|nocheck|expect-error)/.test(line) ? [`${path}:${index + 1}: a silenced type error`] : [],
      ),
};

const noDefaultExports: TidyCheck = {
  name: 'default exports are for scenarios only',
  applies: (path) => path.startsWith('src/') && !path.startsWith('src/scenarios/'),
  complaints: (file) => matches(file, /\bexport\s+default\b|\bas\s+default\b/g, (found) => `${found} outside src/scenarios`),
};

const testsAssert: TidyCheck = {
  name: 'every test file asserts something',
  applies: (path) => path.endsWith('.test.ts'),
  complaints({ path, text }) {
    return /\bexpect\s*\(|\bassert\s*[.(]|\btester\.run\s*\(/.test(codeOnly(text)) ? [] : [`${path}: no assertion in the whole file`];
  },
};

const indexOnlyExports: TidyCheck = {
  name: 'index.ts is a list of exports',
  applies: (path) => path.startsWith('src/') && path.endsWith('/index.ts'),
  complaints: ({ path, text }) =>
    statements(text).flatMap((statement) =>
      /^(?:export\s+(?:type\s+)?(?:\*|\{)|import\s+type\b)/.test(statement) ? [] : [`${path}: ${statement.slice(0, 60)}`],
    ),
};

function statements(text: string): string[] {
  return codeOnly(text)
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** Files are kebab-case: `dma-adapter.ts`, `spin-lock.test.ts`. */
const kebabCase: TidyCheck = {
  name: 'files are named in kebab-case',
  applies: () => true,
  complaints: ({ path }) =>
    /^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.[a-z0-9-]+)*\.ts$/.test(path) ? [] : [`${path}: the name is not kebab-case`],
};

export const checks: readonly TidyCheck[] = [
  ...seamChecks,
  fileLength,
  noExclusiveTests,
  noAny,
  noSuppression,
  noDefaultExports,
  testsAssert,
  indexOnlyExports,
  kebabCase,
];

export function runCheck(check: TidyCheck, files: readonly SourceFile[]): string[] {
  return files.filter(({ path }) => check.applies(path)).flatMap((file) => check.complaints(file));
}
