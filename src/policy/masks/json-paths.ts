/** Masks single places inside a jsonb value. Used by the `jsonb` mask and by labels on a path. */
import type { Column } from '../../catalog/types.js';
import type { MaskSql } from '../types.js';
import { jsonPathSql } from '../json-path.js';
import { call, op } from '../sql-text.js';

export interface MaskedPath {
  readonly steps: readonly string[];
  /** Masks the value's text; undefined: the key is taken out. */
  readonly mask: MaskSql | undefined;
  /** True for a text that can only be this mask's work. */
  readonly looksMasked?: MaskSql | undefined;
}

/** The column that a mask sees when it masks the text at a path. */
export function pathColumn(column: Column): Column {
  return {
    ...column,
    typeOid: 25,
    baseTypeOid: 25,
    typmod: -1,
    type: 'text',
    baseType: 'text',
    baseTypeName: 'text',
    typeCategory: 'S',
  };
}

/**
 * jsonb_set and #- raise errors on scalars, and so does a NULL replacement, so each step runs only where the path
 * leads to something. A JSON null holds no value and stays. `#>>` gives numbers, objects and lists as text, so the
 * mask covers whatever stands there.
 */
export function maskPaths(paths: readonly MaskedPath[]): MaskSql {
  return (value) => {
    const masked = paths.reduce((current, { steps, mask }, index) => {
      // Each path gets its own name, so that the value is written once and the text grows by addition only.
      const name = `pgveil_j${index}`;
      const path = jsonPathSql(steps);
      const text = op(`${name}.v`, '#>>', path);
      const changed =
        mask === undefined
          ? op(`${name}.v`, '#-', path)
          : call('jsonb_set', `${name}.v`, path, maskedAt(mask, `${name}.v`, path), 'false');
      const present = mask === undefined ? op(`${name}.v`, '#>', path) : text;
      return (
        `(SELECT CASE WHEN ${present} IS NULL THEN ${name}.v ELSE ${changed} END ` +
        `FROM (SELECT ${current} AS v OFFSET 0) ${name})`
      );
    }, `((${value})::pg_catalog.jsonb)`);
    return masked;
  };
}

/** What stands for the value at a path, as jsonb; for a mask without a value, JSON's null. */
export function maskedAt(mask: MaskSql, value: string, path: string): string {
  return `COALESCE(${call('to_jsonb', mask(op(value, '#>>', path)))}, 'null'::pg_catalog.jsonb)`;
}
