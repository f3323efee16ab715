/** Replication passes for exempt sessions, whatever their audit, and is refused for governed ones. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../src/cli/launch/postgres.js';
import type { BackendMessage } from '../../../src/wire/backend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from '../session/support.js';

const { copyData, copyDone, query } = s;
const run = promisify(execFile);
/** Debian's, for servers of its own version. */
const TOOLS = '/usr/lib/postgresql/15/bin';
const place = { file: 'test', line: 1, column: 1 };

describe.each(postgresVersions)('replication on PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let admin: pg.Client;
  const proxies: Partial<Record<'statements' | 'connections', s.Proxy>> = {};
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-replication-'));

  beforeAll(async () => {
    server = await startPostgres({
      version,
      settings: {
        wal_level: 'logical',
        max_wal_senders: '8',
        max_replication_slots: '8',
        wal_keep_size: '64MB',
      },
    });
    admin = new pg.Client({ host: server.host, port: server.port, user: 'postgres', password: 'postgres' });
    await admin.connect();
    await admin.query(
      "CREATE TABLE t (i int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t; CREATE ROLE ann LOGIN REPLICATION PASSWORD 'ann'",
    );
    for (const audit of ['statements', 'connections'] as const)
      proxies[audit] = await s.startProxy(server, {
        matchSession: ({ user }) =>
          user === 'ann'
            ? { place, exempt: false, audit, role: 'support', purpose: 'support' }
            : { place, exempt: true, audit, role: undefined, purpose: undefined },
      });
  });
  afterAll(async () => {
    await Promise.all(Object.values(proxies).map((proxy) => proxy.stop()));
    await admin.end();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const ways = ['directly', 'statements', 'connections'] as const;
  const at = (way: (typeof ways)[number]) => (way === 'directly' ? server : proxies[way]!);
  const login = (way: (typeof ways)[number], replication: string) =>
    s.RawClient.login(at(way), { user: 'postgres', database: 'postgres', replication }, 'postgres');

  const payload = (message: BackendMessage): string =>
    message.kind === 'copy-data' ? String.fromCharCode(message.data[0]!) : '';

  /** Messages of the stream but once each: how many keepalives come is a matter of time. */
  function stream(messages: readonly BackendMessage[]): string[] {
    const lines = messages.map((message) =>
      message.kind === 'copy-data' ? `copy-data ${payload(message)}` : s.transcript([message])[0]!,
    );
    return lines.filter((line, index) => line !== 'copy-data k' && line !== lines[index - 1]);
  }

  /** Standby status update (PostgreSQL manual, 54.4): everything written, flushed and applied; no answer wanted. */
  function status(): Buffer {
    const update = Buffer.alloc(34);
    update.write('r');
    return update;
  }

  test('logical replication: a slot, changes as they happen, status updates, an orderly end', async () => {
    const seen: Record<string, string[]> = {};
    for (const way of ways) {
      await admin.query('TRUNCATE t');
      const client = await login(way, 'database');
      const slot = `slot_${way}`;
      client.send(query('IDENTIFY_SYSTEM'));
      await client.until('ready-for-query');
      client.send(query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput`));
      await client.until('ready-for-query', 2);
      client.send(
        query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'p')`),
      );
      await client.until('copy-both-response');
      client.send({ kind: 'copy-data', data: status() });
      await admin.query('INSERT INTO t VALUES (4711)');
      while (!client.messages.some((one) => one.kind === 'copy-data' && one.data.includes('4711')))
        await new Promise((resolve) => setTimeout(resolve, 5));
      client.send({ kind: 'copy-data', data: status() }, copyDone);
      await client.until('ready-for-query', 3);
      // And SQL behind it, as a walsender of a database takes it.
      client.send(query('SELECT 1'));
      await client.until('ready-for-query', 4);
      seen[way] = stream(client.messages);
      client.close();
    }
    expect(seen['directly']).toContain('copy-both-response');
    expect(seen['directly']!.at(-2)).toBe('complete SELECT 1');
    expect(seen['statements']).toEqual(seen['directly']);
    expect(seen['connections']).toEqual(seen['directly']);
  });

  test('physical replication streams, and ends when the client says so', async () => {
    const seen: Record<string, string[]> = {};
    for (const way of ways) {
      const client = await login(way, 'true');
      const { rows } = await admin.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
      client.send(query(`START_REPLICATION ${rows[0]!.lsn}`));
      await client.until('copy-both-response');
      await admin.query('INSERT INTO t SELECT max(i) + 1 FROM t');
      while (!client.messages.some((one) => payload(one) === 'w'))
        await new Promise((resolve) => setTimeout(resolve, 5));
      client.send({ kind: 'copy-data', data: status() }, copyDone);
      await client.until('ready-for-query');
      seen[way] = stream(client.messages);
      client.close();
    }
    expect(seen['statements']).toEqual(seen['directly']);
    expect(seen['connections']).toEqual(seen['directly']);
  });

  test('errors of replication commands, and COPY data where none may be', async () => {
    const seen: Record<string, string[]> = {};
    for (const way of ways) {
      const client = await login(way, 'true');
      client.send(
        query('START_REPLICATION SLOT no_such_slot 0/0'),
        copyData('r'),
        copyDone,
        query('NO_SUCH_COMMAND'),
        query('SHOW server_version_num'),
      );
      await client.until('ready-for-query', 3);
      seen[way] = s.transcript(client.messages);
      client.close();
    }
    expect(seen['statements']).toEqual(seen['directly']);
    expect(seen['connections']).toEqual(seen['directly']);
  });

  test('what a walsender is asked is audited', async () => {
    const proxy = proxies.statements!;
    proxy.audit.statements.length = 0;
    const client = await login('statements', 'true');
    client.send(query('IDENTIFY_SYSTEM'), query('SHOW server_version_num'));
    await client.until('ready-for-query', 2);
    client.close();
    expect(
      proxy.audit.statements.map(({ record, outcome }) => `${record.auditText}: ${outcome.status}`),
    ).toEqual(['IDENTIFY_SYSTEM: success', 'SHOW server_version_num: success']);
  });

  test.each(['true', 'database', 'on', '1', 'yes'])(
    'a governed session cannot start replication: %s',
    async (value) => {
      const client = await s.RawClient.open(proxies.statements!);
      client.startup({ user: 'ann', database: 'postgres', replication: value });
      const messages = await client.untilClosed();
      const error = messages.find((message) => message.kind === 'error-response')!;
      expect([errorField(error, 'S'), errorField(error, 'C'), messages.length]).toEqual([
        'FATAL',
        '42501',
        1,
      ]);
    },
  );

  const environment = { ...process.env, PGPASSWORD: 'postgres', LC_ALL: 'C' };
  const connection = (way: 'statements' | 'connections') => [
    '-h',
    '127.0.0.1',
    '-p',
    String(proxies[way]!.port),
    '-U',
    'postgres',
  ];

  test.each(version === 15 ? (['connections', 'statements'] as const) : [])(
    'pg_basebackup and pg_receivewal of Debian work through the proxy: audit %s',
    async (way) => {
      expect(existsSync(TOOLS)).toBe(true);
      const backup = join(folder, `backup-${way}`);
      await run(`${TOOLS}/pg_basebackup`, [...connection(way), '-D', backup, '-X', 'stream', '-c', 'fast'], {
        env: environment,
      });
      expect(readdirSync(backup)).toContain('backup_manifest');
      await run(`${TOOLS}/pg_verifybackup`, ['-n', backup], { env: environment });
      const archive = mkdtempSync(join(folder, 'archive-'));
      const slot = `receive_${way}`;
      await run(`${TOOLS}/pg_receivewal`, [...connection(way), '--slot', slot, '--create-slot'], {
        env: environment,
      });
      const receiver = spawn(
        `${TOOLS}/pg_receivewal`,
        [...connection(way), '-D', archive, '--slot', slot, '--synchronous'],
        {
          env: environment,
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      const ended = once(receiver, 'exit') as Promise<[number | null]>;
      try {
        // Behind a switch of segments there is nothing to send until something is written.
        await admin.query('TRUNCATE t');
        await expect.poll(() => readdirSync(archive).length, { timeout: 10_000 }).toBeGreaterThan(0);
        await admin.query('SELECT pg_switch_wal()');
        await expect
          .poll(() => readdirSync(archive).some((file) => !file.endsWith('.partial')), { timeout: 10_000 })
          .toBe(true);
      } finally {
        receiver.kill('SIGINT');
      }
      expect((await ended)[0]).toBe(0);
      await run(`${TOOLS}/pg_receivewal`, [...connection(way), '--slot', slot, '--drop-slot'], {
        env: environment,
      });
    },
  );
});
