/** What the parts of a write's rewrite share: the statement, its clauses, the edits made so far, and the guard. */
import type { ColumnRef, DeleteStmt, InsertStmt, Node, UpdateStmt } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';
import type { ByteString } from '../sql/types.js';
import { type WriteClauses, writeClauses } from './clauses.js';
import { columnRefsBelow } from './computed-value.js';
import type { Edit, Piece } from './edits.js';
import { scalarGuard } from './guard-sql.js';
import { columnValue, type ProtectedDecision } from './guarded-relation.js';
import type { IntendedTree } from './intended-tree.js';

export type WriteStatement =
  | { readonly kind: 'insert'; readonly node: InsertStmt }
  | { readonly kind: 'update'; readonly node: UpdateStmt }
  | { readonly kind: 'delete'; readonly node: DeleteStmt };

export interface WriteInput {
  readonly resolved: ResolvedStatement;
  readonly use: RelationUse;
  readonly decision: ProtectedDecision;
  readonly statement: WriteStatement;
  readonly actor: ReadonlyMap<string, string>;
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
  readonly input: WriteInput;
  readonly clauses: WriteClauses;
  /** What the client calls the target, and its spelling. */
  readonly name: string;
  readonly alias: string;
  /** References inside ON CONFLICT (…): they name an index, not values. */
  readonly inference: ReadonlySet<ColumnRef>;

  constructor(input: WriteInput) {
    this.input = input;
    const { resolved, use, statement } = input;
    const { lexed, endToken } = resolved.statement;
    this.clauses = writeClauses(lexed, use.fullSpan.end, endToken, statement.kind === 'insert');
    this.name = use.alias ?? use.relation.name;
    this.alias = identifier(this.name);
    const infer = statement.kind === 'insert' ? statement.node.onConflictClause?.infer : undefined;
    this.inference = new Set(infer === undefined ? [] : columnRefsBelow(infer));
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
