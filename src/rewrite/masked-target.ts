/** A masked column that is assigned, and whether what is assigned to it can be followed. */
import type { ColumnRef, Node, ResTarget } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';
import { computesFrom } from './computed-value.js';
import { Unsupported, type WriteContext } from './write-context.js';
import type { MaskedDecision } from './written-value.js';

/** A masked column that a SET list assigns. */
export interface MaskedTarget {
  readonly column: Column;
  readonly rule: MaskedDecision;
}

/** Undefined for a column that is shown as it is. */
export function maskedTarget(write: WriteContext, target: ResTarget): MaskedTarget | undefined {
  const { decision, use } = write.input;
  const column = use.relation.columns.find((each) => each.name === target.name);
  const rule = column === undefined ? undefined : decision.columns.get(column.attnum);
  // A column that does not exist is the server's to report.
  if (column === undefined || rule?.kind === 'clear') return undefined;
  if (rule?.kind !== 'masked') {
    throw new Unsupported(`a write to denied column "${column.name}"`, 'leave the column out');
  }
  if (target.indirection === undefined) return { column, rule };
  // The server would put the part into the stored value, and its errors would tell what that looks like.
  const whole = identifier(column.name);
  throw new Unsupported(
    `a write to a part of masked column "${column.name}"`,
    column.baseTypeName === 'jsonb' && rule.writing?.putBack !== undefined
      ? `write SET ${whole} = jsonb_set(${whole}, '{path}', value): masked places of the document are kept`
      : `write SET ${whole} = value`,
  );
}

/**
 * A value that is made out of the column's own mask would replace the stored value by that. Of a document with masked
 * places it does not: they are put back.
 */
export function checkComputed(write: WriteContext, { column, rule }: MaskedTarget, value: Node): void {
  if (rule.write === 'allow' || rule.writing?.putBack !== undefined) return;
  const { resolved, use } = write.input;
  const own = (ref: ColumnRef): boolean => {
    const binding = resolved.columns.get(ref);
    return binding?.kind === 'column' && binding.use.id === use.id && binding.attnum === column.attnum;
  };
  if (!computesFrom(value, own)) return;
  throw new Unsupported(
    `a value that is computed from masked column "${column.name}" and written to it`,
    'the mask would be stored in place of the value: write the new value itself, or use an exempt session',
  );
}

export function unclearSet(): Unsupported {
  return new Unsupported('this form of SET', 'write SET column = value');
}
