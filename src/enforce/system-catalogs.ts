/**
 * The system catalogs that governed sessions may read (DESIGN 5.5), by the reviewed list in data/system-catalogs.ts.
 * Drivers, ORMs and psql's \d need most of them; what holds statistics, other sessions' statements or secrets is refused.
 */
import type { Relation } from '../catalog/types.js';
import { safeTypeName } from '../policy/sql-text.js';
import type { ColumnDecision, PolicyCondition, RelationDecision, RowGuard } from '../policy/types.js';
import {
  catalogReasons,
  hiddenColumns,
  namesOnly,
  openCatalogs,
  ownRowsOnly,
  refusedCatalogs,
  type CatalogReason,
} from './data/system-catalogs.js';

const namesOf = (list: string): string[] =>
  list
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]!);

const openNames: ReadonlySet<string> = new Set(namesOf(openCatalogs));
const refusedNames: ReadonlyMap<string, CatalogReason> = new Map(
  Object.entries(refusedCatalogs).flatMap(([reason, list]) =>
    namesOf(list).map((name): [string, CatalogReason] => [name, reason as CatalogReason]),
  ),
);

/** Every catalog that the list knows, for the test that compares it with real servers. */
export const reviewedCatalogs: ReadonlySet<string> = new Set([...openNames, ...refusedNames.keys()]);

const open: RelationDecision = { access: 'open' };
const protectedDecisions = new WeakMap<Relation, RelationDecision>();

/** True for relations whose access is decided here and not by the policy. */
export function isSystemCatalog(relation: Relation): boolean {
  return relation.schema === 'pg_catalog' || relation.schema === 'information_schema';
}

/** Decides on a relation of pg_catalog or information_schema. */
export function decideSystemCatalog(relation: Relation): RelationDecision {
  // FAIL-CLOSED: a catalog that was not reviewed is refused, and so is what somebody put into these schemas.
  if (!openNames.has(`${relation.schema}.${relation.name}`)) return denied(relation);
  if (relation.schema !== 'pg_catalog') return open;
  const hidden = hiddenColumns[relation.name] ?? hiddenCounters(relation);
  const own = ownRowsOnly[relation.name];
  return hidden === undefined && own === undefined ? open : protectedDecision(relation, hidden ?? {}, own);
}

/** NULL for all but the names. */
function hiddenCounters(relation: Relation): Readonly<Record<string, string>> | undefined {
  const names = namesOnly[relation.name];
  if (names === undefined) return undefined;
  const counters = relation.columns.filter((column) => !names.includes(column.name));
  return Object.fromEntries(counters.map(({ name, baseType }) => [name, `NULL::${safeTypeName(baseType)}`]));
}

function protectedDecision(
  relation: Relation,
  hidden: Readonly<Record<string, string>>,
  own: string | undefined,
): RelationDecision {
  const known = protectedDecisions.get(relation);
  if (known !== undefined) return known;
  const columns = new Map<number, ColumnDecision>();
  for (const column of relation.columns) {
    const constant = hidden[column.name];
    columns.set(
      column.attnum,
      constant === undefined
        ? { kind: 'clear', label: undefined }
        : {
            kind: 'masked',
            label: 'pgveil.catalog',
            mask: 'constant',
            sql: () => constant,
            where: 'masked',
            write: 'keep',
          },
    );
  }
  const guards: readonly RowGuard[] =
    own === undefined
      ? []
      : [{ kind: 'rows', rule: 'pgveil:own-session', condition: ownSession(relation, own) }];
  const decision: RelationDecision = {
    access: 'protected',
    columns,
    guards,
    linkable: new Set(),
    rules: ['pgveil:catalogs'],
    subject: undefined,
  };
  protectedDecisions.set(relation, decision);
  return decision;
}

/** The rows of the session's own server process. */
function ownSession(relation: Relation, column: string): PolicyCondition {
  return {
    relation,
    attributes: [],
    sql: (alias) => `${alias}.${column} OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()`,
  };
}

function denied(relation: Relation): RelationDecision {
  const reason = refusedNames.get(`${relation.schema}.${relation.name}`);
  return {
    access: 'denied',
    rule: 'pgveil:catalogs',
    reason:
      reason === undefined
        ? `the system catalog "${relation.name}" was not reviewed`
        : `the system catalog "${relation.name}" is closed: ${catalogReasons[reason]}`,
    hint: 'ask for an exempt session, or use the catalogs that describe structure (pg_class, pg_attribute, information_schema)',
  };
}
