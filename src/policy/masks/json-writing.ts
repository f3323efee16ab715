/**
 * What becomes of a document that a client writes to a jsonb column of which it sees places masked: each place that
 * still holds its mask gets its stored value back, and everything else is the client's.
 */
import { jsonPathSql } from '../json-path.js';
import { call, op, textLiteral } from '../sql-text.js';
import type { MaskWriting } from '../types.js';
import { inOrder, listIndex, maskedAt, type MaskedPath } from './json-paths.js';

/** `kept` are the paths that the write-back guard covers; a policy may leave others open with `write: allow`. */
export function pathWriting(paths: readonly MaskedPath[]): MaskWriting {
  // What was taken out last goes back first.
  const kept = inOrder(paths).toReversed();
  const denied = kept.filter((one) => one.mask === undefined);
  const looks = kept.flatMap((one) => (one.looksMasked === undefined ? [] : [one]));
  return {
    putBack: (written, stored) =>
      kept.reduce(
        (current, one, index) => putBackAt(one, current, stored, `pgveil_p${index}`),
        `((${written})::pg_catalog.jsonb)`,
      ),
    ...(denied.length === 0
      ? {}
      : { holdsDenied: (value) => anyOf(denied.map((one) => `${at(value, one.steps)} IS NOT NULL`)) }),
    ...(looks.length === 0
      ? {}
      : {
          looksMasked: (value) =>
            anyOf(looks.map((one) => one.looksMasked!(op(value, '#>>', jsonPathSql(one.steps))))),
        }),
  };
}

/**
 * One place. `written` stands in the text once, so that several places add up and do not multiply. jsonb_set raises
 * errors on scalars, so it runs only where the path leads to something in the written document.
 */
function putBackAt(one: MaskedPath, written: string, stored: string, name: string): string {
  const value = `${name}.v`;
  const path = jsonPathSql(one.steps);
  const present = `${op(stored, '#>>', path)} IS NOT NULL`;
  const condition =
    one.mask === undefined
      ? // A denied place is shown as absent, so it goes back wherever what held it is still of the same kind: without
        // it the client has taken more away than what it was not shown.
        `${at(stored, one.steps)} IS NOT NULL AND ${sameContainer(value, stored, one.steps.slice(0, -1))} AND ${goesToItsPlace(value, one.steps)}`
      : `${present} AND ${op(at(value, one.steps), '=', maskedAt(one.mask, stored, path))}`;
  return (
    `(SELECT CASE WHEN ${condition} THEN ` +
    `${call('jsonb_set', value, path, at(stored, one.steps), one.mask === undefined ? 'true' : 'false')} ` +
    `ELSE ${value} END FROM (SELECT ${written} AS v OFFSET 0) ${name})`
  );
}

function sameContainer(written: string, stored: string, parent: readonly string[]): string {
  const kind = (value: string): string => call('jsonb_typeof', at(value, parent));
  const isContainer = anyOf(['object', 'array'].map((each) => op(kind(written), '=', textLiteral(each))));
  return `${isContainer} AND ${op(kind(written), '=', kind(stored))}`;
}

/**
 * FAIL-CLOSED: of a list that became too short, jsonb_set would put the element at its end (setPathArray in jsonfuncs.c),
 * where no path hides it. It goes back only where the element next to it is still there; else the client took both away.
 * Whether the document is an object or a list the step itself does not tell.
 */
function goesToItsPlace(written: string, steps: readonly string[]): string {
  const parent = steps.slice(0, -1);
  const index = listIndex(steps.at(-1));
  if (index === undefined || index === 0 || index === -1) return 'true';
  const next = [...parent, String(index > 0 ? index - 1 : index + 1)];
  const isObject = op(call('jsonb_typeof', at(written, parent)), '=', textLiteral('object'));
  return `(${isObject} OR ${at(written, next)} IS NOT NULL)`;
}

/** The empty path leads to the document itself. */
function at(value: string, steps: readonly string[]): string {
  return steps.length === 0 ? value : op(value, '#>', jsonPathSql(steps));
}

function anyOf(conditions: readonly string[]): string {
  return `(${conditions.map((each) => `(${each})`).join(' OR ')})`;
}
