/** A short run of the noninterference soak; `npm run soak:noninterference` runs it for longer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pair } from '../soak/noninterference.js';
import { statisticsScript } from '../soak/scripts.js';
import { unnoticed } from '../support/hidden.js';
import { versionsOfLongTests } from '../support/servers.js';

/** For each of the two roles. */
const statements = Number(process.env['PGVEIL_SOAK_STATEMENTS'] ?? 600) / 2;
const seed = Number(process.env['PGVEIL_SOAK_SEED'] ?? 1);

describe.each(versionsOfLongTests)('random statements on PostgreSQL %i, through the wire', (version) => {
  const pairs: Partial<Record<'support' | 'marketing', Pair>> = {};
  beforeAll(async () => {
    pairs.support = await Pair.start(version, unnoticed.support);
    pairs.marketing = await Pair.start(version, unnoticed.marketing);
  });
  afterAll(async () => {
    await Promise.all(Object.values(pairs).map((pair) => pair.stop()));
  });

  it.each(['support', 'marketing'] as const)(
    'tell %s nothing of what is hidden',
    { timeout: 3_600_000 },
    async (role) => {
      const started = process.hrtime.bigint();
      const result = await pairs[role]!.soak(role, {
        seed,
        statements,
        onProgress: (done) => {
          if (statements > 600 && done % 1_000 === 0) {
            process.stderr.write(`PostgreSQL ${version}, ${role}: ${done}\n`);
          }
        },
      });
      const seconds = Number((process.hrtime.bigint() - started) / 1_000_000_000n);
      if (statements > 600) {
        process.stderr.write(`${JSON.stringify({ version, role, seconds, ...result })}\n`);
      }
      expect(result.leaks.slice(0, 5)).toEqual([]);
      // A soak that only sees errors and refusals proves little.
      expect(result.rows).toBeGreaterThan(statements / 4);
      expect(result.errors).toBeGreaterThan(statements / 50);
      expect(result.refused).toBeLessThan(statements / 8);
    },
  );

  it.each(['support', 'marketing'] as const)(
    'tell %s nothing through the statistics of hidden rows',
    { timeout: 3_600_000 },
    async (role) => {
      await pairs[role]!.analyse();
      const oracles = { seed, statements: Math.ceil(statements / 8), script: statisticsScript };
      const result = await pairs[role]!.soak(role, oracles);
      expect(result.leaks.slice(0, 5)).toEqual([]);
      expect(result.rows).toBeGreaterThan(0);
    },
  );
});
