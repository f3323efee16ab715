/**
 * Markdown without surprises. Names of users, applications, tables and statements are whatever a client has chosen, so they
 * stand in code spans and hold nothing that could end one, end a cell of a table or order the reader's screen about.
 */

/** Control and format characters (bidi overrides too), line ends, lone surrogates; and what ends a span or a cell. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}`|\\]|^ | $/gu;
const MAX_NAME = 300;

/** A name or text that is not ours, as a code span. Unsafe characters are shown by their number: `\u{7c}`. */
export function code(text: string): string {
  if (text === '') return '(empty)';
  const cut = text.length <= MAX_NAME ? text : `${text.slice(0, MAX_NAME - 1)}…`;
  return `\`${cut.replace(UNSAFE, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`)}\``;
}

export function codeOrNone(text: string | null): string {
  return text === null ? '-' : code(text);
}

/** A few names, and that there were more. */
export function codes({
  names,
  more,
}: {
  readonly names: readonly string[];
  readonly more: boolean;
}): string {
  if (names.length === 0) return '-';
  return `${names.map(code).join(', ')}${more ? ' and others' : ''}`;
}

/** `1 statement`, `2 statements`. */
export function many(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** Paragraphs, headings, lists and tables; an empty one is left out. */
export type Section = readonly string[];

type Cell = string | number;

/** Cells are our own words, numbers, or code spans. Figures are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const figures = head.map((_, index) => rows.every((row) => typeof row[index] === 'number'));
  const line = (cells: readonly Cell[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(figures.map((figure) => (figure ? '---:' : '---'))), ...rows.map(line)].join('\n');
}

/** What a list of the first ones leaves out. */
export function leftOut(total: number, listed: number): string {
  return total > listed ? `${total - listed} more are not listed.` : '';
}
