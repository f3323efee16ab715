// postgres.js, a driver of its own.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkServerIdentity } from 'node:tls';
import postgres from 'postgres';
import {
  emails,
  encrypted,
  equal,
  feature,
  governed,
  knowsDirectTls,
  login,
  notAvailable,
  parameterSql,
  parameterValues,
  refused,
  sameParameters,
  slow,
  ssl,
} from './report.mjs';

/** Hosts whose certificates were verified: the driver does not hand out its sockets. */
const verified = [];
const settings = {
  ...login,
  ssl: encrypted && {
    ...ssl,
    checkServerIdentity(host, certificate) {
      const wrong = checkServerIdentity(host, certificate);
      if (wrong === undefined) verified.push(host);
      return wrong;
    },
  },
  max: 2,
  onnotice: () => undefined,
};
const db = postgres(settings);
const insert = (on, id) => on`INSERT INTO products ${on({ id, name: 'a name', price: 1 })}`;
const countNew = async () => (await db`SELECT count(*)::int AS n FROM products WHERE id >= 900`)[0].n;

class RollBack extends Error {}
async function rolledBack(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
}

await feature('connect', async () => {
  equal(await db`SELECT current_user::text AS who`, [{ who: login.user }], 'who is connected');
});
await feature('tls', async () => {
  if (!encrypted) notAvailable('no TLS in this setting');
  equal(verified[0], login.host, 'the host whose certificate was verified');
  if (!knowsDirectTls) return;
  const direct = postgres({ ...settings, sslnegotiation: 'direct' });
  equal(await direct`SELECT 1 AS one`, [{ one: 1 }], 'an answer over direct TLS');
  await direct.end();
});
await feature('channel-binding', () => {
  notAvailable(encrypted ? 'the driver has no channel binding' : 'no TLS in this setting');
});
await feature('parameters', async () => {
  const rows = await db.unsafe(
    parameterSql((n) => `$${n}`),
    parameterValues,
  );
  sameParameters(rows[0]);
  const found = await db`SELECT id FROM customers WHERE id IN ${db([1, 3])} ORDER BY id`;
  equal(found, [{ id: 1 }, { id: 3 }], 'a look-up by a list');
});
await feature('prepared', async () => {
  // One text is one named statement of the driver's; describe() looks at it again.
  const byId = (id) => db`SELECT id FROM customers WHERE id = ${id}`;
  const one = await db.reserve();
  for (const id of [1, 3, 1])
    equal(await one`SELECT id FROM customers WHERE id = ${id}`, [{ id }], 'a named statement');
  one.release();
  const { types, columns } = await byId(1).describe();
  equal(
    [types, columns.map(({ name, type }) => [name, type])],
    [[23], [['id', 23]]],
    'a described statement',
  );
});
await feature('binary', () => notAvailable('the driver asks for text alone'));
await feature('cursors', async () => {
  const sizes = [];
  for await (const rows of db`SELECT g FROM generate_series(1, ${250}::int) AS g`.cursor(100))
    sizes.push(rows.length);
  equal(sizes, [100, 100, 50], 'rows per execution of a portal');
  for await (const [row] of db`SELECT id FROM customers ORDER BY id`.cursor(1)) {
    equal(row, { id: 1 }, 'the first row of a cursor that is closed early');
    break;
  }
  await db.begin(async (tx) => {
    await tx`DECLARE c CURSOR FOR SELECT id FROM customers ORDER BY id`;
    equal((await tx`FETCH 2 FROM c`).length, 2, 'rows of FETCH');
  });
});
await feature('copy', async () => {
  const lines = Array.from({ length: 200 }, (_, n) => `${900 + n}\tcopied ${n}\t1.50\n`);
  await pipeline(Readable.from(lines), await db`COPY products (id, name, price) FROM STDIN`.writable());
  const read = async (stream) => {
    let text = '';
    for await (const chunk of stream) text += chunk;
    return text;
  };
  const copied = db`COPY (SELECT id, name, price FROM products WHERE id >= 900 ORDER BY id) TO STDOUT`;
  equal(await read(await copied.readable()), lines.join(''), 'what was copied in and out');
  await db`DELETE FROM products WHERE id >= 900`;
  const seen = await read(await db`COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT`.readable());
  equal(seen, emails.map((row) => `${row.join('\t')}\n`).join(''), 'a copy of masked rows');
});
await feature('errors', async () => {
  await insert(db, 900);
  const error = await refused('23505', () => insert(db, 900), 'a duplicate');
  equal(error.constraint_name, 'products_pkey', 'the constraint of the error');
  await db`DELETE FROM products WHERE id >= 900`;
  const syntax = await refused('42601', () => db`SELEC 1`, 'a wrong statement');
  equal(Number(syntax.position) > 0, true, 'a syntax error has a position');
  equal(await db`SELECT 1 AS one`, [{ one: 1 }], 'the connection after errors');
});
await feature('transactions', async () => {
  await rolledBack(() =>
    db.begin(async (tx) => {
      await insert(tx, 900);
      throw new RollBack();
    }),
  );
  equal(await countNew(), 0, 'rows after a rollback');
  await db.begin(async (tx) => {
    await insert(tx, 900);
    await rolledBack(() =>
      tx.savepoint(async (inner) => {
        await insert(inner, 901);
        await refused('23505', () => insert(inner, 900), 'a duplicate');
        await refused('25P02', () => inner`SELECT 1`, 'a statement of a failed transaction');
        throw new RollBack();
      }),
    );
  });
  equal(await countNew(), 1, 'rows after a rollback to a savepoint');
  // Two statements in one flight: the driver pipelines what a transaction returns as a list.
  const both = await db.begin((tx) => [tx`DELETE FROM products WHERE id >= 900`, tx`SELECT 2 AS two`]);
  equal(both[1], [{ two: 2 }], 'the second of two pipelined statements');
  equal(await countNew(), 0, 'rows at the end');
});
await feature('cancel', async () => {
  const query = db.unsafe(slow);
  setTimeout(() => query.cancel(), 300);
  const started = Date.now();
  await refused('57014', () => query, 'a cancelled statement');
  equal(Date.now() - started < 5000, true, 'a cancel within 5 s');
});
await feature('listen', async () => {
  if (governed) {
    await refused('42501', () => db`LISTEN news`, 'LISTEN');
    equal(await db`SELECT 1 AS one`, [{ one: 1 }], 'the connection after LISTEN');
    return;
  }
  const heard = new Promise((resolve) => {
    db.listen('news', resolve).then(() => db.notify('news', 'hello'));
  });
  equal(await heard, 'hello', 'the notification');
});
await feature('masked', async () => {
  equal(await db`SELECT id, email FROM customers ORDER BY id`.values(), emails, 'what this login sees');
});
await feature('disconnect', () => db.end());
