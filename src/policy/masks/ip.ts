/** `ip`: keeps a network prefix of an address. */
import { z } from 'zod';
import { call, op, safeTypeName } from '../sql-text.js';
import { keepNull, type MaskKind } from './mask-kind.js';

const schema = z.strictObject({
  kind: z.literal('ip'),
  keep_v4: z.int().min(0).max(32).optional(),
  keep_v6: z.int().min(0).max(128).optional(),
});

export const ipMask: MaskKind<typeof schema> = {
  schema,
  fits: (_definition, column) =>
    column.baseTypeName === 'inet' || column.baseTypeName === 'cidr'
      ? undefined
      : `an ip mask works on inet and cidr, and the column is ${column.type}`,
  sql: (definition, column) =>
    keepNull(column, (value) => {
      const address = `(${value}::${safeTypeName('inet')})`;
      const v4 = op(call('family', address), '=', '4');
      const keep = `(CASE WHEN ${v4} THEN ${definition.keep_v4 ?? 24} ELSE ${definition.keep_v6 ?? 48} END)`;
      const length = call('masklen', address);
      // A network that is wider than the prefix already stays as wide as it is.
      const prefix = `(CASE WHEN ${op(length, '<', keep)} THEN ${length} ELSE ${keep} END)`;
      return call('network', call('set_masklen', address, prefix));
    }),
};
