/** Views of counters that ORMs read for names: the names show, and no counter does, not even in conditions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';

describe.each([18, 15] as const)('views of counters on PostgreSQL %i', (version) => {
  let g: Governed;
  beforeAll(async () => {
    g = await governed(version);
  });
  afterAll(() => g.close());

  it.each([
    ['pg_stat_user_indexes', ['relid', 'indexrelid', 'schemaname', 'relname', 'indexrelname']],
    ['pg_statio_all_tables', ['relid', 'schemaname', 'relname']],
  ] as const)('%s shows names alone', async (view, names) => {
    await g.raw('SELECT count(*) FROM customers WHERE id = 1', 'support');
    await g.raw('SELECT pg_stat_force_next_flush()', 'support');
    const { rows } = await g.run(`SELECT * FROM ${view} WHERE relname = 'customers'`, g.session('support'));
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows as Record<string, unknown>[]) {
      const shown = Object.keys(row).filter((name) => row[name] !== null);
      expect(shown).toEqual(names);
    }
  });

  it('cannot be asked for counts in a condition or as a whole row', async () => {
    const session = g.session('marketing');
    for (const sql of [
      'SELECT 1 FROM pg_stat_user_indexes WHERE idx_scan >= 0',
      'SELECT 1 FROM pg_statio_all_tables WHERE heap_blks_hit + heap_blks_read >= 0',
    ]) {
      expect((await g.run(sql, session)).rowCount).toBe(0);
    }
    const whole = await g.run(
      "SELECT to_jsonb(s) AS s FROM pg_stat_user_indexes s WHERE relname = 'customers'",
      session,
    );
    for (const { s } of whole.rows as { s: Record<string, unknown> }[]) {
      expect(s).toMatchObject({ idx_scan: null, idx_tup_read: null, idx_tup_fetch: null });
    }
  });
});
