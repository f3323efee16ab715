/**
 * Records what an ORM sends: `npx tsx scripts/record-orms/record.ts FOLDER [NAME …]`. FOLDER has the node_modules of the
 * package.json beside this file; Python and Ruby come from Debian's packages (see docs/orms.md). Without names, all programs run.
 */
import { writeFile } from 'node:fs/promises';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import type { Corpus } from '../../test/orm-corpus/corpus.js';
import { startRecorder } from './recorder.js';
import { chosen, environmentFor, freshDatabase, run, schema } from './run-program.js';

async function record(name: string, folder: string, server: PostgresServer): Promise<void> {
  await freshDatabase(server, `record_${name}`);
  const recorder = await startRecorder(server.port);
  try {
    const said = await run(
      name,
      folder,
      environmentFor(recorder.port, `record_${name}`, recorder.controlUrl),
    );
    const startups = recorder.startups.map((parameters) =>
      Object.fromEntries(Object.entries(parameters).filter(([key]) => key !== 'user' && key !== 'database')),
    );
    const corpus: Corpus = { ...said, schema, startups, statements: recorder.statements };
    await writeFile(`test/orm-corpus/${name}.json`, `${JSON.stringify(corpus, null, 1)}\n`);
    console.log(`${name}: ${corpus.library} ${corpus.version}, ${corpus.statements.length} statements`);
  } finally {
    recorder.stop();
  }
}

const { folder, names } = await chosen();
const server = await startPostgres({ version: 18 });
try {
  for (const name of names) await record(name, folder, server);
} finally {
  await server.stop();
}
