/** The server is the oracle: names must resolve to the relations that PostgreSQL itself finds (DESIGN 4). */
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog } from '../../src/catalog/load.js';
import type { Catalog } from '../../src/catalog/types.js';
import { resolve } from '../../src/resolve/resolve.js';
import type { ResolvedStatement } from '../../src/resolve/types.js';
import { toByteString } from '../../src/sql/byte-string.js';
import { lex } from '../../src/sql/lexer.js';
import { openParser } from '../../src/sql/parse.js';
import type { Parser } from '../../src/sql/parse.js';
import { createDatabase } from '../support/databases.js';
import type { TestDatabase } from '../support/databases.js';
import { postgresVersions } from '../support/servers.js';
import { readByServer } from './resolve-corpus/oracle.js';
import { corpus } from './resolve-corpus/statements.js';

let parser: Parser;
beforeAll(async () => {
  parser = await openParser();
});
afterAll(() => parser.close());

function resolveText(
  sql: string,
  catalog: Catalog,
  searchPath: readonly string[],
): ResolvedStatement | string {
  const lexed = lex(toByteString(sql));
  if (!lexed.ok) return lexed.problem.message;
  const parsed = parser.parse(lexed.lexed);
  if (!parsed.ok) return parsed.problem.message;
  const outcome = resolve(parsed.statements[0]!, catalog, searchPath);
  return outcome.ok ? outcome.resolved : JSON.stringify(outcome.problem);
}

describe.each(postgresVersions)('resolution against PostgreSQL %i', (version) => {
  let database: TestDatabase;
  let client: pg.Client;
  let catalog: Catalog;

  beforeAll(async () => {
    database = await createDatabase(version, { fixture: 'fixtures/crm.sql' });
    client = await database.connect();
    await client.query(readFileSync(new URL('resolve-corpus/schema.sql', import.meta.url), 'utf8'));
    catalog = await loadCatalog(client);
  });
  afterAll(() => database.drop());

  it(
    'finds the same relations, output names and column origins as the server',
    { timeout: 120_000 },
    async ({ annotate }) => {
      const mismatches: string[] = [];
      const rejected: string[] = [];
      let matched = 0;
      let origins = 0;
      let missed = 0;
      for (const { sql, searchPath } of corpus()) {
        let server;
        try {
          server = await readByServer(client, sql, searchPath);
        } catch (error) {
          rejected.push(`${sql} [${searchPath.join()}]: ${String(error)}`);
          continue;
        }
        const ours = resolveText(sql, catalog, searchPath);
        if (typeof ours === 'string') {
          mismatches.push(`${sql} [${searchPath.join()}]: refused, ${ours}`);
          continue;
        }
        const relations = ours.relations.map((use) => use.relation.oid).sort((x, y) => x - y);
        if (relations.join() !== server.relations.join()) {
          mismatches.push(
            `${sql} [${searchPath.join()}]: relations ${relations.join()} for ${server.relations.join()}`,
          );
          continue;
        }
        matched += 1;
        if (ours.outputs === undefined) continue;
        const names = ours.outputs.map((output) => output.name).join();
        const serverNames = server.outputs.map((output) => output.name).join();
        if (names !== serverNames) mismatches.push(`${sql}: outputs ${names} for ${serverNames}`);
        for (const [index, { lineage, name }] of ours.outputs.entries()) {
          const origin =
            lineage.kind === 'column' ? `${lineage.use.relation.oid}:${lineage.attnum}` : undefined;
          const expected = server.outputs[index]?.origin;
          if (origin === expected) origins += origin === undefined ? 0 : 1;
          else if (origin === undefined) {
            missed += 1;
            if (process.env['ORACLE_VERBOSE']) console.log('missed origin', name, sql);
          } else mismatches.push(`${sql}: "${name}" comes from ${origin} for ${String(expected)}`);
        }
      }
      await annotate(
        `PostgreSQL ${version}: ${matched} statements and ${origins} column origins match, ${missed} origins left open`,
      );
      if (process.env['ORACLE_VERBOSE']) console.log({ version, matched, origins, missed, rejected });
      expect(mismatches).toEqual([]);
      expect(rejected).toEqual([]);
      expect(matched).toBeGreaterThanOrEqual(400);
      expect(origins).toBeGreaterThan(300);
    },
  );
});
