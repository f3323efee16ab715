/** `null`: the value is withheld altogether. */
import { z } from 'zod';
import { safeTypeName } from '../sql-text.js';
import type { MaskKind } from './mask-kind.js';

const schema = z.strictObject({ kind: z.literal('null') });

export const nullMask: MaskKind<typeof schema> = {
  schema,
  fits: () => undefined,
  sql: (_definition, column) => () => `NULL::${safeTypeName(column.baseType)}`,
};
