/** References that a derived table breaks: `schema.table.column`, renamed tables and whole rows. */
import type { ColumnRef, Node } from '@pgsql/types';
import type { ResolvedStatement, RelationUse } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { relationName } from './names.js';
import { rangeName, type RenamedUses } from './range-names.js';

export interface ColumnRefRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
}

export interface ColumnRefInput {
  readonly resolved: ResolvedStatement;
  readonly guarded: ReadonlySet<number>;
  readonly renamed: RenamedUses;
  /** References that another rewrite replaces. */
  readonly except: ReadonlySet<ColumnRef>;
  /** Parses `SELECT …` of ours to the expression that it selects. */
  readonly parseExpression: (text: ByteString) => Node;
}

/** Strips the schema from references to guarded relations, and gives whole rows back their row type. */
export function rewriteColumnRefs(input: ColumnRefInput): ColumnRefRewrite {
  const { resolved, guarded, renamed } = input;
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  for (const [ref, binding] of resolved.columns) {
    if (binding.kind === 'derived' || binding.kind === 'unresolved' || input.except.has(ref)) continue;
    const uses = binding.kind === 'star' ? binding.uses : [binding.use];
    if (!uses.some((use) => guarded.has(use.id))) continue;
    const span = resolved.columnSpans.get(ref);
    if (span === undefined) continue;
    const fields = ref.fields ?? [];
    if (binding.kind === 'row' && !binding.star) {
      if (fields.length === 1 && !keepsRowType(binding.use)) continue;
      // The cast leaves the output column its name (FigureColname, parse_target.c).
      const text = rowExpression(binding.use, rangeName(binding.use, renamed));
      edits.push({ ...span, pieces: [text] });
      intents.push((tree) => tree.replace(ref, input.parseExpression(text)));
      continue;
    }
    // A name part and its dot are two tokens; Prisma writes "public"."customers"."email" (DESIGN 5.1).
    const qualifiers = fields.length - 1;
    const use = uses[0]!;
    const name = rangeName(use, renamed);
    if (qualifiers > 1 || (qualifiers === 1 && renamed.has(use.id))) {
      const end = span.first + 2 * qualifiers - 1;
      edits.push({ first: span.first, end, pieces: [toByteString(identifier(name))] });
      intents.push((tree) => tree.of(ref).fields!.splice(0, qualifiers, { String: { sval: name } }));
    }
  }
  return { edits, intend: (tree) => intents.forEach((intend) => intend(tree)) };
}

/**
 * A row stays a record where a column is of a domain: its constraints would be checked on masked values, and on the NULLs
 * of withheld rows, and the error would tell of them.
 */
function keepsRowType(use: RelationUse): boolean {
  return use.relation.columns.every((column) => column.typeOid === column.baseTypeOid);
}

/**
 * The whole row of a derived table is an anonymous record; the cast gives it the table's row type again
 * (coerce_record_to_complex, parse_coerce.c). On the nullable side of an outer join the row may be NULL as a whole, which
 * a cast row is not: IS DISTINCT FROM a literal NULL asks for that without any operator (transformAExprDistinct).
 */
function rowExpression(use: RelationUse, range: string): ByteString {
  const name = identifier(range);
  if (!keepsRowType(use)) return toByteString(name);
  const row = `${name}::${relationName(use.relation)}`;
  return toByteString(
    use.nullable ? `(CASE WHEN ${name} IS NOT DISTINCT FROM NULL THEN NULL ELSE ${row} END)` : `(${row})`,
  );
}
