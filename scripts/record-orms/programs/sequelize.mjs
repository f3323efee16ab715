import { DataTypes, Op, QueryTypes, Sequelize, Transaction } from 'sequelize';
import { finish, RollBack, rolledBack, step } from './steps.mjs';

const db = new Sequelize(process.env.DATABASE_URL, { dialect: 'postgres', logging: false, pool: { max: 1 } });
const options = { timestamps: false, underscored: true };
const Customer = db.define(
  'Customer',
  {
    id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
    firstName: { type: DataTypes.TEXT, allowNull: false },
    lastName: { type: DataTypes.TEXT, allowNull: false },
    email: DataTypes.STRING(200),
    phone: DataTypes.STRING(30),
    birthDate: DataTypes.DATEONLY,
    region: { type: DataTypes.TEXT, defaultValue: 'EU' },
    notes: DataTypes.TEXT,
    profile: DataTypes.JSONB,
    doNotCall: { type: DataTypes.BOOLEAN, defaultValue: false },
  },
  {
    ...options,
    tableName: 'customers',
    timestamps: true,
    paranoid: true,
    updatedAt: false,
    deletedAt: 'restrictedAt',
  },
);
const Order = db.define(
  'Order',
  {
    id: { type: DataTypes.INTEGER, primaryKey: true },
    total: DataTypes.DECIMAL(12, 2),
    status: DataTypes.TEXT,
    placedAt: DataTypes.DATE,
  },
  { ...options, tableName: 'orders' },
);
const Item = db.define(
  'Item',
  {
    orderId: { type: DataTypes.INTEGER, primaryKey: true },
    line: { type: DataTypes.SMALLINT, primaryKey: true },
    quantity: DataTypes.INTEGER,
  },
  { ...options, tableName: 'order_items' },
);
const Versioned = db.define(
  'Versioned',
  {
    orderId: { type: DataTypes.INTEGER, primaryKey: true },
    line: { type: DataTypes.SMALLINT, primaryKey: true },
    productId: DataTypes.INTEGER,
  },
  { ...options, tableName: 'order_items', version: 'quantity' },
);
const Product = db.define(
  'Product',
  {
    id: { type: DataTypes.INTEGER, primaryKey: true },
    name: DataTypes.TEXT,
    price: DataTypes.DECIMAL(10, 2),
  },
  { ...options, tableName: 'products' },
);
const Ticket = db.define(
  'Ticket',
  {
    id: { type: DataTypes.INTEGER, primaryKey: true },
    region: DataTypes.TEXT,
    subject: DataTypes.TEXT,
    openedAt: DataTypes.DATE,
  },
  { ...options, tableName: 'tickets' },
);
const Lead = db.define(
  'Lead',
  { id: { type: DataTypes.INTEGER, primaryKey: true }, email: DataTypes.STRING(200), source: DataTypes.TEXT },
  { ...options, tableName: 'leads', timestamps: true, updatedAt: false },
);
Customer.hasMany(Order, { as: 'orders', foreignKey: 'customerId' });
Order.belongsTo(Customer, { as: 'customer', foreignKey: 'customerId' });
Order.hasMany(Item, { as: 'items', foreignKey: 'orderId' });
Item.belongsTo(Product, { as: 'product', foreignKey: 'productId' });
Order.belongsToMany(Product, { as: 'products', through: Item, foreignKey: 'orderId', otherKey: 'productId' });
Customer.hasMany(Ticket, { as: 'tickets', foreignKey: 'customerId' });
Ticket.belongsTo(Customer, { as: 'customer', foreignKey: 'customerId' });
const customer = {
  firstName: 'Seq',
  lastName: 'Uelize',
  email: 'seq@example.com',
  phone: '+49-4',
  birthDate: '1990-01-02',
  profile: { tier: 'gold', social: { handle: '@seq' } },
};

await step('authenticate', () => db.authenticate());
await step('find all', () => Customer.findAll());
await step('find by key', () => Customer.findByPk(1));
await step('find one', () => Customer.findOne({ where: { email: 'a***@example.com' } }));
await step('attributes', () =>
  Customer.findAll({
    attributes: ['id', ['email', 'mail'], [Sequelize.fn('lower', Sequelize.col('first_name')), 'lower']],
  }),
);
await step('where forms', () =>
  Customer.findAll({
    where: {
      [Op.or]: [{ id: [1, 2, 3] }, { phone: null }],
      region: { [Op.ne]: 'US' },
      id: { [Op.between]: [1, 50] },
      email: { [Op.not]: null },
    },
  }),
);
await step('page by offset', () =>
  Customer.findAll({
    order: [
      ['lastName', 'ASC'],
      ['id', 'DESC'],
    ],
    limit: 2,
    offset: 1,
  }),
);
await step('find and count', () => Customer.findAndCountAll({ where: { region: 'EU' }, limit: 2 }));
await step('find and count with include', () =>
  Customer.findAndCountAll({ include: 'orders', distinct: true, limit: 2, order: ['id'] }),
);
await step('page by cursor', () =>
  Order.findAll({
    where: {
      [Op.or]: [
        { placedAt: { [Op.gt]: '2026-01-11T09:00:00Z' } },
        { placedAt: '2026-01-11T09:00:00Z', id: { [Op.gt]: 11 } },
      ],
    },
    order: ['placedAt', 'id'],
    limit: 2,
  }),
);
await step('search', () =>
  Customer.findAll({
    where: {
      [Op.or]: [
        { firstName: { [Op.iLike]: '%a%' } },
        { email: { [Op.startsWith]: 'a' } },
        { notes: { [Op.iRegexp]: 'tea' } },
      ],
    },
  }),
);
await step('full text', () =>
  Customer.findAll({
    where: Sequelize.where(
      Sequelize.fn('to_tsvector', 'simple', Sequelize.col('first_name')),
      Op.match,
      Sequelize.fn('to_tsquery', 'simple', 'ada'),
    ),
  }),
);
await step('json path', () => Customer.findAll({ where: { profile: { tier: 'gold' } } }));
await step('json contains', () =>
  Customer.findAll({ where: { 'profile.social.handle': { [Op.ne]: null } } }),
);
await step('count', () => Customer.count());
await step('count grouped', () => Order.count({ group: ['status'] }));
await step('count distinct', () => Order.count({ distinct: true, col: 'customer_id' }));
await step('aggregates', async () => {
  await Order.sum('total');
  await Order.max('placedAt');
  await Order.findAll({
    attributes: ['status', [Sequelize.fn('avg', Sequelize.col('total')), 'avg']],
    group: 'status',
    having: Sequelize.literal('count(*) > 0'),
  });
});
await step('include', () =>
  Customer.findAll({
    include: [
      { association: 'orders', include: [{ association: 'items', include: ['product'] }] },
      'tickets',
    ],
  }),
);
await step('include required', () =>
  Order.findAll({
    include: [{ association: 'customer', required: true, where: { region: 'EU' } }],
    limit: 2,
    order: [['id', 'ASC']],
  }),
);
await step('include separate', () =>
  Customer.findAll({
    include: [{ association: 'orders', separate: true, order: [['placedAt', 'DESC']], limit: 1 }],
  }),
);
await step('include with limit', () =>
  Customer.findAll({
    include: [{ association: 'orders', where: { status: 'paid' } }],
    limit: 2,
    subQuery: true,
    order: [['id', 'ASC']],
  }),
);
await step('many to many', () => Order.findAll({ include: ['products'] }));
await step('lazy load', async () => {
  const one = await Customer.findByPk(1);
  await one.getOrders();
  await one.countTickets();
});
await step('order by related', () =>
  Order.findAll({ include: ['customer'], order: [[{ model: Customer, as: 'customer' }, 'lastName', 'ASC']] }),
);
await step('subquery literal', () =>
  Customer.findAll({
    attributes: {
      include: [
        [
          Sequelize.literal('(SELECT count(*) FROM orders o WHERE o.customer_id = "Customer".id)'),
          'orderCount',
        ],
      ],
    },
  }),
);
await step('create', () => Customer.create(customer));
await step('bulk create', () =>
  Lead.bulkCreate(
    [
      { id: 60, email: 's60@example.com' },
      { id: 61, email: 's61@example.com' },
    ],
    { returning: true },
  ),
);
await step('find or create by function', () =>
  Product.findOrCreate({ where: { id: 44 }, defaults: { name: 'Spoon', price: 2 } }),
);
await step('find create find', () =>
  Product.findCreateFind({ where: { id: 4 }, defaults: { name: 'Spoon', price: 2 } }),
);
await step('upsert', () => Product.upsert({ id: 4, name: 'Spoon', price: 3 }));
await step('upsert a person', () => Customer.upsert({ id: 1, firstName: 'Ada', lastName: 'Lovelace' }));
await step('bulk upsert', () =>
  Product.bulkCreate([{ id: 4, name: 'Spoon', price: 4 }], { updateOnDuplicate: ['price'] }),
);
await step('bulk ignore', () =>
  Product.bulkCreate([{ id: 4, name: 'Spoon', price: 4 }], { ignoreDuplicates: true }),
);
await step('save', async () => {
  const one = await Customer.findByPk(1);
  one.region = 'EU';
  one.notes = 'called';
  one.profile = { tier: 'silver' };
  await one.save();
  await one.reload();
});
await step('update', () => Customer.update({ region: 'EU' }, { where: { id: [1, 3] } }));
await step('update returning', () =>
  Order.update({ status: 'shipped' }, { where: { id: 10, status: 'paid' }, returning: true }),
);
await step('increment', () => Item.increment({ quantity: 2 }, { where: { orderId: 10 } }));
await step('optimistic lock', async () => {
  const one = await Versioned.findOne({ where: { orderId: 10, line: 1 } });
  one.productId = 2;
  await one.save();
});
await step('save a form', async () => {
  const one = await Customer.findByPk(1);
  one.set({ firstName: 'Ada', email: one.email, phone: one.phone });
  one.changed('email', true);
  one.changed('phone', true);
  await one.save();
});
await step('soft delete', async () => {
  const one = await Customer.findByPk(6);
  if (one) {
    await one.destroy();
    await Customer.count();
    await Customer.findAll({ paranoid: false });
    await one.restore();
  }
});
await step('destroy', () => Lead.destroy({ where: { id: 61 } }));
await step('destroy one', async () => {
  const one = await Lead.findByPk(60);
  if (one) await one.destroy();
});
await step('transaction', () =>
  db.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE }, async (transaction) => {
    await Product.update({ price: 60 }, { where: { id: 3 }, transaction });
    await rolledBack(() =>
      db.transaction({ transaction }, async (inner) => {
        await Product.update({ price: 61 }, { where: { id: 3 }, transaction: inner });
        throw new RollBack('undo');
      }),
    );
  }),
);
await step('deferred constraints', () =>
  db.transaction({ deferrable: Sequelize.Deferrable.SET_DEFERRED }, (transaction) =>
    Product.count({ transaction }),
  ),
);
await step('locks', () =>
  db.transaction(async (transaction) => {
    await Customer.findOne({ where: { id: 1 }, lock: transaction.LOCK.UPDATE, transaction });
    await Ticket.findOne({ order: ['id'], lock: true, skipLocked: true, transaction });
    await Order.findAll({
      include: [{ association: 'customer', required: true }],
      lock: { level: transaction.LOCK.SHARE, of: Order },
      transaction,
    });
  }),
);
await step('raw with replacements', () =>
  db.query('SELECT email FROM customers WHERE id = :id', {
    replacements: { id: 1 },
    type: QueryTypes.SELECT,
  }),
);
await step('raw with bind', () =>
  db.query('SELECT email FROM customers WHERE id = $1', { bind: [1], type: QueryTypes.SELECT }),
);
await step('show all tables', () => db.getQueryInterface().showAllTables());
await step('describe table', () => db.getQueryInterface().describeTable('customers'));
await step('show indexes', () => db.getQueryInterface().showIndex('customers'));
await step('foreign keys', () => db.getQueryInterface().getForeignKeyReferencesForTable('orders'));
await step('constraints', () => db.getQueryInterface().showConstraint('customers'));
await step('table exists', () => db.getQueryInterface().tableExists('customers'));
await step('schemas and version', async () => {
  await db.showAllSchemas();
  await db.databaseVersion();
});
await db.close();
finish('sequelize');
