// node-postgres, with its cursor and COPY companions.
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { assertBound, assertEncrypted, cancelSoon, clientSettings } from './driver.mjs';
import {
  emails,
  equal,
  feature,
  governed,
  knowsDirectTls,
  login,
  parameterSql,
  parameterValues,
  refused,
  sameParameters,
  slow,
} from './report.mjs';

const connected = async (more = {}) => {
  const client = new pg.Client({ ...clientSettings, ...more });
  await client.connect();
  return client;
};
let db;

await feature('connect', async () => {
  db = await connected();
  const { rows } = await db.query('SELECT current_user AS who');
  equal(rows, [{ who: login.user }], 'who is connected');
});
await feature('tls', async () => {
  assertEncrypted(db);
  if (!knowsDirectTls) return;
  const direct = await connected({ sslnegotiation: 'direct' });
  assertEncrypted(direct);
  equal(direct.connection.stream.alpnProtocol, 'postgresql', 'the protocol that direct TLS agreed on');
  equal((await direct.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'an answer over direct TLS');
  await direct.end();
});
await feature('channel-binding', () => assertBound(db));
await feature('parameters', async () => {
  const { rows } = await db.query(
    parameterSql((n) => `$${n}`),
    parameterValues,
  );
  sameParameters(rows[0]);
  const found = await db.query('SELECT id FROM customers WHERE id = ANY ($1) ORDER BY id', [[1, 3]]);
  equal(found.rows, [{ id: 1 }, { id: 3 }], 'a look-up by an array');
});
await feature('prepared', async () => {
  for (const id of [1, 3, 1]) {
    const { rows } = await db.query({
      name: 'by id',
      text: 'SELECT id FROM customers WHERE id = $1',
      values: [id],
    });
    equal(rows, [{ id }], 'a named statement');
  }
});
await feature('binary', async () => {
  const { rows } = await db.query({
    text: 'SELECT $1::int AS i, id FROM customers WHERE id = 3',
    values: [7],
    binary: true,
  });
  equal(rows, [{ i: 7, id: 3 }], 'a binary result');
});
await feature('cursors', async () => {
  const cursor = db.query(new Cursor('SELECT g FROM generate_series(1, $1::int) AS g', [250]));
  const sizes = [];
  for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100))
    sizes.push(rows.length);
  equal(sizes, [100, 100, 50], 'rows per read of a suspended portal');
  await cursor.close();
  await db.query('BEGIN');
  await db.query('DECLARE c CURSOR FOR SELECT id FROM customers ORDER BY id');
  const { rows } = await db.query('FETCH 2 FROM c');
  equal(rows.length, 2, 'rows of FETCH');
  await db.query('CLOSE c');
  await db.query('COMMIT');
});
await feature('copy', async () => {
  const lines = Array.from({ length: 500 }, (_, n) => `${900 + n}\tcopied ${n}\t1.50\n`);
  await pipeline(Readable.from(lines), db.query(copyFrom('COPY products (id, name, price) FROM STDIN')));
  let text = '';
  const out = db.query(
    copyTo('COPY (SELECT id, name, price FROM products WHERE id >= 900 ORDER BY id) TO STDOUT'),
  );
  for await (const chunk of out) text += chunk;
  equal(text, lines.join(''), 'what was copied in and out');
  await db.query('DELETE FROM products WHERE id >= 900');
  text = '';
  for await (const chunk of db.query(copyTo('COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT')))
    text += chunk;
  equal(text, emails.map((row) => `${row.join('\t')}\n`).join(''), 'a copy of masked rows');
});
await feature('errors', async () => {
  const error = await refused(
    '23505',
    () => db.query("INSERT INTO products VALUES (1, 'again', 1)"),
    'a duplicate',
  );
  equal(error.constraint, 'products_pkey', 'the constraint of the error');
  const syntax = await refused('42601', () => db.query('SELEC 1'), 'a wrong statement');
  equal(Number(syntax.position) > 0, true, 'a syntax error has a position');
  equal((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'the connection after errors');
});
await feature('transactions', async () => {
  const count = async () =>
    Number((await db.query('SELECT count(*) AS n FROM products WHERE id >= 900')).rows[0].n);
  const insert = (id) => db.query('INSERT INTO products VALUES ($1, $2, 1)', [id, 'in a transaction']);
  await db.query('BEGIN');
  await insert(900);
  await db.query('ROLLBACK');
  equal(await count(), 0, 'rows after a rollback');
  await db.query('BEGIN');
  await insert(900);
  await db.query('SAVEPOINT s');
  await insert(901);
  await refused('23505', () => insert(900), 'a duplicate');
  await refused('25P02', () => db.query('SELECT 1'), 'a statement of a failed transaction');
  await db.query('ROLLBACK TO s');
  await db.query('COMMIT');
  equal(await count(), 1, 'rows after a rollback to a savepoint');
  await db.query('BEGIN');
  await refused('22012', () => db.query('SELECT 1 / 0'), 'a division');
  await db.query('COMMIT');
  await db.query('DELETE FROM products WHERE id >= 900');
  equal(await count(), 0, 'rows at the end');
});
await feature('cancel', async () => {
  const query = new pg.Query(slow);
  const ended = new Promise((resolve, reject) => {
    query.on('error', reject);
    query.on('end', resolve);
  });
  db.query(query);
  cancelSoon(db, query);
  const started = Date.now();
  await refused('57014', () => ended, 'a cancelled statement');
  equal(Date.now() - started < 5000, true, 'a cancel within 5 s');
});
await feature('listen', async () => {
  if (governed) {
    await refused('42501', () => db.query('LISTEN news'), 'LISTEN');
    equal((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'the connection after LISTEN');
    return;
  }
  const heard = new Promise((resolve) => db.once('notification', resolve));
  await db.query('LISTEN news');
  const other = await connected();
  await other.query("SELECT pg_notify('news', 'hello')");
  await other.end();
  const { channel, payload } = await heard;
  equal([channel, payload], ['news', 'hello'], 'the notification');
});
await feature('masked', async () => {
  const { rows } = await db.query({ text: 'SELECT id, email FROM customers ORDER BY id', rowMode: 'array' });
  equal(rows, emails, 'what this login sees');
});
await feature('disconnect', async () => {
  await db.end();
});
