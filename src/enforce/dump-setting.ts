/**
 * The one statement of pg_dump that sets a setting whose name it reads from a table. Since its fix of CVE-2024-7348 it keeps
 * the session from views and foreign tables of users where the server knows how (src/bin/pg_dump/pg_dump.c, setup_connection).
 */
import type { SelectStmt } from '@pgsql/types';
import { toByteString } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';

/** Its tree, without locations and what the parser adds for every SELECT. */
const shape = JSON.stringify([
  {
    ResTarget: {
      val: {
        FuncCall: {
          funcname: [{ String: { sval: 'set_config' } }],
          args: [
            { ColumnRef: { fields: [{ String: { sval: 'name' } }] } },
            { A_Const: { sval: { sval: 'view, foreign-table' } } },
            { A_Const: { boolval: {} } },
          ],
          funcformat: 'COERCE_EXPLICIT_CALL',
        },
      },
    },
  },
  { RangeVar: { relname: 'pg_settings', inh: true, relpersistence: 'p' } },
  {
    A_Expr: {
      kind: 'AEXPR_OP',
      name: [{ String: { sval: '=' } }],
      lexpr: { ColumnRef: { fields: [{ String: { sval: 'name' } }] } },
      rexpr: { A_Const: { sval: { sval: 'restrict_nonsystem_relation_kind' } } },
    },
  },
]);

const plainSelect = new Set(['targetList', 'fromClause', 'whereClause', 'limitOption', 'op']);

/**
 * What is sent for it, every name whole; undefined for every other statement. A statement that differs in its literals
 * alone is told apart, because a plan that is kept for the one would answer for the other.
 */
export function dumpSetting(select: SelectStmt): ByteString | 'other-literals' | undefined {
  const { targetList = [], fromClause = [], whereClause, op } = select;
  if (targetList.length !== 1 || fromClause.length !== 1 || op !== 'SETOP_NONE') return undefined;
  if (Object.keys(select).some((field) => !plainSelect.has(field))) return undefined;
  const written = JSON.stringify([targetList[0], fromClause[0], whereClause], (key, value: unknown) =>
    key === 'location' ? undefined : value,
  );
  if (written === shape) return text;
  return withoutLiterals(written) === withoutLiterals(shape) ? 'other-literals' : undefined;
}

const withoutLiterals = (tree: string): string =>
  tree.replace(/"A_Const":\{"sval":\{[^}]*\}/g, '"A_Const":{');

const text = toByteString(
  `SELECT pg_catalog.set_config(name, 'view, foreign-table', false) FROM pg_catalog.pg_settings ` +
    `WHERE name OPERATOR(pg_catalog.=) 'restrict_nonsystem_relation_kind'`,
);
