/** Random writes over the sample CRM. Keys of new rows lie far from the stored ones: that a key exists is a documented exception. */
import type { Queries } from './queries.js';
import { type Source, type Table, writable } from './schema.js';

/** One UPDATE, DELETE, INSERT, MERGE, or several of them in CTEs. */
export function write(queries: Queries): string {
  const { random } = queries;
  return random.pick([
    () => updateOrDelete(queries),
    () => updateOrDelete(queries),
    () => updateFrom(queries),
    () => insert(queries),
    () => insertSelect(queries),
    () => upsert(queries),
    () => merge(queries),
    () => cteWrite(queries),
    () => writeBack(queries),
  ])();
}

function returning(queries: Queries, target: Source): string {
  const { expressions } = queries;
  return `RETURNING ${expressions.expression('text', [target], 1)}, ${expressions.expression('int', [target], 1)}`;
}

function target(queries: Queries): { readonly table: Table; readonly source: Source } {
  const table = queries.random.pick(writable);
  return { table, source: { alias: 'w', columns: table.columns } };
}

/** A column that takes a text of 20 characters, or quantity. Unique columns tell of other rows (documented). */
function assignment(queries: Queries, table: Table, sources: readonly Source[]): string {
  const { random, expressions } = queries;
  const settable = Object.entries(table.columns).filter(
    ([name, type]) => type === 'text' && name !== 'email',
  );
  if (settable.length === 0) return `quantity = ${expressions.expression('int', sources, 2)}`;
  return `${random.pick(settable)[0]} = left(${expressions.expression('text', sources, 2)}, 20)`;
}

function updateOrDelete(queries: Queries): string {
  const { random, expressions } = queries;
  const { table, source } = target(queries);
  const where = random.chance(0.8) ? ` WHERE ${expressions.expression('bool', [source], 2)}` : '';
  const tail = random.chance(0.7) ? ` ${returning(queries, source)}` : '';
  if (random.chance(0.4)) return `DELETE FROM ${table.name} w${where}${tail}`;
  return `UPDATE ${table.name} w SET ${assignment(queries, table, [source])}${where}${tail}`;
}

function updateFrom(queries: Queries): string {
  const { random, expressions } = queries;
  const { table, source } = target(queries);
  const from: Source = { alias: 'f', columns: queries.columnsOf('customers') };
  const key = 'customer_id' in table.columns ? 'customer_id' : table.name === 'customers' ? 'id' : 'order_id';
  const where = `w.${key} = f.id AND ${expressions.expression('bool', [source, from], 2)}`;
  if (random.chance(0.4))
    return `DELETE FROM ${table.name} w USING customers f WHERE ${where} ${returning(queries, source)}`;
  return `UPDATE ${table.name} w SET ${assignment(queries, table, [source, from])} FROM customers f WHERE ${where} ${returning(queries, source)}`;
}

/** Written out: by default it would be the clock, which differs anyway. */
const then = "timestamptz '2026-03-01T00:00:00Z'";

function newKey(queries: Queries): number {
  return 100_000 + queries.random.below(800_000);
}

function insert(queries: Queries): string {
  const { random, expressions } = queries;
  const text = `left(${expressions.expression('text', [], 1)}, 20)`;
  return random.chance(0.5)
    ? `INSERT INTO customers AS w (id, first_name, last_name, notes, created_at) VALUES (${newKey(queries)}, ${text}, 'New', ${text}, ${then}) RETURNING id, first_name, notes`
    : `INSERT INTO tickets AS w (id, customer_id, region, subject, opened_at) VALUES (${newKey(queries)}, ${random.pick(['1', '2', '5'])}, ${text}, 'new', ${then}) RETURNING id, region, subject`;
}

function insertSelect(queries: Queries): string {
  const { expressions } = queries;
  const from: Source = { alias: 's', columns: queries.columnsOf('customers') };
  const text = (): string => `left(${expressions.expression('text', [from], 2)}, 20)`;
  return `INSERT INTO tickets (id, customer_id, region, subject, opened_at) SELECT ${newKey(queries)} + s.id, s.id, ${text()}, ${text()}, ${then} FROM customers s WHERE ${expressions.expression('bool', [from], 2)} RETURNING id, region`;
}

function upsert(queries: Queries): string {
  const { random, expressions } = queries;
  const source: Source = { alias: 'w', columns: queries.columnsOf('tickets') };
  const action = random.chance(0.3)
    ? 'NOTHING'
    : `UPDATE SET region = left(${expressions.expression('text', [source], 2)}, 20) WHERE ${expressions.expression('bool', [source], 1)}`;
  // Ticket 1 is visible to both roles; the other key is new.
  return `INSERT INTO tickets AS w (id, customer_id, region, subject, opened_at) VALUES (1, 1, 'ZZ', 'again', ${then}), (${newKey(queries)}, 1, 'ZZ', 'new', ${then}) ON CONFLICT (id) DO ${action} RETURNING id, region`;
}

function merge(queries: Queries): string {
  const { random, expressions } = queries;
  const source: Source = { alias: 'w', columns: queries.columnsOf('orders') };
  const from: Source = { alias: 's', columns: queries.columnsOf('customers') };
  const e = (): string => expressions.expression('bool', [source, from], 1);
  const text = `left(${expressions.expression('text', [source, from], 1)}, 20)`;
  const when = random.pick([
    `WHEN MATCHED AND ${e()} THEN DELETE`,
    `WHEN MATCHED AND ${e()} THEN UPDATE SET status = ${text}`,
    `WHEN MATCHED THEN UPDATE SET status = ${text}`,
    `WHEN MATCHED AND ${e()} THEN DO NOTHING WHEN MATCHED THEN UPDATE SET status = 'x'`,
  ]);
  return `MERGE INTO orders w USING customers s ON w.customer_id = s.id AND w.id <> 14 ${when}`;
}

function cteWrite(queries: Queries): string {
  const { table, source } = target(queries);
  const where = queries.expressions.expression('bool', [source], 2);
  const body = queries.random.chance(0.4)
    ? `DELETE FROM ${table.name} w WHERE ${where} ${returning(queries, source)}`
    : `UPDATE ${table.name} w SET ${assignment(queries, table, [source])} WHERE ${where} ${returning(queries, source)}`;
  return `WITH x(a, b) AS (${body}) SELECT count(*), max(a), sum(b) FROM x`;
}

/** A form that saves what it has read. */
function writeBack(queries: Queries): string {
  const { random } = queries;
  return random.pick([
    `UPDATE customers SET email = 'a***@example.com', phone = '***********0001', notes = '***' WHERE id = 1 RETURNING id, email, phone`,
    `UPDATE customers SET notes = 'a new note' WHERE id <= 3 RETURNING id, notes`,
    `UPDATE customers SET phone = '0', birth_date = '1985-01-01' WHERE id IN (1, 2, 5) RETURNING id, phone, birth_date`,
    `UPDATE tickets SET subject = '***' RETURNING id, subject`,
    `UPDATE customers SET (first_name, last_name) = ('x', 'y') WHERE id < 4 RETURNING id, first_name`,
  ]);
}
