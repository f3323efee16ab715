import 'reflect-metadata';
import { Between, DataSource, EntitySchema, ILike, In, IsNull, LessThan, MoreThan, Not, Raw } from 'typeorm';
import { finish, RollBack, rolledBack, step } from './steps.mjs';

const CustomerEntity = new EntitySchema({
  name: 'Customer',
  tableName: 'customers',
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    firstName: { type: 'text', name: 'first_name' },
    lastName: { type: 'text', name: 'last_name' },
    email: { type: 'varchar', length: 200, nullable: true },
    phone: { type: 'varchar', length: 30, nullable: true },
    birthDate: { type: 'date', name: 'birth_date', nullable: true },
    region: { type: 'text', default: 'EU' },
    notes: { type: 'text', nullable: true },
    profile: { type: 'jsonb', nullable: true },
    doNotCall: { type: 'boolean', name: 'do_not_call', default: false },
    restrictedAt: { type: 'timestamptz', name: 'restricted_at', deleteDate: true, nullable: true },
    createdAt: { type: 'timestamptz', name: 'created_at', createDate: true },
  },
  relations: {
    orders: { type: 'one-to-many', target: 'Order', inverseSide: 'customer' },
    tickets: { type: 'one-to-many', target: 'Ticket', inverseSide: 'customer' },
  },
});
const OrderEntity = new EntitySchema({
  name: 'Order',
  tableName: 'orders',
  columns: {
    id: { type: 'int', primary: true },
    total: { type: 'numeric', precision: 12, scale: 2 },
    status: { type: 'text' },
    placedAt: { type: 'timestamptz', name: 'placed_at', createDate: true },
  },
  relations: {
    customer: {
      type: 'many-to-one',
      target: 'Customer',
      inverseSide: 'orders',
      joinColumn: { name: 'customer_id' },
    },
    items: { type: 'one-to-many', target: 'Item', inverseSide: 'order' },
  },
});
const ItemEntity = new EntitySchema({
  name: 'Item',
  tableName: 'order_items',
  columns: {
    orderId: { type: 'int', primary: true, name: 'order_id' },
    line: { type: 'smallint', primary: true },
    productId: { type: 'int', name: 'product_id' },
    quantity: { type: 'int', version: true },
  },
  relations: {
    order: { type: 'many-to-one', target: 'Order', inverseSide: 'items', joinColumn: { name: 'order_id' } },
    product: { type: 'many-to-one', target: 'Product', joinColumn: { name: 'product_id' } },
  },
});
const ProductEntity = new EntitySchema({
  name: 'Product',
  tableName: 'products',
  columns: {
    id: { type: 'int', primary: true },
    name: { type: 'text' },
    price: { type: 'numeric', precision: 10, scale: 2 },
  },
});
const TicketEntity = new EntitySchema({
  name: 'Ticket',
  tableName: 'tickets',
  columns: {
    id: { type: 'int', primary: true },
    region: { type: 'text' },
    subject: { type: 'text' },
    openedAt: { type: 'timestamptz', name: 'opened_at', createDate: true },
  },
  relations: {
    customer: {
      type: 'many-to-one',
      target: 'Customer',
      inverseSide: 'tickets',
      joinColumn: { name: 'customer_id' },
    },
  },
});
const LeadEntity = new EntitySchema({
  name: 'Lead',
  tableName: 'leads',
  columns: {
    id: { type: 'int', primary: true },
    email: { type: 'varchar', length: 200 },
    source: { type: 'text', nullable: true },
    createdAt: { type: 'timestamptz', name: 'created_at', createDate: true },
  },
});

const source = new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  entities: [CustomerEntity, OrderEntity, ItemEntity, ProductEntity, TicketEntity, LeadEntity],
  installExtensions: false,
  extra: { max: 1 },
});
await step('connect', () => source.initialize());
const repo = (name) => source.getRepository(name);
const customers = repo('Customer');

await step('find', () => customers.find());
await step('find one by', () => customers.findOneBy({ id: 1 }));
await step('select columns', () => customers.find({ select: { id: true, email: true } }));
await step('where forms', () =>
  customers.find({
    where: [
      { id: In([1, 2, 3]), region: Not('US') },
      { phone: IsNull() },
      { id: Between(1, 50), email: Not(IsNull()) },
    ],
  }),
);
await step('page by offset', () =>
  customers.find({ order: { lastName: 'ASC', id: 'DESC' }, take: 2, skip: 1 }),
);
await step('find and count', () => customers.findAndCount({ where: { region: 'EU' }, take: 2 }));
await step('page with relations', () =>
  customers.findAndCount({ relations: { orders: true }, take: 2, order: { id: 'ASC' } }),
);
await step('page by cursor', () =>
  repo('Order').find({
    where: [
      { placedAt: MoreThan(new Date('2026-01-11T09:00:00Z')) },
      { placedAt: new Date('2026-01-11T09:00:00Z'), id: MoreThan(11) },
    ],
    order: { placedAt: 'ASC', id: 'ASC' },
    take: 2,
  }),
);
await step('search', () => customers.find({ where: [{ firstName: ILike('%a%') }, { email: ILike('a%') }] }));
await step('full text', () =>
  customers
    .createQueryBuilder('c')
    .where("to_tsvector('simple', c.notes) @@ plainto_tsquery('simple', :q)", { q: 'tea' })
    .getMany(),
);
await step('json path', () =>
  customers.find({ where: { profile: Raw((alias) => `${alias} ->> 'tier' = :tier`, { tier: 'gold' }) } }),
);
await step('count', () => customers.count());
await step('exists', () => customers.exists({ where: { region: 'EU' } }));
await step('aggregates', async () => {
  await repo('Order').sum('total', { status: 'paid' });
  await repo('Order').maximum('total');
});
await step('relations by join', () =>
  customers.find({ relations: { orders: { items: { product: true } }, tickets: true } }),
);
await step('relations by query', () =>
  customers.find({ relations: { orders: { items: true } }, relationLoadStrategy: 'query' }),
);
await step('order by related', () =>
  repo('Order').find({ relations: { customer: true }, order: { customer: { lastName: 'ASC' } } }),
);
await step('where related', () =>
  repo('Order').find({ where: { customer: { region: 'EU' }, total: LessThan(100) } }),
);
await step('query builder', () =>
  customers
    .createQueryBuilder('c')
    .leftJoinAndSelect('c.orders', 'o', 'o.total > :min', { min: 5 })
    .where('c.region = :region', { region: 'EU' })
    .orderBy('c.id')
    .take(2)
    .getMany(),
);
await step('query builder, raw', () =>
  repo('Order')
    .createQueryBuilder('o')
    .select('o.status', 'status')
    .addSelect('COUNT(*)', 'n')
    .addSelect('SUM(o.total)', 'sum')
    .groupBy('o.status')
    .having('COUNT(*) > 0')
    .getRawMany(),
);
await step('subquery', () =>
  customers
    .createQueryBuilder('c')
    .where(
      (qb) =>
        `c.id IN ${qb.subQuery().select('o.customer_id').from('Order', 'o').where('o.total > 10').getQuery()}`,
    )
    .getMany(),
);
await step('exists in query builder', () =>
  customers
    .createQueryBuilder('c')
    .whereExists(repo('Order').createQueryBuilder('o').where('o.customer_id = c.id'))
    .getMany(),
);
await step('common table expression', () =>
  source
    .createQueryBuilder()
    .addCommonTableExpression('SELECT id FROM orders WHERE total > 10', 'big')
    .select('big.id', 'id')
    .from('big', 'big')
    .getRawMany(),
);
await step('distinct on', () =>
  repo('Order').createQueryBuilder('o').distinctOn(['o.customer_id']).orderBy('o.customer_id').getMany(),
);
await step('stream-like by chunks', () =>
  customers.createQueryBuilder('c').orderBy('c.id').offset(0).limit(2).getMany(),
);
await step('save new', () =>
  customers.save({
    firstName: 'Typ',
    lastName: 'Eorm',
    email: 'typ@example.com',
    birthDate: '1990-01-02',
    profile: { tier: 'gold' },
  }),
);
await step('insert', () =>
  repo('Lead').insert([
    { id: 50, email: 't50@example.com' },
    { id: 51, email: 't51@example.com' },
  ]),
);
await step('save many', () =>
  repo('Product').save([
    { id: 5, name: 'Fork', price: 2 },
    { id: 6, name: 'Knife', price: 3 },
  ]),
);
await step('save with cascade', () =>
  repo('Order').save({ id: 90, total: 5, status: 'open', customer: { id: 1 } }),
);
await step('save existing', async () => {
  const one = await customers.findOneBy({ id: 1 });
  one.region = 'US';
  one.notes = 'called';
  await customers.save(one);
});
await step('save a form', () =>
  customers.save({
    id: 1,
    firstName: 'Ada',
    email: 'ada@other.example',
    phone: '+49-9',
    profile: { tier: 'silver' },
  }),
);
await step('optimistic lock', async () => {
  const one = await repo('Item').findOneBy({ orderId: 10, line: 1 });
  one.productId = 2;
  await repo('Item').save(one);
});
await step('lock by version', () =>
  repo('Item').findOne({ where: { orderId: 11, line: 1 }, lock: { mode: 'optimistic', version: 1 } }),
);
await step('update', () => customers.update({ id: 1 }, { region: 'EU', birthDate: '1985-01-01' }));
await step('update returning', () =>
  source
    .createQueryBuilder()
    .update('Order')
    .set({ status: 'shipped' })
    .where('id = :id', { id: 10 })
    .returning('*')
    .execute(),
);
await step('increment', () => repo('Item').increment({ orderId: 10 }, 'quantity', 1));
await step('upsert', () => repo('Product').upsert([{ id: 5, name: 'Fork', price: 4 }], ['id']));
await step('upsert in query builder', () =>
  source
    .createQueryBuilder()
    .insert()
    .into('Product')
    .values({ id: 5, name: 'Fork', price: 5 })
    .orUpdate(['price'], ['id'], { skipUpdateIfNoValuesChanged: true })
    .execute(),
);
await step('insert ignore', () =>
  source
    .createQueryBuilder()
    .insert()
    .into('Product')
    .values({ id: 5, name: 'Fork', price: 5 })
    .orIgnore()
    .execute(),
);
await step('upsert a person', () =>
  customers.upsert({ id: 1, firstName: 'Ada', lastName: 'L', region: 'EU' }, ['id']),
);
await step('soft delete', async () => {
  await customers.softDelete(6);
  await customers.find({ withDeleted: true });
  await customers.restore(6);
});
await step('delete', () => repo('Lead').delete({ id: 50 }));
await step('remove', async () => {
  const one = await repo('Lead').findOneBy({ id: 51 });
  if (one) await repo('Lead').remove(one);
});
await step('relation query builder', () =>
  source.createQueryBuilder().relation('Order', 'customer').of(90).set(3),
);
await step('transaction', () =>
  source.transaction('SERIALIZABLE', async (manager) => {
    await manager.update('Product', { id: 3 }, { price: 60 });
    await rolledBack(() =>
      manager.transaction(async (inner) => {
        await inner.update('Product', { id: 3 }, { price: 61 });
        throw new RollBack('undo');
      }),
    );
  }),
);
await step('locks', () =>
  source.transaction(async (manager) => {
    await manager.findOne('Customer', { where: { id: 1 }, lock: { mode: 'pessimistic_write' } });
    await manager.findOne('Ticket', {
      where: { region: 'EU' },
      order: { id: 'ASC' },
      lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' },
    });
    await manager.find('Order', {
      where: { customer: { id: 1 } },
      lock: { mode: 'pessimistic_read', onLocked: 'nowait' },
    });
    await manager
      .find('Order', {
        relations: { customer: true },
        lock: { mode: 'for_no_key_update', tables: ['orders'] },
      })
      .catch((error) => {
        if (error.code) throw error;
      });
  }),
);
await step('raw', () => source.query('SELECT email FROM customers WHERE id = $1', [1]));
await step('sql tag', () => source.sql`SELECT email FROM customers WHERE id = ${1}`);
await step('schema builder reads', async () => {
  const runner = source.createQueryRunner();
  await runner.getTables(['customers', 'orders', 'order_items']);
  await runner.getViews([]);
  await runner.hasTable('customers');
  await runner.hasColumn('customers', 'email');
  await runner.getCurrentSchema();
  await runner.getCurrentDatabase();
  await runner.release();
});
await step('schema builder log', () => source.driver.createSchemaBuilder().log());
await source.destroy();
finish('typeorm');
