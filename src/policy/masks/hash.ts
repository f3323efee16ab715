/** `hash`: a keyed pseudonym. The same input gives the same pseudonym, so joins and GROUP BY work. */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import { call, cast, textLiteral } from '../sql-text.js';
import { declaredLength, isText, keepNull, keySourceSchema, type MaskKind } from './mask-kind.js';
import { digestNumber, hmacSha256, textBytes } from './keyed-digest.js';

const schema = z.strictObject({ kind: z.literal('hash'), key: keySourceSchema });

/** Hexadecimal digits below which two people would too easily share a pseudonym. */
const LEAST_DIGITS = 8;

const INTEGER_BITS = { int2: 15, int4: 31, int8: 63 } as const;

function isInteger(name: string): name is keyof typeof INTEGER_BITS {
  return Object.hasOwn(INTEGER_BITS, name);
}

function fits(column: Column): string | undefined {
  if (isText(column)) {
    const length = declaredLength(column);
    return length !== undefined && length < LEAST_DIGITS
      ? `a pseudonym needs ${LEAST_DIGITS} characters, and the column is ${column.type}`
      : undefined;
  }
  if (isInteger(column.baseTypeName) || column.baseTypeName === 'uuid' || column.baseTypeName === 'bytea') {
    return undefined;
  }
  return `a hash mask works on text, uuid, bytea and whole numbers, and the column is ${column.type}`;
}

export const hashMask: MaskKind<typeof schema> = {
  schema,
  fits: (_definition, column) => fits(column),
  sql: (definition, column, context) => {
    const key = context.secret(definition.key);
    const name = column.baseTypeName;
    return keepNull(column, (value) => {
      if (name === 'bytea') return hmacSha256(key, value);
      const text = cast(value, 'text');
      // citext compares without case, so values that it calls equal must share a pseudonym.
      const digest = hmacSha256(key, textBytes(name === 'citext' ? call('lower', text) : text));
      if (isInteger(name)) return digestNumber(digest, INTEGER_BITS[name]);
      const hex = call('encode', digest, textLiteral('hex'));
      if (name === 'uuid') return cast(call('left', hex, '32'), 'uuid');
      return call('left', hex, String(declaredLength(column) ?? 64));
    });
  },
};
