import pg from 'pg';
import pgPromise from 'pg-promise';
import QueryStream from 'pg-query-stream';
import { clientSettings, watchMechanisms } from './driver.mjs';
import { tryLibrary } from './library.mjs';

const pgp = pgPromise();
if (pgp.pg.Connection !== pg.Connection) watchMechanisms(pgp.pg.Connection);
const db = pgp({ ...clientSettings, max: 2 });
const on = (tx) => tx ?? db;

await tryLibrary({
  raw: (sql, values) => db.any({ text: sql, values }),
  async onDriver(work) {
    const held = await db.connect();
    try {
      await work(held.client);
    } finally {
      held.done();
    }
  },
  emails: () => db.map('SELECT id, email FROM customers ORDER BY id', [], ({ id, email }) => [id, email]),
  // Its own formatting: the value is written into the text.
  idOf: (id) => db.one('SELECT id FROM customers WHERE id = ${id}', { id }, ({ id }) => id),
  prepared: (id) =>
    db.one(
      new pgp.PreparedStatement({
        name: 'by-id',
        text: 'SELECT id FROM customers WHERE id = $1',
        values: [id],
      }),
      undefined,
      ({ id }) => id,
    ),
  insert: (tx, id) => on(tx).none("INSERT INTO products VALUES ($1, 'a name', 1)", [id]),
  remove: () => db.none('DELETE FROM products WHERE id >= 900'),
  count: () => db.one('SELECT count(*)::int AS n FROM products WHERE id >= 900', [], ({ n }) => n),
  transaction: (work) => db.tx(work),
  savepoint: (tx, work) => tx.tx(work),
  async stream(sql) {
    const rows = [];
    await db.stream(new QueryStream(sql, [], { batchSize: 100 }), async (stream) => {
      for await (const row of stream) rows.push(row);
    });
    return rows;
  },
  close: () => db.$pool.end(),
});
