/**
 * What a view shows: its columns followed down to base tables, through views over views. It reads definitions from
 * the catalog and decides nothing.
 */
import type { Catalog, Oid, Relation } from '../catalog/types.js';
import type { ParseOutcome } from '../sql/types.js';
import { bindingLineage, columnEquality } from './equalities.js';
import type { LevelFacts } from './resolution.js';
import { resolveDetailed } from './resolve.js';
import { rowConditionRefs } from './row-conditions.js';
import { UNKNOWN, combine } from './row-shape.js';
import type { FunctionUse, Lineage, OperatorUse, OutputColumn, RelationUse } from './types.js';

/** One occurrence of a base relation below a view. Its spans and levels are those of the definition that names it. */
export interface BaseUse extends RelationUse {
  /**
   * Each row of the view comes from at most one row of it: it stands in plain FROM of the top-level query, with no
   * aggregate, DISTINCT, set operation, LIMIT, window or TABLESAMPLE on any level between.
   */
  readonly plain: boolean;
}

/** A column of one occurrence of a base relation. */
export interface BaseColumn {
  readonly use: RelationUse;
  readonly attnum: number;
}

/** A view flattened. The `use` of every lineage is one of `bases`. */
export interface ViewLineage {
  readonly outputs: readonly OutputColumn[];
  readonly bases: readonly BaseUse[];
  /** Views between it and the bases. */
  readonly views: readonly Relation[];
  /** Base columns that are equal by `=` in every row of the view: conditions of WHERE and of inner joins. */
  readonly equalities: readonly (readonly [BaseColumn, BaseColumn])[];
  /** What decides which rows it shows and in what order: WHERE, joins, grouping, sorting, on any level. */
  readonly conditions: readonly Lineage[];
  /** Functions that it calls on any level; they may read more than their arguments. */
  readonly functions: readonly FunctionUse[];
  readonly operators: readonly OperatorUse[];
}

export type ParseSql = (sql: string) => ParseOutcome;

const memory = new WeakMap<Catalog, Map<Oid, ViewLineage | undefined>>();

function isView(relation: Relation): boolean {
  return relation.kind === 'view' || relation.kind === 'materialized-view';
}

/**
 * The lineage of a view or materialized view, undefined when its definition is absent or cannot be followed.
 * Remembered per catalog.
 */
export function viewLineage(relation: Relation, catalog: Catalog, parse: ParseSql): ViewLineage | undefined {
  const known = memory.get(catalog) ?? new Map<Oid, ViewLineage | undefined>();
  memory.set(catalog, known);
  if (!known.has(relation.oid)) {
    // A view that reaches itself through a recursive look-up finds this and cannot be followed.
    known.set(relation.oid, undefined);
    const parsed = relation.definition === undefined ? undefined : parse(relation.definition);
    if (parsed?.ok === false && parsed.problem.kind === 'parser-failure') {
      // The parser failed, not the definition: the next caller may try again.
      known.delete(relation.oid);
      return undefined;
    }
    const [statement, ...more] = parsed?.ok === true ? parsed.statements : [];
    if (statement !== undefined && more.length === 0) {
      const outcome = resolveDetailed(statement, catalog, []);
      if (outcome.ok) known.set(relation.oid, flatten(relation, outcome, catalog, parse));
    }
  }
  return known.get(relation.oid);
}

/** Where a relation of the definition stands: see BaseUse.plain, and whether an outer join may leave it out. */
function standing(
  use: RelationUse,
  levels: readonly LevelFacts[],
): { readonly plain: boolean; readonly nullable: boolean } {
  let nullable = use.nullable;
  for (const level of upwards(levels[use.level], levels)) nullable ||= level.nullable;
  return { plain: !use.tableSample && isPlain(levels[use.level], levels), nullable };
}

function* upwards(from: LevelFacts | undefined, levels: readonly LevelFacts[]): Generator<LevelFacts> {
  for (let level = from; level !== undefined;) {
    yield level;
    level = level.parent === undefined ? undefined : levels[level.parent];
  }
}

/** Each row of the whole query comes from at most one row of this level. */
function isPlain(from: LevelFacts | undefined, levels: readonly LevelFacts[]): boolean {
  for (const level of upwards(from, levels)) if (!level.simple || level.role === 'other') return false;
  return true;
}

function flatten(
  view: Relation,
  outcome: Extract<ReturnType<typeof resolveDetailed>, { ok: true }>,
  catalog: Catalog,
  parse: ParseSql,
): ViewLineage | undefined {
  const { resolved, levels } = outcome;
  const { merged } = resolved;
  if (resolved.outputs?.length !== view.columns.length) return undefined;
  const bases: BaseUse[] = [];
  const views: Relation[] = [];
  const functions: FunctionUse[] = [...resolved.functions];
  const operators: OperatorUse[] = [...resolved.operators];
  const conditions: Lineage[] = [];
  const equalities: (readonly [BaseColumn, BaseColumn])[] = [];
  const noteEquality = (left: Lineage, right: Lineage): void => {
    if (left.kind === 'column' && right.kind === 'column') equalities.push([left, right]);
  };
  /** Per relation use of the definition: where its columns come from, by attnum. */
  const origins = new Map<RelationUse, (attnum: number) => Lineage>();
  for (const use of resolved.relations) {
    const { plain, nullable } = standing(use, levels);
    const inner = isView(use.relation) ? viewLineage(use.relation, catalog, parse) : undefined;
    if (inner === undefined && isView(use.relation)) return undefined;
    if (inner === undefined) {
      const base: BaseUse = { ...use, id: bases.length, plain, nullable };
      bases.push(base);
      origins.set(use, (attnum) => ({ kind: 'column', use: base, attnum }));
      continue;
    }
    views.push(use.relation, ...inner.views);
    // Each occurrence of a view has bases of its own, so that a view joined to itself stays two.
    const copies = new Map<RelationUse, BaseUse>();
    for (const base of inner.bases) {
      const copy = {
        ...base,
        id: bases.length,
        plain: base.plain && plain,
        nullable: base.nullable || nullable,
      };
      copies.set(base, copy);
      bases.push(copy);
    }
    functions.push(...inner.functions);
    operators.push(...inner.operators);
    const fromInner = (lineage: Lineage): Lineage =>
      substitute(lineage, (base, column) => {
        const copy = copies.get(base);
        return copy === undefined ? UNKNOWN : { kind: 'column', use: copy, attnum: column };
      });
    conditions.push(...inner.conditions.map(fromInner));
    for (const [left, right] of inner.equalities) {
      noteEquality(fromInner({ kind: 'column', ...left }), fromInner({ kind: 'column', ...right }));
    }
    origins.set(use, (attnum) => {
      const index = use.relation.columns.findIndex((column) => column.attnum === attnum);
      const output = inner.outputs[index];
      return output === undefined ? UNKNOWN : fromInner(output.lineage);
    });
  }
  const toBase = (lineage: Lineage): Lineage =>
    substitute(lineage, (use, attnum) => origins.get(use)?.(attnum) ?? UNKNOWN);
  const outputs = view.columns.map(({ name }, index) => ({
    name,
    lineage: toBase(resolved.outputs![index]!.lineage),
  }));
  conditions.push(...merged.map(toBase));
  for (const ref of rowConditionRefs(resolved.statement.node)) {
    conditions.push(toBase(bindingLineage(resolved.columns.get(ref))));
  }
  for (const level of levels) {
    if (!isPlain(level, levels)) continue;
    for (const conjunct of level.conjuncts) {
      const sides = columnEquality(conjunct, resolved.columns);
      if (sides !== undefined) noteEquality(toBase(sides[0]), toBase(sides[1]));
    }
  }
  return { outputs, bases, views, equalities, conditions, functions, operators };
}

/** Replaces each base column of a lineage by where that comes from. */
function substitute(lineage: Lineage, origin: (use: RelationUse, attnum: number) => Lineage): Lineage {
  switch (lineage.kind) {
    case 'unknown':
      return lineage;
    case 'column': {
      const found = origin(lineage.use, lineage.attnum);
      // NULL in some rows of the view, so it is not the column for whoever guards or attributes them by it.
      return lineage.passing === true ? combine([found]) : found;
    }
    case 'expression':
      return combine(lineage.inputs.map(({ use, attnum }) => origin(use, attnum)));
  }
}
