/** `digits`: every digit becomes another by key; separators and letters stay, so the format stays. */
import { z } from 'zod';
import { call, op, textLiteral } from '../sql-text.js';
import { keySourceSchema, needsText, textMask, type MaskKind } from './mask-kind.js';
import { hmacSha256, textBytes } from './keyed-digest.js';

const schema = z.strictObject({ kind: z.literal('digits'), key: keySourceSchema });

export const digitsMask: MaskKind<typeof schema> = {
  schema,
  fits: needsText('digits'),
  sql: (definition, column, context) => {
    const key = context.secret(definition.key);
    return textMask(column, (text) => {
      const index = `(${op(op('pgveil_d.at', '-', '1'), '%', '32')}::integer)`;
      const digit = op(call('get_byte', 'pgveil_k.digest', index), '%', '10');
      const isDigit = op(call('strpos', textLiteral('0123456789'), 'pgveil_d.ch'), '>', '0');
      const characters = call('string_to_array', text, 'NULL::pg_catalog.text');
      return (
        `COALESCE((SELECT pg_catalog.string_agg(CASE WHEN ${isDigit} THEN ${digit}::pg_catalog.text ELSE pgveil_d.ch END, ` +
        `''::pg_catalog.text ORDER BY pgveil_d.at) FROM (SELECT ${hmacSha256(key, textBytes(text))} AS digest OFFSET 0) pgveil_k ` +
        `CROSS JOIN ROWS FROM (pg_catalog.unnest(${characters})) WITH ORDINALITY AS pgveil_d(ch, at)), ''::pg_catalog.text)`
      );
    });
  },
};
