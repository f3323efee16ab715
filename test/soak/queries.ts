/** Random queries over the sample CRM: joins, subqueries, set operations, CTEs, grouping, windows, locks. */
import { Expressions } from './expressions.js';
import type { Random } from './random.js';
import { type Source, tables, type Type } from './schema.js';

export class Queries {
  readonly expressions: Expressions;
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
    this.expressions = new Expressions(random);
  }

  columnsOf(table: string): Source['columns'] {
    const found = tables.find((each) => each.name === table);
    if (found === undefined) throw new Error(`the soak knows no table ${table}`);
    return found.columns;
  }

  query(depth: number): string {
    const random = this.random;
    const roll = random.next();
    if (depth > 0 && roll < 0.08) {
      const operator = random.pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT']);
      return `${this.select(depth - 1, ['int', 'text'])} ${operator} ${this.select(depth - 1, ['int', 'text'])} ORDER BY 1, 2`;
    }
    if (depth > 0 && roll < 0.16) {
      const inner = this.select(depth - 1, ['int', 'text', 'num']);
      const source: Source = { alias: 'w', columns: { a: 'int', b: 'text', d: 'num' } };
      const kind = random.pick(['', ' MATERIALIZED', ' NOT MATERIALIZED']);
      return `WITH w(a, b, d) AS${kind} (${inner}) SELECT a, b FROM w WHERE ${this.expressions.expression('bool', [source], 2)} ORDER BY 1, 2`;
    }
    return this.select(depth, undefined, true);
  }

  /** `types` fixes the output, for set operations and subqueries. */
  select(depth: number, types?: readonly Type[], ordered = false): string {
    const random = this.random;
    const { text: from, sources } = this.from(depth);
    const wanted = types ?? Array.from({ length: 1 + random.below(3) }, () => this.expressions.type());
    const where = random.chance(0.75) ? ` WHERE ${this.expressions.expression('bool', sources, 3)}` : '';
    if (types === undefined && random.chance(0.25)) {
      const key = this.expressions.expression(
        this.expressions.type(['int', 'text', 'bool', 'date']),
        sources,
        1,
      );
      const aggregate = this.expressions.aggregate(sources);
      const having = random.chance(0.3) ? ` HAVING ${this.expressions.aggregate(sources)} IS NOT NULL` : '';
      return `SELECT ${key} AS k, ${aggregate} AS v FROM ${from}${where} GROUP BY 1${having} ORDER BY 1, 2`;
    }
    const outputs = wanted.map((type, index) => `${this.output(type, sources)} AS c${index}`);
    const distinct = random.chance(0.15) ? 'DISTINCT ' : '';
    // JSON has no order; texts of it do.
    const order = ordered ? ` ORDER BY ${wanted.map((_type, index) => String(index + 1)).join(', ')}` : '';
    const limit = ordered && random.chance(0.2) ? ` LIMIT ${1 + random.below(4)}` : '';
    return `SELECT ${distinct}${outputs.join(', ')} FROM ${from}${where}${order}${limit}`;
  }

  private output(type: Type, sources: readonly Source[]): string {
    const random = this.random;
    const wholeRow = random.pick(sources).alias;
    if (type === 'text' && random.chance(0.06)) return `${wholeRow}::text`;
    if (type === 'text' && random.chance(0.04)) return `to_jsonb(${wholeRow})::text`;
    if (type === 'int' && random.chance(0.06)) {
      return `count(*) OVER (PARTITION BY ${this.expressions.expression('text', sources, 1)})::int`;
    }
    const expression = this.expressions.expression(type, sources, 2);
    return type === 'json' ? `(${expression})::text` : expression;
  }

  private from(depth: number): { readonly text: string; readonly sources: readonly Source[] } {
    const random = this.random;
    const first = this.source(depth);
    const sources: Source[] = [first.source];
    let text = first.text;
    for (let i = random.below(3); i > 0; i -= 1) {
      const next = this.source(depth);
      const kind = random.pick(['JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN']);
      if (kind === 'CROSS JOIN') {
        text += ` CROSS JOIN ${next.text}`;
      } else {
        const left = this.expressions.column('int', sources) ?? '1';
        const right = this.expressions.column('int', [next.source]) ?? '1';
        const more =
          kind !== 'FULL JOIN' && random.chance(0.3)
            ? ` AND ${this.expressions.expression('bool', [...sources, next.source], 1)}`
            : '';
        text += ` ${kind} ${next.text} ON ${left} = ${right}${more}`;
      }
      sources.push(next.source);
    }
    return { text, sources };
  }

  private source(depth: number): { readonly text: string; readonly source: Source } {
    const alias = this.expressions.alias('t');
    if (depth > 0 && this.random.chance(0.15)) {
      const inner = this.select(depth - 1, ['int', 'text', 'num']);
      const fence = this.random.chance(0.3) ? ' OFFSET 0' : '';
      return {
        text: `(${inner}${fence}) AS ${alias}(a, b, d)`,
        source: { alias, columns: { a: 'int', b: 'text', d: 'num' } },
      };
    }
    const table = this.random.pick(tables);
    return { text: `${table.name} ${alias}`, source: { alias, columns: table.columns } };
  }
}
