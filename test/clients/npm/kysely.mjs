import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { clientSettings } from './driver.mjs';
import { tryLibrary } from './library.mjs';

const pool = new pg.Pool({ ...clientSettings, max: 2 });
const db = new Kysely({ dialect: new PostgresDialect({ pool, cursor: Cursor }) });

await tryLibrary({
  raw: async (text, values) => (await db.executeQuery(CompiledQuery.raw(text, values))).rows,
  async onDriver(work) {
    const client = await pool.connect();
    try {
      await work(client);
    } finally {
      client.release();
    }
  },
  emails: async () =>
    (await db.selectFrom('customers').select(['id', 'email']).orderBy('id').execute()).map(
      ({ id, email }) => [id, email],
    ),
  idOf: async (id) =>
    (await db.selectFrom('customers').select('id').where('id', '=', id).executeTakeFirstOrThrow()).id,
  preparedAbsent: 'kysely names no statements',
  insert: (tx, id) =>
    (tx ?? db).insertInto('products').values({ id, name: 'a name', price: 1 }).executeTakeFirstOrThrow(),
  remove: () => db.deleteFrom('products').where('id', '>=', 900).execute(),
  count: async () => {
    const counted = db
      .selectFrom('products')
      .where('id', '>=', 900)
      .select(({ fn }) => fn.countAll().as('n'));
    return Number((await counted.executeTakeFirstOrThrow()).n);
  },
  transaction: async (work) => {
    const tx = await db.startTransaction().execute();
    try {
      await work(tx);
      await tx.commit().execute();
    } catch (error) {
      await tx.rollback().execute();
      throw error;
    }
  },
  savepoint: async (tx, work) => {
    const inner = await tx.savepoint('inner').execute();
    try {
      await work(inner);
      await inner.releaseSavepoint('inner').execute();
    } catch (error) {
      await inner.rollbackToSavepoint('inner').execute();
      throw error;
    }
  },
  stream: () =>
    db
      .selectFrom(sql`generate_series(1, ${250}::int)`.as('g'))
      .select('g')
      .stream(100),
  close: () => db.destroy(),
});
