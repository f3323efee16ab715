/**
 * What EXPLAIN of a statement over protected tables answers instead of the server's plan, whose row counts, costs, filters
 * and very shape tell of withheld rows and hidden values. It says what the client's own results show: which tables are
 * filtered and which of the columns that it names are masked; never how, and never a rule of the policy.
 */
import type { ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import type { ExplainFormat } from './explain-options.js';
import type { PlanFacts } from './types.js';

interface ExplainedRelation {
  readonly schema: string;
  readonly name: string;
  readonly alias: string;
  readonly filtered: boolean;
  readonly masked: readonly string[];
}

const note = 'costs and row counts are not shown: they would tell of rows and values that are hidden';

export function explainLines(
  resolved: ResolvedStatement,
  guarded: ReadonlyMap<number, ProtectedDecision>,
  facts: PlanFacts,
  format: ExplainFormat,
): readonly string[] {
  const relations = resolved.relations.map((use): ExplainedRelation => {
    const { schema, name } = use.relation;
    const prefix = `${schema}.${name}.`;
    const masked = Object.entries(facts.columns)
      .filter(([column, kind]) => column.startsWith(prefix) && kind === 'masked')
      .map(([column]) => column.slice(prefix.length));
    const filtered = (guarded.get(use.id)?.guards.length ?? 0) > 0;
    return { schema, name, alias: use.alias ?? name, filtered, masked };
  });
  return format === 'json' ? [asJson(relations)] : asText(relations);
}

function asText(relations: readonly ExplainedRelation[]): readonly string[] {
  const lines = relations.flatMap(({ schema, name, alias, filtered, masked }) => [
    `  ->  Read on ${schema}.${name}${alias === name ? '' : ` ${alias}`}`,
    ...(filtered ? ['        Rows: filtered'] : []),
    ...(masked.length === 0 ? [] : [`        Masked: ${masked.join(', ')}`]),
  ]);
  return ['Governed Query', ...lines, `Note: ${note}`];
}

function asJson(relations: readonly ExplainedRelation[]): string {
  const plans = relations.map(({ schema, name, alias, filtered, masked }) => ({
    'Node Type': 'Read',
    Schema: schema,
    'Relation Name': name,
    Alias: alias,
    'Rows Filtered': filtered,
    'Masked Columns': masked,
  }));
  return JSON.stringify([{ Plan: { 'Node Type': 'Governed Query', Note: note, Plans: plans } }]);
}
