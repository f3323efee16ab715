/** Each way to a Redis that audit.redis can name, on real servers: encrypted, by a socket, and a Cluster whose slot moves. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuditLog, type AuditLog } from '../../../src/audit/log.js';
import { connectRedis } from '../../../src/audit/redis-connection.js';
import { readItems } from '../../../src/audit/read/read-events.js';
import type { RedisTarget } from '../../../src/audit/redis-target.js';
import { recordKind } from '../../../src/audit/spool-format.js';
import { verifyEvents } from '../../../src/audit/verify/verify.js';
import { freePort } from '../../../src/cli/launch/free-port.js';
import { startRedis, type RedisServer } from '../../../src/cli/launch/redis.js';
import { loadConfig, showConfig } from '../../../src/config/load.js';
import { formatProblem } from '../../../src/policy/problems.js';
import { makeCertificates, type Certificates } from '../../support/certificates.js';
import { startCluster } from '../../support/redis-groups.js';
import { expectChain } from '../../unit/audit/chain-check.js';
import { inTemporaryDirectory, statement, success } from '../../unit/audit/samples.js';

const folder = mkdtempSync(join(tmpdir(), 'pgveil-redis-targets-'));
let certificates: Certificates;
let server: RedisServer;
let tlsPort: number;
const socket = join(folder, 'redis.sock');

beforeAll(async () => {
  certificates = await makeCertificates();
  tlsPort = await freePort();
  server = await startRedis({
    appendonly: true,
    settings: {
      'tls-port': String(tlsPort),
      'tls-cert-file': certificates.server.cert,
      'tls-key-file': certificates.server.key,
      'tls-ca-cert-file': certificates.ca.files.cert,
      'tls-auth-clients': 'yes',
      unixsocket: socket,
    },
  });
});
afterAll(async () => {
  await server.stop();
  certificates.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function ship(
  directory: string,
  target: RedisTarget,
  stream: string,
): Promise<readonly [AuditLog, string[]]> {
  const said: string[] = [];
  const log = await openAuditLog({
    spoolDirectory: directory,
    durability: 'strict',
    version: '0',
    redis: { target, stream },
    onState: ({ message }) => said.push(message),
  });
  return [log, said];
}

function record(log: AuditLog, count: number): void {
  for (let made = 0; made < count; made++) {
    const ticket = log.intent(statement());
    void log.outcome(ticket, statement(), success);
  }
}

async function shipped(log: AuditLog, events: number): Promise<void> {
  await expect
    .poll(() => [log.state().events, log.state().spoolBytes], { timeout: 15_000, interval: 20 })
    .toEqual([events, 0]);
}

/** The readers of the stream find there what was shipped, whole and in order. */
async function expectReadable(redis: RedisTarget, stream: string, count: number): Promise<void> {
  const { clean, events } = await verifyEvents(readItems({ from: { kind: 'stream', redis, stream } }));
  expect([clean, events]).toEqual([true, count]);
}

describe('TLS', () => {
  const encrypted = (tls: object): RedisTarget => ({ url: `rediss://127.0.0.1:${tlsPort}`, tls });

  it('verifies the server, shows a certificate of its own, and uses a renewed one from the next connection on', () =>
    inTemporaryDirectory(async (directory) => {
      const client = await certificates.client('pgveil');
      const [cert, key] = [join(folder, 'client.crt'), join(folder, 'client.key')];
      writeFileSync(cert, client.certPem);
      writeFileSync(key, client.keyPem);
      const target = encrypted({ ca: certificates.ca.files.cert, cert, key });
      const [log] = await ship(directory, target, 'tls');
      record(log, 50);
      await shipped(log, 50);
      const renewed = await certificates.client('renewed');
      writeFileSync(cert, renewed.certPem);
      writeFileSync(key, renewed.keyPem);
      const admin = new Redis(server.url);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      record(log, 50);
      await shipped(log, 100);
      await log.close();
      await expectReadable(target, 'tls', 100);
      admin.disconnect();
    }));

  it('does not speak to a server of another authority or name, or without encryption', async () => {
    const client = await certificates.client('pgveil');
    const own = { cert: client.cert, key: client.key };
    const { ca, wrongCa } = certificates;
    const attempt = async (target: RedisTarget): Promise<string> => {
      const redis = connectRedis(target);
      const failure = new Promise<string>((resolve) => {
        redis.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });
      const connected = redis.connect().then(
        () => 'connected',
        () => failure,
      );
      const outcome = await connected;
      redis.disconnect();
      return outcome;
    };
    const authority = /SELF_SIGNED|UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE/;
    expect(await attempt(encrypted({ ca: ca.files.cert, ...own }))).toBe('connected');
    expect(await attempt(encrypted({ ca: wrongCa.files.cert, ...own }))).toMatch(authority);
    expect(await attempt(encrypted(own))).toMatch(authority);
    const other = { ca: ca.files.cert, ...own, server_name: 'other.example.com' };
    expect(await attempt(encrypted(other))).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await attempt(encrypted({ ...other, verify: 'ca' }))).toBe('connected');
    expect(await attempt(encrypted({ ...own, verify: 'none' }))).toBe('connected');
    expect(await attempt(`redis://127.0.0.1:${tlsPort}`)).not.toBe('connected');
    expect(await attempt(encrypted({ ca: ca.files.cert }))).not.toBe('connected');
  });
});

it('a Unix socket', () =>
  inTemporaryDirectory(async (directory) => {
    const [log] = await ship(directory, `unix://${socket}`, 'socket');
    record(log, 50);
    await shipped(log, 50);
    await log.close();
    await expectReadable(`unix://${socket}`, 'socket', 50);
  }));

it(
  'a Cluster: ships on while the slot of the stream moves and its node dies, in order and once',
  () =>
    inTemporaryDirectory(async (directory) => {
      const [first, second] = await startCluster();
      const clients = [first, second].map(({ url }) => new Redis(url)) as [Redis, Redis];
      const [from, to] = clients;
      const stream = 'pgveil:audit';
      const cluster = [`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`];
      const [log, said] = await ship(directory, { cluster }, stream);
      record(log, 300);
      await shipped(log, 300);
      const slot = await from.cluster('KEYSLOT', stream);
      const [fromId, toId] = await Promise.all(clients.map((client) => client.cluster('MYID')));
      await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
      await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
      record(log, 20);
      const keys = await from.cluster('GETKEYSINSLOT', slot, 10);
      expect([...keys].sort()).toEqual(['pgveil:audit', '{pgveil:audit}:heads']);
      await from.call('MIGRATE', '127.0.0.1', second.port, keys[0]!, 0, 5_000);
      record(log, 20);
      await from.call('MIGRATE', '127.0.0.1', second.port, keys[1]!, 0, 5_000);
      // Both are there, and the slot is not: ASK.
      await shipped(log, 340);
      for (const client of [to, from]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId!);
      record(log, 60);
      await shipped(log, 400);
      // The node that has the slot now dies, and comes back.
      await second.kill();
      record(log, 20);
      await expect.poll(() => log.state().redisUp, { timeout: 10_000 }).toBe(false);
      await second.restart();
      record(log, 20);
      await shipped(log, 440);
      await log.close();
      const events = (await to.xrange(stream, '-', '+')).map(([, fields]) => fields[7]!);
      expect(events).toHaveLength(440);
      expectChain(events.map((json) => ({ kind: recordKind.event, json })));
      await expectReadable({ cluster }, stream, 440);
      expect(said.filter((message) => /no longer has|set back/.test(message))).toEqual([]);
      for (const client of clients) client.disconnect();
      await Promise.all([first.stop(), second.stop()]);
    }),
  40_000,
);

describe('the configuration', () => {
  const file = join(folder, 'pgveil.yaml');
  const load = (text: string, env: Record<string, string> = {}) => {
    writeFileSync(file, `catalog: { url: "postgres://u@h/d" }\naudit: ${text}\n`);
    return loadConfig({ file, env });
  };

  it.each([
    ['{ redis: { } }', '"audit.redis.url": is missing'],
    ['{ redis: { url: "redis://h", cluster: ["h:1"] } }', 'does not go with url'],
    ['{ redis: { sentinels: ["h:1"] } }', '"audit.redis.name": is missing'],
    ['{ redis: { cluster: ["h"] } }', 'write host:port'],
    ['{ redis: { url: "redis://h", tls: { } } }', 'write rediss://'],
    ['{ redis: { url: "rediss://h", tls: { cert: a } } }', 'needs both cert and key'],
    ['{ redis: { url: "redis://h", pasword: x } }', 'did you mean "password"?'],
    ['{ redis: { url: "redis://h", password: 12345 } }', 'put it in quotes'],
    ['{ trim: { behind_group: siem } }', 'is missing; say how old'],
  ])('%s is refused with the fix and no secret', (text, expected) => {
    const outcome = load(text);
    const said = outcome.ok ? '' : outcome.problems.map(formatProblem).join('\n');
    for (const word of expected.split('; ')) expect(said).toContain(word);
    expect(said).not.toContain('12345');
  });

  it('takes a password from a file or the environment beside a URL or a map, and shows none', () => {
    const secret = join(folder, 'secret');
    writeFileSync(secret, '00123\n');
    for (const [text, env] of [
      ['{ redis: "redis://h:1/2" }', { PGVEIL_AUDIT_REDIS_PASSWORD_FILE: secret }],
      ['{ redis: { sentinels: ["a:1", "b:2"], name: m } }', { PGVEIL_AUDIT_REDIS_PASSWORD: '00123' }],
      ['{ redis: { cluster: ["a:1"], password: "00123" } }', {}],
      ['{ }', { PGVEIL_AUDIT_REDIS: 'rediss://h', PGVEIL_AUDIT_REDIS_PASSWORD: '00123' }],
      ['{ }', { PGVEIL_AUDIT_REDIS_CLUSTER: 'a:1, [::1]:2', PGVEIL_AUDIT_REDIS_PASSWORD: '00123' }],
      ['{ redis: "redis://u:00123@h" }', {}],
    ] as const) {
      const outcome = load(text, env);
      if (!outcome.ok) throw new Error(outcome.problems.map(formatProblem).join('\n'));
      const shown = showConfig(outcome.config, outcome.origins).join('\n');
      expect(JSON.stringify(outcome.config.audit.redis)).toContain('00123');
      expect(shown).not.toContain('00123');
      expect(shown).toMatch(/audit\.redis.* = .*\*\*\*/);
    }
    expect(readFileSync(secret, 'utf8')).toContain('00123');
  });
});
