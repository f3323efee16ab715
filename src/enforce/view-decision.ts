/**
 * Views and materialized views, by lineage (DESIGN 4): what a view shows of a protected table is masked as there, and its
 * rows are guarded through the subject keys that it shows. A view that hides the keys, aggregates guarded rows, or calls
 * functions that may read tables is refused with a message that says what to label.
 */
import type { Catalog, Column, Relation } from '../catalog/types.js';
import type { MaskContext } from '../policy/masks/mask-kind.js';
import { redactMask } from '../policy/masks/redact.js';
import { safeTypeName } from '../policy/sql-text.js';
import type {
  ColumnDecision,
  MaskSql,
  RelationDecision,
  RowGuard,
  RowSubjects,
  SubjectPath,
} from '../policy/types.js';
import type { BaseColumn, BaseUse, ViewLineage } from '../resolve/lineage.js';
import { viewLineage } from '../resolve/lineage.js';
import type { Parser } from '../sql/parse.js';
import { textParser } from '../sql/parse-text.js';
import { functionVerdict } from './functions.js';
import { untrustedOperator, usesUntrustedType } from './operators-and-types.js';
import { isStateful } from './stateful-calls.js';
import { decideSystemCatalog, isSystemCatalog } from './system-catalogs.js';
import { untrustedCode } from './user-code.js';

/** A listed function reads what its author let it read, so a view over one is still no view that can be followed. */
const nothingListed: ReadonlySet<string> = new Set();

type Protected = Extract<RelationDecision, { access: 'protected' }>;

/** The provider that bindPolicy() asks about every view that the policy does not name itself. */
export function viewDecisions(
  catalog: Catalog,
  parser: Pick<Parser, 'parse'>,
): (view: Relation, decideBase: (oid: number) => RelationDecision) => RelationDecision {
  const parse = textParser(parser);
  return (view, decideBase) => {
    const lineage = viewLineage(view, catalog, parse);
    if (lineage === undefined) return denied(view, 'its definition cannot be followed to base tables');
    if ([view, ...lineage.views].some((one) => namesUntrustedType(one, lineage, catalog, parse)))
      return denied(view, 'it uses a type or a cast whose function may read other tables');
    return decideView(view, lineage, catalog, decideBase);
  };
}

/** Definitions are parsed again only where the database has types or casts that could be refused. */
function namesUntrustedType(
  { definition }: Relation,
  { bases }: ViewLineage,
  catalog: Catalog,
  parse: ReturnType<typeof textParser>,
): boolean {
  const { coercing, showing, casts } = untrustedCode(catalog, nothingListed);
  if (coercing.size === 0 && showing.size === 0 && casts.length === 0) return false;
  const parsed = parse(definition ?? '');
  // FAIL-CLOSED: it was parsed a moment ago, so this does not happen.
  if (!parsed.ok) return true;
  const relations = bases.map((base) => base.relation);
  return parsed.statements.some(({ node }) => usesUntrustedType(node, relations, catalog, nothingListed));
}

function decideView(
  view: Relation,
  lineage: ViewLineage,
  catalog: Catalog,
  decideBase: (oid: number) => RelationDecision,
): RelationDecision {
  // FAIL-CLOSED: a function of the user's can read any table whatever the view's own FROM says.
  const unknownFunction = lineage.functions.find((use) => {
    const verdict = functionVerdict(use, catalog, nothingListed);
    return verdict.kind === 'refuse' || verdict.blank;
  });
  if (unknownFunction !== undefined) {
    return denied(view, `it calls function "${unknownFunction.name.join('.')}", which may read other tables`);
  }
  if (lineage.operators.some((use) => untrustedOperator(use.name, catalog, nothingListed) !== undefined))
    return denied(view, 'it uses a user-defined operator that may read tables');
  const decisions = new Map<BaseUse, RelationDecision>();
  for (const base of lineage.bases) {
    const decision = isSystemCatalog(base.relation)
      ? decideSystemCatalog(base.relation)
      : decideBase(base.relation.oid);
    if (decision.access === 'denied') {
      return denied(
        view,
        `it reads "${base.relation.schema}.${base.relation.name}", which is denied`,
        decision.rule,
      );
    }
    decisions.set(base, decision);
  }
  const guarded = [...decisions].filter(
    (each): each is [BaseUse, Protected] => each[1].access === 'protected',
  );
  if (guarded.length === 0) return { access: 'open' };
  // FAIL-CLOSED: the view's own conditions run for rows that its guard withholds.
  const counter = lineage.functions.find((use) => isStateful(use, catalog, nothingListed));
  if (counter !== undefined && guarded.some(([, { guards }]) => guards.length > 0))
    return denied(view, `it calls function "${counter.name.join('.')}", which tells how often it ran`);
  const secret = maskedCondition(lineage, new Map(guarded));
  if (secret !== undefined) return denied(view, secret);
  return protectView(view, lineage, new Map(guarded));
}

/** FAIL-CLOSED: rows chosen, joined, grouped or sorted by a hidden value tell of it, whatever the columns show. */
function maskedCondition(
  lineage: ViewLineage,
  decisions: ReadonlyMap<BaseUse, Protected>,
): string | undefined {
  for (const condition of lineage.conditions) {
    const inputs =
      condition.kind === 'unknown'
        ? [...decisions].flatMap(([use, { columns }]) =>
            [...columns.keys()].map((attnum) => ({ use, attnum })),
          )
        : condition.kind === 'column'
          ? [condition]
          : condition.inputs;
    for (const { use, attnum } of inputs) {
      const decision = decisions.get(use as BaseUse);
      if (decision === undefined || decision.columns.get(attnum)?.kind === 'clear') continue;
      const column = use.relation.columns.find((each) => each.attnum === attnum)?.name ?? '';
      return `its rows depend on "${use.relation.schema}.${use.relation.name}.${column}", which this role does not see`;
    }
  }
  return undefined;
}

function protectView(
  view: Relation,
  lineage: ViewLineage,
  decisions: ReadonlyMap<BaseUse, Protected>,
): RelationDecision {
  const columns = new Map<number, ColumnDecision>();
  view.columns.forEach((column, index) => {
    columns.set(column.attnum, columnDecision(column, lineage.outputs[index]!.lineage, decisions));
  });
  const guards: RowGuard[] = [];
  const linkable = new Set<number>();
  const rules = new Set<string>();
  const subjects: RowSubjects[] = [];
  for (const [base, decision] of decisions) {
    const shown = (attnum: number): number | undefined => shownAs(view, lineage, base, attnum);
    for (const rule of decision.rules) rules.add(rule);
    for (const attnum of decision.linkable) {
      const column = shown(attnum);
      if (column !== undefined) linkable.add(column);
    }
    if (decision.subject !== undefined) subjects.push(shownSubjects(decision.subject, base, shown));
    for (const guard of decision.guards) {
      const moved = base.plain ? moveGuard(guard, shown) : undefined;
      if (moved === undefined) {
        const table = `"${base.relation.schema}.${base.relation.name}"`;
        const why = base.plain
          ? `it does not show the column of ${table} that rule "${guard.rule}" needs`
          : `it aggregates or limits rows of ${table}, which rule "${guard.rule}" filters`;
        return denied(view, why, guard.rule);
      }
      // Two tables of one subject ask the same question; once is enough.
      if (!guards.some((each) => sameGuard(each, moved))) guards.push(moved);
    }
  }
  const subject: RowSubjects | undefined =
    subjects.length === 0
      ? undefined
      : {
          keys: [...new Set(subjects.flatMap(({ keys }) => keys))],
          complete: subjects.every(({ complete }) => complete),
        };
  return { access: 'protected', columns, guards, linkable, rules: [...rules], subject };
}

/** Those of a base's data subjects whose keys the view shows; of rows that it puts together it may show one's key alone. */
function shownSubjects(
  { keys, complete }: RowSubjects,
  base: BaseUse,
  shown: (attnum: number) => number | undefined,
): RowSubjects {
  const columns = keys.map(shown).filter((column) => column !== undefined);
  const all = keys.length > 0 && columns.length === keys.length;
  return { keys: columns, complete: complete && all && base.plain };
}

/**
 * The view's column that is this base column unchanged, or that an inner join or WHERE makes equal to it in every row:
 * of `orders o JOIN customers c ON c.id = o.customer_id` either key serves both tables.
 */
function shownAs(view: Relation, lineage: ViewLineage, base: BaseUse, attnum: number): number | undefined {
  const tried: BaseColumn[] = [];
  const pending: BaseColumn[] = [{ use: base, attnum }];
  for (let column = pending.shift(); column !== undefined; column = pending.shift()) {
    const { use, attnum: number } = column;
    const same = (other: BaseColumn): boolean => other.use === use && other.attnum === number;
    if (tried.some(same)) continue;
    tried.push(column);
    const index = lineage.outputs.findIndex(({ lineage: from }) => from.kind === 'column' && same(from));
    if (index >= 0) return view.columns[index]!.attnum;
    if (!isIdentity(column)) continue;
    for (const [left, right] of lineage.equalities) {
      if (same(left) && isIdentity(right)) pending.push(right);
      if (same(right) && isIdentity(left)) pending.push(left);
    }
  }
  return undefined;
}

/** Types whose `=` means the same key; numbers of different width and uuid, not texts under some collation. */
const identityTypes = new Set(['int2', 'int4', 'int8', 'uuid']);

function isIdentity({ use, attnum }: BaseColumn): boolean {
  const column = use.relation.columns.find((each) => each.attnum === attnum);
  return (
    column !== undefined && column.typeOid === column.baseTypeOid && identityTypes.has(column.baseTypeName)
  );
}

/** The guard over the view's own columns, or undefined when the view does not show what it needs. */
function moveGuard(guard: RowGuard, shown: (attnum: number) => number | undefined): RowGuard | undefined {
  switch (guard.kind) {
    case 'consent': {
      const path = movePath(guard.path, shown);
      return path === undefined ? undefined : { ...guard, path };
    }
    case 'subject-condition': {
      // The subject's own table is joined again by its key, so the view need not show the condition's columns.
      const path = movePath(guard.path ?? { column: guard.key, hops: [] }, shown);
      return path === undefined ? undefined : { ...guard, path };
    }
    case 'retention': {
      const column = shown(guard.column);
      return column === undefined ? undefined : { ...guard, column };
    }
    case 'rows': {
      // The condition is SQL over the base table, and a view may compute other things under the same names. So the base
      // row is joined again by its key, where the view shows one.
      const [key, ...more] = guard.condition.relation.keys.find((each) => each.primary)?.columns ?? [];
      const column = key === undefined || more.length > 0 ? undefined : shown(key);
      if (key === undefined || column === undefined) return undefined;
      const { rule, condition } = guard;
      return { kind: 'subject-condition', rule, condition, expected: true, path: { column, hops: [] }, key };
    }
  }
}

function movePath(path: SubjectPath, shown: (attnum: number) => number | undefined): SubjectPath | undefined {
  const column = shown(path.column);
  return column === undefined ? undefined : { ...path, column };
}

/** Equal rules over the same column of the view, without a way in between that could differ. */
function sameGuard(a: RowGuard, b: RowGuard): boolean {
  if (a.rule !== b.rule) return false;
  if (a.kind === 'consent' && b.kind === 'consent') return samePath(a.path, b.path);
  if (a.kind === 'subject-condition' && b.kind === 'subject-condition') {
    if (a.condition.relation !== b.condition.relation || a.expected !== b.expected) return false;
    return a.path !== undefined && b.path !== undefined && samePath(a.path, b.path);
  }
  return false;
}

function samePath(a: SubjectPath, b: SubjectPath): boolean {
  return a.column === b.column && a.hops.length === 0 && b.hops.length === 0;
}

/** The base column's own decision where the view shows it unchanged, else the strictest of all that may be in it. */
function columnDecision(
  column: Column,
  lineage: ViewLineage['outputs'][number]['lineage'],
  decisions: ReadonlyMap<BaseUse, Protected>,
): ColumnDecision {
  if (lineage.kind === 'column') {
    const decision = decisions.get(lineage.use as BaseUse);
    if (decision === undefined) return { kind: 'clear', label: undefined };
    return decision.columns.get(lineage.attnum) ?? { kind: 'denied', label: undefined };
  }
  const inputs =
    lineage.kind === 'expression'
      ? lineage.inputs.flatMap(({ use, attnum }) => {
          const decision = decisions.get(use as BaseUse);
          return decision === undefined ? [] : [decision.columns.get(attnum)];
        })
      : [...decisions.values()].flatMap((decision) => [...decision.columns.values()]);
  let strictest: ColumnDecision = { kind: 'clear', label: undefined };
  for (const input of inputs) {
    if (input === undefined || input.kind === 'denied') return { kind: 'denied', label: input?.label };
    if (input.kind === 'masked') {
      const label = input.label;
      const denies: boolean =
        input.where === 'deny' || (strictest.kind === 'masked' && strictest.where === 'deny');
      strictest = {
        kind: 'masked',
        label,
        mask: 'redact',
        sql: redactSql(column),
        // A computed value equals no constant that equality could mean.
        where: denies ? 'deny' : 'masked',
        write: 'keep',
      };
    }
  }
  return strictest;
}

/** A fixed value of the computed column's own type, or NULL for a type that has none. */
function redactSql(column: Column): MaskSql {
  const definition = { kind: 'redact' } as const;
  return redactMask.fits(definition, column, noContext) === undefined
    ? redactMask.sql(definition, column, noContext)
    : () => `NULL::${safeTypeName(column.baseType)}`;
}

/** redact needs neither keys nor other masks. */
const noContext: MaskContext = {
  secret: () => {
    throw new Error('redact reads no secret');
  },
  named: () => ({ ok: false, reason: 'redact is made of no other mask' }),
  parser: undefined,
};

function denied(view: Relation, reason: string, rule = 'pgveil:views'): RelationDecision {
  return {
    access: 'denied',
    rule,
    reason: `the view cannot be shown: ${reason}`,
    hint: `query the tables themselves, or declare labels and a subject for "${view.schema}.${view.name}" in the policy`,
  };
}
