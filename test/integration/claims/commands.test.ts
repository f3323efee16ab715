/** `explain` and `test` act with attributes, as a session that has claimed them does. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { folderWith, run, type Folder } from '../cli/run.js';
import { bySettings, policyFolder, type PolicyFolder } from './support.js';

let database: TestDatabase;
let folder: Folder;
let policies: PolicyFolder;
beforeAll(async () => {
  database = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
  policies = policyFolder([bySettings]);
  folder = folderWith(`catalog: { url: "${database.url()}" }\npolicies: "${policies.path}"\n`);
});
afterAll(async () => {
  folder.remove();
  policies.remove();
  await database.drop();
});

it.each([
  [['--actor', 'region=EU'], /'EU'/],
  [['--actor', "region=E'U"], /'E''U'/],
  [[], /false/i],
])('explain with %j writes the attribute as a constant of the column', async (actor, expected) => {
  const sql = 'SELECT id FROM tickets';
  const result = await run(['explain', '--role', 'regional', ...actor, sql], { cwd: folder.path });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toMatch(expected);
});

it('a policy test acts as role, purpose and actor', async () => {
  writeFileSync(
    join(policies.path, 'claims.test.yaml'),
    `tests:
  - { name: EU, as: { role: regional, actor: { region: EU, above: 12 } }, sql: SELECT id FROM tickets ORDER BY id, expect: { rows: [[1], [2]] } }
  - { name: typed, as: { role: regional, actor: { above: 12 } }, sql: SELECT id FROM orders ORDER BY id, expect: { rows: [[13], [14]] } }
  - { name: none, as: { role: regional }, sql: SELECT id FROM tickets, expect: { row_count: 0 } }
  - { name: ill typed, as: { role: regional, actor: { above: x } }, sql: SELECT id FROM orders, expect: { error: 22P02 } }
  - { name: purpose, as: { role: seller, purpose: billing }, sql: SELECT count(*) FROM customers, expect: { rows: [[6]] } }
`,
  );
  const result = await run(['test'], { cwd: folder.path });
  expect(result).toMatchObject({ code: 0 });
  expect(result.stdout).toMatch(/5 of 5 policy tests passed/);
});

it('check takes the policy, and knows the roles that may be claimed', async () => {
  const result = await run(['check', '--offline'], { cwd: folder.path });
  expect(result).toMatchObject({ code: 0 });
  expect(result.stdout + result.stderr).not.toMatch(/can ever get the role/);
});
