/**
 * The rewrite of one resolved statement: which spans of the client's text change, and the tree that has to come out.
 * Decisions are made already; nothing here allows or refuses by policy. What cannot be rewritten is said, not guessed.
 */
import type { FuncCall, Node, RangeVar } from '@pgsql/types';
import type { FunctionUse, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { ByteString } from '../sql/types.js';
import { blankCalls } from './blank-calls.js';
import { rewriteColumnCalls, type ColumnCall } from './column-calls.js';
import { rewriteColumnRefs } from './column-refs.js';
import { rewriteCopyFrom } from './copy-from.js';
import { rewriteCopyTable } from './copy-table.js';
import { type Edit, orderEdits, type Piece, pieceText } from './edits.js';
import { rewriteEqualities } from './equality-rewrite.js';
import { rewriteGroupBy } from './group-by.js';
import { guardedRelation, hidesNothing, innerAlias, type ProtectedDecision } from './guarded-relation.js';
import { hoistedConjuncts } from './hoist.js';
import { IntendedTree } from './intended-tree.js';
import { lockedUses } from './locking.js';
import { relationName } from './names.js';
import { neededColumns } from './needed-columns.js';
import { rangeName, type RenamedUses, renamedUses } from './range-names.js';
import { scrollCursor } from './scroll-cursor.js';
import { exportSystemColumns } from './system-columns.js';
import { movedSample, sampleOf } from './table-sample.js';
import type { WriteInput, WriteStatement } from './write-context.js';
import { rewriteWrite } from './write-target.js';

export interface RewriteInput {
  readonly resolved: ResolvedStatement;
  /** Decisions by use id; a use without one is written schema-qualified and otherwise left alone. */
  readonly guarded: ReadonlyMap<number, ProtectedDecision>;
  /** The same for protected relations that the statement writes. */
  readonly written: ReadonlyMap<number, ProtectedDecision>;
  readonly actor: ReadonlyMap<string, string>;
  /** Guarded relations whose rows are filtered are kept apart from the client's conditions. */
  readonly fenced: boolean;
  /** Calls of built-in functions that a user's function of the same name could take over: token to qualify. */
  readonly qualifyFunctions: readonly { readonly node: object; readonly token: number }[];
  /** Calls that are answered with NULL. */
  readonly blankCalls: readonly FunctionUse[];
  /** Calls that read a column of a row (rewrite/column-calls.ts). */
  readonly columnCalls: ReadonlyMap<FuncCall, ColumnCall>;
  /** Parses `SELECT 1 FROM …` snippets of ours; undefined when the snippet does not parse, a bug. */
  readonly parseFromItem: (text: ByteString) => Node | undefined;
  readonly parseSelect: WriteInput['parseSelect'];
  /** Every write of the statement, those in WITH queries included, by its target. */
  readonly writes: ReadonlyMap<RangeVar, WriteStatement>;
}

export type RewriteOutcome =
  | {
      readonly ok: true;
      readonly edits: readonly Edit[];
      readonly intended: IntendedTree;
      /** A literal's value took part, so the edits fit this very text alone. */
      readonly readsLiterals: boolean;
    }
  | {
      readonly ok: false;
      readonly reason: string;
      readonly hint: string;
      /** As above; undefined for no. */
      readonly readsLiterals?: boolean;
    };

/** Each costs kilobytes of SQL and milliseconds of work; no person or ORM names as many in one statement. */
const MAX_GUARDED = 200;

/** Builds edits and intended tree. */
export function rewriteStatement(input: RewriteInput): RewriteOutcome {
  const { resolved, guarded } = input;
  // FAIL-CLOSED: a clear refusal instead of seconds in which nobody else is served.
  if (guarded.size > MAX_GUARDED) {
    const reason = `more than ${MAX_GUARDED} protected tables in one statement`;
    return { ok: false, reason, hint: 'split the statement' };
  }
  const guardedIds = new Set(guarded.keys());
  const renamed = renamedUses(resolved, guardedIds);
  if (renamed === undefined) {
    const hint = 'give the tables aliases, and write alias.column';
    return { ok: false, reason: 'a name that could be either of two tables of one name', hint };
  }
  const equality = rewriteEqualities(resolved, guarded, input.written, renamed);
  if (!equality.ok) return equality;
  const needed = guarded.size === 0 ? undefined : neededColumns(resolved, equality.real);
  const locked = lockedUses(resolved, guardedIds);
  const intended = new IntendedTree(resolved.statement.node);
  const edits: Edit[] = [...equality.edits];
  // First, since what follows moves the client's conditions about.
  equality.intend(intended);
  const groupBy = rewriteGroupBy(resolved, guardedIds, renamed);
  if (!groupBy.ok) return groupBy;
  const columnCalls = rewriteColumnCalls(resolved, input.columnCalls, guardedIds, renamed);
  const system = exportSystemColumns(resolved, guardedIds, renamed);
  if (!system.ok) return system;
  if ([...equality.replaced].some((ref) => system.replaced.includes(ref))) {
    const hint = 'name the columns';
    return { ok: false, reason: 'a * beside system columns and a masked column that is compared', hint };
  }
  const columnRefs = rewriteColumnRefs({
    resolved,
    guarded: guardedIds,
    renamed,
    except: new Set([
      ...equality.replaced,
      ...system.replaced,
      ...[...input.columnCalls.values()].map(({ row }) => row),
    ]),
    parseExpression: (text) => expressionOf(input, text),
  });
  const scroll = scrollCursor(resolved, guardedIds);
  edits.push(...scroll.edits, ...groupBy.edits, ...columnCalls.edits, ...columnRefs.edits, ...system.edits);
  // INVARIANT(qualified): every relation that a governed statement names is written with its schema, protected or not.
  for (const use of resolved.relations) {
    const decision = guarded.get(use.id);
    if (decision === undefined) {
      edits.push(qualify(use, intended));
      continue;
    }
    const sampled = sampleOf(resolved, use);
    const sample = sampled === undefined ? undefined : movedSample(resolved, sampled, hidesNothing(decision));
    if (sampled !== undefined && sample === undefined) {
      return {
        ok: false,
        reason: 'this form of TABLESAMPLE',
        hint: 'write TABLESAMPLE BERNOULLI (percentage)',
      };
    }
    const pieces = guardedRelation(use.relation, decision, {
      needed: needed?.get(use.id),
      only: use.only || 'CopyStmt' in resolved.statement.node,
      actor: input.actor,
      hoisted: [
        ...(equality.moved.get(use.id) ?? []),
        ...hoistedConjuncts({ resolved, use, decision, alias: innerAlias }),
      ],
      hidden: equality.hidden.get(use.id) ?? [],
      fenced: input.fenced,
      locked: locked.has(use.id),
      sample: sample?.clause ?? [],
      drawn: sample?.condition ?? [],
      systemColumns: system.exported.get(use.id) ?? [],
    });
    const text = pieces.map((piece) => pieceText(resolved.statement.lexed, piece)).join('') as ByteString;
    const parsed = input.parseFromItem(text);
    if (parsed === undefined || !('RangeSubselect' in parsed)) {
      return { ok: false, reason: 'a table in a form that cannot be masked', hint: 'report this as a bug' };
    }
    const statement = resolved.statement.node;
    if ('CopyStmt' in statement && statement.CopyStmt.relation === use.node) {
      const copy = rewriteCopyTable(resolved, use, statement.CopyStmt, pieces, parsed);
      edits.push(copy.edit);
      copy.intend(intended);
      continue;
    }
    edits.push(replaceRelation(use, pieces, renamed));
    const alias = use.node.alias ?? { aliasname: rangeName(use, renamed) };
    if (sample !== undefined) edits.push({ ...sample.span, pieces: [] });
    intended.replace(sampled ?? use.node, { RangeSubselect: { ...parsed.RangeSubselect, alias } });
  }
  for (const { node, token } of input.qualifyFunctions) {
    edits.push({ first: token, end: token, pieces: [toByteString('pg_catalog.')] });
    const call = intended.of(node) as { funcname?: Node[] };
    call.funcname = [{ String: { sval: 'pg_catalog' } }, ...(call.funcname ?? [])];
  }
  const blank = blankCalls(resolved, input.blankCalls);
  edits.push(...blank.edits);
  blank.intend(intended);
  for (const [id, decision] of input.written) {
    const use = resolved.relations[id]!;
    const copied = resolved.statement.node;
    if (use.purpose === 'copy-from' && 'CopyStmt' in copied) {
      const copy = rewriteCopyFrom(resolved, use, decision, copied.CopyStmt, input.parseSelect);
      if (!copy.ok) return copy;
      edits.push(...copy.edits);
      copy.intend(intended);
      continue;
    }
    const statement = input.writes.get(use.node);
    if (statement === undefined)
      return { ok: false, reason: 'this form of write', hint: 'send it on its own' };
    const { actor, parseSelect } = input;
    const outcome = rewriteWrite({
      resolved,
      use,
      decision,
      statement,
      actor,
      parseSelect,
      stored: equality.stored,
    });
    if (!outcome.ok) return outcome;
    edits.push(...outcome.rewrite.edits);
    outcome.rewrite.intend(intended);
  }
  // Last, so that they see the copies in their final places.
  groupBy.intend(intended);
  columnCalls.intend(intended);
  columnRefs.intend(intended);
  system.intend(intended);
  scroll.intend(intended);
  intended.alignMultiAssignments();
  return { ok: true, edits: orderEdits(edits), intended, readsLiterals: groupBy.readsLiterals };
}

function expressionOf({ parseSelect }: RewriteInput, text: ByteString): Node {
  const [target, ...more] = parseSelect(toByteString(`SELECT ${text}`))?.targets ?? [];
  if (
    target === undefined ||
    more.length > 0 ||
    !('ResTarget' in target) ||
    target.ResTarget.val === undefined
  ) {
    throw new Error('an expression of ours does not parse');
  }
  return target.ResTarget.val;
}

function qualify(use: RelationUse, intended: IntendedTree): Edit {
  const copy: RangeVar = intended.of(use.node);
  delete copy.catalogname;
  copy.schemaname = use.relation.schema;
  copy.relname = use.relation.name;
  return { ...use.nameSpan, pieces: [toByteString(relationName(use.relation))] };
}

function replaceRelation(use: RelationUse, pieces: readonly Piece[], renamed: RenamedUses): Edit {
  const name =
    use.alias === undefined ? toByteString(` AS ${identifier(rangeName(use, renamed))}`) : undefined;
  const tail = name === undefined ? [] : [name];
  if (use.tableCommandSpan !== undefined) {
    return { ...use.tableCommandSpan, pieces: [toByteString('SELECT * FROM '), ...pieces, ...tail] };
  }
  return { ...use.fullSpan, pieces: [...pieces, ...tail] };
}
