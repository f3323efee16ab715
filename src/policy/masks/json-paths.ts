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
  const ordered = inOrder(paths);
  return (value) => {
    const masked = ordered.reduce((current, { steps, mask }, index) => {
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

/**
 * Masks first, then what is taken out, from the end of each list: taking an element out moves those behind it, and a
 * path would then lead to another than it names. Places counted from a list's end come last, the furthest first.
 */
export function inOrder(paths: readonly MaskedPath[]): readonly MaskedPath[] {
  const masked = paths.filter((one) => one.mask !== undefined);
  const taken = paths.filter((one) => one.mask === undefined);
  return [...masked, ...taken.sort((a, b) => compareSteps(a.steps, b.steps))];
}

function compareSteps(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((step, index) => step !== b[index]);
  const left = listIndex(a[at]);
  const right = listIndex(b[at]);
  // Some order between keys, so that the order as a whole is one.
  if (left === undefined && right === undefined) return (a[at] ?? '') < (b[at] ?? '') ? -1 : 1;
  if (left === undefined || right === undefined) return left === undefined ? 1 : -1;
  if (left < 0 !== right < 0) return left < 0 ? 1 : -1;
  return left < 0 ? left - right : right - left;
}

/** What jsonb reads as the number of a list's element (setPathArray in jsonfuncs.c). */
export function listIndex(step: string | undefined): number | undefined {
  return step !== undefined && /^\s*[+-]?\d+$/.test(step) ? Number(step) : undefined;
}
