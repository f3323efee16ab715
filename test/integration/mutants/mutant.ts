/** A weakened pgveil must be caught by the soak: otherwise "no leak was found" would say nothing. */
import { describe, expect, it } from 'vitest';
import { type GovernedRole, Pair } from '../../soak/noninterference.js';
import { statisticsScript } from '../../soak/scripts.js';
import { canariesMayPass } from '../../support/canary-tap.js';
import { unnoticed } from '../../support/hidden.js';
import { versionsOfLongTests } from '../../support/servers.js';

canariesMayPass('a weakened pgveil leaks on purpose');

/** More than any of the mutants needs by far. */
const ENOUGH = 4_000;

export function expectCaught(
  weakness: string,
  role: GovernedRole,
  options: { readonly both?: string; readonly statistics?: boolean } = {},
): void {
  describe.each(versionsOfLongTests)('the soak on PostgreSQL %i', (version) => {
    it(`catches ${weakness}`, { timeout: 600_000 }, async () => {
      const pair = await Pair.start(version, unnoticed[role], options);
      try {
        if (options.statistics === true) await pair.analyse();
        const { leaks, statements } = await pair.soak(role, {
          seed: 1,
          statements: ENOUGH,
          untilLeak: true,
          ...(options.statistics === true ? { script: statisticsScript } : {}),
        });
        process.stderr.write(`PostgreSQL ${version}: ${weakness} caught after ${statements} statements\n`);
        expect(leaks).toHaveLength(1);
      } finally {
        await pair.stop();
      }
    });
  });
}
