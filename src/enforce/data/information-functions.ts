/**
 * The functions of information_schema (src/backend/catalog/information_schema.sql), which drivers call by name: all of them
 * work on their arguments, or look types up in pg_catalog.
 */
export const informationFunctions: ReadonlySet<string> = new Set([
  '_pg_char_max_length',
  '_pg_char_octet_length',
  '_pg_datetime_precision',
  '_pg_expandarray',
  '_pg_index_position',
  '_pg_interval_type',
  '_pg_numeric_precision',
  '_pg_numeric_precision_radix',
  '_pg_numeric_scale',
  '_pg_truetypid',
  '_pg_truetypmod',
]);
