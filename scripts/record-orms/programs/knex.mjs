import makeKnex from 'knex';
import { finish, RollBack, rolledBack, step } from './steps.mjs';

const knex = makeKnex({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 1, max: 1 } });
const customer = {
  first_name: 'Kay',
  last_name: 'Nex',
  email: 'kay@example.com',
  phone: '+49-1',
  birth_date: '1990-01-02',
  region: 'EU',
  notes: 'new',
  profile: JSON.stringify({ tier: 'gold', social: { handle: '@kay' } }),
};

await step('select all', () => knex('customers').select());
await step('select columns', () => knex.select('id', 'first_name', { mail: 'email' }).from('customers'));
await step('first by id', () => knex('customers').where({ id: 1 }).first());
await step('where forms', () =>
  knex('customers')
    .whereIn('id', [1, 2, 3])
    .andWhere('region', '<>', 'US')
    .whereNotNull('email')
    .whereBetween('id', [1, 50])
    .orWhereNull('phone'),
);
await step('grouped where', () =>
  knex('customers')
    .where((b) => b.where('region', 'EU').orWhere('do_not_call', true))
    .whereNot('id', 4),
);
await step('page by offset', () =>
  knex('customers')
    .orderBy([{ column: 'last_name' }, { column: 'id', order: 'desc' }])
    .limit(2)
    .offset(1),
);
await step('page by cursor', () =>
  knex('orders')
    .whereRaw('(placed_at, id) > (?, ?)', ['2026-01-11T09:00:00Z', 11])
    .orderBy(['placed_at', 'id'])
    .limit(2),
);
await step('search', () => knex('customers').whereILike('first_name', '%a%').orWhereLike('email', 'a%'));
await step('full text', () =>
  knex('customers').whereRaw(
    "to_tsvector('simple', coalesce(first_name, '')) @@ plainto_tsquery('simple', ?)",
    ['ada'],
  ),
);
await step('json path', () => knex('customers').whereJsonPath('profile', '$.tier', '=', 'gold').select('id'));
await step('json contains', () =>
  knex('customers').whereJsonSupersetOf('profile', { tier: 'gold' }).select('id'),
);
await step('json extract', () => knex('customers').jsonExtract('profile', '$.tier', 'tier').select('id'));
await step('count', () => knex('customers').count('* as n').first());
await step('count distinct', () => knex('orders').countDistinct('customer_id as n'));
await step('aggregates', () =>
  knex('orders')
    .select('status')
    .sum('total as sum')
    .avg('total as avg')
    .min('placed_at')
    .max('placed_at')
    .groupBy('status')
    .having(knex.raw('count(*) > ?', [0])),
);
await step('exists', () =>
  knex('customers').whereExists(
    knex.select(knex.raw(1)).from('orders').whereRaw('orders.customer_id = customers.id'),
  ),
);
await step('joins', () =>
  knex('orders as o')
    .join('customers as c', 'c.id', 'o.customer_id')
    .leftJoin('order_items as i', 'i.order_id', 'o.id')
    .leftJoin('products as p', 'p.id', 'i.product_id')
    .select('o.*', 'c.first_name', 'p.name as product')
    .orderBy('o.id'),
);
await step('join using', () => knex('orders').joinRaw('NATURAL JOIN order_items').select('*').limit(3));
await step('order by related', () =>
  knex('orders')
    .join('customers', 'customers.id', 'orders.customer_id')
    .orderBy('customers.last_name')
    .select('orders.id'),
);
await step('subquery', () =>
  knex.select('n').from(knex('orders').count('* as n').groupBy('customer_id').as('per')).where('n', '>', 1),
);
await step('with', () =>
  knex
    .with('big', knex('orders').where('total', '>', 10))
    .select('*')
    .from('big')
    .orderBy('id'),
);
await step('union', () => knex('customers').select('email').union(knex('leads').select('email')));
await step('window', () =>
  knex('orders').select('id').rowNumber('n', 'placed_at', 'customer_id').rank('r', 'total'),
);
await step('distinct', () => knex('customers').distinct('region'));
await step('distinct on', () =>
  knex('orders')
    .distinctOn('customer_id')
    .orderBy(['customer_id', { column: 'placed_at', order: 'desc' }]),
);
await step('pluck', () => knex('products').pluck('name'));
await step('insert', () => knex('customers').insert(customer).returning('*'));
await step('insert many', () =>
  knex('leads')
    .insert([
      { id: 70, email: 'k70@example.com', source: 'web' },
      { id: 71, email: 'k71@example.com' },
    ])
    .returning('id'),
);
await step('batch insert', () =>
  knex.batchInsert('app_log', [{ message: 'a' }, { message: 'b' }, { message: 'c' }], 2).returning('id'),
);
await step('insert from select', () =>
  knex(knex.raw('?? (??)', ['app_log', 'message'])).insert(knex('products').select('name')),
);
await step('upsert', () =>
  knex('products').insert({ id: 1, name: 'Teapot', price: 31 }).onConflict('id').merge(),
);
await step('upsert some columns', () =>
  knex('products')
    .insert({ id: 1, name: 'Teapot', price: 32 })
    .onConflict('id')
    .merge(['price'])
    .where('products.price', '<', 100),
);
await step('upsert ignore', () =>
  knex('products').insert({ id: 1, name: 'Teapot', price: 31 }).onConflict('id').ignore(),
);
await step('update', () =>
  knex('customers')
    .where({ id: 1 })
    .update({ notes: 'called', region: 'EU', profile: JSON.stringify({ tier: 'silver' }) }),
);
await step('update returning', () =>
  knex('orders').where({ id: 10 }).update({ status: 'shipped' }, ['id', 'status']),
);
await step('update where previous', () =>
  knex('orders').where({ id: 10, status: 'shipped' }).update({ status: 'paid' }),
);
await step('update from', () =>
  knex('orders')
    .update({ status: 'vip' })
    .updateFrom('customers')
    .whereRaw('customers.id = orders.customer_id')
    .where('customers.region', 'US'),
);
await step('increment', () => knex('order_items').where({ order_id: 10, line: 1 }).increment('quantity', 2));
await step('update in subquery', () =>
  knex('tickets')
    .whereIn('customer_id', knex('customers').select('id').where('region', 'US'))
    .update({ region: 'US' }),
);
await step('save a form', () =>
  knex('customers').where('id', 1).update({
    first_name: 'Ada',
    last_name: 'Lovelace',
    email: 'a***@example.com',
    phone: '***********0001',
    notes: '***',
  }),
);
await step('delete', () => knex('leads').where('id', 71).del());
await step('delete returning', () => knex('leads').where('id', 70).del(['id', 'email']));
await step('delete using', () =>
  knex('order_items')
    .using('orders')
    .whereRaw('orders.id = order_items.order_id')
    .where('orders.id', 14)
    .del(),
);
await step('transaction', () =>
  knex.transaction(async (trx) => {
    await trx('app_log').insert({ message: 'in a transaction' });
    await trx('products').where({ id: 3 }).update({ price: 60 });
  }),
);
await step('isolation and savepoint', () =>
  knex.transaction(
    async (trx) => {
      await rolledBack(() =>
        trx.transaction(async (inner) => {
          await inner('products').where({ id: 3 }).update({ price: 61 });
          throw new RollBack('undo');
        }),
      );
      await trx('products').where({ id: 3 }).first();
    },
    { isolationLevel: 'serializable' },
  ),
);
await step('read only transaction', () =>
  knex.transaction((trx) => trx('products').count(), { readOnly: true }),
);
await step('locks', () =>
  knex.transaction(async (trx) => {
    await trx('customers').where({ id: 1 }).forUpdate();
    await trx('orders').where({ customer_id: 1 }).forShare();
    await trx('tickets').where({ region: 'EU' }).orderBy('id').limit(1).forUpdate().skipLocked();
    await trx('tickets').where({ id: 1 }).forNoKeyUpdate().noWait();
  }),
);
await step('raw', () => knex.raw('SELECT ?? FROM ?? WHERE id = ?', ['email', 'customers', 1]));
await step('raw named', () =>
  knex.raw('SELECT email FROM customers WHERE region = :region AND id < :max', { region: 'EU', max: 9 }),
);
await step('view', () => knex('customer_directory').where('region', 'EU').orderBy('id'));
await step('column info', () => knex('customers').columnInfo());
await step('has table', () => knex.schema.hasTable('customers'));
await step('has column', () => knex.schema.hasColumn('customers', 'email'));
await knex.destroy();
finish('knex');
