// Prisma Client with its pg adapter: no engine of its own, its query compiler is WASM. ../install.ts has generated the client.
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { clientSettings } from './driver.mjs';
import { tryLibrary } from './library.mjs';
import generated from './prisma/generated/index.js';

const pool = new pg.Pool({ ...clientSettings, max: 2 });
const db = new generated.PrismaClient({ adapter: new PrismaPg(pool), log: [] });

await tryLibrary({
  raw: (sql, values) => db.$queryRawUnsafe(sql, ...values),
  async onDriver(work) {
    const client = await pool.connect();
    try {
      await work(client);
    } finally {
      client.release();
    }
  },
  emails: async () =>
    (await db.customer.findMany({ orderBy: { id: 'asc' } })).map(({ id, email }) => [id, email]),
  idOf: async (id) => (await db.customer.findUniqueOrThrow({ where: { id } })).id,
  preparedAbsent: 'the pg adapter names no statements',
  insert: (tx, id) => (tx ?? db).product.create({ data: { id, name: 'a name', price: 1 } }),
  remove: () => db.product.deleteMany({ where: { id: { gte: 900 } } }),
  count: () => db.product.count({ where: { id: { gte: 900 } } }),
  transaction: (work) => db.$transaction(work),
  // Prisma's transactions do not nest; its raw SQL sets savepoints.
  async savepoint(tx, work) {
    await tx.$executeRaw`SAVEPOINT inner_one`;
    try {
      await work(tx);
    } catch (error) {
      await tx.$executeRaw`ROLLBACK TO inner_one`;
      throw error;
    }
  },
  close: async () => {
    await db.$disconnect();
    await pool.end();
  },
});
