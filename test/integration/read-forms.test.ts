/**
 * Reads in every form: the answer over the real tables is what the server gives over tables that hold what the role sees,
 * with the same names, types and order.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { maskedCopy, observed, typeNames, type MaskedCopy, type TypeNames } from '../support/masked-copy.js';
import { newForms, readForms, refusedForms, readPolicy, readSetup, readTables } from './read-forms.js';

describe.each([18, 15] as const)('reads on PostgreSQL %i', (version) => {
  describe.each(['support', 'marketing'] as const)('as %s', (role) => {
    let real: Governed;
    let copy: MaskedCopy;
    let realTypes: TypeNames;
    let copyTypes: TypeNames;
    beforeAll(async () => {
      real = await governed(version, { setup: readSetup, policy: readPolicy });
      copy = await maskedCopy(real, version, role, {
        setup: readSetup,
        tables: readTables,
        denied: ['card_number'],
      });
      await copy.client.query('TRUNCATE ONLY letters; REFRESH MATERIALIZED VIEW m_people');
      for (const { id, customer_id: key, body } of (
        await real.run('SELECT * FROM ONLY letters', real.session(role))
      ).rows as Record<string, unknown>[]) {
        await copy.client.query('INSERT INTO letters VALUES ($1, $2, $3)', [id, key, body]);
      }
      realTypes = await typeNames(await real.db.connect());
      copyTypes = await typeNames(copy.client);
    });
    afterAll(async () => {
      await real.close();
      await copy.db.drop();
    });

    const forms = Object.entries(readForms).flatMap(([what, list]) =>
      list.map((sql): [string, string] => [what, sql]),
    );
    const newer = version >= 17 ? newForms.map((sql): [string, string] => ['newer SQL', sql]) : [];
    it.each([...forms, ...newer])('%s: %s', async (_what, sql) => {
      const direct = (): Promise<pg.QueryResult> => copy.client.query({ text: sql, rowMode: 'array' });
      const expected = await observed(direct, copyTypes);
      const got = await observed(() => real.run(sql, real.session(role), undefined, 'array'), realTypes);
      expect(got).toEqual(expected);
    });

    it.each(refusedForms)('refuses %s', async (sql, message) => {
      const run = real.run(sql, real.session(role));
      await expect(run).rejects.toBeInstanceOf(Refused);
      await expect(run).rejects.toThrow(message);
    });
  });
});
