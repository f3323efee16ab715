// Prisma's command line asks for its schema engine, which is downloaded and no part of the npm package. `generate` does not run
// it, so any program stands in for it: PRISMA_SCHEMA_ENGINE_BINARY=/bin/true.
import { execFileSync } from 'node:child_process';
import { PrismaPg } from '@prisma/adapter-pg';
import { finish, RollBack, rolledBack, step } from './steps.mjs';

execFileSync('npx', ['prisma', 'generate', '--config', 'prisma.config.mjs'], {
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' },
  stdio: ['ignore', 'ignore', 'inherit'],
});
const { PrismaClient, Prisma } = await import('./prisma-generated/index.js').then((m) => m.default ?? m);
const db = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 1 }),
});
const customer = {
  firstName: 'Pri',
  lastName: 'Sma',
  email: 'pri@example.com',
  phone: '+49-5',
  birthDate: new Date('1990-01-02'),
  profile: { tier: 'gold', social: { handle: '@pri' } },
};

await step('find many', () => db.customer.findMany());
await step('find unique', () => db.customer.findUnique({ where: { id: 1 } }));
await step('find unique by address', () => db.customer.findUnique({ where: { email: 'a***@example.com' } }));
await step('find batched', () =>
  Promise.all([1, 2, 3].map((id) => db.customer.findUnique({ where: { id } }))),
);
await step('find first', () => db.customer.findFirst({ where: { region: 'EU' }, orderBy: { id: 'desc' } }));
await step('select columns', () => db.customer.findMany({ select: { id: true, email: true } }));
await step('where forms', () =>
  db.customer.findMany({
    where: {
      OR: [{ id: { in: [1, 2, 3] } }, { phone: null }],
      NOT: { region: 'US' },
      email: { not: null },
      id: { gte: 1, lte: 50 },
      doNotCall: false,
    },
  }),
);
await step('page by offset', () =>
  db.customer.findMany({ orderBy: [{ lastName: 'asc' }, { id: 'desc' }], take: 2, skip: 1 }),
);
await step('page by cursor', () =>
  db.customer.findMany({ cursor: { id: 2 }, take: 2, skip: 1, orderBy: { id: 'asc' } }),
);
await step('page by cursor over time', () =>
  db.order.findMany({ cursor: { id: 11 }, take: 2, orderBy: [{ placedAt: 'asc' }, { id: 'asc' }] }),
);
await step('search', () =>
  db.customer.findMany({
    where: {
      OR: [
        { firstName: { contains: 'a', mode: 'insensitive' } },
        { email: { startsWith: 'a' } },
        { notes: { endsWith: 'tea' } },
      ],
    },
  }),
);
await step('full text', () =>
  db.customer.findMany({
    where: { firstName: { search: 'ada | cleo' } },
    orderBy: { _relevance: { fields: ['firstName'], search: 'ada', sort: 'desc' } },
  }),
);
await step('json path', () =>
  db.customer.findMany({ where: { profile: { path: ['tier'], equals: 'gold' } } }),
);
await step('json string contains', () =>
  db.customer.findMany({ where: { profile: { path: ['social', 'handle'], string_contains: 'can' } } }),
);
await step('count', () => db.customer.count());
await step('count some', () =>
  db.customer.count({ where: { region: 'EU' }, select: { _all: true, email: true } }),
);
await step('aggregate', () =>
  db.order.aggregate({
    _sum: { total: true },
    _avg: { total: true },
    _min: { placedAt: true },
    _max: { placedAt: true },
    _count: true,
  }),
);
await step('group by', () =>
  db.order.groupBy({
    by: ['status'],
    _count: { _all: true },
    _sum: { total: true },
    having: { total: { _sum: { gt: 0 } } },
    orderBy: { status: 'asc' },
  }),
);
await step('distinct', () => db.customer.findMany({ distinct: ['region'], select: { region: true } }));
await step('include by join', () =>
  db.customer.findMany({
    relationLoadStrategy: 'join',
    include: {
      orders: { include: { items: { include: { product: true } } }, orderBy: { placedAt: 'desc' }, take: 2 },
      tickets: true,
    },
  }),
);
await step('include by query', () =>
  db.customer.findMany({
    relationLoadStrategy: 'query',
    include: { orders: { include: { items: { include: { product: true } } } }, tickets: true },
  }),
);
await step('include one', () =>
  db.ticket.findMany({ include: { customer: { select: { id: true, email: true } } } }),
);
await step('include counts', () =>
  db.customer.findMany({
    include: { _count: { select: { orders: true, tickets: { where: { region: 'EU' } } } } },
  }),
);
await step('where related', () =>
  db.customer.findMany({
    where: {
      orders: { some: { total: { gt: 10 } }, none: { status: 'lost' } },
      tickets: { every: { region: 'EU' } },
    },
  }),
);
await step('where parent', () =>
  db.order.findMany({ where: { customer: { is: { region: 'EU', email: { not: null } } } } }),
);
await step('order by related', () =>
  db.order.findMany({ orderBy: [{ customer: { lastName: 'asc' } }, { id: 'asc' }] }),
);
await step('order by related count', () => db.customer.findMany({ orderBy: { orders: { _count: 'desc' } } }));
await step('create', () => db.customer.create({ data: customer }));
await step('create selected', () =>
  db.customer.create({ data: { ...customer, email: 'pri2@example.com' }, select: { id: true } }),
);
await step('create nested', () =>
  db.order.create({
    data: {
      id: 95,
      total: 5,
      status: 'open',
      customer: { connect: { id: 1 } },
      items: { create: [{ line: 1, quantity: 1, product: { connect: { id: 1 } } }] },
    },
    include: { items: true },
  }),
);
await step('create many', () =>
  db.lead.createMany({
    data: [
      { id: 40, email: 'p40@example.com' },
      { id: 41, email: 'p41@example.com' },
    ],
    skipDuplicates: true,
  }),
);
await step('create many and return', () =>
  db.lead.createManyAndReturn({ data: [{ id: 42, email: 'p42@example.com' }] }),
);
await step('update', () =>
  db.customer.update({
    where: { id: 1 },
    data: { notes: 'called', region: 'EU', profile: { tier: 'silver' } },
  }),
);
await step('update and include', () =>
  db.order.update({
    where: { id: 10 },
    data: { status: 'shipped' },
    include: { customer: true, items: true },
  }),
);
await step('update many', () =>
  db.customer.updateMany({ where: { region: 'US' }, data: { doNotCall: true } }),
);
await step('update many and return', () =>
  db.order.updateManyAndReturn({ where: { customerId: 1 }, data: { status: 'paid' } }),
);
await step('update many with limit', () =>
  db.order.updateMany({ where: { customerId: 1 }, data: { status: 'paid' }, limit: 1 }),
);
await step('increment', () =>
  db.item.update({ where: { orderId_line: { orderId: 10, line: 1 } }, data: { quantity: { increment: 2 } } }),
);
await step('optimistic lock', () =>
  db.item.updateMany({
    where: { orderId: 10, line: 2, quantity: 1 },
    data: { productId: 3, quantity: { increment: 1 } },
  }),
);
await step('update nested', () =>
  db.customer.update({
    where: { id: 1 },
    data: { orders: { update: { where: { id: 10 }, data: { status: 'open' } } } },
  }),
);
await step('save a form', () =>
  db.customer.update({
    where: { id: 1 },
    data: { firstName: 'Ada', email: 'a***@example.com', phone: '***********0001', notes: '***' },
  }),
);
await step('upsert', () =>
  db.product.upsert({ where: { id: 7 }, create: { id: 7, name: 'Plate', price: 9 }, update: { price: 10 } }),
);
await step('upsert again', () =>
  db.product.upsert({ where: { id: 7 }, create: { id: 7, name: 'Plate', price: 9 }, update: { price: 11 } }),
);
await step('upsert a person', () =>
  db.customer.upsert({ where: { id: 1 }, create: customer, update: { region: 'EU' } }),
);
await step('connect or create', () =>
  db.item.create({
    data: {
      line: 7,
      quantity: 1,
      order: { connect: { id: 10 } },
      product: { connectOrCreate: { where: { id: 8 }, create: { id: 8, name: 'Bowl', price: 8 } } },
    },
  }),
);
await step('delete', () => db.lead.delete({ where: { id: 42 } }));
await step('delete many', () => db.lead.deleteMany({ where: { id: { in: [40, 41] } } }));
await step('batch transaction', () =>
  db.$transaction([db.product.update({ where: { id: 3 }, data: { price: 60 } }), db.product.count()]),
);
await step('interactive transaction', () =>
  db.$transaction(
    async (tx) => {
      await tx.product.update({ where: { id: 3 }, data: { price: 61 } });
      await tx.customer.count();
    },
    { isolationLevel: Prisma.TransactionIsolationLevel.Serializable },
  ),
);
await step('rolled back', () =>
  rolledBack(() =>
    db.$transaction(async (tx) => {
      await tx.item.deleteMany({ where: { orderId: 12 } });
      throw new RollBack('undo');
    }),
  ),
);
await step('locks by raw query', () =>
  db.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT id FROM customers WHERE id = ${1} FOR UPDATE`;
    await tx.$queryRaw`SELECT id FROM tickets ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`;
  }),
);
await step('raw', () => db.$queryRaw`SELECT id, email FROM customers WHERE id = ${1}`);
await step(
  'raw with joined list',
  () => db.$queryRaw`SELECT id FROM customers WHERE id IN (${Prisma.join([1, 2, 3])})`,
);
await step('execute raw', () => db.$executeRaw`UPDATE products SET price = price + ${1} WHERE id = ${3}`);
await db.$disconnect();
finish('@prisma/client', '@prisma/adapter-pg');
