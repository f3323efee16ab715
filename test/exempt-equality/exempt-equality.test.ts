/**
 * An exempt user gets PostgreSQL's bytes (DESIGN 1, transparency): each script gives the same output, byte for byte,
 * directly and through the proxy, on both versions, on 18 in both audit modes.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { startProxy, type Proxy } from '../support/proxy.js';
import { versionsOfLongTests } from '../support/servers.js';
import { runScript } from './run-script.js';

const folder = new URL('scripts/', import.meta.url).pathname;
const scripts = readdirSync(folder).sort();

const policy = `
version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
labels: { contact.email: [public.customers.email] }
subjects: { public.customers: { key: id } }
purposes: { support: { legal_basis: contract } }
roles: { support: { purposes: [support], masks: { "*": redact } } }
sessions:
  - { user: crm_support, role: support, purpose: support }
  - { user: equality_connections, exempt: true, audit: connections }
  - { user: postgres, exempt: true, audit: statements }
`;

describe.each(versionsOfLongTests)('on PostgreSQL %i, an exempt session', (version) => {
  let proxy: Proxy;
  let policies: string;
  // The fast way of `audit: connections` reads nothing that depends on the version, so one is enough.
  const users = [
    ['postgres', 'postgres'],
    ...(version === 18 ? [['equality_connections', 'equality'] as const] : []),
  ] as const;

  beforeAll(async () => {
    policies = mkdtempSync(join(tmpdir(), 'pgveil-equality-'));
    writeFileSync(join(policies, 'policy.yaml'), policy);
    proxy = await startProxy(version, { policies, durability: 'relaxed' });
    await server((client) =>
      client.query("CREATE ROLE equality_connections SUPERUSER LOGIN PASSWORD 'equality'"),
    );
  });

  afterAll(async () => {
    await server((client) => client.query('DROP ROLE IF EXISTS equality_connections'));
    await proxy.stop();
    rmSync(policies, { recursive: true, force: true });
  });

  async function server<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ ...proxy.db.connection('postgres'), database: 'postgres' });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** A database of the same name each time, because messages name it. */
  async function output(script: string, port: number, user: string, password: string): Promise<string> {
    const database = `equality_${script.replace(/\W/g, '_')}`;
    await server(async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database} TEMPLATE template0`);
    });
    const place = { host: '127.0.0.1', port, user, password, database };
    const printed = await runScript(join(folder, script), place);
    await server((client) => client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`));
    // The only thing in these scripts that differs between two runs against the same server.
    return printed.toString('latin1').replace(/(from server process with PID )\d+/g, '$1N');
  }

  it.each(scripts)('gets the same bytes for %s', { timeout: 120_000 }, async (script) => {
    for (const [user, password] of users) {
      const direct = await output(script, proxy.db.port, user, password);
      const proxied = await output(script, proxy.app.ports.proxy, user, password);
      expect(direct.length).toBeGreaterThan(1000);
      if (proxied !== direct) {
        // Outputs have megabytes; the first difference says it.
        const [left, right] = [direct.split('\n'), proxied.split('\n')];
        const at = left.findIndex((line, index) => line !== right[index]);
        expect({ at, line: right[at] }).toEqual({ at, line: left[at] });
      }
      expect(proxied === direct).toBe(true);
    }
  });
});
