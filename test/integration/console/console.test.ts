/** The virtual database `pgveil` by real clients, before real servers. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';

const policies = mkdtempSync(join(tmpdir(), 'pgveil-console-'));
let proxy: Proxy;

beforeAll(async () => {
  copyFileSync('policies/crm.yaml', join(policies, 'crm.yaml'));
  proxy = await startProxy(18, { policies });
});
afterAll(async () => {
  await proxy.stop();
  rmSync(policies, { recursive: true, force: true });
});

interface Said {
  readonly out: string;
  readonly error: string;
}

function psql(...args: string[]): Promise<Said> {
  const connection = [
    '-h',
    '127.0.0.1',
    '-p',
    String(proxy.app.ports.proxy),
    '-d',
    'pgveil',
    '-U',
    'crm_admin',
  ];
  const env = { ...process.env, PGPASSWORD: passwords.crm_admin };
  return new Promise((resolve) => {
    execFile('psql', ['-X', '-A', ...connection, ...args], { env }, (_error, out, error) => {
      resolve({ out, error });
    });
  });
}

/** pg takes the simple protocol for whatever has no values, unless it is told. */
const extended = (text: string): pg.QueryConfig => ({ text, queryMode: 'extended' }) as pg.QueryConfig;

const console_ = (): pg.ClientConfig => ({ ...proxy.settings('crm_admin'), database: 'pgveil' });
const connect = (): Promise<pg.Client> => proxy.connect('crm_admin', { database: 'pgveil' });

describe('psql', () => {
  it('shows each table with its columns', async () => {
    const { out, error } = await psql(
      ...['VERSION', 'POLICIES', 'CONFIG', 'CLIENTS', 'STATS', 'TOTALS', 'HELP'].flatMap((what) => [
        '-c',
        `SHOW ${what}`,
      ]),
    );
    expect(error).toBe('');
    const lines = out.split('\n');
    expect(lines[0]).toBe('pgveil|node|postgresql');
    expect(lines[1]).toMatch(new RegExp(String.raw`^test\|${process.versions.node}\|18\.\d+$`));
    expect(out).toMatch(
      new RegExp(
        `\\|enforce\\|[^|]*\\|${policies}/crm.yaml\\|support, marketing[^|]*\\|0\\|[^|]*\\|${proxy.db.name}\\|`,
      ),
    );
    expect(out).toMatch(/^upstream\.port\|\d+\|unknown$/m);
    expect(out).toMatch(/^catalog\.url\|postgres:\/\/pgveil_catalog:\*\*\*@/m);
    expect(out).not.toContain(`:${passwords.pgveil_catalog}@`);
    expect(out).toMatch(
      /\|crm_admin\|pgveil\|\|\|true\|127\.0\.0\.1\|\d+\|active\|\d{4}-[^|]*Z\|psql\|\|\|\d+\|\d+$/m,
    );
    expect(out).toMatch(/^connections_total\|\|[1-9]\d*$/m);
    expect(out).toContain('RELOAD|load policies');
  });

  it('runs several commands of one text, and a script of its own commands', async () => {
    const { out } = await psql('-t', '-c', 'SHOW VERSION; SHOW server_version;');
    expect(out).toMatch(/^test\|.*\n15\.0\n$/);
  });

  it('is told what there is where it asks for what there is not', async () => {
    const { error } = await psql(
      '-v',
      'VERBOSITY=verbose',
      '-c',
      'SELECT * FROM customers',
      '-c',
      String.raw`\d`,
    );
    expect(error).toContain('ERROR:  42601: pgveil: this is no command of the console, which runs no SQL');
    expect(error).toContain('HINT:  the commands are SHOW STATS, SHOW TOTALS,');
  });
});

describe('pg', () => {
  it('runs commands with the simple protocol and as prepared statements', async () => {
    const client = await connect();
    const simple = await client.query<{ command: string }>('SHOW HELP');
    expect(simple.rows.map(({ command }) => command)).toContain('SHOW CLIENTS');
    const unnamed = await client.query(extended('SHOW VERSION'));
    expect(unnamed.rows).toEqual([expect.objectContaining({ pgveil: 'test' })]);
    for (let round = 0; round < 2; round++) {
      const named = await client.query<{ user: string }>({ name: 'clients', text: 'SHOW CLIENTS' });
      expect(named.rows.map(({ user }) => user)).toContain('crm_admin');
    }
    const binary = await client.query({ ...extended('SHOW VERSION'), binary: true } as pg.QueryConfig);
    expect(JSON.stringify(binary.rows)).toContain('test');
    expect((await client.query('')).command).toBeNull();
    expect((await client.query(extended(''))).command).toBeNull();
    await expect(client.query('SHOW VERSION', ['one too many'])).rejects.toMatchObject({ code: '08P01' });
    await expect(client.query(extended('SELECT 2 FROM x'))).rejects.toMatchObject({
      code: '42601',
      hint: expect.stringContaining('RELOAD') as string,
    });
    await expect(client.query(extended('SHOW VERSION; RELOAD'))).rejects.toMatchObject({ code: '42601' });
    expect((await client.query('SELECT 1')).rows).toEqual([{ '?column?': '1' }]);
  });

  it('keeps to the order of transactions that drivers expect', async () => {
    const client = await connect();
    expect((await client.query('BEGIN')).command).toBe('BEGIN');
    await expect(client.query('SELECT nothing')).rejects.toMatchObject({ code: '42601' });
    await expect(client.query('SHOW VERSION')).rejects.toMatchObject({ code: '25P02' });
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
    expect((await client.query('SHOW VERSION')).rows).toHaveLength(1);
    const notices: string[] = [];
    client.on('notice', ({ message }) => notices.push(message ?? ''));
    await client.query('COMMIT');
    expect(notices).toEqual(['there is no transaction in progress']);
  });

  it('shows others with role, purpose and what they do, and never a text', async () => {
    const support = await proxy.connect('crm_support', { application_name: 'desk' });
    await support.query('BEGIN');
    await support.query("SELECT 'private' FROM customers LIMIT 1");
    const client = await connect();
    const { rows } = await client.query<Record<string, string>>('SHOW CLIENTS');
    expect(rows.find(({ user }) => user === 'crm_support')).toMatchObject({
      database: proxy.db.name,
      role: 'support',
      purpose: 'support',
      exempt: 'false',
      state: 'in transaction',
      application_name: 'desk',
      statements: '2',
      client_tls: null,
    });
    expect(JSON.stringify(rows)).not.toMatch(/private|SELECT/);
    await support.query('COMMIT');
    await support.query("SET application_name = 'other desk'");
    const after = await client.query<Record<string, string>>('SHOW CLIENTS');
    expect(after.rows.find(({ user }) => user === 'crm_support')).toMatchObject({
      state: 'idle',
      application_name: 'other desk',
    });
    const stats = await client.query<Record<string, string>>('SHOW STATS');
    const metrics = await (await fetch(`http://127.0.0.1:${proxy.app.ports.admin}/metrics`)).text();
    const counted = /pgveil_statements_total\{decision="rewrite",role="support"\} (\d+)/.exec(metrics)?.[1];
    expect(stats.rows.find(({ role }) => role === 'support')?.['rewritten']).toBe(counted);
  });

  it('reloads, and tells the first problems where it cannot', async () => {
    const client = await connect();
    const notices: string[] = [];
    client.on('notice', ({ message }) => notices.push(message ?? ''));
    expect((await client.query('RELOAD')).command).toBe('RELOAD');
    expect(notices[0]).toMatch(/^pgveil: policy "[^"]+" version \w+ is in force$/);
    writeFileSync(join(policies, 'broken.yaml'), 'version: 1\nlabels: { x: [public.nowhere.email] }\n');
    await expect(client.query('RELOAD')).rejects.toMatchObject({
      code: 'F0000',
      detail: expect.stringMatching(/broken\.yaml:2:\d+: .*nowhere/) as string,
    });
    rmSync(join(policies, 'broken.yaml'));
    expect((await client.query(extended('RELOAD'))).command).toBe('RELOAD');
  });
});

it('serves postgres.js', async () => {
  const sql = postgres({
    host: '127.0.0.1',
    port: proxy.app.ports.proxy,
    user: 'crm_admin',
    password: passwords.crm_admin,
    database: 'pgveil',
    max: 1,
  });
  expect(await sql`SHOW VERSION`).toMatchObject([{ pgveil: 'test' }]);
  expect(await sql.unsafe('SHOW HELP')).toHaveLength(8);
  await sql.end();
});

describe('who may', () => {
  it.each(['crm_support', 'crm_marketing'] as const)('refuses %s, who acts in a role', async (role) => {
    const client = new pg.Client({ ...proxy.settings(role), database: 'pgveil' });
    await expect(client.connect()).rejects.toMatchObject({
      code: '28000',
      message: expect.stringContaining('which only exempt logins may use') as string,
    });
  });

  it('refuses who matches no entry, and a wrong password', async () => {
    const stranger = new pg.Client({ ...proxy.settings('pgveil_catalog'), database: 'pgveil' });
    await expect(stranger.connect()).rejects.toMatchObject({ code: '28000' });
    const guess = new pg.Client({ ...console_(), password: 'guess' });
    await expect(guess.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('refuses replication', async () => {
    const walsender = new pg.Client({ ...console_(), replication: 'database' } as pg.ClientConfig);
    await expect(walsender.connect()).rejects.toMatchObject({ code: '42501' });
  });
});

it('holds no connection to the server, and survives its absence', async () => {
  const client = await connect();
  await expect
    .poll(async () => {
      const sessions = await proxy.db.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgveil console'",
      );
      return sessions.rowCount;
    })
    .toBe(0);
  expect((await client.query('SHOW VERSION')).rows).toHaveLength(1);
});

it('audits each command, with its own name and its failure', async () => {
  const client = await connect();
  await client.query('SHOW TOTALS; SHOW HELP');
  await expect(client.query("SELECT 'secret literal'")).rejects.toThrow();
  await client.end();
  await expect
    .poll(async () => {
      const events = await proxy.events();
      return events.map((event) => JSON.stringify(event)).filter((text) => text.includes('"pgveil"'));
    })
    .toEqual(
      expect.arrayContaining([expect.stringContaining('SHOW TOTALS'), expect.stringContaining('SHOW HELP')]),
    );
  const all = JSON.stringify(await proxy.events());
  expect(all).not.toContain('secret literal');
});
