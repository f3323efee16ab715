/** What psql and pg_dump ask of the catalogs, through the real proxy by a governed login: the answers are the server's own. */
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';

/** More kinds of objects than the CRM has, for the commands that list them. */
const objects = `
  CREATE SCHEMA extra;
  CREATE TYPE extra.mood AS ENUM ('glad', 'sad');
  CREATE TYPE extra.pair AS (a int, b text);
  CREATE DOMAIN extra.short AS varchar(9) CHECK (length(VALUE) > 0);
  CREATE TABLE extra.events (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, mood extra.mood DEFAULT 'glad',
    code extra.short, twice int GENERATED ALWAYS AS (2 * 3) STORED, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE extra.events_2025 PARTITION OF extra.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE extra.events_rest PARTITION OF extra.events DEFAULT;
  CREATE TABLE extra.parent (a int CHECK (a > 0));
  CREATE TABLE extra.child (b text COLLATE "C") INHERITS (extra.parent);
  CREATE INDEX child_b ON extra.child (lower(b)) WHERE b IS NOT NULL;
  CREATE STATISTICS extra.child_stats ON a, b FROM extra.child;
  CREATE MATERIALIZED VIEW extra.seen AS SELECT at, count(*) FROM extra.events GROUP BY at;
  CREATE VIEW extra.glad AS SELECT id, at FROM extra.events WHERE mood = 'glad' WITH LOCAL CHECK OPTION;
  CREATE FUNCTION extra.twice(n int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
  CREATE FUNCTION extra.noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
  CREATE FUNCTION extra.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
  CREATE TRIGGER touched BEFORE UPDATE ON extra.parent FOR EACH ROW EXECUTE FUNCTION extra.touch();
  CREATE RULE kept AS ON DELETE TO extra.parent DO INSTEAD NOTHING;
  ALTER TABLE extra.parent ENABLE ROW LEVEL SECURITY;
  CREATE POLICY all_rows ON extra.parent USING (true);
  CREATE PUBLICATION extra_publication FOR TABLE extra.child;
  COMMENT ON TABLE extra.parent IS 'a parent';
  GRANT USAGE ON SCHEMA extra TO crm_support;
  GRANT SELECT ON ALL TABLES IN SCHEMA extra TO crm_support;
`;
/** What only a superuser may make. */
const superuserObjects = `
  CREATE EXTENSION postgres_fdw;
  CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'localhost', dbname 'nowhere');
  CREATE USER MAPPING FOR crm_support SERVER far OPTIONS (user 'u', password 'hunter2');
  CREATE FOREIGN TABLE extra.distant (id int) SERVER far OPTIONS (table_name 't');
  CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION extra.noted();
`;

const commands = [
  String.raw`\d`,
  String.raw`\d customers`,
  String.raw`\d+ orders`,
  String.raw`\d customer_directory`,
  String.raw`\d+ customer_directory`,
  String.raw`\d extra.*`,
  String.raw`\d+ extra.*`,
  String.raw`\d customers_id_seq`,
  String.raw`\d extra.distant`,
  String.raw`\dt`,
  String.raw`\dt *.*`,
  String.raw`\di extra.*`,
  String.raw`\dv *.*`,
  String.raw`\dm extra.*`,
  String.raw`\ds *.*`,
  String.raw`\dE *.*`,
  String.raw`\dtvmsE`,
  String.raw`\da`,
  String.raw`\dA`,
  String.raw`\dA+`,
  String.raw`\dAc`,
  String.raw`\dAf`,
  String.raw`\dAo btree integer_ops`,
  String.raw`\dAp btree integer_ops`,
  String.raw`\db`,
  String.raw`\dc`,
  String.raw`\dC`,
  String.raw`\dC+`,
  String.raw`\dd`,
  String.raw`\dD extra.*`,
  String.raw`\dD+ extra.*`,
  String.raw`\ddp`,
  String.raw`\des`,
  String.raw`\det`,
  String.raw`\det+ *.*`,
  String.raw`\dew`,
  String.raw`\dew+`,
  String.raw`\df extra.*`,
  String.raw`\df+ extra.*`,
  String.raw`\dF`,
  String.raw`\dF+ english`,
  String.raw`\dFd`,
  String.raw`\dFp`,
  String.raw`\dFp+`,
  String.raw`\dFt`,
  String.raw`\dg`,
  String.raw`\du`,
  String.raw`\du+`,
  String.raw`\dL`,
  String.raw`\dL+`,
  String.raw`\dn`,
  String.raw`\dn+`,
  String.raw`\do extra.*`,
  String.raw`\do +`,
  String.raw`\dO`,
  String.raw`\dO+ pg_catalog.C`,
  String.raw`\dp`,
  String.raw`\z extra.*`,
  String.raw`\dP *.*`,
  // Other tests make databases and settings of their own meanwhile, so these three look at what stays.
  String.raw`\drds pgveil_catalog`,
  String.raw`\dRp`,
  String.raw`\dRp+`,
  String.raw`\dT extra.*`,
  String.raw`\dT+ extra.*`,
  String.raw`\dx`,
  String.raw`\dx+ postgres_fdw`,
  String.raw`\dX *.*`,
  String.raw`\dy`,
  String.raw`\dconfig search_path`,
  String.raw`\l template?`,
  String.raw`\sf extra.twice`,
  String.raw`\sf+ extra.twice(int)`,
  String.raw`\sv customer_directory`,
  String.raw`\sv+ extra.glad`,
  String.raw`\encoding`,
  String.raw`SELECT 1 AS one \gdesc`,
];

/** The same with sizes, which are left blank for governed sessions; so the texts differ. */
const withSizes = [
  String.raw`\d+`,
  String.raw`\dt+`,
  String.raw`\di+ extra.*`,
  String.raw`\dm+ extra.*`,
  String.raw`\ds+`,
  String.raw`\dv+`,
  String.raw`\dP+ *.*`,
  String.raw`\db+`,
  String.raw`\l+ template?`,
  String.raw`\des+`,
  String.raw`\deu`,
  String.raw`\deu+`,
];

interface Said {
  readonly out: string;
  readonly err: string;
}

function say(
  program: string,
  port: number,
  database: string,
  args: readonly string[],
  input = '',
): Promise<Said> {
  const env = { PATH: process.env['PATH'] ?? '', PGPASSWORD: passwords.crm_support, PGSSLMODE: 'disable' };
  const where = ['-h', '127.0.0.1', '-p', String(port), '-U', 'crm_support', '-d', database];
  return new Promise((resolve) => {
    const child = execFile(program, [...where, ...args], { env, maxBuffer: 1 << 26 }, (_error, out, err) => {
      resolve({ out, err });
    });
    child.stdin?.end(input);
  });
}

/** What psql prints for each command, and the first line of each error with the command's place. */
async function answersOf(
  port: number,
  database: string,
): Promise<{ by: ReadonlyMap<string, string>; errors: string[] }> {
  const all = [...commands, ...withSizes];
  const script = all.map((command, place) => `\\echo <<<${place}>>>\n${command}\n`).join('');
  const { out, err } = await say('psql', port, database, ['-X', '-P', 'pager=off', '-f', '-'], script);
  const sections = out.split(/^<<<\d+>>>\n/m).slice(1);
  const by = new Map(all.map((command, place) => [command, sections[place]!]));
  if (sections.length !== all.length) throw new Error(`psql did not come to its last command: ${err}`);
  return { by, errors: err.split('\n').filter((line) => line.includes('ERROR')) };
}

/** The mistakes of an older psql in front of a newer server, and privileges that sizes would need. */
const expectedErrors = /column .*iculocale does not exist|permission denied for tablespace pg_global/;

describe.each([15, 18] as const)('PostgreSQL %i', (version) => {
  let proxy: Proxy;
  let ours: Awaited<ReturnType<typeof answersOf>>;
  let theirs: Awaited<ReturnType<typeof answersOf>>;

  beforeAll(async () => {
    proxy = await startProxy(version);
    await proxy.db.query(objects, 'crm_admin');
    await proxy.db.query(superuserObjects);
    theirs = await answersOf(proxy.db.port, proxy.db.name);
    ours = await answersOf(proxy.app.ports.proxy, proxy.db.name);
  });
  afterAll(() => proxy.stop());

  it('gives psql no error that the server would not give', () => {
    expect(theirs.errors.filter((line) => !expectedErrors.test(line))).toEqual([]);
    expect(ours.errors).toEqual(theirs.errors.filter((line) => !line.includes('pg_global')));
  });

  it.each(commands)('answers %s as the server does', (command) => {
    expect(ours.by.get(command)).toBe(theirs.by.get(command));
  });

  it.each(withSizes)('answers %s, sizes and secrets left blank', (command) => {
    const answer = ours.by.get(command)!;
    expect(answer).not.toMatch(/\d (bytes|kB|MB)|hunter2/);
    // The server itself refuses crm_support the size of a tablespace.
    if (command === '\\db+') return;
    expect(answer.split('\n').length).toBe(theirs.by.get(command)!.split('\n').length);
  });

  // Debian's pg_dump is of version 15, and refuses a newer server.
  if (version !== 15) return;
  it('lets pg_dump --schema-only write what it writes past the proxy', async () => {
    const dump = (port: number): Promise<Said> => say('pg_dump', port, proxy.db.name, ['--schema-only']);
    const [through, past] = [await dump(proxy.app.ports.proxy), await dump(proxy.db.port)];
    // \restrict carries a random key; options of foreign servers and user mappings may be passwords.
    const comparable = (text: string): string =>
      text
        .replace(/^\\(un)?restrict .*$/gm, '')
        .replace(/ OPTIONS \([^)]*\)/g, '')
        .replace(/\s+/g, ' ');
    expect(through.err).toBe(past.err);
    expect(comparable(through.out)).toBe(comparable(past.out));
    expect(through.out).toContain('CREATE TABLE public.customers');
    expect(through.out).not.toContain('hunter2');
  });
});
