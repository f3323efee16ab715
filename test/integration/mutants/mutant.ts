/** A weakened pgveil must be caught by the soak: otherwise "no leak was found" would say nothing. */
import { describe, expect, it } from 'vitest';
import { type GovernedRole, Pair } from '../../soak/noninterference.js';
import { otherPeople, otherSecrets } from '../../support/hidden.js';
import { canariesMayPass } from '../../support/canary-tap.js';
import { postgresVersions } from '../../support/servers.js';

canariesMayPass('a weakened pgveil leaks on purpose');

/** More than any of the mutants needs by far. */
const ENOUGH = 4_000;

export function expectCaught(
  weakness: string,
  role: GovernedRole,
  options: { readonly both?: string; readonly seed?: number } = {},
): void {
  describe.each(postgresVersions)('the soak on PostgreSQL %i', (version) => {
    it(`catches ${weakness}`, { timeout: 600_000 }, async () => {
      const pair = await Pair.start(
        version,
        role === 'support' ? otherSecrets : otherSecrets + otherPeople,
        options,
      );
      try {
        const { leaks, statements } = await pair.soak(role, {
          seed: options.seed ?? 1,
          statements: ENOUGH,
          untilLeak: true,
        });
        process.stderr.write(`PostgreSQL ${version}: ${weakness} caught after ${statements} statements\n`);
        expect(leaks).toHaveLength(1);
      } finally {
        await pair.stop();
      }
    });
  });
}
