/** How the rows of a COPY TO STDOUT are written, as far as finding a field in them needs it (PostgreSQL manual, COPY). */
import type { Node } from '@pgsql/types';
import type { ResolvedStatement } from '../resolve/types.js';
import type { CopyLayout } from './types.js';

/** Undefined for all that is no COPY; `unreadable` where a field cannot be told from what the option says. */
export function copyLayout({
  statement: { node },
}: ResolvedStatement): CopyLayout | 'unreadable' | undefined {
  if (!('CopyStmt' in node)) return undefined;
  const options = new Map<string, string | undefined>();
  for (const option of node.CopyStmt.options ?? []) {
    if (!('DefElem' in option)) return 'unreadable';
    options.set(option.DefElem.defname ?? '', textOf(option.DefElem.arg));
  }
  // The server writes in that encoding then, and a key's bytes are others.
  if (options.has('encoding')) return 'unreadable';
  const format = options.get('format') ?? 'text';
  const header = headerOf(options);
  if ((format !== 'text' && format !== 'csv' && format !== 'binary') || header === undefined)
    return 'unreadable';
  const csv = format === 'csv';
  const quote = options.get('quote') ?? '"';
  const layout = {
    format,
    header,
    delimiter: options.get('delimiter') ?? (csv ? ',' : '\t'),
    null: options.get('null') ?? (csv ? '' : '\\N'),
    quote,
    escape: options.get('escape') ?? quote,
  } as const;
  // COPY takes single bytes there (ProcessCopyOptions in src/backend/commands/copy.c).
  const single = [layout.delimiter, layout.quote, layout.escape];
  return single.every((each) => /^[\0-\x7f]$/.test(each)) ? layout : 'unreadable';
}

/** True where the answer depends on what is written in the options. */
export function copyReadsLiterals(node: Node): boolean {
  return 'CopyStmt' in node && (node.CopyStmt.options ?? []).length > 0;
}

function textOf(arg: Node | undefined): string | undefined {
  if (arg === undefined) return undefined;
  if ('String' in arg) return arg.String.sval ?? '';
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  if ('Boolean' in arg) return String(arg.Boolean.boolval ?? false);
  return '\0';
}

/** defGetCopyHeaderOption in src/backend/commands/copy.c. */
function headerOf(options: ReadonlyMap<string, string | undefined>): boolean | undefined {
  if (!options.has('header')) return false;
  const text = options.get('header')?.toLowerCase() ?? 'true';
  if (['true', 'on', '1'].includes(text)) return true;
  return ['false', 'off', '0'].includes(text) ? false : undefined;
}
