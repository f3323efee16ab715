/** Cursors over protected tables: every way to move, with the same rows and counts as over what the role sees. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { maskedCopy, type MaskedCopy } from '../support/masked-copy.js';

const moves = [
  'FETCH 1 FROM c',
  'FETCH NEXT FROM c',
  'FETCH 2 FROM c',
  'MOVE 1 FROM c',
  'FETCH PRIOR FROM c',
  'FETCH BACKWARD 2 FROM c',
  'FETCH FIRST FROM c',
  'FETCH LAST FROM c',
  'FETCH ABSOLUTE 2 FROM c',
  'FETCH ABSOLUTE -1 FROM c',
  'FETCH RELATIVE -1 FROM c',
  'MOVE BACKWARD ALL FROM c',
  'FETCH FORWARD ALL FROM c',
  'FETCH RELATIVE 0 FROM c',
  'MOVE FIRST FROM c',
  'MOVE FORWARD ALL IN c',
  'FETCH ALL FROM c',
  'FETCH 0 FROM c',
  'MOVE ABSOLUTE 0 FROM c',
  'FETCH FORWARD 3 FROM c',
] as const;

const cursors = [
  'DECLARE c CURSOR FOR SELECT id, email FROM customers',
  'DECLARE c SCROLL CURSOR FOR SELECT id, email FROM customers ORDER BY id',
  'DECLARE c NO SCROLL CURSOR FOR SELECT id FROM customers ORDER BY id',
  'DECLARE c INSENSITIVE CURSOR FOR SELECT id, notes FROM customers',
  'DECLARE c ASENSITIVE CURSOR WITHOUT HOLD FOR SELECT id FROM customers WHERE id > 1',
  'DECLARE c INSENSITIVE SCROLL CURSOR WITH HOLD FOR SELECT c.id, o.id AS oid FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY 1, 2',
  'DECLARE c CURSOR WITH HOLD FOR TABLE customers',
  'DECLARE "c" CURSOR FOR (SELECT id FROM customers)',
  'DECLARE c CURSOR FOR WITH x AS (SELECT * FROM customers) SELECT id FROM x ORDER BY id',
  'DECLARE c CURSOR FOR SELECT id FROM customers FOR UPDATE',
  'DECLARE c SCROLL CURSOR FOR SELECT id FROM customers FOR UPDATE',
  'DECLARE c CURSOR WITH HOLD FOR SELECT id FROM customers FOR SHARE',
  'DECLARE c CURSOR FOR SELECT id, name FROM products ORDER BY id',
] as const;

describe.each([18, 15] as const)('cursors on PostgreSQL %i', (version) => {
  describe.each(['support', 'marketing'] as const)('as %s', (role) => {
    let real: Governed;
    let copy: MaskedCopy;
    beforeAll(async () => {
      real = await governed(version);
      await real.db.query('GRANT UPDATE ON customers TO PUBLIC');
      copy = await maskedCopy(real, version, role, { denied: ['card_number'] });
    });
    afterAll(async () => {
      await real.close();
      await copy.db.drop();
    });

    const travel = async (
      run: (sql: string) => Promise<pg.QueryResult>,
      declare: string,
    ): Promise<unknown[]> => {
      const seen: unknown[] = [];
      const step = async (sql: string): Promise<void> => {
        const { command, rowCount, rows } = await run(sql);
        seen.push({ sql, command, rowCount, rows: rows as unknown[] });
      };
      await run('BEGIN');
      try {
        await step(declare);
        for (const move of moves) {
          // A cursor that cannot go backward says so, and the next step must find the transaction whole.
          await run('SAVEPOINT s');
          await step(move).catch(async (error: unknown) => {
            seen.push({ sql: move, code: (error as { code?: string }).code });
            await run('ROLLBACK TO s');
          });
        }
        await step('CLOSE c');
      } catch (error) {
        seen.push({ code: (error as { code?: string }).code });
      } finally {
        await run('ROLLBACK');
      }
      return seen;
    };

    it.each(cursors)('%s', async (sql) => {
      const expected = await travel((text) => copy.client.query(text), sql);
      expect(await travel((text) => real.run(text, real.session(role)), sql)).toEqual(expected);
    });

    it('keeps a cursor WITH HOLD behind the transaction', async () => {
      const session = real.session(role);
      await real.run('BEGIN', session);
      await real.run('DECLARE h CURSOR WITH HOLD FOR SELECT id FROM customers ORDER BY id', session);
      await real.run('COMMIT', session);
      expect((await real.run('FETCH 1 FROM h', session)).rows).toEqual([{ id: 1 }]);
      await real.run('CLOSE h', session);
    });

    it('sends binary where it is asked to', async () => {
      const session = real.session(role);
      await real.run('BEGIN', session);
      await real.run('DECLARE b BINARY CURSOR FOR SELECT id, email FROM customers ORDER BY id', session);
      const { fields } = await real.run('FETCH 1 FROM b', session);
      expect(fields.map(({ format }) => format)).toEqual(['binary', 'binary']);
      await real.run('ROLLBACK', session);
    });
  });
});
