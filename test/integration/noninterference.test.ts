/** A short run of the noninterference soak; `npm run soak:noninterference` runs it for longer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { soak } from '../soak/noninterference.js';
import { governed, type Governed } from '../support/governed.js';
import { otherPeople, otherSecrets } from '../support/hidden.js';
import { postgresVersions } from '../support/servers.js';

const statements = Number(process.env['PGVEIL_SOAK_STATEMENTS'] ?? 400);
const seed = Number(process.env['PGVEIL_SOAK_SEED'] ?? 1);

describe.each(postgresVersions)('random statements on PostgreSQL %i', (version) => {
  const pairs: Partial<Record<'support' | 'marketing', readonly [Governed, Governed]>> = {};
  beforeAll(async () => {
    const plain = await governed(version);
    pairs.support = [plain, await governed(version, { setup: otherSecrets })];
    pairs.marketing = [plain, await governed(version, { setup: otherSecrets + otherPeople })];
  });
  afterAll(async () => {
    await Promise.all([...new Set(Object.values(pairs).flat())].map((each) => each.close()));
  });

  it.each(['support', 'marketing'] as const)(
    'tell %s nothing of what is hidden',
    { timeout: 3_600_000 },
    async (role) => {
      const result = await soak(pairs[role]!, role, {
        seed,
        statements,
        onProgress: (done) => {
          if (statements > 1_000) process.stderr.write(`PostgreSQL ${version}, ${role}: ${done}\n`);
        },
      });
      if (statements > 1_000) process.stderr.write(`${JSON.stringify({ version, role, ...result })}\n`);
      expect(result.leaks.slice(0, 5)).toEqual([]);
      // A soak that only sees errors and refusals proves little.
      expect(result.rows).toBeGreaterThan(statements / 4);
      expect(result.errors).toBeGreaterThan(statements / 50);
      expect(result.refused).toBeLessThan(statements / 20);
    },
  );
});
