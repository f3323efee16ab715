import { asc, count, eq, gte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, numeric, pgTable, text, varchar } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { clientSettings } from './driver.mjs';
import { tryLibrary } from './library.mjs';

const customers = pgTable('customers', {
  id: integer('id').primaryKey(),
  email: varchar('email', { length: 200 }),
});
const products = pgTable('products', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  price: numeric('price', { precision: 10, scale: 2 }).notNull(),
});
const pool = new pg.Pool({ ...clientSettings, max: 2 });
const db = drizzle(pool, { schema: { customers, products } });
const byId = db
  .select({ id: customers.id })
  .from(customers)
  .where(eq(customers.id, sql.placeholder('id')))
  .prepare('customer_by_id');

/** Its raw SQL is a template; sql.param keeps an array one parameter. */
const template = (written, values) => {
  const [first, ...rest] = written.split(/\$\d/);
  return sql.join([sql.raw(first), ...rest.flatMap((part, n) => [sql.param(values[n]), sql.raw(part)])]);
};

await tryLibrary({
  raw: async (written, values) =>
    (await db.execute(values.length === 0 ? sql.raw(written) : template(written, values))).rows,
  async onDriver(work) {
    const client = await pool.connect();
    try {
      await work(client);
    } finally {
      client.release();
    }
  },
  emails: async () =>
    (
      await db.query.customers.findMany({ columns: { id: true, email: true }, orderBy: asc(customers.id) })
    ).map(({ id, email }) => [id, email]),
  idOf: async (id) => (await db.select().from(customers).where(eq(customers.id, id)))[0].id,
  prepared: async (id) => (await byId.execute({ id }))[0].id,
  insert: (tx, id) => (tx ?? db).insert(products).values({ id, name: 'a name', price: '1' }),
  remove: () => db.delete(products).where(gte(products.id, 900)),
  count: async () => (await db.select({ n: count() }).from(products).where(gte(products.id, 900)))[0].n,
  transaction: (work) => db.transaction(work),
  savepoint: (tx, work) => tx.transaction(work),
  close: () => pool.end(),
});
