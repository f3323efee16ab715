/**
 * Runs the same programs live through pgveil as the governed log-in crm_support, under the sample policy:
 * `npx tsx scripts/record-orms/live.ts FOLDER [NAME …]`. Each part that fails is printed with its error.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../../src/app.js';
import { startPostgres } from '../../src/cli/launch/postgres.js';
import { loadConfig } from '../../src/config/load.js';
import { chosen, environmentFor, freshDatabase, run } from './run-program.js';

const { folder, names } = await chosen();
const server = await startPostgres({ version: 18 });
const spool = await mkdtemp(join(tmpdir(), 'pgveil-live-'));
try {
  for (const name of names) {
    const database = `live_${name}`;
    await freshDatabase(server, database);
    const loaded = loadConfig({
      env: {},
      flags: {
        'listen.port': '0',
        'admin.port': '0',
        'upstream.host': server.host,
        'upstream.port': String(server.port),
        'catalog.url': `postgres://pgveil_catalog:catalog@${server.host}:${server.port}/${database}`,
        policies: 'policies',
        'audit.spool': join(spool, name),
        'audit.durability': 'relaxed',
      },
    });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const app = await startApp(loaded.config, { version: 'live', logLevel: 'silent' });
    try {
      const said = await run(name, folder, environmentFor(app.ports.proxy, database, ''));
      console.log(`${said.library} ${said.version} (${said.driver})`);
    } finally {
      await app.close();
    }
  }
} finally {
  await server.stop();
  await rm(spool, { recursive: true, force: true });
}
