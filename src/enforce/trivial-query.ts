/**
 * Queries that read nothing at all: what drivers and pools send to see whether the server is there and which one it is.
 * They run before anybody has claimed anything.
 */
import type { Node } from '@pgsql/types';
import type { statementRule } from './statement-kinds.js';

type Rule = NonNullable<ReturnType<typeof statementRule>>['rule'];

/** Kinds that work on the session and its transaction alone. FETCH finds nothing that nobody has opened. */
const sessionKinds: ReadonlySet<Rule> = new Set([
  'transaction',
  'set',
  'show',
  'discard',
  'deallocate',
  'close-cursor',
  'fetch',
  'harmless',
]);

/** The statement may run while nobody acts. A query that touches no data reads or sets settings. */
export function needsNobody(rule: Rule, touchesData: boolean): boolean {
  return !touchesData && (sessionKinds.has(rule) || rule === 'query');
}

const harmlessFunctions: ReadonlySet<string> = new Set([
  'clock_timestamp',
  'current_database',
  'now',
  'pg_backend_pid',
  'version',
]);
const harmlessFields: ReadonlySet<string> = new Set([
  'targetList',
  'limitOption',
  'op',
  'groupDistinct',
  'all',
]);

/** `SELECT 1`, `SELECT version()`, `SELECT current_user`. */
export function isTrivialQuery(node: Node): boolean {
  if (!('SelectStmt' in node)) return false;
  const query = node.SelectStmt;
  if (Object.entries(query).some(([key, value]) => value !== undefined && !harmlessFields.has(key)))
    return false;
  return (query.targetList ?? []).every((target) => 'ResTarget' in target && reads(target.ResTarget.val));
}

function reads(node: Node | undefined): boolean {
  if (node === undefined) return false;
  if ('A_Const' in node || 'SQLValueFunction' in node) return true;
  if (!('FuncCall' in node)) return false;
  const { funcname = [], args } = node.FuncCall;
  const parts = funcname.map((part) => ('String' in part ? (part.String.sval ?? '') : ''));
  const name =
    parts.length === 2 && parts[0] === 'pg_catalog' ? parts[1] : parts.length === 1 ? parts[0] : '';
  return args === undefined && harmlessFunctions.has(name ?? '');
}
