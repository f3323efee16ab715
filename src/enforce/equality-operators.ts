/**
 * `where: equality` hands the real value to the server's `=`. Casts and operators that users made could stand between
 * (IN and IS DISTINCT FROM have no place for a schema), and would be run on it.
 */
import type { Catalog } from '../catalog/types.js';
import type { ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { type RealEquality, realEqualities } from '../rewrite/real-equality.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

export interface EqualityUse {
  /** How many values are compared with real ones: each is a guess that the answer confirms or not. */
  readonly lookups: number;
  /** Of a comparison that could run a user's code on a real value. */
  readonly refusal: Refusal | undefined;
}

export function equalityUse(
  resolved: ResolvedStatement,
  decisions: ReadonlyMap<number, ProtectedDecision>,
  catalog: Catalog,
): EqualityUse {
  const equalities = realEqualities(resolved, decisions);
  if (!equalities.ok) return { lookups: 0, refusal: undefined };
  const { found } = equalities;
  return {
    lookups: found.reduce((sum, { values }) => sum + values, 0),
    refusal: foreignEquality(found, catalog),
  };
}

function foreignEquality(found: readonly RealEquality[], catalog: Catalog): Refusal | undefined {
  for (const { column, use } of found) {
    const name = `${use.relation.schema}.${use.relation.name}.${column.name}`;
    const casts = catalog.userCasts.some(
      ({ source, function: { language } }) =>
        (source === column.typeOid || source === column.baseTypeOid) && !isCompiled(language),
    );
    if (casts) return foreignRefusal(name, `a user-defined cast from ${column.type}`);
    const operators = ['=', '<>'].flatMap((each) => catalog.userOperators(each));
    if (operators.some(({ functionLanguage }) => !isCompiled(functionLanguage))) {
      return foreignRefusal(name, 'a user-defined operator = or <>');
    }
  }
  return undefined;
}

/** An extension's functions in C work on their operands alone. */
function isCompiled(language: string): boolean {
  return language === 'c' || language === 'internal' || language === 'none';
}

function foreignRefusal(column: string, what: string): Refusal {
  return refuse('operator-not-allowed', {
    message: `column "${column}" cannot be compared in this database`,
    detail: `${what} runs SQL or a procedural language, and would be given the value behind the mask`,
    hint: 'have the label set to "where: masked", or the cast or operator dropped',
    rule: 'pgveil:functions',
  });
}
