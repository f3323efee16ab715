/** What the parts of a write's rewrite share: the statement, its clauses, the edits made so far, and the guard. */
import type {
  ColumnRef,
  DeleteStmt,
  InsertStmt,
  MergeStmt,
  MergeWhenClause,
  Node,
  UpdateStmt,
} from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';
import type { RelationUse, ResolvedStatement, TokenSpan } from '../resolve/types.js';
import type { ByteString } from '../sql/types.js';
import { type WriteClauses, writeClauses } from './clauses.js';
import { columnRefsBelow } from './computed-value.js';
import type { Edit, Piece } from './edits.js';
import { scalarGuard } from './guard-sql.js';
import { columnValue, type ProtectedDecision } from './guarded-relation.js';
import type { IntendedTree } from './intended-tree.js';
import { type MergeClauses, mergeClauses } from './merge-clauses.js';

export type WriteStatement =
  | { readonly kind: 'insert'; readonly node: InsertStmt }
  | { readonly kind: 'update'; readonly node: UpdateStmt }
  | { readonly kind: 'delete'; readonly node: DeleteStmt }
  | { readonly kind: 'merge'; readonly node: MergeStmt };

/** One SET list: of an UPDATE, of DO UPDATE, or of an action of MERGE. */
export interface AssignmentList {
  readonly targets: readonly Node[];
  /** The assignments in the text; undefined when they were not found there. */
  readonly span: TokenSpan | undefined;
}

/** The columns that an INSERT, or an action of MERGE, names; undefined for all of the table. */
export interface InsertedColumns {
  readonly names: readonly string[] | undefined;
}

export interface WriteInput {
  readonly resolved: ResolvedStatement;
  readonly use: RelationUse;
  readonly decision: ProtectedDecision;
  readonly statement: WriteStatement;
  readonly actor: ReadonlyMap<string, string>;
  /** References to the target that read the stored value, not the mask (rewrite/equality-rewrite.ts). */
  readonly stored: ReadonlySet<ColumnRef>;
  /** Parses `SELECT list [WHERE condition]` of ours; undefined when it does not parse, a bug. */
  readonly parseSelect: (
    text: ByteString,
  ) => { readonly targets: readonly Node[]; readonly where: Node | undefined } | undefined;
}

/** A form that cannot be written safely. Thrown by the parts of a write's rewrite, caught by rewriteWrite. */
export class Unsupported extends Error {
  readonly hint: string;
  constructor(reason: string, hint: string) {
    super(reason);
    this.hint = hint;
  }
}

/** A parameter number that no client can send stands for the client's own expression in parsed snippets. */
export const placeholder = 64_999;

/** One write under way. The parts add to `edits` and `intents`, in the order of rewriteWrite. */
export class WriteContext {
  readonly edits: Edit[] = [];
  readonly intents: ((tree: IntendedTree) => void)[] = [];
  /** Generated text around values, as parsed (rewrite/value-slot.ts). */
  readonly parsedValues = new Map<string, Node>();
  readonly input: WriteInput;
  readonly clauses: WriteClauses;
  /** Of a MERGE. */
  readonly merge: MergeClauses | undefined;
  /** What the client calls the target, and its spelling. */
  readonly name: string;
  readonly alias: string;
  /** References inside ON CONFLICT (…): they name an index, not values. */
  readonly inference: ReadonlySet<ColumnRef>;

  constructor(input: WriteInput) {
    this.input = input;
    const { resolved, use, statement } = input;
    const { lexed, endToken } = resolved.statement;
    this.merge = statement.kind === 'merge' ? mergeClauses(lexed, use.fullSpan.end, endToken) : undefined;
    this.clauses =
      statement.kind === 'merge'
        ? { set: undefined, where: undefined, returning: this.merge?.returning, whereGoesBefore: endToken }
        : writeClauses(lexed, use.fullSpan.end, endToken, statement.kind === 'insert');
    this.name = use.alias ?? use.relation.name;
    this.alias = identifier(this.name);
    const infer = statement.kind === 'insert' ? statement.node.onConflictClause?.infer : undefined;
    this.inference = new Set(infer === undefined ? [] : columnRefsBelow(infer));
  }

  /** Every SET list with its place in the text. */
  assignmentLists(): readonly AssignmentList[] {
    const { statement } = this.input;
    switch (statement.kind) {
      case 'insert':
        return setList(statement.node.onConflictClause?.targetList, this.clauses.set);
      case 'update':
        return setList(statement.node.targetList, this.clauses.set);
      case 'delete':
        return [];
      case 'merge':
        return mergeActions(statement.node).flatMap((action, index) =>
          action.commandType === 'CMD_UPDATE'
            ? setList(action.targetList, this.merge?.actions[index]?.set)
            : [],
        );
    }
  }

  /** What new rows are given values for; INSERT … DEFAULT VALUES gives none. */
  insertedColumns(): readonly InsertedColumns[] {
    const { statement } = this.input;
    if (statement.kind === 'insert') {
      return statement.node.selectStmt === undefined ? [] : [{ names: targetNames(statement.node.cols) }];
    }
    if (statement.kind !== 'merge') return [];
    return mergeActions(statement.node).flatMap((action) =>
      action.commandType === 'CMD_INSERT' && action.values !== undefined
        ? [{ names: targetNames(action.targetList) }]
        : [],
    );
  }

  /** The row guard as one expression; empty when every row may be seen. */
  guard(alias = this.alias): string {
    const { use, decision, actor } = this.input;
    return decision.guards.length === 0 ? '' : scalarGuard(use.relation, alias, decision.guards, actor);
  }

  /** A column of a row that was written. What an INSERT put in the client knows; the guard asks of the others. */
  returned(column: Column, qualifier = this.alias): string {
    const { statement, decision } = this.input;
    const inserts =
      statement.kind === 'insert' && statement.node.onConflictClause?.action !== 'ONCONFLICT_UPDATE';
    const guarded = decision.guards.length > 0;
    const condition = !guarded ? '' : inserts ? 'true' : this.guard(qualifier);
    return columnValue(column, decision, qualifier, condition);
  }

  /** Puts text in front of a token. */
  insert(token: number, pieces: readonly Piece[]): void {
    this.edits.push({ first: token, end: token, pieces });
  }
}

function setList(
  targets: readonly Node[] | undefined,
  span: TokenSpan | undefined,
): readonly AssignmentList[] {
  return targets === undefined || targets.length === 0 ? [] : [{ targets, span }];
}

/** The actions of a MERGE, in the order of their text. */
export function mergeActions(merge: MergeStmt): readonly MergeWhenClause[] {
  return (merge.mergeWhenClauses ?? []).flatMap((node) =>
    'MergeWhenClause' in node ? [node.MergeWhenClause] : [],
  );
}

function targetNames(targets: readonly Node[] | undefined): readonly string[] | undefined {
  return targets?.flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
}

/** The first part of a reference. */
export function nameOf(ref: ColumnRef): string | undefined {
  const field = ref.fields?.[0];
  return field !== undefined && 'String' in field ? field.String.sval : undefined;
}

export function isStar(ref: ColumnRef): boolean {
  const last = ref.fields?.at(-1);
  return last !== undefined && 'A_Star' in last;
}

/** The part in front of the column, spelled; undefined for a bare name. */
export function qualifierOf(ref: ColumnRef): string | undefined {
  const field = ref.fields?.at(-2);
  return field !== undefined && 'String' in field ? identifier(field.String.sval ?? '') : undefined;
}

/** The snippet with the client's own expression in the placeholder's stead. */
export function filled(snippet: Node, expression: Node): Node {
  let found: Record<string, unknown> | undefined;
  const pending: unknown[] = [snippet];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== 'object' || node === null) continue;
    const parameter = (node as { ParamRef?: { number?: number } }).ParamRef;
    if (parameter?.number === placeholder) found = node as Record<string, unknown>;
    pending.push(...(Object.values(node) as unknown[]));
  }
  if (found === undefined) throw new Error('the snippet has no place for the expression');
  delete found['ParamRef'];
  Object.assign(found, expression);
  return snippet;
}
