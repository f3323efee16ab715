import Knex from 'knex';
import { clientSettings } from './driver.mjs';
import { tryLibrary } from './library.mjs';

const db = Knex({ client: 'pg', connection: clientSettings, pool: { min: 0, max: 2 } });

await tryLibrary({
  mark: () => '?',
  raw: async (sql, values) => (await db.raw(sql, values)).rows,
  async onDriver(work) {
    const client = await db.client.acquireConnection();
    try {
      await work(client);
    } finally {
      await db.client.releaseConnection(client);
    }
  },
  emails: async () =>
    (await db('customers').select('id', 'email').orderBy('id')).map(({ id, email }) => [id, email]),
  idOf: async (id) => (await db('customers').where({ id }).first('id')).id,
  preparedAbsent: 'knex names no statements',
  insert: (tx, id) => (tx ?? db)('products').insert({ id, name: 'a name', price: 1 }),
  remove: () => db('products').where('id', '>=', 900).del(),
  count: async () => Number((await db('products').where('id', '>=', 900).count('* as n'))[0].n),
  transaction: (work) => db.transaction(work),
  savepoint: (tx, work) => tx.transaction(work),
  stream: (sql) => db.raw(sql).stream({ batchSize: 100 }),
  close: () => db.destroy(),
});
