/** Every reference to a column of the table that is written becomes the column's masked and guarded value. */
import type { ColumnRef, ResTarget } from '@pgsql/types';
import { identifier } from '../policy/sql-text.js';
import type { ColumnBinding, TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { columnRefsBelow } from './computed-value.js';
import { columnValue, storedValue } from './guarded-relation.js';
import { columnByNumber, relationName } from './names.js';
import { columnsThatName } from './output-names.js';
import { returnedRowNames } from './returned-rows.js';
import { onlyTargetIsCalled } from './target-names.js';
import { unreadReferences } from './unread-references.js';
import { isStar, nameOf, qualifierOf, Unsupported, type WriteContext } from './write-context.js';

/** System columns of tables (manual, 5.6). */
const systemColumnNames = ['tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax'];

/** Every reference to a column of the target. */
export function rewriteColumns(write: WriteContext): void {
  const { resolved, use, statement } = write.input;
  // FAIL-CLOSED: in the guard and the write-back, which stand inside the statement, such a name is one of ours.
  if (write.name.startsWith('pgveil_')) {
    throw new Unsupported('a write to a table under a name that starts with pgveil_', 'choose another alias');
  }
  // FAIL-CLOSED: a reference that was not looked at would read the stored value.
  if (unreadReferences(resolved)) {
    throw new Unsupported(
      'a column in a place that is not understood',
      'write the statement in a simpler form',
    );
  }
  const returned = new Set(returnedStars(write));
  const own = new Set(columnRefsBelow(statement.node));
  const rowNames = returnedRowNames(statement);
  const naming = columnsThatName(resolved.statement.node, statement.node.returningClause?.exprs ?? []);
  for (const [ref, binding] of resolved.columns) {
    if (write.inference.has(ref)) continue;
    if (own.has(ref)) checkMeaning(write, ref, binding, rowNames);
    if (binding.kind === 'star' && !returned.has(ref) && binding.uses.some((each) => each.id === use.id)) {
      throw new Unsupported('every column of the written table inside a subquery', 'name the columns');
    }
    if (
      binding.kind === 'system' &&
      binding.use.id === use.id &&
      write.input.decision.guards.length > 0 &&
      !tellsOfOwnInsert(write, ref, binding.name)
    ) {
      throw new Unsupported(
        'a write by system columns of a table whose rows are filtered',
        'use the primary key',
      );
    }
    if (binding.kind === 'row' && binding.use.id === use.id) {
      replaceRow(write, ref, binding.star, naming.get(ref));
    }
    if (binding.kind === 'column' && binding.use.id === use.id) {
      if (resolved.schemaNeeded.has(ref)) {
        throw new Unsupported(
          'a column named by schema and table beside another table of that name',
          'give the tables aliases, and write alias.column',
        );
      }
      const bareInside = binding.levelsUp > 0 && qualifierOf(ref) === undefined;
      if (bareInside && !onlyTargetIsCalled(write.name, statement)) {
        // Inside a subquery another table may go by the name that the reference would get.
        throw new Unsupported(
          'a bare column of the written table inside a subquery, where another table has its name',
          'give the tables aliases, and write alias.column',
        );
      }
      replaceColumn(write, ref, binding.attnum, naming.get(ref));
    }
  }
  if (resolved.functions.some((each) => each.functionalColumn?.use.id === use.id)) {
    throw new Unsupported('a column of the written table in function notation', 'write table.column');
  }
}

/**
 * `RETURNING (xmax = 0)` is how programs ask whether an upsert inserted or updated. The rows that it shows are those that
 * the statement wrote, so it tells of what the unique key tells already.
 */
function tellsOfOwnInsert(write: WriteContext, ref: ColumnRef, name: string): boolean {
  const span = write.input.resolved.columnSpans.get(ref);
  return (
    write.input.statement.kind === 'insert' &&
    name === 'xmax' &&
    span !== undefined &&
    isReturned(write, span)
  );
}

/** Refuses a reference that might mean the target in a way that is not followed. */
function checkMeaning(
  write: WriteContext,
  ref: ColumnRef,
  binding: ColumnBinding,
  rowNames: ReadonlySet<string>,
): void {
  if ('uncertain' in binding && binding.uncertain && couldMeanTarget(write, ref, rowNames)) {
    throw new Unsupported(
      'a bare name beside a function whose columns are not known here',
      'write table.column, or give the function column names: f(…) AS f(a, b)',
    );
  }
  if (binding.kind === 'unresolved') {
    throw new Unsupported('a write with a column that is not found', 'correct the name of the column');
  }
  if (binding.kind === 'derived' && rowNames.has(nameOf(ref) ?? '')) {
    throw new Unsupported('OLD or NEW as a whole row', 'name the columns in RETURNING');
  }
}

function replaceColumn(
  write: WriteContext,
  ref: ColumnRef,
  attnum: number,
  named: ResTarget | undefined,
): void {
  const { resolved, use, decision } = write.input;
  const span = resolved.columnSpans.get(ref);
  if (span === undefined) throw new Unsupported('this column reference', 'write table.column');
  const column = columnByNumber(use.relation, attnum);
  const qualifier = qualifierOf(ref) ?? write.alias;
  const text = isReturned(write, span)
    ? write.returned(column, qualifier)
    : write.input.stored.has(ref)
      ? storedValue(column, qualifier, write.guard(qualifier))
      : columnValue(column, decision, qualifier, write.guard(qualifier));
  if (text === `${qualifier}.${identifier(column.name)}`) return;
  splice(write, ref, span, text, column.name, named);
}

/**
 * A whole row that RETURNING shows: its values, made a row of the table's type again. A domain's constraints would be
 * checked on masks, and elsewhere a field of the row could carry a mask into what is stored.
 */
function replaceRow(write: WriteContext, ref: ColumnRef, star: boolean, named: ResTarget | undefined): void {
  const { resolved, use } = write.input;
  const { relation } = use;
  const span = resolved.columnSpans.get(ref);
  const plain = relation.columns.every((column) => column.typeOid === column.baseTypeOid);
  if (star || !plain || span === undefined || !isReturned(write, span) || resolved.schemaNeeded.has(ref)) {
    throw new Unsupported('a whole row of the table that is written', 'name the columns');
  }
  const values = relation.columns.map((column) => write.returned(column)).join(', ');
  splice(write, ref, span, `ROW(${values})::${relationName(relation)}`, write.name, named);
}

/** Puts an expression in a reference's place. `name` is what the reference calls an output of a subquery. */
function splice(
  write: WriteContext,
  ref: ColumnRef,
  span: TokenSpan,
  text: string,
  name: string,
  named: ResTarget | undefined,
): void {
  const parsed = write.input.parseSelect(toByteString(`SELECT (${text})`))?.targets[0];
  if (parsed === undefined || !('ResTarget' in parsed) || parsed.ResTarget.val === undefined) {
    throw new Unsupported('this mask', 'report this as a bug');
  }
  const { val } = parsed.ResTarget;
  write.edits.push({ ...span, pieces: [toByteString(`(${text})`)] });
  write.intents.push((tree) => tree.replace(ref, val));
  if (named === undefined) return;
  // Without its name a reference to the subquery's column would mean the target's, unmasked.
  if (named.val === undefined || !('ColumnRef' in named.val)) {
    throw new Unsupported(
      'a column of the written table that names an output of a subquery',
      `write AS ${identifier(name)} behind it`,
    );
  }
  write.insert(span.end, [toByteString(` AS ${identifier(name)} `)]);
  write.intents.push((tree) => {
    tree.of(named).name = name;
  });
}

/** The stars that rewriteReturning() writes out. */
function returnedStars(write: WriteContext): readonly ColumnRef[] {
  const items = write.input.statement.node.returningClause?.exprs ?? [];
  return items.flatMap((node) => {
    const val = 'ResTarget' in node ? node.ResTarget.val : undefined;
    return val !== undefined && 'ColumnRef' in val && isStar(val.ColumnRef) ? [val.ColumnRef] : [];
  });
}

/** A bare name that the target answers to: a column, a system column, or a whole row. */
function couldMeanTarget(write: WriteContext, ref: ColumnRef, rowNames: ReadonlySet<string>): boolean {
  const name = nameOf(ref);
  if (name === undefined || ref.fields?.length !== 1) return false;
  const { relation } = write.input.use;
  return (
    [write.name, ...rowNames, ...systemColumnNames].includes(name) ||
    relation.columns.some((column) => column.name === name)
  );
}

function isReturned(write: WriteContext, span: TokenSpan): boolean {
  const { returning } = write.clauses;
  return returning !== undefined && span.first >= returning.first && span.end <= returning.end;
}
