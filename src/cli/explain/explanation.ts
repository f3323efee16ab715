/** What `pgveil explain` says of a query text: plain data from its plan, then text for people. Plans nothing itself. */
import type { OutputExposure, Plan, QueryPlan } from '../../enforce/types.js';
import type { Colours } from '../io.js';
import { layoutSql } from './layout-sql.js';

/** Longer SQL is shown in lines. */
const SQL_WIDTH = 90;

export interface StatementExplanation {
  readonly decision: 'forward' | 'rewrite' | 'deny';
  readonly command: string;
  readonly sql: string | null;
  readonly refusal: {
    readonly code: string;
    readonly sqlstate: string;
    readonly message: string;
    readonly detail: string;
    readonly hint: string;
    readonly rule: string;
  } | null;
  readonly rules: readonly string[];
  readonly tables: readonly string[];
  readonly columns: Readonly<Record<string, string>>;
  /** Null when the statement gives no rows, or its columns cannot be told. */
  readonly output: readonly OutputExposure[] | null;
  readonly consent: { readonly purpose: string; readonly source: string } | null;
}

export function explainPlan(plan: Plan): StatementExplanation {
  const { facts } = plan;
  return {
    decision: plan.kind === 'refuse' ? 'deny' : plan.kind,
    command: facts.command,
    sql: plan.kind === 'refuse' ? null : utf8(plan.sql),
    refusal: plan.kind === 'refuse' ? plan.refusal : null,
    rules: facts.rules,
    tables: facts.tables,
    columns: facts.columns,
    // A refused statement shows nothing, whatever its columns would have been.
    output: plan.kind === 'refuse' ? null : (facts.outputs ?? null),
    consent: facts.consent ?? null,
  };
}

/** A ByteString holds one UTF-8 byte a character. */
export function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

export function explanationAsJson(
  query: QueryPlan,
  as: { readonly role: string; readonly purpose: string },
): unknown {
  return {
    ...as,
    query_string: query.auditText,
    shape: query.shapeId,
    statements: query.plans.map(explainPlan),
  };
}

export function explanationAsText(query: QueryPlan, colours: Colours): string {
  if (query.plans.length === 0) return 'decision  forward (an empty query)\n';
  return query.plans.map((plan) => statementAsText(explainPlan(plan), colours)).join('\n');
}

function statementAsText(statement: StatementExplanation, colours: Colours): string {
  const lines: string[] = [];
  const add = (title: string, values: readonly string[]): void => {
    values.forEach((value, i) => lines.push(`${colours.bold((i === 0 ? title : '').padEnd(9))} ${value}`));
  };
  add('decision', [paintedDecision(statement.decision, colours)]);
  if (statement.refusal !== null) {
    add('refusal', [
      `${statement.refusal.sqlstate} pgveil: ${statement.refusal.message}`,
      `DETAIL: ${statement.refusal.detail}`,
      `HINT: ${statement.refusal.hint}`,
    ]);
  }
  const rules =
    statement.refusal === null ? statement.rules : [...new Set([statement.refusal.rule, ...statement.rules])];
  add('rules', rules.length === 0 ? ['none: nothing protected is touched'] : rules);
  if (statement.tables.length > 0) add('tables', [statement.tables.join(', ')]);
  if (statement.consent !== null)
    add('consent', [`"${statement.consent.purpose}" in ${statement.consent.source}`]);
  if (statement.output !== null && statement.output.length > 0) {
    const width = Math.max(...statement.output.map((column) => column.name.length));
    add(
      'output',
      statement.output.map((column) => `${column.name.padEnd(width)}  ${paintedExposure(column, colours)}`),
    );
  }
  if (statement.sql !== null) add('sql', layoutSql(statement.sql, SQL_WIDTH).split('\n'));
  return `${lines.join('\n')}\n`;
}

function paintedDecision(decision: StatementExplanation['decision'], colours: Colours): string {
  switch (decision) {
    case 'deny':
      return colours.red('deny');
    case 'rewrite':
      return colours.yellow('rewrite');
    case 'forward':
      return colours.green('forward');
  }
}

function paintedExposure(column: OutputExposure, colours: Colours): string {
  switch (column.exposure) {
    case 'clear':
      return colours.green('clear');
    case 'masked':
      return colours.yellow(`masked by ${column.mask} (${column.label})`);
    case 'unknown':
      return colours.dim('unknown');
  }
}
