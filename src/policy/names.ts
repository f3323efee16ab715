/** Names of relations and columns as policies write them. Quoting as in SQL; unquoted names fold to lower case. */
import { parseJsonPath } from './json-path.js';

const PART = /^(?:"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*))/;

function parts(text: string): { parts: string[]; rest: string } | undefined {
  const found: string[] = [];
  let rest = text.trim();
  for (;;) {
    const match = PART.exec(rest);
    if (!match) return undefined;
    // The server folds ASCII letters only in most encodings (scansup.c, downcase_identifier).
    found.push(
      match[1]?.replaceAll('""', '"') ?? match[2]!.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
    );
    rest = rest.slice(match[0].length);
    if (!rest.startsWith('.')) return { parts: found, rest };
    rest = rest.slice(1);
  }
}

export interface RelationName {
  readonly schema: string;
  readonly name: string;
}

export interface ColumnName extends RelationName {
  readonly column: string;
  /** Keys into jsonb; empty for the whole column. */
  readonly path: readonly string[];
}

/** `schema.table`. */
export function parseRelationName(text: string): RelationName | undefined {
  const found = parts(text);
  if (found?.parts.length !== 2 || found.rest !== '') return undefined;
  return { schema: found.parts[0]!, name: found.parts[1]! };
}

/** `schema.table.column`, or that with `->'key'` behind it. */
export function parseColumnName(text: string): ColumnName | undefined {
  const found = parts(text);
  if (found?.parts.length !== 3) return undefined;
  const path = found.rest.trim() === '' ? [] : parseJsonPath(found.rest);
  if (path === undefined) return undefined;
  return { schema: found.parts[0]!, name: found.parts[1]!, column: found.parts[2]!, path };
}

/** One column name by itself. */
export function parseIdentifier(text: string): string | undefined {
  const found = parts(text);
  return found?.parts.length === 1 && found.rest === '' ? found.parts[0] : undefined;
}
