/** `partial`: keeps the first or last characters and covers the rest. */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import { call, op, textLiteral } from '../sql-text.js';
import type { MaskSql } from '../types.js';
import { coverRun, fixedPoint } from './covered-text.js';
import { needsText, textMask, type MaskKind } from './mask-kind.js';

const count = z.int().min(0).max(1000);
const schema = z.strictObject({
  kind: z.literal('partial'),
  keep_first: count.optional(),
  keep_last: count.optional(),
  with: z
    .string()
    .refine((text) => /^.$/su.test(text), 'must be one character; write for example "*"')
    .optional(),
});

const defaultCover = '*';

function partial(definition: z.infer<typeof schema>, column: Column): MaskSql {
  const first = definition.keep_first ?? 0;
  const last = definition.keep_last ?? 0;
  const cover = textLiteral(definition.with ?? defaultCover);
  return textMask(column, (text) => {
    const length = call('char_length', text);
    const kept = String(first + last);
    const covered = call('repeat', cover, op(length, '-', kept));
    const shown = op(
      op(call('left', text, String(first)), '||', covered),
      '||',
      call('right', text, String(last)),
    );
    // A value no longer than what would be kept is covered whole: otherwise short values would stand in the clear.
    return `CASE WHEN ${op(length, '<=', kept)} THEN ${call('repeat', cover, length)} ELSE ${shown} END`;
  });
}

export const partialMask: MaskKind<typeof schema> = {
  schema,
  fits: needsText('partial'),
  sql: partial,
  writing: (definition, column) => {
    const run = coverRun(definition.with ?? defaultCover);
    return run === undefined ? {} : fixedPoint(partial(definition, column), run);
  },
};
