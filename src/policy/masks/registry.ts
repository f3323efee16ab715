/** Every mask kind by name. Add a kind here and the policy language, its JSON Schema and the compiler know it. */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import { bucketMask } from './bucket.js';
import { constantMask } from './constant.js';
import { dateTruncMask } from './date-trunc.js';
import { digitsMask } from './digits.js';
import { emailMask } from './email.js';
import { expressionMask } from './expression.js';
import { fakeMask } from './fake.js';
import { hashMask } from './hash.js';
import { ipMask } from './ip.js';
import { jsonbMask } from './jsonb.js';
import type { CompiledMask, KeySource, MaskContext, MaskKind } from './mask-kind.js';
import { nullMask } from './null.js';
import { partialMask } from './partial.js';
import { redactMask } from './redact.js';
import { regexMask } from './regex.js';

export const maskSchema = z.discriminatedUnion('kind', [
  nullMask.schema,
  redactMask.schema,
  constantMask.schema,
  partialMask.schema,
  emailMask.schema,
  regexMask.schema,
  hashMask.schema,
  dateTruncMask.schema,
  bucketMask.schema,
  ipMask.schema,
  digitsMask.schema,
  fakeMask.schema,
  jsonbMask.schema,
  expressionMask.schema,
]);
export type MaskDefinition = z.infer<typeof maskSchema>;

function compileWith<Schema extends z.ZodObject>(
  kind: MaskKind<Schema>,
  definition: z.infer<Schema>,
  column: Column,
  context: MaskContext,
): CompiledMask {
  const reason = kind.fits(definition, column, context);
  return reason === undefined
    ? {
        ok: true,
        sql: kind.sql(definition, column, context),
        writing: kind.writing?.(definition, column, context) ?? {},
      }
    : { ok: false, reason };
}

/** A mask on one column: its SQL, or why it does not fit. */
export function compileMask(definition: MaskDefinition, column: Column, context: MaskContext): CompiledMask {
  switch (definition.kind) {
    case 'null':
      return compileWith(nullMask, definition, column, context);
    case 'redact':
      return compileWith(redactMask, definition, column, context);
    case 'constant':
      return compileWith(constantMask, definition, column, context);
    case 'partial':
      return compileWith(partialMask, definition, column, context);
    case 'email':
      return compileWith(emailMask, definition, column, context);
    case 'regex':
      return compileWith(regexMask, definition, column, context);
    case 'hash':
      return compileWith(hashMask, definition, column, context);
    case 'date_trunc':
      return compileWith(dateTruncMask, definition, column, context);
    case 'bucket':
      return compileWith(bucketMask, definition, column, context);
    case 'ip':
      return compileWith(ipMask, definition, column, context);
    case 'digits':
      return compileWith(digitsMask, definition, column, context);
    case 'fake':
      return compileWith(fakeMask, definition, column, context);
    case 'jsonb':
      return compileWith(jsonbMask, definition, column, context);
    case 'expression':
      return compileWith(expressionMask, definition, column, context);
  }
}

/** The secret that a mask needs, if it needs one. */
export function keyOf(definition: MaskDefinition): KeySource | undefined {
  return 'key' in definition ? definition.key : undefined;
}
