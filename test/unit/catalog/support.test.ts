import { describe, expect, it } from 'vitest';
import { createDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';

describe.each(postgresVersions)('the run’s PostgreSQL %i', (version) => {
  it('gives a test a CRM of its own, and its roles their rights', async () => {
    const database = await createDatabase(version, { fixture: 'fixtures/crm.sql' });
    try {
      const shown = await database.query(
        `SELECT current_setting('server_version_num')::int / 10000 AS major`,
      );
      expect(shown.rows).toEqual([{ major: version }]);
      for (const role of ['crm_admin', 'crm_support', 'crm_marketing'] as const) {
        const result = await database.query('SELECT count(*)::int AS n FROM customers', role);
        expect(result.rows).toEqual([{ n: 6 }]);
      }
      await expect(database.query('SELECT FROM customers', 'pgveil_catalog')).rejects.toMatchObject({
        code: '42501',
      });
    } finally {
      await database.drop();
    }
  });
});
