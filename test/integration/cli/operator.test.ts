/** What whoever sets pgveil up is told when something is not as it should be. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { folderWith, run, start, type Folder } from './run.js';

let database: TestDatabase;
let certificates: Certificates;
let folder: Folder;

beforeAll(async () => {
  [database, certificates] = await Promise.all([
    createDatabase(15, { fixture: 'fixtures/crm.sql' }),
    makeCertificates(),
  ]);
  folder = folderWith(`catalog: { url: "${database.url()}" }\n`);
});
afterEach(() => {
  folder.write('pgveil.yaml', `catalog: { url: "${database.url()}" }\n`);
});
afterAll(async () => {
  folder.remove();
  certificates.remove();
  await database.drop();
});

const pgveil = (...args: string[]): ReturnType<typeof run> => run(args, { cwd: folder.path });
const configured = (rest: string): void =>
  folder.write('pgveil.yaml', `catalog: { url: "${database.url()}" }\n${rest}\n`);

describe('check', () => {
  it('says that there is no configuration, before it says what is missing in it', async () => {
    const result = await run(['check'], { cwd: join(folder.path, 'policies') });
    expect(result.code).toBe(78);
    expect(result.stdout).toMatch(
      /^pgveil\.yaml:1:1: error: there is no pgveil\.yaml in this folder[^]*fix: .*-c/,
    );
  });

  it('warns of a certificate that has expired', async () => {
    const { cert, key } = certificates.expiredServer;
    configured(`listen: { tls: { cert: "${cert}", key: "${key}" } }`);
    const result = await pgveil('check', '--offline');
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/warning: the certificate has expired on \d{4}-\d\d-\d\d[^]*fix: /);
  });

  it('says of a wrong password which part of which URL to correct', async () => {
    configured('');
    const url = database.url('crm_support').replace(/:[^:@/]+@/, ':wrong@');
    const result = await run(['check'], { cwd: folder.path, env: { PGVEIL_CATALOG_URL: url } });
    expect(result.stderr).toContain('fix: correct the user or the password in catalog.url');
  });

  it('says to drop or add TLS where the server has none', async () => {
    const url = `${database.url()}?sslmode=verify-full&sslrootcert=${certificates.ca.files.cert}`;
    const result = await run(['check'], { cwd: folder.path, env: { PGVEIL_CATALOG_URL: url } });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/does not support SSL[^]*fix: check the server's certificate, and sslmode/);
  });
});

it('a policy test without the rights of an application says whose rights it has', async () => {
  folder.write(
    'policies/one.test.yaml',
    'tests: [{ name: one, as: { role: support }, sql: SELECT id FROM products, expect: { row_count: 1 } }]',
  );
  const env = { PGVEIL_CATALOG_URL: database.url('pgveil_catalog') };
  const result = await run(['test'], { cwd: folder.path, env });
  expect(result.code).toBe(1);
  expect(result.stdout).toMatch(
    /permission denied for table products\n *tests run with the rights of the login/,
  );
});

describe('serve', () => {
  it('names the setting when the spool cannot be written', async () => {
    folder.write('locked', 'a file where the folder should be');
    configured(`audit: { spool: ./locked }\nauth: { verifiers: { from: query, url: "${database.url()}" } }`);
    expect((await pgveil('serve')).stderr).toContain('the folder of audit.spool cannot be written');
  });

  it('tells certificates, the names in a refused log-in, and an ordered stop', async () => {
    const { cert, key } = certificates.server;
    configured(
      `workers: 1\nlisten: { port: 0, tls: { cert: "${cert}", key: "${key}" } }\nadmin: { port: 0 }\naudit: { spool: ./spool }\n` +
        `upstream: { host: 127.0.0.1, port: ${new URL(database.url()).port} }`,
    );
    const server = start(['serve'], { cwd: folder.path });
    await server.until('pgveil accepts connections');
    expect(server.stderr()).toMatch(/"certificates":\[\{"file":".*","until":"2\d{3}-/);
    const port = Number(/"listen":"127\.0\.0\.1:(\d+)"/.exec(server.stderr())![1]);
    const { default: pg } = await import('pg');
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'stranger',
      database: database.name,
      password: 'x',
    });
    await expect(client.connect()).rejects.toThrow(/no entry of the policy's "sessions"/);
    await server.until('"user":"stranger"');
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
    expect(server.stderr()).toMatch(/"graceSeconds":30[^]*"msg":"pgveil has stopped"/);
  });
});
