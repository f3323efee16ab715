/** VALID UNTIL means the same whatever way of writing dates the database has. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RolePasswords } from '../../../src/catalog/role-passwords.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';

let db: TestDatabase;

beforeAll(async () => {
  db = await createDatabase(18);
  await db.query(`CREATE ROLE ${db.name}_old LOGIN PASSWORD 'x' VALID UNTIL '2020-02-01'`);
});
afterAll(async () => {
  await db.query(`DROP ROLE ${db.name}_old`);
  await db.drop();
});

async function validUntil(query?: string): Promise<number | undefined> {
  const passwords = new RolePasswords({ url: db.url(), query, timeoutMs: 5_000 });
  try {
    return (await passwords.lookUp(`${db.name}_old`))?.validUntil;
  } finally {
    await passwords.close();
  }
}

it.each(['ISO, MDY', 'SQL, DMY', 'Postgres, MDY', 'German'])('under DateStyle %s', async (style) => {
  await db.query(`ALTER DATABASE ${db.name} SET DateStyle = '${style}'`);
  await db.query(`ALTER DATABASE ${db.name} SET TimeZone = 'UTC'`);
  expect(await validUntil()).toBe(Date.UTC(2020, 1, 1));
});

it('a time that cannot be read lets nobody in', async () => {
  // What a function of the DBA's own may have set for itself.
  await db.query(
    `CREATE FUNCTION style() RETURNS text LANGUAGE sql AS $$ SELECT set_config('DateStyle', 'German', false) $$`,
  );
  const query = `SELECT rolname, rolpassword, rolvaliduntil, style() FROM pg_authid WHERE rolname = $1`;
  await expect(validUntil(query)).rejects.toThrow('no time');
});
