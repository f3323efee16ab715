/**
 * INSERT, UPDATE and DELETE of a protected table (DESIGN 5.2).
 *
 * The target stays the table itself, so each reference to a column of it becomes the column's masked and guarded value,
 * and the row guard joins the client's WHERE. As in a derived table, the guard stands in the value: PostgreSQL may run
 * the client's condition on a row before the guard's.
 */
import type { ColumnRef, DeleteStmt, InsertStmt, Node, ResTarget, UpdateStmt } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';
import { columnNameOf } from '../resolve/column-name.js';
import type { RelationUse, ResolvedStatement, TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { splitItems, wordAt, type WriteClauses, writeClauses } from './clauses.js';
import { type Edit, type Piece, pieceText } from './edits.js';
import { scalarGuard } from './guard-sql.js';
import { columnValue, type ProtectedDecision } from './guarded-relation.js';
import { columnRefsBelow, computesFrom } from './computed-value.js';
import { hoistedConjuncts } from './hoist.js';
import { columnsThatName } from './output-names.js';
import { unreadReferences } from './unread-references.js';
import type { IntendedTree } from './intended-tree.js';
import { columnByNumber } from './names.js';
import { writeBack } from './write-back.js';

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

export interface WriteRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
}

export type WriteOutcome =
  | { readonly ok: true; readonly rewrite: WriteRewrite }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

/** Thrown inside this file and caught by rewriteWrite: a form that cannot be written safely. */
class Unsupported extends Error {
  readonly hint: string;
  constructor(reason: string, hint: string) {
    super(reason);
    this.hint = hint;
  }
}

/** System columns of tables (manual, 5.6). */
const systemColumnNames = ['tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax'];

/** A parameter number that no client can send stands for the client's own expression in parsed snippets. */
const placeholder = 64_999;

/** Rewrites one write; says so when its form is not covered. */
export function rewriteWrite(input: WriteInput): WriteOutcome {
  const writer = new Writer(input);
  try {
    writer.columns();
    writer.assignments();
    writer.condition();
    writer.returning();
  } catch (error) {
    if (error instanceof Unsupported) return { ok: false, reason: error.message, hint: error.hint };
    throw error;
  }
  return {
    ok: true,
    rewrite: { edits: writer.edits, intend: (tree) => writer.intents.forEach((intend) => intend(tree)) },
  };
}

class Writer {
  readonly edits: Edit[] = [];
  readonly intents: ((tree: IntendedTree) => void)[] = [];
  readonly #input: WriteInput;
  readonly #clauses: WriteClauses;
  /** What the client calls the target, and its spelling. */
  readonly #name: string;
  readonly #alias: string;
  /** References inside ON CONFLICT (…): they name an index, not values. */
  readonly #inference: ReadonlySet<ColumnRef>;

  constructor(input: WriteInput) {
    this.#input = input;
    const { resolved, use, statement } = input;
    const { lexed, endToken } = resolved.statement;
    this.#clauses = writeClauses(lexed, use.fullSpan.end, endToken, statement.kind === 'insert');
    this.#name = use.alias ?? use.relation.name;
    this.#alias = identifier(this.#name);
    const infer = statement.kind === 'insert' ? statement.node.onConflictClause?.infer : undefined;
    this.#inference = new Set(infer === undefined ? [] : columnRefsBelow(infer));
  }

  /** Every reference to a column of the target. */
  columns(): void {
    const { resolved, use, statement } = this.#input;
    // FAIL-CLOSED: in the guard and the write-back, which stand inside the statement, such a name is one of ours.
    if (this.#name.startsWith('pgveil_')) {
      throw new Unsupported(
        'a write to a table under a name that starts with pgveil_',
        'choose another alias',
      );
    }
    // FAIL-CLOSED: a reference that was not looked at would read the stored value.
    if (unreadReferences(resolved)) {
      throw new Unsupported(
        'a column in a place that is not understood',
        'write the statement in a simpler form',
      );
    }
    const returned = new Set(this.#returnedStars());
    const naming = columnsThatName(resolved.statement.node, statement.node.returningClause?.exprs ?? []);
    for (const [ref, binding] of resolved.columns) {
      if (this.#inference.has(ref)) continue;
      if ('uncertain' in binding && binding.uncertain && this.#couldMeanTarget(ref)) {
        throw new Unsupported(
          'a bare name beside a function whose columns are not known here',
          'write table.column, or give the function column names: f(…) AS f(a, b)',
        );
      }
      if (binding.kind === 'star' && !returned.has(ref) && binding.uses.some((each) => each.id === use.id)) {
        throw new Unsupported('every column of the written table inside a subquery', 'name the columns');
      }
      if (binding.kind === 'unresolved') {
        throw new Unsupported('a write with a column that is not found', 'correct the name of the column');
      }
      if (binding.kind === 'derived' && this.#isOldOrNew(ref)) {
        throw new Unsupported('OLD or NEW as a whole row', 'name the columns in RETURNING');
      }
      if (binding.kind === 'system' && binding.use.id === use.id && this.#input.decision.guards.length > 0) {
        throw new Unsupported(
          'a write by system columns of a table whose rows are filtered',
          'use the primary key',
        );
      }
      if (binding.kind === 'row' && binding.use.id === use.id) {
        throw new Unsupported('a whole row of the table that is written', 'name the columns');
      }
      if (binding.kind === 'column' && binding.use.id === use.id) {
        if (resolved.schemaNeeded.has(ref)) {
          throw new Unsupported(
            'a column named by schema and table beside another table of that name',
            'give the tables aliases, and write alias.column',
          );
        }
        if (binding.levelsUp > 0 && qualifierOf(ref) === undefined) {
          // Inside a subquery another table may go by the name that the reference would get.
          throw new Unsupported('a bare column of the written table inside a subquery', 'write table.column');
        }
        this.#replaceColumn(ref, binding.attnum, naming.get(ref));
      }
    }
    if (resolved.functions.some((each) => each.functionalColumn?.use.id === use.id)) {
      throw new Unsupported('a column of the written table in function notation', 'write table.column');
    }
  }

  /** SET: the write-back guard around each value for a masked column. */
  assignments(): void {
    const { statement, decision, use } = this.#input;
    const targets =
      statement.kind === 'insert'
        ? statement.node.onConflictClause?.targetList
        : statement.kind === 'update'
          ? statement.node.targetList
          : undefined;
    if (statement.kind === 'insert') this.#insertedColumns(statement.node);
    const span = this.#clauses.set;
    if (targets === undefined || targets.length === 0) return;
    if (span === undefined) throw new Unsupported('this form of SET', 'write SET column = value');
    const items = splitItems(this.#input.resolved.statement.lexed, span);
    let item = -1;
    for (const node of targets) {
      if (!('ResTarget' in node)) throw new Unsupported('this form of SET', 'write SET column = value');
      const target = node.ResTarget;
      const multi =
        target.val !== undefined && 'MultiAssignRef' in target.val ? target.val.MultiAssignRef : undefined;
      if (multi === undefined || (multi.colno ?? 1) === 1) item += 1;
      const column = use.relation.columns.find((each) => each.name === target.name);
      const rule = column === undefined ? undefined : decision.columns.get(column.attnum);
      // A column that does not exist is the server's to report.
      if (column === undefined || rule?.kind === 'clear') continue;
      if (rule?.kind !== 'masked') {
        throw new Unsupported(`a write to denied column "${column.name}"`, 'leave the column out');
      }
      if (multi !== undefined || target.indirection !== undefined) {
        throw new Unsupported(
          `a write to a part of masked column "${column.name}"`,
          `write SET ${identifier(column.name)} = value`,
        );
      }
      if (target.val === undefined || 'SetToDefault' in target.val) continue;
      const place = items[item];
      if (place === undefined) throw new Unsupported('this form of SET', 'write SET column = value');
      this.#guardValue(target, column, rule, place);
    }
    if (item + 1 !== items.length) throw new Unsupported('this form of SET', 'write SET column = value');
  }

  /** The row guard, and copies of the client's own conditions that keep indexes useful. */
  condition(): void {
    const { statement, resolved, use, decision, parseSelect } = this.#input;
    if (statement.kind === 'insert' && statement.node.onConflictClause?.action !== 'ONCONFLICT_UPDATE')
      return;
    const guard = this.#guard();
    if (guard === '') return;
    const clause = statement.kind === 'insert' ? statement.node.onConflictClause! : statement.node;
    if (clause.whereClause !== undefined && 'CurrentOfExpr' in clause.whereClause) {
      throw new Unsupported('WHERE CURRENT OF on a table whose rows are filtered', 'use the primary key');
    }
    const hoisted =
      statement.kind === 'insert' ? [] : hoistedConjuncts({ resolved, use, decision, alias: this.#alias });
    const pieces: Piece[] = [
      toByteString(guard),
      ...hoisted.flatMap((each) => [toByteString(' AND '), ...each]),
    ];
    const text = pieces.map((piece) => pieceText(resolved.statement.lexed, piece)).join('');
    const { where, whereGoesBefore } = this.#clauses;
    const original = clause.whereClause;
    if ((original === undefined) !== (where === undefined)) {
      throw new Unsupported('this form of WHERE', 'write the conditions in one WHERE');
    }
    if (where === undefined || original === undefined) {
      this.#insert(whereGoesBefore, [toByteString(' WHERE '), ...pieces, toByteString(' ')]);
      const parsed = parseSelect(`SELECT 1 WHERE ${text}` as ByteString)?.where;
      if (parsed === undefined) throw new Unsupported('this guard', 'report this as a bug');
      this.intents.push((tree) => {
        tree.of(clause).whereClause = parsed;
      });
      return;
    }
    this.#insert(where.first, [toByteString('('), ...pieces, toByteString(') AND (')]);
    this.#insert(where.end, [toByteString(') ')]);
    const parsed = parseSelect(`SELECT 1 WHERE (${text}) AND ($${placeholder})` as ByteString)?.where;
    if (parsed === undefined) throw new Unsupported('this guard', 'report this as a bug');
    this.intents.push((tree) => {
      const copy = tree.of(clause);
      copy.whereClause = filled(parsed, copy.whereClause!);
    });
  }

  /** RETURNING: stars are written out, and items keep the names that the server would give them. */
  returning(): void {
    const { statement, resolved, use, parseSelect } = this.#input;
    const clause = statement.node.returningClause;
    const span = this.#clauses.returning;
    if (clause === undefined) return;
    if (span === undefined || clause.options !== undefined) {
      throw new Unsupported('RETURNING WITH', 'name columns as old.column and new.column');
    }
    const items = splitItems(resolved.statement.lexed, span);
    const exprs = clause.exprs ?? [];
    if (items.length !== exprs.length) throw new Unsupported('this form of RETURNING', 'name plain columns');
    const replaced = new Map<Node, readonly Node[]>();
    exprs.forEach((node, index) => {
      if (!('ResTarget' in node)) throw new Unsupported('this form of RETURNING', 'name plain columns');
      const { val, name } = node.ResTarget;
      const ref = val !== undefined && 'ColumnRef' in val ? val.ColumnRef : undefined;
      const binding = ref === undefined ? undefined : resolved.columns.get(ref);
      const place = items[index]!;
      if (ref !== undefined && isStar(ref)) {
        // Of another table or subquery, whose columns are masked where it stands.
        if (binding?.kind === 'star' && !binding.uses.some((each) => each.id === use.id)) return;
        const several = binding?.kind !== 'star' || binding.uses.length > 1;
        if (several || (ref.fields?.length === 1 && hasOtherSources(statement))) {
          throw new Unsupported(
            'RETURNING * of several tables',
            'name the columns, or write table.* for each',
          );
        }
        const list = use.relation.columns
          .map((column) => `${this.#returned(column, qualifierOf(ref))} AS ${identifier(column.name)}`)
          .join(', ');
        this.edits.push({ ...place, pieces: [toByteString(list)] });
        const parsed = parseSelect(toByteString(`SELECT ${list}`))?.targets;
        if (parsed === undefined) throw new Unsupported('this RETURNING', 'report this as a bug');
        replaced.set(node, parsed);
      } else if (name === undefined) {
        const given = columnNameOf(val);
        this.#insert(place.end, [toByteString(` AS ${identifier(given)} `)]);
        this.intents.push((tree) => {
          tree.of(node.ResTarget).name = given;
        });
      }
    });
    this.intents.push((tree) => {
      tree.of(clause).exprs = exprs.flatMap((node) => replaced.get(node) ?? [tree.of(node)]);
    });
  }

  #replaceColumn(ref: ColumnRef, attnum: number, named: ResTarget | undefined): void {
    const { resolved, use, decision, parseSelect } = this.#input;
    const span = resolved.columnSpans.get(ref);
    if (span === undefined) throw new Unsupported('this column reference', 'write table.column');
    const column = columnByNumber(use.relation, attnum);
    const qualifier = qualifierOf(ref) ?? this.#alias;
    const text = this.#isReturned(span)
      ? this.#returned(column, qualifier)
      : columnValue(column, decision, qualifier, this.#guard(qualifier));
    if (text === `${qualifier}.${identifier(column.name)}`) return;
    const parsed = parseSelect(toByteString(`SELECT (${text})`))?.targets[0];
    if (parsed === undefined || !('ResTarget' in parsed) || parsed.ResTarget.val === undefined) {
      throw new Unsupported('this mask', 'report this as a bug');
    }
    const { val } = parsed.ResTarget;
    this.edits.push({ ...span, pieces: [toByteString(`(${text})`)] });
    this.intents.push((tree) => tree.replace(ref, val));
    if (named === undefined) return;
    // Without its name a reference to the subquery's column would mean the target's, unmasked.
    if (named.val === undefined || !('ColumnRef' in named.val)) {
      throw new Unsupported(
        'a column of the written table that names an output of a subquery',
        `write AS ${identifier(column.name)} behind it`,
      );
    }
    this.#insert(span.end, [toByteString(` AS ${identifier(column.name)} `)]);
    this.intents.push((tree) => {
      tree.of(named).name = column.name;
    });
  }

  /** A column of a row that was written. What an INSERT put in the client knows; the guard asks of the others. */
  #returned(column: Column, qualifier = this.#alias): string {
    const { statement, decision } = this.#input;
    const inserts =
      statement.kind === 'insert' && statement.node.onConflictClause?.action !== 'ONCONFLICT_UPDATE';
    const guarded = decision.guards.length > 0;
    const condition = !guarded ? '' : inserts ? 'true' : this.#guard(qualifier);
    return columnValue(column, decision, qualifier, condition);
  }

  #guard(alias = this.#alias): string {
    const { use, decision, actor } = this.#input;
    return decision.guards.length === 0 ? '' : scalarGuard(use.relation, alias, decision.guards, actor);
  }

  #guardValue(
    target: ResTarget,
    column: Column,
    rule: Extract<ReturnType<ProtectedDecision['columns']['get']>, { kind: 'masked' }>,
    place: TokenSpan,
  ): void {
    const { resolved, parseSelect } = this.#input;
    const text = writeBack(column, rule, this.#alias);
    if (text === undefined) {
      throw new Unsupported(
        `a write to column "${column.name}", whose mask leaves parts of the document visible`,
        'write other columns, or write this one through an exempt session',
      );
    }
    const own = (ref: ColumnRef): boolean => {
      const binding = resolved.columns.get(ref);
      return (
        binding?.kind === 'column' &&
        binding.use.id === this.#input.use.id &&
        binding.attnum === column.attnum
      );
    };
    if (computesFrom(target.val, own)) {
      throw new Unsupported(
        `a value that is computed from masked column "${column.name}" and written to it`,
        'the mask would be stored in place of the value: write the new value itself, or use an exempt session',
      );
    }
    const first = valueToken(resolved, place);
    const parsed = parseSelect(toByteString(`SELECT ${text.before}$${placeholder}${text.after}`))?.targets[0];
    if (parsed === undefined || !('ResTarget' in parsed) || parsed.ResTarget.val === undefined) {
      throw new Unsupported('this mask', 'report this as a bug');
    }
    const { val } = parsed.ResTarget;
    this.#insert(first, [toByteString(text.before)]);
    this.#insert(place.end, [toByteString(`${text.after} `)]);
    this.intents.push((tree) => {
      const copy = tree.of(target);
      copy.val = filled(val, copy.val!);
    });
  }

  /** The stars that returning() writes out. */
  #returnedStars(): readonly ColumnRef[] {
    const items = this.#input.statement.node.returningClause?.exprs ?? [];
    return items.flatMap((node) => {
      const val = 'ResTarget' in node ? node.ResTarget.val : undefined;
      return val !== undefined && 'ColumnRef' in val && isStar(val.ColumnRef) ? [val.ColumnRef] : [];
    });
  }

  /** A bare name that the target answers to: a column, a system column, or a whole row. */
  #couldMeanTarget(ref: ColumnRef): boolean {
    const name = nameOf(ref);
    if (name === undefined || ref.fields?.length !== 1) return false;
    const { relation } = this.#input.use;
    return (
      [this.#name, 'old', 'new', ...systemColumnNames].includes(name) ||
      relation.columns.some((column) => column.name === name)
    );
  }

  /** FAIL-CLOSED: a denied column is not written either. */
  #insertedColumns(insert: InsertStmt): void {
    const { use, decision } = this.#input;
    // INSERT … DEFAULT VALUES writes what the table's owner chose.
    if (insert.selectStmt === undefined) return;
    const named = insert.cols?.flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name] : []));
    for (const column of use.relation.columns) {
      if ((decision.columns.get(column.attnum)?.kind ?? 'denied') !== 'denied') continue;
      if (named === undefined || named.includes(column.name)) {
        throw new Unsupported(
          `a write to denied column "${column.name}"`,
          'list the columns of the INSERT without it',
        );
      }
    }
  }

  #isReturned(span: TokenSpan): boolean {
    const { returning } = this.#clauses;
    return returning !== undefined && span.first >= returning.first && span.end <= returning.end;
  }

  /** `old` or `new` without a column, as PostgreSQL 18 has them in RETURNING. */
  #isOldOrNew(ref: ColumnRef): boolean {
    const name = nameOf(ref);
    return name === 'old' || name === 'new';
  }

  #insert(token: number, pieces: readonly Piece[]): void {
    this.edits.push({ first: token, end: token, pieces });
  }
}

function valueToken(resolved: ResolvedStatement, item: TokenSpan): number {
  const { lexed } = resolved.statement;
  for (let at = item.first; at < item.end; at += 1) {
    const isEquals =
      lexed.tokens.kind(at) === 'operator' &&
      lexed.text.slice(lexed.tokens.start(at), lexed.tokens.end(at)) === '=';
    if (isEquals) return at + 1;
    if (wordAt(lexed, at) === '(') break;
  }
  throw new Unsupported('this form of SET', 'write SET column = value');
}

function hasOtherSources(statement: WriteStatement): boolean {
  if (statement.kind === 'update') return statement.node.fromClause !== undefined;
  return statement.kind === 'delete' && statement.node.usingClause !== undefined;
}

/** The first part of a reference. */
function nameOf(ref: ColumnRef): string | undefined {
  const field = ref.fields?.[0];
  return field !== undefined && 'String' in field ? field.String.sval : undefined;
}

function isStar(ref: ColumnRef): boolean {
  const last = ref.fields?.at(-1);
  return last !== undefined && 'A_Star' in last;
}

/** The part in front of the column, spelled; undefined for a bare name. */
function qualifierOf(ref: ColumnRef): string | undefined {
  const field = ref.fields?.at(-2);
  return field !== undefined && 'String' in field ? identifier(field.String.sval ?? '') : undefined;
}

/** The snippet with the client's own expression in the placeholder's stead. */
function filled(snippet: Node, expression: Node): Node {
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
