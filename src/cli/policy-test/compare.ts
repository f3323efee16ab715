/** Compares what a statement gave with what a policy test expects. Pure; every finding is one line for people. */
import type { OutputExposure } from '../../enforce/types.js';
import type { Expectation } from './test-file.js';

/** A result as PostgreSQL's text format has it, NULL as null. */
export interface TextResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export type Actual =
  | {
      readonly kind: 'result';
      readonly result: TextResult;
      /** The command tag's count: rows returned or touched. */
      readonly rowCount: number;
      readonly outputs: readonly OutputExposure[] | undefined;
      /** What the exempt statement of `same_as` gave. */
      readonly reference: TextResult | undefined;
    }
  | { readonly kind: 'error'; readonly sqlstate: string; readonly message: string };

/** Empty when the expectation holds. */
export function findings(expected: Expectation, actual: Actual): string[] {
  if (actual.kind === 'error') {
    if (expected.error === actual.sqlstate) return [];
    const wanted = expected.error === undefined ? 'a result' : `error ${expected.error}`;
    return [`expected ${wanted}, got error ${actual.sqlstate}: ${actual.message}`];
  }
  if (expected.error !== undefined) {
    return [`expected error ${expected.error}, got a result of ${actual.rowCount} rows`];
  }
  const found: string[] = [];
  if (expected.row_count !== undefined && expected.row_count !== actual.rowCount) {
    found.push(`expected ${expected.row_count} rows, got ${actual.rowCount}`);
  }
  if (expected.rows !== undefined) found.push(...rowFindings(expected.rows, actual.result.rows));
  if (expected.columns !== undefined) found.push(...columnFindings(expected.columns, actual.outputs));
  if (actual.reference !== undefined) found.push(...rowFindings(actual.reference.rows, actual.result.rows));
  return found;
}

function rowFindings(
  expected: readonly (readonly unknown[])[],
  actual: readonly (readonly (string | null)[])[],
): string[] {
  if (expected.length !== actual.length) {
    return [`expected ${expected.length} rows, got ${actual.length}: ${shown(actual)}`];
  }
  const index = expected.findIndex((row, i) => !rowEquals(row, actual[i] ?? []));
  if (index < 0) return [];
  return [
    `row ${index + 1}: expected ${JSON.stringify(expected[index])}, got ${JSON.stringify(actual[index])}`,
  ];
}

function rowEquals(expected: readonly unknown[], actual: readonly (string | null)[]): boolean {
  return (
    expected.length === actual.length && expected.every((value, i) => valueEquals(value, actual[i] ?? null))
  );
}

/** A YAML value against PostgreSQL's text: `t` is true, 34.40 equals 34.4 when written as a number, jsonb by content. */
export function valueEquals(expected: unknown, actual: string | null): boolean {
  if (expected === null || actual === null) return expected === actual;
  switch (typeof expected) {
    case 'string':
      return expected === actual;
    case 'number':
      return actual.trim() !== '' && Number(actual) === expected;
    case 'boolean':
      return actual === (expected ? 't' : 'f') || actual === String(expected);
    default:
      return sameJson(expected, actual);
  }
}

function sameJson(expected: unknown, actual: string): boolean {
  try {
    return sorted(expected) === sorted(JSON.parse(actual));
  } catch {
    return false;
  }
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function columnFindings(
  expected: Readonly<Record<string, string>>,
  outputs: readonly OutputExposure[] | undefined,
): string[] {
  const found: string[] = [];
  for (const [name, wanted] of Object.entries(expected)) {
    const same = (outputs ?? []).filter((output) => output.name === name);
    if (same.length === 0) {
      found.push(
        `column "${name}" is not in the result: it has ${(outputs ?? []).map((o) => `"${o.name}"`).join(', ') || 'no known columns'}`,
      );
    }
    for (const output of same) {
      if (output.exposure !== wanted)
        found.push(`column "${name}": expected ${wanted}, got ${output.exposure}`);
    }
  }
  return found;
}

/** A test's data comes from its fixture, so rows may be shown; a long result is cut. */
function shown(rows: readonly unknown[]): string {
  const text = JSON.stringify(rows);
  return text.length > 300 ? `${text.slice(0, 297)}…` : text;
}
