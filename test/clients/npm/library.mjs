// Takes a library over node-postgres through the features. What the library has no interface for is done on the driver's client
// that it hands out; what it has is done by its own means.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import { assertBound, assertEncrypted, cancelSoon } from './driver.mjs';
import {
  emails,
  equal,
  feature,
  governed,
  login,
  notAvailable,
  parameterSql,
  parameterValues,
  refused,
  sameParameters,
  slow,
} from './report.mjs';

/** Thrown to make a library roll back. */
export class RollBack extends Error {}

export async function rolledBack(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
}

/**
 * library:
 *   raw(sql, values)     rows as objects, by its own raw query; `mark(n)` writes its n-th parameter
 *   onDriver(work)       hands a client of the driver to work
 *   emails()             [id, email] of every customer, by its own query builder or model
 *   idOf(id)             the id of the customer with that id, by its own means
 *   insert(tx, id)       inserts the product with that id, by its own means; tx is undefined outside of a transaction
 *   remove()             deletes the products from 900 on
 *   count()              how many those are
 *   transaction(work)    runs work(tx) in a transaction, and rolls back what throws
 *   savepoint(tx, work)  the same within tx, as far as the library knows savepoints
 *   stream(sql)          reads rows one by one, where it can; the driver's cursor otherwise
 *   prepared(id)         as idOf, by a named statement, where it can; `preparedAbsent` says why not otherwise
 *   unbound              why the library cannot ask the driver for channel binding, where it cannot
 *   close()
 */
export async function tryLibrary(library) {
  const mark = library.mark ?? ((n) => `$${n}`);

  await feature('connect', async () => {
    equal(
      await library.raw('SELECT current_user::text AS who', []),
      [{ who: login.user }],
      'who is connected',
    );
  });
  await feature('tls', () => library.onDriver(assertEncrypted));
  await feature('channel-binding', async () => {
    if (library.unbound) notAvailable(library.unbound);
    await library.onDriver(assertBound);
  });
  await feature('parameters', async () => {
    const [row] = await library.raw(parameterSql(mark), library.values ?? parameterValues);
    sameParameters(row);
    equal(await library.idOf(3), 3, 'a look-up by key');
  });
  await feature('prepared', async () => {
    if (library.preparedAbsent) notAvailable(library.preparedAbsent);
    for (const id of [1, 3, 1]) equal(await library.prepared(id), id, 'a named statement');
  });
  await feature('binary', () =>
    library.onDriver(async (client) => {
      const text = 'SELECT $1::int AS i, id FROM customers WHERE id = 3';
      const { rows } = await client.query({ text, values: [7], binary: true, types: pg.types });
      equal(rows, [{ i: 7, id: 3 }], 'a binary result, of the driver');
    }),
  );
  await feature('cursors', async () => {
    if (library.stream) {
      const seen = [];
      for await (const { g } of await library.stream('SELECT g FROM generate_series(1, 250) AS g'))
        seen.push(g);
      equal([seen.length, seen[0], seen.at(-1)], [250, 1, 250], 'rows of a stream');
      return;
    }
    await library.onDriver(async (client) => {
      const cursor = client.query(new Cursor('SELECT g FROM generate_series(1, $1::int) AS g', [250]));
      const sizes = [];
      for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100))
        sizes.push(rows.length);
      await cursor.close();
      equal(sizes, [100, 100, 50], "rows per read of the driver's cursor");
    });
  });
  await feature('copy', () => library.onDriver(copies));
  await feature('errors', async () => {
    await library.insert(undefined, 900);
    await refused('23505', () => library.insert(undefined, 900), 'a duplicate');
    await library.remove();
    await refused('42601', () => library.raw('SELEC 1', []), 'a wrong statement');
    equal(await library.raw('SELECT 1 AS one', []), [{ one: 1 }], 'the library after errors');
  });
  await feature('transactions', async () => {
    await rolledBack(() =>
      library.transaction(async (tx) => {
        await library.insert(tx, 900);
        throw new RollBack();
      }),
    );
    equal(await library.count(), 0, 'rows after a rollback');
    await library.transaction(async (tx) => {
      await library.insert(tx, 900);
      await rolledBack(() =>
        library.savepoint(tx, async (inner) => {
          await library.insert(inner, 901);
          await refused('23505', () => library.insert(inner, 900), 'a duplicate');
          await refused('25P02', () => library.insert(inner, 902), 'a statement of a failed transaction');
          throw new RollBack();
        }),
      );
    });
    equal(await library.count(), 1, 'rows after a rollback to a savepoint');
    await library.remove();
    equal(await library.count(), 0, 'rows at the end');
  });
  await feature('cancel', () =>
    library.onDriver(async (client) => {
      const query = new pg.Query(slow);
      const ended = new Promise((resolve, reject) => {
        query.on('error', reject);
        query.on('end', resolve);
      });
      client.query(query);
      cancelSoon(client, query);
      const started = Date.now();
      await refused('57014', () => ended, 'a cancelled statement');
      equal(Date.now() - started < 5000, true, 'a cancel within 5 s');
    }),
  );
  await feature('listen', () => library.onDriver(listens));
  await feature('masked', async () => {
    equal(await library.emails(), emails, 'what this login sees');
  });
  await feature('disconnect', () => library.close());
}

async function copies(client) {
  const lines = Array.from({ length: 200 }, (_, n) => `${900 + n}\tcopied ${n}\t1.50\n`);
  await pipeline(Readable.from(lines), client.query(copyFrom('COPY products (id, name, price) FROM STDIN')));
  const read = async (sql) => {
    let text = '';
    for await (const chunk of client.query(copyTo(sql))) text += chunk;
    return text;
  };
  const copied = 'COPY (SELECT id, name, price FROM products WHERE id >= 900 ORDER BY id) TO STDOUT';
  equal(await read(copied), lines.join(''), 'what was copied in and out');
  await client.query('DELETE FROM products WHERE id >= 900');
  const seen = await read('COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT');
  equal(seen, emails.map((row) => `${row.join('\t')}\n`).join(''), 'a copy of masked rows');
}

async function listens(client) {
  if (governed) {
    await refused('42501', () => client.query('LISTEN news'), 'LISTEN');
    equal((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'the connection after LISTEN');
    return;
  }
  const heard = new Promise((resolve) => client.once('notification', resolve));
  await client.query('LISTEN news');
  await client.query("SELECT pg_notify('news', 'hello')");
  const { channel, payload } = await heard;
  equal([channel, payload], ['news', 'hello'], 'the notification');
  await client.query('UNLISTEN news');
}
