import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { ensureProgram } from '../../src/cli/launch/debian-package.js';
import { freePort } from '../../src/cli/launch/free-port.js';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import { startRedis } from '../../src/cli/launch/redis.js';

describe('startPostgres', () => {
  it.each(['trust', 'md5', 'password', 'scram-sha-256'] as const)('serves %s logins', async (auth) => {
    const server = await startPostgres({ version: 15, auth });
    try {
      expect(server.port).toBeLessThan(32_768);
      const rows = await ask(server, 'SELECT rolpassword FROM pg_authid WHERE rolname = current_user');
      const stored = String(rows[0]?.['rolpassword']);
      expect(stored).toMatch(auth === 'md5' ? /^md5/ : /^SCRAM-SHA-256/);
      const wrong = ask({ ...server, password: 'wrong' }, 'SELECT 1');
      if (auth === 'trust') await expect(wrong).resolves.toBeDefined();
      else await expect(wrong).rejects.toMatchObject({ code: '28P01' });
    } finally {
      await server.stop();
    }
  });

  it('keeps the data over a crash and removes them at the end', async () => {
    const server = await startPostgres({ version: 18, logStatements: true, settings: { work_mem: '5MB' } });
    await ask(server, 'CREATE TABLE kept AS SELECT 1 AS n');
    await server.kill();
    await expect(ask(server, 'SELECT 1')).rejects.toThrow();
    await server.restart();
    expect(await ask(server, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    expect(await ask(server, 'SHOW work_mem')).toEqual([{ work_mem: '5MB' }]);
    expect(await readFile(server.logFile, 'utf8')).toContain('statement: SELECT n FROM kept');
    await server.stop();
    expect(existsSync(dirname(server.dataDir))).toBe(false);
  });

  it('shows the server’s own words when it cannot start', async () => {
    const settings = { shared_buffers: 'plenty' };
    await expect(startPostgres({ version: 18, settings })).rejects.toThrow(/shared_buffers.*plenty/s);
  });
});

describe('startRedis', () => {
  it('keeps what it acknowledged over a crash when told to', async () => {
    const server = await startRedis({ appendonly: true, settings: { maxmemory: '64mb' } });
    const client = new Redis(server.url);
    client.on('error', () => undefined);
    await client.set('kept', 'yes');
    await server.kill();
    await server.restart();
    expect(await client.get('kept')).toBe('yes');
    expect(await client.config('GET', 'maxmemory')).toContain(String(64 * 1024 * 1024));
    client.disconnect();
    await server.stop();
    expect(existsSync(dirname(server.logFile))).toBe(false);
  });

  it('fails when its port is taken, even by another Redis', async () => {
    const first = await startRedis();
    await expect(startRedis({ port: first.port })).rejects.toThrow(/Address already in use/);
    await first.stop();
  });

  it('ends with the process that started it, even with one that is killed', async () => {
    const port = await freePort();
    const script = `import { startRedis } from './src/cli/launch/redis.ts';
      const { logFile } = await startRedis({ port: ${port} }); console.log(logFile); setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const logFile = said.toString().trim();
    expect(existsSync(logFile)).toBe(true);
    parent.kill('SIGKILL');
    const deadline = Date.now() + 15_000;
    while (existsSync(logFile) && Date.now() < deadline) await sleep(50);
    expect(existsSync(logFile)).toBe(false);
    // Ours to bind again: nobody listens there any more.
    const probe = createServer().listen(port, '127.0.0.1');
    await once(probe, 'listening');
    probe.close();
  });
});

it('a missing program is an error that says what to do', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    await expect(
      ensureProgram({ executable: 'no-such-program', package: 'no-such', purpose: 'for nothing' }),
    ).rejects.toThrow(/no-such-program is needed for nothing, and it is not installed: install it/);
  } finally {
    process.env['PATH'] = path;
  }
});

async function ask(server: PostgresServer, sql: string): Promise<Record<string, unknown>[]> {
  const { host, port, superuser: user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
