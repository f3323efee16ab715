import 'reflect-metadata';
import { DataSource, EntitySchema, MoreThanOrEqual } from 'typeorm';
import { clientSettings } from './driver.mjs';
import { tryLibrary } from './library.mjs';
import { login, ssl } from './report.mjs';

const Customer = new EntitySchema({
  name: 'Customer',
  tableName: 'customers',
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    email: { type: 'varchar', length: 200, nullable: true },
  },
});
const Product = new EntitySchema({
  name: 'Product',
  tableName: 'products',
  columns: {
    id: { type: 'int', primary: true },
    name: { type: 'text' },
    price: { type: 'numeric', precision: 10, scale: 2 },
  },
});
const db = new DataSource({
  type: 'postgres',
  host: login.host,
  port: login.port,
  username: login.user,
  password: login.password,
  database: login.database,
  ssl,
  extra: { max: 2, enableChannelBinding: clientSettings.enableChannelBinding },
  entities: [Customer, Product],
  installExtensions: false,
});
const on = (tx) => tx ?? db.manager;
const from900 = { id: MoreThanOrEqual(900) };
let opened;

await tryLibrary({
  raw: async (sql, values) => {
    opened ??= db.initialize();
    await opened;
    return db.query(sql, values);
  },
  async onDriver(work) {
    const runner = db.createQueryRunner();
    try {
      await work(await runner.connect());
    } finally {
      await runner.release();
    }
  },
  emails: async () =>
    (await db.manager.find(Customer, { order: { id: 'ASC' } })).map(({ id, email }) => [id, email]),
  idOf: async (id) => (await db.manager.findOneByOrFail(Customer, { id })).id,
  preparedAbsent: 'typeorm names no statements',
  // insert, since save would look whether the row is there and update it.
  insert: (tx, id) => on(tx).insert(Product, { id, name: 'a name', price: 1 }),
  remove: () => db.manager.delete(Product, from900),
  count: () => db.manager.countBy(Product, from900),
  transaction: (work) => db.transaction(work),
  savepoint: (tx, work) => tx.transaction(work),
  async stream(sql) {
    const runner = db.createQueryRunner();
    const stream = await runner.stream(sql);
    stream.once('close', () => runner.release());
    return stream;
  },
  close: () => db.destroy(),
});
