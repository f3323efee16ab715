/**
 * `where: equality`: comparisons of a masked column with constants see the real value, everything else sees the mask.
 *
 * A comparison that alone decides about a row (a conjunct of WHERE or of an inner join's ON) moves into the derived table,
 * where the column's index serves it. Every other one reads a further column of the derived table that holds the real
 * value, guarded as all others are, under a name that the client cannot write.
 *
 * INVARIANT(real-value-hidden): the further column leaves its derived table through these comparisons alone. Whatever
 * could show it (whole rows, stars, column aliases, the alias of a join) is written out or refused.
 */
import type { A_Expr, ColumnRef, JoinExpr } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { walk } from '../sql/walk.js';
import { identifier } from '../policy/sql-text.js';
import { word } from './constants.js';
import type { Edit, Piece } from './edits.js';
import { comparisonPieces, comparisonSpan, qualifyInTree, qualifyingEdits } from './equality-spelling.js';
import { innerAlias, type ProtectedDecision } from './guarded-relation.js';
import { occursOnce } from './hoist.js';
import type { IntendedTree } from './intended-tree.js';
import { columnOf } from './names.js';
import type { RenamedUses } from './range-names.js';
import { type RealEquality, realEqualities } from './real-equality.js';
import { expandStars } from './star-lists.js';
import { unreadReferences } from './unread-references.js';

/** A real value that a derived table gives besides its columns. */
export interface HiddenColumn {
  readonly column: Column;
  readonly name: string;
}

export interface EqualityRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
  /** Comparisons over `innerAlias` that decide inside the derived table, by use id. */
  readonly moved: ReadonlyMap<number, readonly (readonly Piece[])[]>;
  readonly hidden: ReadonlyMap<number, readonly HiddenColumn[]>;
  /** References of guarded relations that read no mask. */
  readonly real: ReadonlySet<ColumnRef>;
  /** References and stars whose text is taken care of here. */
  readonly replaced: ReadonlySet<ColumnRef>;
  /** References to a written table that read the stored value. */
  readonly stored: ReadonlySet<ColumnRef>;
}

export type EqualityOutcome =
  | ({ readonly ok: true } & EqualityRewrite)
  | { readonly ok: false; readonly reason: string; readonly hint: string };

type Decisions = ReadonlyMap<number, ProtectedDecision>;

/** Rewrites every comparison of a real value in the statement. */
export function rewriteEqualities(
  resolved: ResolvedStatement,
  guarded: Decisions,
  written: Decisions,
  renamed: RenamedUses,
): EqualityOutcome {
  const equalities = realEqualities(resolved, new Map([...guarded, ...written]));
  if (!equalities.ok) return equalities;
  const moved = new Map<number, (readonly Piece[])[]>();
  const hidden = new Map<number, HiddenColumn[]>();
  const replaced = new Set<ColumnRef>();
  const stored = new Set<ColumnRef>();
  const conjuncts = conjunctsOf(resolved);
  const real = new Set<ColumnRef>();
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  for (const found of equalities.found) {
    const qualifying = qualifyingEdits(resolved, found);
    (guarded.has(found.use.id) ? real : stored).add(found.ref);
    if (qualifying === undefined) return unclear(found);
    const inside = movedComparison(resolved, found, guarded.get(found.use.id), qualifying, conjuncts);
    if (inside !== undefined) {
      const pieces = moved.get(found.use.id) ?? [];
      moved.set(found.use.id, pieces);
      pieces.push(inside.pieces);
      replaced.add(found.ref);
      edits.push({ ...inside.span, pieces: [toByteString('true')] });
      intents.push((tree) => tree.replace(found.expression, { A_Const: { boolval: { boolval: true } } }));
      continue;
    }
    edits.push(...qualifying);
    intents.push((tree) => qualifyInTree(tree, found));
    if (!guarded.has(found.use.id)) continue;
    const span = resolved.columnSpans.get(found.ref);
    if (span === undefined) return unclear(found);
    const name = hiddenName(hidden, found);
    edits.push({ first: span.end - 1, end: span.end, pieces: [toByteString(identifier(name))] });
    intents.push((tree) => {
      tree.of(found.ref).fields!.splice(-1, 1, { String: { sval: name } });
    });
  }
  const stars = hidden.size === 0 ? undefined : showable(resolved, hidden, renamed);
  if (stars !== undefined && 'reason' in stars) return stars;
  if (stars !== undefined) {
    edits.push(...stars.edits);
    intents.push(stars.intend);
    for (const star of stars.stars) replaced.add(star);
  }
  const intend = (tree: IntendedTree): void => intents.forEach((each) => each(tree));
  return { ok: true, edits, intend, moved, hidden, real, replaced, stored };
}

/** Unique in the statement, so that a bare name finds it where it would have found the column, and no join merges it. */
function hiddenName(hidden: Map<number, HiddenColumn[]>, { use, column }: RealEquality): string {
  const name = `pgveil_e${use.id}_${column.attnum}`;
  const columns = hidden.get(use.id) ?? [];
  hidden.set(use.id, columns);
  if (!columns.some((each) => each.name === name)) columns.push({ column, name });
  return name;
}

/**
 * The comparison over the relation itself, where it may filter inside the derived table: INVARIANT(hoist-safe) with
 * guards, and never below an outer join, whose absent rows the client's own condition has to judge.
 */
function movedComparison(
  resolved: ResolvedStatement,
  found: RealEquality,
  decision: ProtectedDecision | undefined,
  qualifying: readonly Edit[],
  conjuncts: ReadonlySet<A_Expr>,
): { readonly span: { first: number; end: number }; readonly pieces: readonly Piece[] } | undefined {
  const { use, expression, ref, column } = found;
  if (decision === undefined || use.nullable || use.tableSample) return undefined;
  const binding = resolved.columns.get(ref);
  if (binding?.kind !== 'column' || binding.levelsUp !== 0) return undefined;
  if (!conjuncts.has(expression)) return undefined;
  const span = comparisonSpan(resolved, found);
  if (span === undefined) return undefined;
  if (decision.guards.length > 0 && !isLeakproof(resolved, found, span)) return undefined;
  // A parameter takes its type where the parser meets it first, which must not change (rewrite/hoist.ts).
  for (let at = span.first; at < span.end; at += 1) {
    if (resolved.statement.lexed.tokens.kind(at) === 'parameter' && !occursOnce(resolved, at))
      return undefined;
  }
  return { span, pieces: comparisonPieces(resolved, found, span, qualifying, columnOf(innerAlias, column)) };
}

/** Comparisons that alone decide about a row of their own query. */
function conjunctsOf({ levels }: ResolvedStatement): ReadonlySet<A_Expr> {
  const nodes = levels.flatMap((level) => level.conjuncts);
  return new Set(nodes.flatMap((node) => ('A_Expr' in node ? [node.A_Expr] : [])));
}

/** Whole numbers beyond int4, fractions and signs may make a number a numeric, whose comparison is not leakproof. */
function isLeakproof(
  { statement: { lexed } }: ResolvedStatement,
  { leakproofCasts, column, bareParameter }: RealEquality,
  span: { readonly first: number; readonly end: number },
): boolean {
  if (!leakproofCasts || column.typeOid !== column.baseTypeOid) return false;
  // A parameter that the client declares as oid makes the server cast a bigint, which fails beyond oid's range. One is
  // enough in a list: oid is the type of all then (select_common_type, parse_coerce.c).
  if (column.baseTypeName === 'int8' && bareParameter) return false;
  for (let at = span.first; at < span.end; at += 1) {
    if (['big-integer', 'decimal', 'bit-string'].includes(lexed.tokens.kind(at)) || word(lexed, at) === '-') {
      return false;
    }
  }
  return true;
}

/** Stars written out, or why the real values cannot be carried beside what the statement shows. */
function showable(
  resolved: ResolvedStatement,
  hidden: ReadonlyMap<number, readonly HiddenColumn[]>,
  renamed: RenamedUses,
): NonNullable<ReturnType<typeof expandStars>> | { ok: false; reason: string; hint: string } {
  const wide = new Set(hidden.keys());
  const [first] = [...hidden.values()].flat();
  const refuse = (what: string, hint: string): { ok: false; reason: string; hint: string } => ({
    ok: false,
    reason: `a comparison of column "${first!.column.name}" beside ${what}`,
    hint,
  });
  const { lexed, firstToken, endToken } = resolved.statement;
  for (let at = firstToken; at < endToken; at += 1) {
    // FAIL-CLOSED: such a name would be one of ours.
    if (/^"?pgveil_/.test(word(lexed, at)))
      return refuse('a name that starts with pgveil_', 'choose another');
  }
  if (unreadReferences(resolved)) return refuse('a name that is not understood', 'write a simpler statement');
  for (const use of resolved.relations) {
    if (wide.has(use.id) && use.hasColumnAliases) {
      return refuse('column aliases of its table', 'use the names of the columns');
    }
  }
  for (const binding of resolved.columns.values()) {
    if (binding.kind === 'unresolved') return refuse('a name that is not found', 'correct the name');
    if (binding.kind === 'row' && wide.has(binding.use.id)) {
      return refuse(
        'a whole row of its table',
        'name the columns, or join the condition to the others by AND',
      );
    }
  }
  if (resolved.functions.some(({ functionalColumn }) => wide.has(functionalColumn?.use.id ?? -1))) {
    return refuse('a column in function notation', 'write table.column');
  }
  if (aliasedJoins(resolved).some((join) => usesBelow(resolved, join).some((use) => wide.has(use.id)))) {
    return refuse('an alias of a join', 'give the tables aliases instead');
  }
  return (
    expandStars(resolved, wide, renamed) ??
    refuse('a * that cannot be written out', 'name the columns, or join the condition to the others by AND')
  );
}

function aliasedJoins({ statement }: ResolvedStatement): readonly JoinExpr[] {
  const joins: JoinExpr[] = [];
  walk(statement.node, {
    enter({ kind, body }) {
      if (kind === 'JoinExpr' && (body as JoinExpr).alias !== undefined) joins.push(body);
      return undefined;
    },
  });
  return joins;
}

function usesBelow({ relations }: ResolvedStatement, join: JoinExpr): readonly RelationUse[] {
  const nodes = new Set<unknown>();
  walk(
    { JoinExpr: join },
    {
      enter({ kind, body }) {
        if (kind === 'RangeVar') nodes.add(body);
        return undefined;
      },
    },
  );
  return relations.filter((use) => nodes.has(use.node));
}

function unclear({ column }: RealEquality): EqualityOutcome {
  return {
    ok: false,
    reason: `this comparison of column "${column.name}"`,
    hint: 'write it as column = constant, without brackets or comments inside',
  };
}
