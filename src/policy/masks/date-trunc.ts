/** `date_trunc`: keeps the year, quarter, month, week, day or hour. */
import { z } from 'zod';
import { call, op, safeTypeName, textLiteral } from '../sql-text.js';
import { keepNull, type MaskKind } from './mask-kind.js';

const schema = z.strictObject({
  kind: z.literal('date_trunc'),
  to: z.enum(['decade', 'year', 'quarter', 'month', 'week', 'day', 'hour']),
});

const TYPES = new Set(['date', 'timestamp', 'timestamptz']);

export const dateTruncMask: MaskKind<typeof schema> = {
  schema,
  fits: (definition, column) => {
    if (!TYPES.has(column.baseTypeName)) {
      return `a date_trunc mask works on date and timestamp, and the column is ${column.type}`;
    }
    return column.baseTypeName === 'date' && (definition.to === 'day' || definition.to === 'hour')
      ? `a date has nothing below its day to cut off; use month, quarter or year`
      : undefined;
  },
  sql: (definition, column) => {
    const name = column.baseTypeName;
    const unit = textLiteral(definition.to);
    return keepNull(column, (value) => {
      const type = safeTypeName(name);
      // Dates reach further than timestamps, and truncating near either end is an error (timestamp.c), which would
      // tell of the value. Such values become infinite instead.
      const truncated =
        name === 'timestamptz'
          ? // In UTC, not in the session's zone: by moving its zone a client could find the hidden hour.
            call('date_trunc', unit, value, textLiteral('UTC'))
          : call('date_trunc', unit, `(${value}::timestamp without time zone)`);
      return (
        `CASE WHEN ${op(value, '>', `'290000-01-01'::${type}`)} THEN 'infinity'::${type} ` +
        `WHEN ${op(value, '<', `'4000-01-01 BC'::${type}`)} THEN '-infinity'::${type} ` +
        `ELSE ${truncated}::${type} END`
      );
    });
  },
};
