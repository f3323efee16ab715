/** Loads a policy test's fixture inside a transaction that will be rolled back. Must leave nothing behind. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type pg from 'pg';
import { queryText, serverErrorOf } from '../database.js';
import { CommandFailure, EXIT } from '../exit.js';

/** Relative to the working directory, or else to the test file, so that tests run from anywhere. */
export function fixturePath(fixture: string, testFile: string): string {
  const places = [resolve(fixture), resolve(dirname(testFile), fixture)];
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new CommandFailure(EXIT.config, `fixture "${fixture}" of ${testFile} does not exist`, {
      fix: 'write its path relative to the working directory or to the test file',
    });
  }
  return found;
}

/** Runs the script; the caller has begun the transaction. */
export async function loadFixture(client: pg.Client, path: string): Promise<void> {
  const before = await transactionId(client);
  try {
    await client.query(readFileSync(path, 'utf8'));
  } catch (error) {
    const server = serverErrorOf(error);
    if (server === undefined) throw error;
    // 42P07 duplicate_table, 42710 duplicate_object, 42P06 duplicate_schema: it is not an empty database.
    const taken = ['42P07', '42710', '42P06'].includes(server.sqlstate);
    throw new CommandFailure(
      EXIT.findings,
      `fixture ${path} failed with ${server.sqlstate}: ${server.message}`,
      {
        cause: error,
        fix: taken
          ? 'a fixture that creates tables needs a database without them: let catalog.url (or PGVEIL_CATALOG_URL) name an empty one'
          : 'run the script with psql -1 to see where it fails; it must be plain SQL, without psql commands or COPY data',
      },
    );
  }
  if ((await transactionId(client)) !== before) {
    throw new CommandFailure(
      EXIT.config,
      `fixture ${path} ended the transaction, so it stays in the database`,
      {
        fix: 'remove BEGIN, COMMIT and ROLLBACK from the fixture and clean up by hand',
      },
    );
  }
}

async function transactionId(client: pg.Client): Promise<string | null | undefined> {
  const answer = await queryText(client, 'SELECT pg_catalog.pg_current_xact_id()');
  return answer.rows[0]?.[0];
}
