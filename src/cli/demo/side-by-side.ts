/** Draws the same statement's results for several users next to each other, rows lined up by their first column. Pure. */
import Table from 'cli-table3';
import type { Colours } from '../io.js';
import type { TextResult } from '../policy-test/compare.js';

/** What one user got: rows, or an error in one line. */
export interface View {
  readonly title: string;
  readonly result: TextResult | { readonly error: string };
}

/** The widest line the demo prints, so that it fits a small terminal. */
export const WIDTH = 98;

/** The first column is the key that lines rows up; the others stand below each other in one cell. */
export function sideBySide(views: readonly View[], keyTitle: string, colours: Colours): string {
  const keys = [
    ...new Set(
      views.flatMap((view) =>
        'error' in view.result ? [] : view.result.rows.map((row) => row[0] ?? 'NULL'),
      ),
    ),
  ];
  const keyWidth = Math.max(keyTitle.length, ...keys.map((key) => key.length)) + 2;
  const cellWidth = Math.floor((WIDTH - keyWidth - views.length - 2) / views.length);
  const table = new Table({
    head: [keyTitle, ...views.map((view) => view.title)].map((title) => colours.bold(title)),
    colWidths: [keyWidth, ...views.map(() => cellWidth)],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  if (keys.length === 0) table.push(['', ...views.map((view) => errorCell(view, colours))]);
  for (const key of keys) table.push([key, ...views.map((view) => cell(view, key, colours))]);
  return table.toString();
}

function cell(view: View, key: string, colours: Colours): string {
  if ('error' in view.result) return errorCell(view, colours);
  const row = view.result.rows.find((candidate) => (candidate[0] ?? 'NULL') === key);
  if (row === undefined) return colours.dim('(no such row)');
  return row
    .slice(1)
    .map((value) => (value === null ? colours.dim('NULL') : value))
    .join('\n');
}

function errorCell(view: View, colours: Colours): string {
  return 'error' in view.result ? colours.red(view.result.error) : colours.dim('(no rows)');
}
