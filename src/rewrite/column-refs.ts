/** References that a derived table breaks: `schema.table.column` and whole rows. */
import type { Node } from '@pgsql/types';
import type { ResolvedStatement, RelationUse } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { relationName } from './names.js';

export type ColumnRefOutcome =
  | { readonly ok: false; readonly reason: string; readonly hint: string }
  | ({ readonly ok: true } & ColumnRefRewrite);

interface ColumnRefRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
}

/** Strips the schema from references to guarded relations, and gives whole rows back their row type. */
export function rewriteColumnRefs(
  resolved: ResolvedStatement,
  guarded: ReadonlySet<number>,
): ColumnRefOutcome {
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  for (const [ref, binding] of resolved.columns) {
    if (binding.kind === 'derived' || binding.kind === 'unresolved') continue;
    const uses = binding.kind === 'star' ? binding.uses : [binding.use];
    if (!uses.some((use) => guarded.has(use.id))) continue;
    const span = resolved.columnSpans.get(ref);
    if (span === undefined) continue;
    const fields = ref.fields ?? [];
    // A name part and its dot are two tokens; Prisma writes "public"."customers"."email" (DESIGN 5.1).
    const surplus = qualifiers(fields, binding.kind === 'row' && !binding.star) - 1;
    if (surplus > 0 && resolved.schemaNeeded.has(ref)) {
      // A derived table has no schema, so the stripped name would mean the other table.
      return {
        ok: false,
        reason: 'a column named by schema and table beside another table of that name',
        hint: 'give the tables aliases, and write alias.column',
      };
    }
    if (surplus > 0) {
      edits.push({ first: span.first, end: span.first + 2 * surplus, pieces: [] });
      intents.push((tree) => tree.of(ref).fields!.splice(0, surplus));
    } else if (binding.kind === 'row' && !binding.star && keepsRowType(binding.use)) {
      // The whole row of a derived table is an anonymous record; the cast gives it the table's row type again
      // (coerce_record_to_complex, parse_coerce.c), and leaves the output column its name.
      const row = rowExpression(binding.use);
      edits.push({ ...span, pieces: [toByteString(row.text)] });
      intents.push((tree) => tree.replace(ref, row.node));
    }
  }
  return { ok: true, edits, intend: (tree) => intents.forEach((intend) => intend(tree)) };
}

/** How many parts name the table: all but the column or star; for a whole row, all of them. */
function qualifiers(fields: readonly Node[], wholeRow: boolean): number {
  return wholeRow ? fields.length : fields.length - 1;
}

/**
 * On the nullable side of an outer join the row may be NULL as a whole, which a cast row could not say, so it stays a
 * record there. So it does where a column is of a domain: its constraints would be checked on masked values, and on the
 * NULLs of withheld rows, and the error would tell of them.
 */
function keepsRowType(use: RelationUse): boolean {
  return !use.nullable && use.relation.columns.every((column) => column.typeOid === column.baseTypeOid);
}

function rowExpression(use: RelationUse): { readonly text: string; readonly node: Node } {
  const name = use.alias ?? use.relation.name;
  return {
    text: `(${identifier(name)}::${relationName(use.relation)})`,
    node: {
      TypeCast: {
        arg: { ColumnRef: { fields: [{ String: { sval: name } }] } },
        typeName: {
          names: [{ String: { sval: use.relation.schema } }, { String: { sval: use.relation.name } }],
          typemod: -1,
        },
      },
    },
  };
}
