/**
 * The lexer's bounds as they stand when nobody configures others.
 */
import type { SqlLimits } from './types.js';

/**
 * Chosen far below what overflows the parser on a main thread's stack (some 3,000 sub-selects, some 5,000 chained
 * COLLATEs, tried) and far above what people and ORMs write. Lists and AND/OR chains are bounded by the tokens only.
 */
export const defaultSqlLimits: SqlLimits = {
  statementBytes: 4 * 1024 * 1024,
  tokens: 400_000,
  nesting: 256,
  operatorChain: 2_000,
};
