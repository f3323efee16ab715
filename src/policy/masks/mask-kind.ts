/**
 * What every mask kind is made of. A mask is SQL over one value that keeps the column's exact type and typmod,
 * keeps NULL, and never raises an error, because an error that depends on a value tells something of the value.
 */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import type { MaskSql, MaskWriting } from '../types.js';
import { cast, safeTypeName } from '../sql-text.js';
import type { ExpressionParser } from '../expression/compile.js';

/** What a mask may need besides its own definition. */
export interface MaskContext {
  /** The secret behind `key: { env }` or `key: { file }`; its presence was checked when the policy was loaded. */
  readonly secret: (source: KeySource) => Buffer;
  /** Another mask by name, for masks made of masks. */
  readonly named: (name: string, column: Column) => CompiledMask;
  readonly parser: ExpressionParser | undefined;
}

export type CompiledMask =
  | { readonly ok: true; readonly sql: MaskSql; readonly writing: MaskWriting }
  | { readonly ok: false; readonly reason: string };

export interface MaskKind<Schema extends z.ZodObject> {
  readonly schema: Schema;
  /** Why the mask cannot stand on this column; undefined when it can. */
  readonly fits: (definition: z.infer<Schema>, column: Column, context: MaskContext) => string | undefined;
  /** Only called where it fits. The value given to the result is any SQL expression of the column's type. */
  readonly sql: (definition: z.infer<Schema>, column: Column, context: MaskContext) => MaskSql;
  /**
   * How a written mask is recognised. Left out where ordinary values look like the mask's: a date at the start of a year,
   * a round number, a pseudonym beside real digests. Only called where the mask fits.
   */
  readonly writing?: (definition: z.infer<Schema>, column: Column, context: MaskContext) => MaskWriting;
}

export const keySourceSchema = z.union([
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ file: z.string().min(1) }),
]);
/** Where a secret stands; never the secret itself. */
export type KeySource = z.infer<typeof keySourceSchema>;

/** NULL stays NULL, and whatever comes out is cast to the column's base type. `build` gets a parenthesised value. */
export function keepNull(column: Column, build: (value: string) => string): MaskSql {
  return (value) =>
    `(CASE WHEN (${value}) IS NULL THEN NULL::${safeTypeName(column.baseType)} ELSE ${cast(
      build(`(${value})`),
      column.baseType,
    )} END)`;
}

const TEXT_TYPES = new Set(['text', 'varchar', 'bpchar', 'citext']);

export function isText(column: Column): boolean {
  return column.typeCategory === 'S' && TEXT_TYPES.has(column.baseTypeName);
}

/** The n of varchar(n) or char(n); undefined when unbounded or not a text type. */
export function declaredLength(column: Column): number | undefined {
  const found = /^character(?: varying)?\((\d+)\)$/.exec(column.baseType);
  if (found) return Number(found[1]);
  return column.baseType === 'character' ? 1 : undefined;
}

/** Turns a build over text into a mask of a text column. */
export function textMask(column: Column, build: (text: string) => string): MaskSql {
  return keepNull(column, (value) => build(`(${value}::pg_catalog.text)`));
}

export function needsText(kind: string): (definition: unknown, column: Column) => string | undefined {
  return (_definition, column) =>
    isText(column) ? undefined : `a ${kind} mask works on text, and the column is ${column.type}`;
}
