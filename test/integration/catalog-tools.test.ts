/** What drivers, ORMs and administration tools ask of the catalogs works for a governed login (DESIGN 5.5). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { toolStatements } from './catalog-tools/statements.js';

describe.each([15, 18] as const)('PostgreSQL %i', (version) => {
  let on: Governed;

  beforeAll(async () => {
    on = await governed(version);
  });
  afterAll(() => on.close());

  describe.each(toolStatements)('$tool', ({ equal, blank = [] }) => {
    it.each(equal)('gets what the server answers: %s', async (sql) => {
      const [ours, theirs] = [await on.run(sql, on.session('support')), await on.raw(sql, 'support')];
      expect(ours.rows).toEqual(theirs.rows);
    });

    it.each(blank)('gets an answer: %s', async (sql) => {
      const [ours, theirs] = [await on.run(sql, on.session('support')), await on.raw(sql, 'support')];
      expect(ours.fields.map((field) => field.name)).toEqual(theirs.fields.map((field) => field.name));
    });
  });
});
