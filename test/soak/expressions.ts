/**
 * Random typed expressions over the sample CRM. They are well-typed so that most run, and many fail on some values
 * (division, casts), because an error is an oracle.
 */
import type { Random } from './random.js';
import { literals, type Source, tables, type Type } from './schema.js';

/** One run of the generator gives one statement; aliases count up over it. */
export class Expressions {
  readonly random: Random;
  private aliases = 0;

  constructor(random: Random) {
    this.random = random;
  }

  alias(prefix: string): string {
    this.aliases += 1;
    return `${prefix}${this.aliases}`;
  }

  aggregate(sources: readonly Source[]): string {
    const random = this.random;
    const argument = (type: Type): string => this.expression(type, sources, 1);
    const filter = random.chance(0.2) ? ` FILTER (WHERE ${argument('bool')})` : '';
    return random.pick([
      `count(*)${filter}`,
      `count(DISTINCT ${argument('text')})${filter}`,
      `sum(${argument('int')})${filter}`,
      `max(${argument('text')})${filter}`,
      `min(${argument('date')})::text`,
      `bool_or(${argument('bool')})::text`,
      `avg(${argument('num')})::numeric(20,4)`,
    ]);
  }

  expression(type: Type, sources: readonly Source[], depth: number): string {
    const random = this.random;
    if (depth === 0 || random.chance(0.25)) {
      return (random.chance(0.8) ? this.column(type, sources) : undefined) ?? random.pick(literals[type]);
    }
    const e = (wanted: Type): string => this.expression(wanted, sources, depth - 1);
    switch (type) {
      case 'int':
        return random.pick([
          () => `length(${e('text')})`,
          () => `(${e('int')} + ${e('int')})`,
          () => `(${e('int')} / ${e('int')})`,
          () => `(100 / (length(${e('text')}) - ${random.below(30)}))`,
          () => `(${e('text')})::int`,
          () => `extract(year FROM ${e('date')})::int`,
          () =>
            `(extract(year FROM ${e('ts')})::int / (extract(month FROM ${e('date')})::int - ${random.below(13)}))`,
          () => `strpos(${e('text')}, ${e('text')})`,
          () => `ascii(${e('text')})`,
          () => `CASE WHEN ${e('bool')} THEN ${e('int')} ELSE ${e('int')} END`,
          () => `(SELECT count(*)::int FROM ${this.scalarFrom(sources)})`,
          () => `(SELECT max(x.id) FROM customers x WHERE x.notes = ${e('text')})`,
        ])();
      case 'text':
        return random.pick([
          () => `lower(${e('text')})`,
          () => `substr(${e('text')}, ${1 + random.below(4)}, ${1 + random.below(5)})`,
          () => `(${e('text')} || ${e('text')})`,
          () => `coalesce(${e('text')}, 'none')`,
          () => `(${e('int')})::text`,
          () => `to_char(${e('date')}, 'YYYY-MM')`,
          () => `(${e('json')})->>'tier'`,
          () => `md5(${e('text')})`,
          () => `split_part(${e('text')}, '@', 2)`,
          () => `CASE WHEN ${e('bool')} THEN ${e('text')} ELSE ${e('text')} END`,
          () =>
            `(SELECT string_agg(x.email, ',' ORDER BY x.id) FROM customers x WHERE x.region = ${e('text')})`,
          () => `nullif(${e('text')}, ${e('text')})`,
        ])();
      case 'num':
        return random.pick([
          () => `(${e('num')} / ${e('num')})`,
          () => `(1 / (${e('num')} - ${random.pick(literals.num)}))`,
          () => `round(${e('num')}, 1)`,
          () => `(${e('int')})::numeric`,
          () => `(${e('text')})::numeric`,
        ])();
      case 'date':
        return random.pick([
          () => `(${e('date')} + ${random.below(100)})`,
          () => `(${e('ts')})::date`,
          () => `(${e('text')})::date`,
          () => `greatest(${e('date')}, ${e('date')})`,
        ])();
      case 'ts':
        return random.pick([
          () => `date_trunc('month', ${e('ts')})`,
          () => `(${e('ts')} + interval '1 day')`,
          () => `(${e('date')})::timestamptz`,
        ])();
      case 'json':
        return random.pick([
          () => `(${e('json')} || ${e('json')})`,
          () => `to_jsonb(${e('text')})`,
          () => `(${e('text')})::jsonb`,
        ])();
      case 'bool':
        return this.condition(sources, depth);
    }
  }

  condition(sources: readonly Source[], depth: number): string {
    const random = this.random;
    const e = (wanted: Type): string => this.expression(wanted, sources, depth - 1);
    const comparison = random.pick(['=', '<>', '<', '>', '<=', '>=']);
    const type = this.type(['int', 'text', 'num', 'date', 'ts']);
    return random.pick([
      () => `${e(type)} ${comparison} ${e(type)}`,
      () => `${this.column(type, sources) ?? e(type)} ${comparison} ${random.pick(literals[type])}`,
      () => `(${e('bool')} AND ${e('bool')})`,
      () => `(${e('bool')} OR ${e('bool')})`,
      () => `NOT (${e('bool')})`,
      () => `${e('text')} LIKE ${e('text')}`,
      () => `${e('text')} ~ 'a[a-z]+1'`,
      () => `(${e(type)}) IS NULL`,
      () => `(${e('text')}) IS DISTINCT FROM ${e('text')}`,
      () => `${e('int')} IN (1, 2, ${e('int')})`,
      () => `${e('int')} BETWEEN ${e('int')} AND ${e('int')}`,
      () => `${e('json')} @> ${e('json')}`,
      () => `EXISTS (SELECT FROM ${this.scalarFrom(sources)})`,
      () => `${e('int')} IN (SELECT x.id FROM customers x WHERE x.email = ${e('text')})`,
      () => `${e('text')} = ANY (SELECT x.notes FROM customers x WHERE x.id <= ${e('int')})`,
    ])();
  }

  /** A correlated FROM and WHERE. */
  scalarFrom(sources: readonly Source[]): string {
    const alias = this.alias('s');
    const table = this.random.pick(tables);
    const inner: Source = { alias, columns: table.columns };
    return `${table.name} ${alias} WHERE ${this.expression('bool', [...sources, inner], 1)}`;
  }

  column(type: Type, sources: readonly Source[]): string | undefined {
    const candidates = sources.flatMap(({ alias, columns }) =>
      Object.entries(columns).flatMap(([name, of]) => (of === type ? [`${alias}.${name}`] : [])),
    );
    return candidates.length === 0 ? undefined : this.random.pick(candidates);
  }

  type(among: readonly Type[] = ['int', 'text', 'num', 'date', 'ts', 'bool', 'json']): Type {
    return this.random.pick(among);
  }
}
