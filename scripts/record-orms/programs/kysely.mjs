import { Kysely, PostgresDialect, sql } from 'kysely';
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres';
import pg from 'pg';
import { finish, RollBack, rolledBack, step } from './steps.mjs';

const db = new Kysely({
  dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 }) }),
});
const customer = {
  first_name: 'Kim',
  last_name: 'Sely',
  email: 'kim@example.com',
  phone: '+49-2',
  birth_date: '1990-01-02',
  region: 'EU',
  profile: JSON.stringify({ tier: 'gold', social: { handle: '@kim' } }),
};

await step('select all', () => db.selectFrom('customers').selectAll().execute());
await step('select columns', () =>
  db.selectFrom('customers').select(['id', 'email as mail', 'customers.region']).execute(),
);
await step('first by id', () =>
  db.selectFrom('customers').selectAll().where('id', '=', 1).executeTakeFirst(),
);
await step('where forms', () =>
  db
    .selectFrom('customers')
    .select('id')
    .where((eb) =>
      eb.or([eb('id', 'in', [1, 2]), eb.and([eb('region', '!=', 'US'), eb('phone', 'is not', null)])]),
    )
    .where('id', '<', 50)
    .execute(),
);
await step('tuple and between', () =>
  db
    .selectFrom('orders')
    .select('id')
    .where((eb) => eb.between('total', 1, 40))
    .where(({ eb, refTuple, tuple }) => eb(refTuple('id', 'customer_id'), 'in', [tuple(10, 1), tuple(11, 2)]))
    .execute(),
);
await step('page by offset', () =>
  db
    .selectFrom('customers')
    .selectAll()
    .orderBy('last_name', 'asc')
    .orderBy('id', 'desc')
    .limit(2)
    .offset(1)
    .execute(),
);
await step('fetch with ties', () =>
  db.selectFrom('customers').select('id').orderBy('region').fetch(1, 'with ties').execute(),
);
await step('page by cursor', () =>
  db
    .selectFrom('orders')
    .selectAll()
    .where(({ eb, refTuple, tuple }) =>
      eb(refTuple('placed_at', 'id'), '>', tuple('2026-01-11T09:00:00Z', 11)),
    )
    .orderBy('placed_at')
    .orderBy('id')
    .limit(2)
    .execute(),
);
await step('search', () =>
  db.selectFrom('customers').select('id').where('first_name', 'ilike', '%a%').execute(),
);
await step('full text', () =>
  db
    .selectFrom('customers')
    .select('id')
    .where(sql`to_tsvector('simple', coalesce(notes, ''))`, '@@', sql`plainto_tsquery('simple', ${'tea'})`)
    .execute(),
);
await step('json path', () =>
  db
    .selectFrom('customers')
    .select((eb) => [
      'id',
      eb.ref('profile', '->>').key('tier').as('tier'),
      eb.ref('profile', '->').key('social').key('handle').as('handle'),
    ])
    .where((eb) => eb(eb.ref('profile', '->>').key('tier'), '=', 'gold'))
    .execute(),
);
await step('count', () =>
  db
    .selectFrom('customers')
    .select((eb) => eb.fn.countAll().as('n'))
    .executeTakeFirst(),
);
await step('aggregates', () =>
  db
    .selectFrom('orders')
    .select((eb) => [
      'status',
      eb.fn.sum('total').as('sum'),
      eb.fn.avg('total').as('avg'),
      eb.fn.count('customer_id').distinct().as('people'),
      eb.fn.count('id').filterWhere('total', '>', 10).as('big'),
    ])
    .groupBy('status')
    .having((eb) => eb.fn.countAll(), '>', 0)
    .execute(),
);
await step('json aggregates', () =>
  db
    .selectFrom('orders')
    .select((eb) => [
      'customer_id',
      eb.fn.jsonAgg('orders').as('all'),
      eb.fn.agg('array_agg', ['id']).as('ids'),
    ])
    .groupBy('customer_id')
    .execute(),
);
await step('exists', () =>
  db
    .selectFrom('customers')
    .select('id')
    .where((eb) =>
      eb.exists(
        eb.selectFrom('orders').select('orders.id').whereRef('orders.customer_id', '=', 'customers.id'),
      ),
    )
    .execute(),
);
await step('joins', () =>
  db
    .selectFrom('orders as o')
    .innerJoin('customers as c', 'c.id', 'o.customer_id')
    .leftJoin('order_items as i', (j) => j.onRef('i.order_id', '=', 'o.id').on('i.quantity', '>', 0))
    .selectAll('o')
    .select(['c.first_name', 'i.quantity'])
    .orderBy('o.id')
    .execute(),
);
await step('lateral', () =>
  db
    .selectFrom('customers as c')
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom('orders')
          .select('total')
          .whereRef('orders.customer_id', '=', 'c.id')
          .orderBy('placed_at', 'desc')
          .limit(1)
          .as('last'),
      (j) => j.onTrue(),
    )
    .select(['c.id', 'last.total'])
    .execute(),
);
await step('include', () =>
  db
    .selectFrom('customers as c')
    .select((eb) => [
      'c.id',
      'c.email',
      jsonArrayFrom(
        eb
          .selectFrom('orders')
          .select(['orders.id', 'orders.total'])
          .whereRef('orders.customer_id', '=', 'c.id')
          .orderBy('orders.id'),
      ).as('orders'),
    ])
    .execute(),
);
await step('include one', () =>
  db
    .selectFrom('tickets as t')
    .select((eb) => [
      't.id',
      jsonObjectFrom(
        eb
          .selectFrom('customers')
          .select(['customers.id', 'customers.email'])
          .whereRef('customers.id', '=', 't.customer_id'),
      ).as('customer'),
    ])
    .execute(),
);
await step('order by related', () =>
  db
    .selectFrom('orders')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select('orders.id')
    .orderBy('customers.last_name', (o) => o.desc().nullsLast())
    .execute(),
);
await step('with', () =>
  db
    .with('big', (d) => d.selectFrom('orders').selectAll().where('total', '>', 10))
    .selectFrom('big')
    .selectAll()
    .execute(),
);
await step('union', () =>
  db.selectFrom('customers').select('email').unionAll(db.selectFrom('leads').select('email')).execute(),
);
await step('case and coalesce', () =>
  db
    .selectFrom('customers')
    .select((eb) => [
      'id',
      eb.case().when('region', '=', 'EU').then('near').else('far').end().as('where'),
      eb.fn.coalesce('phone', sql`'none'`).as('phone'),
    ])
    .execute(),
);
await step('window', () =>
  db
    .selectFrom('orders')
    .select((eb) => [
      'id',
      eb.fn
        .agg('row_number')
        .over((o) => o.partitionBy('customer_id').orderBy('placed_at'))
        .as('n'),
    ])
    .execute(),
);
await step('distinct on', () =>
  db
    .selectFrom('orders')
    .distinctOn('customer_id')
    .selectAll()
    .orderBy('customer_id')
    .orderBy('placed_at', 'desc')
    .execute(),
);
await step('insert', () => db.insertInto('customers').values(customer).returningAll().executeTakeFirst());
await step('insert many', () =>
  db
    .insertInto('leads')
    .values([
      { id: 80, email: 'k80@example.com' },
      { id: 81, email: 'k81@example.com' },
    ])
    .returning('id')
    .execute(),
);
await step('insert from select', () =>
  db
    .insertInto('app_log')
    .columns(['message'])
    .expression((eb) => eb.selectFrom('products').select('name'))
    .execute(),
);
await step('upsert', () =>
  db
    .insertInto('products')
    .values({ id: 1, name: 'Teapot', price: 31 })
    .onConflict((oc) =>
      oc
        .column('id')
        .doUpdateSet((eb) => ({ price: eb.ref('excluded.price') }))
        .where('products.price', '<', 99),
    )
    .execute(),
);
await step('upsert ignore', () =>
  db
    .insertInto('products')
    .values({ id: 1, name: 'Teapot', price: 31 })
    .onConflict((oc) => oc.doNothing())
    .execute(),
);
await step('update', () =>
  db.updateTable('customers').set({ notes: 'called', region: 'EU' }).where('id', '=', 1).executeTakeFirst(),
);
await step('update by expression', () =>
  db
    .updateTable('order_items')
    .set((eb) => ({ quantity: eb('quantity', '+', 1) }))
    .where('order_id', '=', 10)
    .returningAll()
    .execute(),
);
await step('update from', () =>
  db
    .updateTable('orders')
    .from('customers')
    .set({ status: 'vip' })
    .whereRef('customers.id', '=', 'orders.customer_id')
    .where('customers.region', '=', 'US')
    .execute(),
);
await step('update where previous', () =>
  db
    .updateTable('orders')
    .set({ status: 'shipped' })
    .where('id', '=', 10)
    .where('status', '=', 'paid')
    .executeTakeFirst(),
);
await step('save a form', () =>
  db
    .updateTable('customers')
    .set({ first_name: 'Ada', email: 'a***@example.com', phone: '***********0001' })
    .where('id', '=', 1)
    .execute(),
);
await step('merge', () =>
  db
    .mergeInto('products as p')
    .using('order_items as i', (j) => j.onRef('i.product_id', '=', 'p.id').on('i.order_id', '=', 11))
    .whenMatched()
    .thenUpdateSet({ price: 58 })
    .execute(),
);
await step('data-modifying with', () =>
  db
    .with('gone', (d) => d.deleteFrom('leads').where('id', '=', 81).returning(['id']))
    .selectFrom('gone')
    .selectAll()
    .execute(),
);
await step('delete', () => db.deleteFrom('leads').where('id', '=', 80).executeTakeFirst());
await step('delete using', () =>
  db
    .deleteFrom('order_items')
    .using('orders')
    .whereRef('orders.id', '=', 'order_items.order_id')
    .where('orders.id', '=', 14)
    .returning('line')
    .execute(),
);
await step('transaction', () =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await trx.insertInto('app_log').values({ message: 'in a transaction' }).execute();
      await trx.updateTable('products').set({ price: 60 }).where('id', '=', 3).execute();
    }),
);
await step('savepoint', async () => {
  const trx = await db.startTransaction().execute();
  await trx.insertInto('app_log').values({ message: 'kept' }).execute();
  const after = await trx.savepoint('here').execute();
  await after.insertInto('app_log').values({ message: 'undone' }).execute();
  await after.rollbackToSavepoint('here').execute();
  await after.releaseSavepoint('here').execute();
  await trx.commit().execute();
});
await step('rolled back', () =>
  rolledBack(() =>
    db.transaction().execute(async (trx) => {
      await trx.deleteFrom('order_items').where('order_id', '=', 12).execute();
      throw new RollBack('undo');
    }),
  ),
);
await step('locks', () =>
  db.transaction().execute(async (trx) => {
    await trx.selectFrom('customers').selectAll().where('id', '=', 1).forUpdate().execute();
    await trx.selectFrom('tickets').select('id').orderBy('id').limit(1).forUpdate().skipLocked().execute();
    await trx
      .selectFrom('orders as o')
      .innerJoin('customers as c', 'c.id', 'o.customer_id')
      .select('o.id')
      .forShare('o')
      .noWait()
      .execute();
  }),
);
await step('raw', () =>
  sql`SELECT ${sql.ref('email')} FROM ${sql.table('customers')} WHERE id = ${1}`.execute(db),
);
await step('view', () => db.selectFrom('order_overview').selectAll().orderBy('order_id').execute());
await step('with schema', () =>
  db
    .withSchema('public')
    .selectFrom('customers')
    .innerJoin('orders', 'orders.customer_id', 'customers.id')
    .select(['customers.id', 'orders.total'])
    .execute(),
);
await step('introspection', () => db.introspection.getTables());
await step('introspection of schemas', () => db.introspection.getSchemas());
await db.destroy();
finish('kysely');
