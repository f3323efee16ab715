/** What a policy's SQL may use. Short on purpose: everything in it exists in pg_catalog of every supported server. */

/** None of these raises an error for any value. */
const QUIET_OPERATORS = ['=', '<>', '<', '>', '<=', '>=', '||', '~~', '!~~', '~~*', '!~~*'] as const;
/** These may overflow, so they stand in conditions, which the DBA writes over data of a known kind, and not in masks. */
const CONDITION_OPERATORS = [
  ...QUIET_OPERATORS,
  '+',
  '-',
  '*',
  '->',
  '->>',
  '#>',
  '#>>',
  '@>',
  '<@',
  '?',
] as const;

const MASK_FUNCTIONS = [
  'btrim',
  'char_length',
  'initcap',
  'left',
  'length',
  'lower',
  'ltrim',
  'md5',
  'octet_length',
  'replace',
  'reverse',
  'right',
  'rtrim',
  'starts_with',
  'strpos',
  'translate',
  'upper',
] as const;
const CONDITION_FUNCTIONS = [
  ...MASK_FUNCTIONS,
  'abs',
  'age',
  'date_part',
  'date_trunc',
  'jsonb_exists',
  'now',
] as const;

const TYPES = [
  'bool',
  'date',
  'int2',
  'int4',
  'int8',
  'interval',
  'numeric',
  'text',
  'timestamp',
  'timestamptz',
  'uuid',
  'varchar',
] as const;

export type ExpressionUse = 'mask' | 'condition';

export const operatorsFor: Readonly<Record<ExpressionUse, ReadonlySet<string>>> = {
  mask: new Set(QUIET_OPERATORS),
  condition: new Set(CONDITION_OPERATORS),
};
export const functionsFor: Readonly<Record<ExpressionUse, ReadonlySet<string>>> = {
  mask: new Set(MASK_FUNCTIONS),
  condition: new Set(CONDITION_FUNCTIONS),
};
export const castTypes: ReadonlySet<string> = new Set(TYPES);
export const comparisonOperators: ReadonlySet<string> = new Set([
  '=',
  '<>',
  '<',
  '>',
  '<=',
  '>=',
  '~~',
  '!~~',
  '~~*',
  '!~~*',
  '@>',
  '<@',
  '?',
]);
