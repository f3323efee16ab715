import { DataTypes, Op, QueryTypes, Sequelize } from 'sequelize';
import { tryLibrary } from './library.mjs';
import { encrypted, login, ssl } from './report.mjs';

const db = new Sequelize(login.database, login.user, login.password, {
  host: login.host,
  port: login.port,
  dialect: 'postgres',
  dialectOptions: { ssl },
  logging: false,
  pool: { max: 2 },
});
const plain = { timestamps: false };
const Customer = db.define(
  'Customer',
  { email: DataTypes.STRING(200) },
  { ...plain, tableName: 'customers' },
);
const Product = db.define(
  'Product',
  {
    id: { type: DataTypes.INTEGER, primaryKey: true },
    name: DataTypes.TEXT,
    price: DataTypes.DECIMAL(10, 2),
  },
  { ...plain, tableName: 'products' },
);

await tryLibrary({
  raw: (sql, bind) => db.query(sql, { bind: bind.length === 0 ? undefined : bind, type: QueryTypes.SELECT }),
  async onDriver(work) {
    const client = await db.connectionManager.getConnection();
    try {
      await work(client);
    } finally {
      db.connectionManager.releaseConnection(client);
    }
  },
  unbound: encrypted
    ? 'sequelize passes the driver a list of settings without enableChannelBinding'
    : 'no TLS in this setting',
  emails: async () => (await Customer.findAll({ order: ['id'] })).map(({ id, email }) => [id, email]),
  idOf: async (id) => (await Customer.findByPk(id)).id,
  preparedAbsent: 'sequelize names no statements',
  insert: (transaction, id) => Product.create({ id, name: 'a name', price: 1 }, { transaction }),
  remove: () => Product.destroy({ where: { id: { [Op.gte]: 900 } } }),
  count: () => Product.count({ where: { id: { [Op.gte]: 900 } } }),
  transaction: (work) => db.transaction(work),
  savepoint: (transaction, work) => db.transaction({ transaction }, work),
  close: () => db.close(),
});
