import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  and,
  asc,
  avg,
  between,
  count,
  countDistinct,
  desc,
  eq,
  exists,
  gt,
  ilike,
  inArray,
  isNotNull,
  isNull,
  like,
  lt,
  ne,
  not,
  or,
  relations,
  sql,
  sum,
} from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import {
  bigint,
  boolean,
  date,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unionAll,
  varchar,
} from 'drizzle-orm/pg-core';
import pg from 'pg';
import { finish, RollBack, rolledBack, step } from './steps.mjs';

const customers = pgTable('customers', {
  id: integer('id').primaryKey().generatedByDefaultAsIdentity(),
  firstName: text('first_name').notNull(),
  lastName: text('last_name').notNull(),
  email: varchar('email', { length: 200 }),
  phone: varchar('phone', { length: 30 }),
  birthDate: date('birth_date'),
  region: text('region').notNull().default('EU'),
  notes: text('notes'),
  profile: jsonb('profile'),
  doNotCall: boolean('do_not_call').notNull().default(false),
  restrictedAt: timestamp('restricted_at', { withTimezone: true }),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});
const orders = pgTable('orders', {
  id: integer('id').primaryKey(),
  customerId: integer('customer_id').notNull(),
  total: numeric('total', { precision: 12, scale: 2 }).notNull(),
  status: text('status').notNull(),
  placedAt: timestamp('placed_at', { withTimezone: true }).notNull().defaultNow(),
});
const items = pgTable(
  'order_items',
  {
    orderId: integer('order_id').notNull(),
    line: smallint('line').notNull(),
    productId: integer('product_id').notNull(),
    quantity: integer('quantity').notNull(),
  },
  (t) => [primaryKey({ columns: [t.orderId, t.line] })],
);
const products = pgTable('products', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  price: numeric('price', { precision: 10, scale: 2 }).notNull(),
});
const tickets = pgTable('tickets', {
  id: integer('id').primaryKey(),
  customerId: integer('customer_id').notNull(),
  region: text('region').notNull(),
  subject: text('subject').notNull(),
  openedAt: timestamp('opened_at', { withTimezone: true }).notNull().defaultNow(),
});
const leads = pgTable('leads', {
  id: integer('id').primaryKey(),
  email: varchar('email', { length: 200 }),
  source: text('source'),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});
const appLog = pgTable('app_log', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  at: timestamp('at', { withTimezone: true }).notNull().defaultNow(),
  message: text('message'),
});
const schema = {
  customers,
  orders,
  items,
  products,
  tickets,
  leads,
  appLog,
  customersRelations: relations(customers, ({ many }) => ({ orders: many(orders), tickets: many(tickets) })),
  ordersRelations: relations(orders, ({ one, many }) => ({
    customer: one(customers, { fields: [orders.customerId], references: [customers.id] }),
    items: many(items),
  })),
  itemsRelations: relations(items, ({ one }) => ({
    order: one(orders, { fields: [items.orderId], references: [orders.id] }),
    product: one(products, { fields: [items.productId], references: [products.id] }),
  })),
  ticketsRelations: relations(tickets, ({ one }) => ({
    customer: one(customers, { fields: [tickets.customerId], references: [customers.id] }),
  })),
};
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
const db = drizzle(pool, { schema });
const customer = {
  firstName: 'Dri',
  lastName: 'Zzle',
  email: 'dri@example.com',
  phone: '+49-3',
  birthDate: '1990-01-02',
  profile: { tier: 'gold', social: { handle: '@dri' } },
};

await step('select all', () => db.select().from(customers));
await step('select columns', () => db.select({ id: customers.id, mail: customers.email }).from(customers));
await step('where forms', () =>
  db
    .select()
    .from(customers)
    .where(
      and(
        or(inArray(customers.id, [1, 2, 3]), isNull(customers.phone)),
        not(eq(customers.region, 'US')),
        isNotNull(customers.email),
        between(customers.id, 1, 50),
        ne(customers.id, 4),
      ),
    ),
);
await step('page by offset', () =>
  db.select().from(customers).orderBy(asc(customers.lastName), desc(customers.id)).limit(2).offset(1),
);
await step('page by cursor', () =>
  db
    .select()
    .from(orders)
    .where(
      or(
        gt(orders.placedAt, new Date('2026-01-11T09:00:00Z')),
        and(eq(orders.placedAt, new Date('2026-01-11T09:00:00Z')), gt(orders.id, 11)),
      ),
    )
    .orderBy(orders.placedAt, orders.id)
    .limit(2),
);
await step('search', () =>
  db
    .select()
    .from(customers)
    .where(or(ilike(customers.firstName, '%a%'), like(customers.email, 'a%'))),
);
await step('full text', () =>
  db
    .select()
    .from(customers)
    .where(sql`to_tsvector('simple', ${customers.firstName}) @@ plainto_tsquery('simple', ${'ada'})`),
);
await step('json path', () =>
  db
    .select({ id: customers.id, tier: sql`${customers.profile}->>'tier'` })
    .from(customers)
    .where(sql`${customers.profile}->>'tier' = ${'gold'}`),
);
await step('count', () => db.select({ n: count() }).from(customers));
await step('$count', () => db.$count(customers, eq(customers.region, 'EU')));
await step('aggregates', () =>
  db
    .select({
      status: orders.status,
      sum: sum(orders.total),
      avg: avg(orders.total),
      people: countDistinct(orders.customerId),
    })
    .from(orders)
    .groupBy(orders.status)
    .having(({ sum }) => gt(sum, 0)),
);
await step('exists', () =>
  db
    .select()
    .from(customers)
    .where(
      exists(
        db
          .select({ one: sql`1` })
          .from(orders)
          .where(eq(orders.customerId, customers.id)),
      ),
    ),
);
await step('joins', () =>
  db
    .select()
    .from(orders)
    .innerJoin(customers, eq(customers.id, orders.customerId))
    .leftJoin(items, eq(items.orderId, orders.id))
    .leftJoin(products, eq(products.id, items.productId)),
);
await step('order by related', () =>
  db
    .select({ id: orders.id })
    .from(orders)
    .innerJoin(customers, eq(customers.id, orders.customerId))
    .orderBy(customers.lastName),
);
await step('find many', () => db.query.customers.findMany());
await step('find first', () =>
  db.query.customers.findFirst({ where: eq(customers.id, 1), columns: { id: true, email: true } }),
);
await step('include', () =>
  db.query.customers.findMany({
    with: {
      orders: { with: { items: { with: { product: true } } }, orderBy: desc(orders.placedAt), limit: 2 },
      tickets: true,
    },
    limit: 3,
    orderBy: asc(customers.id),
  }),
);
await step('include one', () =>
  db.query.tickets.findMany({
    with: { customer: { columns: { id: true, email: true } } },
    extras: { loud: sql`upper(${tickets.region})`.as('loud') },
  }),
);
await step('with', () => {
  const big = db.$with('big').as(db.select().from(orders).where(gt(orders.total, '10')));
  return db.with(big).select().from(big);
});
await step('subquery', () => {
  const per = db
    .select({ id: orders.customerId, n: count().as('n') })
    .from(orders)
    .groupBy(orders.customerId)
    .as('per');
  return db
    .select({ email: customers.email, n: per.n })
    .from(customers)
    .leftJoin(per, eq(per.id, customers.id));
});
await step('union', () =>
  unionAll(
    db.select({ email: customers.email }).from(customers),
    db.select({ email: leads.email }).from(leads),
  ).limit(5),
);
await step('distinct on', () =>
  db.selectDistinctOn([orders.customerId]).from(orders).orderBy(orders.customerId, desc(orders.placedAt)),
);
await step('lateral', () => {
  const last = db
    .select({ total: orders.total })
    .from(orders)
    .where(eq(orders.customerId, customers.id))
    .orderBy(desc(orders.placedAt))
    .limit(1)
    .as('last');
  return db
    .select({ id: customers.id, total: last.total })
    .from(customers)
    .leftJoinLateral(last, sql`true`);
});
await step('prepared', async () => {
  const one = db
    .select()
    .from(customers)
    .where(eq(customers.id, sql.placeholder('id')))
    .prepare('one_customer');
  await one.execute({ id: 1 });
  await one.execute({ id: 3 });
});
await step('insert', () => db.insert(customers).values(customer).returning());
await step('insert many', () =>
  db
    .insert(leads)
    .values([
      { id: 90, email: 'd90@example.com' },
      { id: 91, email: 'd91@example.com', source: 'web' },
    ])
    .returning({ id: leads.id }),
);
await step('insert from select', () =>
  db.insert(leads).select(
    db
      .select({
        id: sql`id + 500`.as('id'),
        email: sql`name`.as('email'),
        source: sql`'shop'`.as('source'),
        createdAt: sql`now()`.as('created_at'),
      })
      .from(products),
  ),
);
await step('upsert', () =>
  db
    .insert(products)
    .values({ id: 1, name: 'Teapot', price: '31' })
    .onConflictDoUpdate({
      target: products.id,
      set: { price: sql`excluded.price` },
      setWhere: lt(products.price, '99'),
    }),
);
await step('upsert ignore', () =>
  db.insert(products).values({ id: 1, name: 'Teapot', price: '31' }).onConflictDoNothing(),
);
await step('upsert a person', () =>
  db
    .insert(customers)
    .values({ id: 1, firstName: 'Ada', lastName: 'L' })
    .onConflictDoUpdate({ target: customers.id, set: { region: 'EU' } }),
);
await step('update', () =>
  db
    .update(customers)
    .set({ notes: 'called', region: 'EU', profile: { tier: 'silver' } })
    .where(eq(customers.id, 1)),
);
await step('update returning', () =>
  db
    .update(orders)
    .set({ status: 'shipped' })
    .where(and(eq(orders.id, 10), eq(orders.status, 'paid')))
    .returning(),
);
await step('update by expression', () =>
  db
    .update(items)
    .set({ quantity: sql`${items.quantity} + 1` })
    .where(eq(items.orderId, 10)),
);
await step('update from', () =>
  db
    .update(orders)
    .set({ status: 'vip' })
    .from(customers)
    .where(and(eq(customers.id, orders.customerId), eq(customers.region, 'US'))),
);
await step('save a form', () =>
  db
    .update(customers)
    .set({ firstName: 'Ada', email: 'a***@example.com', phone: '***********0001', notes: '***' })
    .where(eq(customers.id, 1)),
);
await step('delete', () => db.delete(leads).where(eq(leads.id, 91)));
await step('delete returning', () =>
  db
    .delete(leads)
    .where(inArray(leads.id, [90]))
    .returning(),
);
await step('transaction', () =>
  db.transaction(
    async (tx) => {
      await tx.insert(appLog).values({ message: 'in a transaction' });
      await rolledBack(() =>
        tx.transaction(async (inner) => {
          await inner.update(products).set({ price: '60' }).where(eq(products.id, 3));
          throw new RollBack('undo');
        }),
      );
    },
    { isolationLevel: 'serializable', accessMode: 'read write', deferrable: false },
  ),
);
await step('locks', () =>
  db.transaction(async (tx) => {
    await tx.select().from(customers).where(eq(customers.id, 1)).for('update');
    await tx.select().from(tickets).orderBy(tickets.id).limit(1).for('update', { skipLocked: true });
    await tx
      .select({ id: orders.id })
      .from(orders)
      .innerJoin(customers, eq(customers.id, orders.customerId))
      .for('share', { of: orders, noWait: true });
  }),
);
await step('raw', () => db.execute(sql`SELECT email FROM customers WHERE id = ${1}`));
await pool.end();
await step('introspect', async () => {
  const folder = mkdtempSync(join(process.cwd(), 'drizzle-'));
  writeFileSync(
    join(folder, 'drizzle.config.js'),
    `module.exports = { dialect: 'postgresql', out: ${JSON.stringify(folder)}, dbCredentials: { url: ${JSON.stringify(process.env.DATABASE_URL)}, ssl: false } };`,
  );
  execFileSync('npx', ['drizzle-kit', 'introspect', '--config', join(folder, 'drizzle.config.js')], {
    stdio: 'ignore',
    timeout: 120_000,
  });
});
finish('drizzle-orm');
