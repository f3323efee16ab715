/**
 * Random typed statements over the sample CRM. They are well-typed so that most run, and full of expressions that fail on
 * some values (division, casts), because an error is an oracle.
 */
import type { Random } from './random.js';

type Type = 'int' | 'text' | 'num' | 'date' | 'ts' | 'bool' | 'json';

interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, Type>>;
}

interface Source {
  readonly alias: string;
  readonly columns: Readonly<Record<string, Type>>;
}

const tables: readonly Table[] = [
  {
    name: 'customers',
    columns: {
      id: 'int',
      first_name: 'text',
      last_name: 'text',
      email: 'text',
      phone: 'text',
      birth_date: 'date',
      region: 'text',
      notes: 'text',
      profile: 'json',
      do_not_call: 'bool',
      restricted_at: 'ts',
      created_at: 'ts',
    },
  },
  {
    name: 'orders',
    columns: { id: 'int', customer_id: 'int', total: 'num', status: 'text', placed_at: 'ts' },
  },
  { name: 'order_items', columns: { order_id: 'int', line: 'int', product_id: 'int', quantity: 'int' } },
  { name: 'payments', columns: { id: 'int', customer_id: 'int', amount: 'num', paid_at: 'ts' } },
  {
    name: 'tickets',
    columns: { id: 'int', customer_id: 'int', region: 'text', subject: 'text', opened_at: 'ts' },
  },
  { name: 'products', columns: { id: 'int', name: 'text', price: 'num' } },
];
const writable = tables.filter((table) =>
  ['customers', 'orders', 'tickets', 'order_items'].includes(table.name),
);

const literals: Readonly<Record<Type, readonly string[]>> = {
  int: ['0', '1', '2', '3', '5', '10', '12', '1985', '4711'],
  text: [
    "'a'",
    "'EU'",
    "'US'",
    "'***'",
    "'a***@example.com'",
    "'canary'",
    "'%a%'",
    "''",
    "'1'",
    "'Secretname5'",
  ],
  num: ['0', '1.5', '9.00', '59.00', '34.4'],
  date: ["date '1985-02-03'", "date '1970-01-01'", "date '1969-05-21'"],
  ts: ["timestamptz '2025-05-01T10:00:00Z'", "timestamptz '2026-01-11T09:00:00Z'"],
  bool: ['true', 'false', 'NULL::boolean'],
  json: [`'{"tier": "gold"}'::jsonb`, `'"***"'::jsonb`],
};

/** One generator run gives one statement. */
export class StatementGenerator {
  readonly #random: Random;
  #aliases = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  statement(): string {
    this.#aliases = 0;
    return this.#random.chance(0.15) ? this.#write() : this.#query(2);
  }

  #query(depth: number): string {
    const random = this.#random;
    const roll = random.next();
    if (depth > 0 && roll < 0.08) {
      const operator = random.pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT']);
      return `${this.#select(depth - 1, ['int', 'text'])} ${operator} ${this.#select(depth - 1, ['int', 'text'])} ORDER BY 1, 2`;
    }
    if (depth > 0 && roll < 0.16) {
      const inner = this.#select(depth - 1, ['int', 'text', 'num']);
      const source: Source = { alias: 'w', columns: { a: 'int', b: 'text', d: 'num' } };
      const kind = random.pick(['', ' MATERIALIZED', ' NOT MATERIALIZED']);
      return `WITH w(a, b, d) AS${kind} (${inner}) SELECT a, b FROM w WHERE ${this.#expression('bool', [source], 2)} ORDER BY 1, 2`;
    }
    return this.#select(depth, undefined, true);
  }

  /** `types` fixes the output, for set operations and subqueries. */
  #select(depth: number, types?: readonly Type[], ordered = false): string {
    const random = this.#random;
    const { text: from, sources } = this.#from(depth);
    const wanted = types ?? Array.from({ length: 1 + random.below(3) }, () => this.#type());
    const where = random.chance(0.75) ? ` WHERE ${this.#expression('bool', sources, 3)}` : '';
    if (types === undefined && random.chance(0.25)) {
      const key = this.#expression(this.#type(['int', 'text', 'bool', 'date']), sources, 1);
      const aggregate = this.#aggregate(sources);
      const having = random.chance(0.3) ? ` HAVING ${this.#aggregate(sources)} IS NOT NULL` : '';
      return `SELECT ${key} AS k, ${aggregate} AS v FROM ${from}${where} GROUP BY 1${having} ORDER BY 1, 2`;
    }
    const outputs = wanted.map((type, index) => `${this.#output(type, sources)} AS c${index}`);
    const distinct = random.chance(0.15) ? 'DISTINCT ' : '';
    // JSON has no order; texts of it do.
    const order = ordered ? ` ORDER BY ${wanted.map((_type, index) => String(index + 1)).join(', ')}` : '';
    const limit = ordered && random.chance(0.2) ? ` LIMIT ${1 + random.below(4)}` : '';
    return `SELECT ${distinct}${outputs.join(', ')} FROM ${from}${where}${order}${limit}`;
  }

  #output(type: Type, sources: readonly Source[]): string {
    const random = this.#random;
    const wholeRow = random.pick(sources).alias;
    if (type === 'text' && random.chance(0.06)) return `${wholeRow}::text`;
    if (type === 'text' && random.chance(0.04)) return `to_jsonb(${wholeRow})::text`;
    if (type === 'int' && random.chance(0.06)) {
      return `count(*) OVER (PARTITION BY ${this.#expression('text', sources, 1)})::int`;
    }
    const expression = this.#expression(type, sources, 2);
    return type === 'json' ? `(${expression})::text` : expression;
  }

  #from(depth: number): { readonly text: string; readonly sources: readonly Source[] } {
    const random = this.#random;
    const first = this.#source(depth);
    const sources: Source[] = [first.source];
    let text = first.text;
    for (let i = random.below(3); i > 0; i -= 1) {
      const next = this.#source(depth);
      const kind = random.pick(['JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN']);
      if (kind === 'CROSS JOIN') {
        text += ` CROSS JOIN ${next.text}`;
      } else {
        const left = this.#column('int', sources) ?? '1';
        const right = this.#column('int', [next.source]) ?? '1';
        const more =
          kind !== 'FULL JOIN' && random.chance(0.3)
            ? ` AND ${this.#expression('bool', [...sources, next.source], 1)}`
            : '';
        text += ` ${kind} ${next.text} ON ${left} = ${right}${more}`;
      }
      sources.push(next.source);
    }
    return { text, sources };
  }

  #source(depth: number): { readonly text: string; readonly source: Source } {
    const alias = `t${this.#aliases}`;
    this.#aliases += 1;
    if (depth > 0 && this.#random.chance(0.15)) {
      const inner = this.#select(depth - 1, ['int', 'text', 'num']);
      const fence = this.#random.chance(0.3) ? ' OFFSET 0' : '';
      return {
        text: `(${inner}${fence}) AS ${alias}(a, b, d)`,
        source: { alias, columns: { a: 'int', b: 'text', d: 'num' } },
      };
    }
    const table = this.#random.pick(tables);
    return { text: `${table.name} ${alias}`, source: { alias, columns: table.columns } };
  }

  #aggregate(sources: readonly Source[]): string {
    const random = this.#random;
    const argument = (type: Type): string => this.#expression(type, sources, 1);
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

  #expression(type: Type, sources: readonly Source[], depth: number): string {
    const random = this.#random;
    if (depth === 0 || random.chance(0.25)) {
      return (random.chance(0.8) ? this.#column(type, sources) : undefined) ?? random.pick(literals[type]);
    }
    const e = (wanted: Type): string => this.#expression(wanted, sources, depth - 1);
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
          () => `(SELECT count(*)::int FROM ${this.#scalarFrom(sources)})`,
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
        return this.#condition(sources, depth);
    }
  }

  #condition(sources: readonly Source[], depth: number): string {
    const random = this.#random;
    const e = (wanted: Type): string => this.#expression(wanted, sources, depth - 1);
    const comparison = random.pick(['=', '<>', '<', '>', '<=', '>=']);
    const type = this.#type(['int', 'text', 'num', 'date', 'ts']);
    return random.pick([
      () => `${e(type)} ${comparison} ${e(type)}`,
      () => `${this.#column(type, sources) ?? e(type)} ${comparison} ${random.pick(literals[type])}`,
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
      () => `EXISTS (SELECT FROM ${this.#scalarFrom(sources)})`,
      () => `${e('int')} IN (SELECT x.id FROM customers x WHERE x.email = ${e('text')})`,
      () => `${e('text')} = ANY (SELECT x.notes FROM customers x WHERE x.id <= ${e('int')})`,
    ])();
  }

  /** A correlated FROM and WHERE. */
  #scalarFrom(sources: readonly Source[]): string {
    const alias = `s${this.#aliases}`;
    this.#aliases += 1;
    const table = this.#random.pick(tables);
    const inner: Source = { alias, columns: table.columns };
    return `${table.name} ${alias} WHERE ${this.#expression('bool', [...sources, inner], 1)}`;
  }

  #column(type: Type, sources: readonly Source[]): string | undefined {
    const candidates = sources.flatMap(({ alias, columns }) =>
      Object.entries(columns).flatMap(([name, of]) => (of === type ? [`${alias}.${name}`] : [])),
    );
    return candidates.length === 0 ? undefined : this.#random.pick(candidates);
  }

  #type(among: readonly Type[] = ['int', 'text', 'num', 'date', 'ts', 'bool', 'json']): Type {
    return this.#random.pick(among);
  }

  #write(): string {
    const random = this.#random;
    const table = random.pick(writable);
    const target: Source = { alias: 'w', columns: table.columns };
    const where = random.chance(0.8) ? ` WHERE ${this.#expression('bool', [target], 2)}` : '';
    const returned = `${this.#expression('text', [target], 1)}, ${this.#expression('int', [target], 1)}`;
    if (random.chance(0.4)) return `DELETE FROM ${table.name} w${where} RETURNING ${returned}`;
    const settable = Object.entries(table.columns).filter(
      ([name, type]) => type === 'text' && name !== 'email',
    );
    if (settable.length === 0)
      return `UPDATE ${table.name} w SET quantity = ${this.#expression('int', [target], 2)}${where} RETURNING ${returned}`;
    const column = random.pick(settable)[0];
    return `UPDATE ${table.name} w SET ${column} = left(${this.#expression('text', [target], 2)}, 20)${where} RETURNING ${returned}`;
  }
}
