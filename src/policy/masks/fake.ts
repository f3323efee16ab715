/** `fake`: a keyed choice from a list, the same for the same value. */
import { z } from 'zod';
import { op, textLiteral } from '../sql-text.js';
import { keySourceSchema, needsText, textMask, type MaskKind } from './mask-kind.js';
import { digestNumber, hmacSha256, textBytes } from './keyed-digest.js';

const schema = z.strictObject({
  kind: z.literal('fake'),
  key: keySourceSchema,
  values: z
    .array(z.string().refine((text) => !text.includes('\0'), 'holds a NUL; remove it'))
    .min(2)
    .max(1000),
});

export const fakeMask: MaskKind<typeof schema> = {
  schema,
  fits: needsText('fake'),
  sql: (definition, column, context) => {
    const key = context.secret(definition.key);
    const list = `ARRAY[${definition.values.map(textLiteral).join(', ')}]`;
    return textMask(column, (text) => {
      const number = digestNumber(hmacSha256(key, textBytes(text)), 31);
      return `(${list})[${op(op(number, '%', String(definition.values.length)), '+', '1')}]`;
    });
  },
};
