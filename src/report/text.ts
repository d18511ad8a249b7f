import Table from 'cli-table3';
import picocolors from 'picocolors';

/** Colour functions that are the identity when colour is off. */
export type Paint = ReturnType<typeof picocolors.createColors>;

export function createPaint(colour: boolean): Paint {
  return picocolors.createColors(colour);
}

/** Titles and messages may come from a scenario: a terminal must not obey what stands in them. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '   ',
} as const;

export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

function render(table: { toString(): string }): string {
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n');
}

/** Rows under bold heads, columns aligned, no borders; indented by two. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string {
  const table = new Table({
    head: columns.map((column) => paint.bold(column.head)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map(printable));
  return render(table);
}

/** Two columns, names and values, without a head. Values may carry colour and stand as they are. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[], paint: Paint): string {
  const table = new Table({ chars: NO_BORDERS, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  for (const [name, value] of facts) table.push([paint.dim(name), value]);
  return render(table);
}
