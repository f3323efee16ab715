/** `expression`: SQL over `value`, held to operators and functions of pg_catalog that cannot raise an error. */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import { compileExpression, type CompiledExpression } from '../expression/compile.js';
import { keepNull, type MaskContext, type MaskKind } from './mask-kind.js';

const schema = z.strictObject({ kind: z.literal('expression'), sql: z.string().min(1).max(10_000) });

function compiled(sql: string, column: Column, context: MaskContext): CompiledExpression {
  return compileExpression(sql, {
    parser: context.parser,
    use: 'mask',
    column: (parts) =>
      parts.length === 1 && parts[0] === 'value'
        ? {
            ok: true,
            name: 'value',
            type: column.baseType,
            typeName: column.baseTypeName,
            category: column.typeCategory,
          }
        : { ok: false, reason: `"${parts.join('.')}" is not known here; a mask sees "value" alone` },
  });
}

/** The result is cast to the column's type, and only these casts cannot fail. */
function resultFits(column: Column): boolean {
  return ['text', 'varchar', 'bpchar', 'citext'].includes(column.baseTypeName);
}

export const expressionMask: MaskKind<typeof schema> = {
  schema,
  fits: (definition, column, context) => {
    if (!resultFits(column)) return `an expression mask works on text, and the column is ${column.type}`;
    const outcome = compiled(definition.sql, column, context);
    return outcome.ok ? undefined : outcome.reason;
  },
  sql: (definition, column, context) => {
    const outcome = compiled(definition.sql, column, context);
    if (!outcome.ok) throw new Error('an expression mask was used without asking whether it fits');
    return keepNull(column, (value) =>
      outcome.pieces.map((piece) => (typeof piece === 'string' ? piece : value)).join(''),
    );
  },
};
