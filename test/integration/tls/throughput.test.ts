/** Much data through TLS: nothing is lost or overwritten, and who does not read holds back the server, not our memory. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type PostgresServer } from '../../../src/cli/launch/postgres.js';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import type { Proxy } from '../session/support.js';
import { asked, psql, startTlsProxy } from './support.js';

let certificates: Certificates;
let server: PostgresServer;
const proxies = {} as Record<'plain' | 'client' | 'server' | 'both', Proxy>;

beforeAll(async () => {
  certificates = await makeCertificates();
  server = await startPostgres({ version: 18, auth: 'trust', tls: certificates.server });
  const client = { certificate: certificates.server };
  const upstream = { mode: 'verify-full', ca: certificates.ca.files.certPem } as const;
  proxies.plain = await startTlsProxy(server, {});
  proxies.client = await startTlsProxy(server, { client });
  proxies.server = await startTlsProxy(server, { server: upstream });
  proxies.both = await startTlsProxy(server, { client, server: upstream });
});

afterAll(async () => {
  await Promise.all(Object.values(proxies).map((proxy) => proxy.stop()));
  await server.stop();
  certificates.remove();
});

async function loggedIn(proxy: Proxy, encrypted: boolean): Promise<net.Socket> {
  const socket = encrypted ? await asked(proxy.port) : net.connect(proxy.port, '127.0.0.1');
  socket.write(
    encodeStartupPacket({
      kind: 'startup',
      protocol: { major: 3, minor: 0 },
      parameters: [
        ['user', 'postgres'],
        ['database', 'postgres'],
      ],
    }),
  );
  await untilReady(socket);
  return socket;
}

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Everything up to ReadyForQuery, as a count and a digest; `stall` waits after the first bytes. */
async function untilReady(socket: net.Socket, stall = 0): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let end = Buffer.alloc(0);
  let stalled = stall === 0;
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      hash.update(chunk);
      bytes += chunk.length;
      end = Buffer.concat([end, chunk]).subarray(-readyForQuery.length);
      if (!stalled) {
        stalled = true;
        socket.pause();
        setTimeout(() => socket.resume(), stall);
      }
      if (!end.equals(readyForQuery)) return;
      socket.off('data', take).off('error', reject);
      resolve({ bytes, digest: hash.digest('hex') });
    };
    socket.on('data', take).once('error', reject);
    socket.resume();
  });
}

const query = (sql: string): Buffer => encodeFrontend({ kind: 'query', sql: Buffer.from(sql) });

describe('with TLS on', () => {
  test.each([
    ['client', true],
    ['server', false],
    ['both', true],
  ] as const)(
    'the leg of %s, a large result and a large COPY are the same as without',
    async (which, encrypted) => {
      const result = query(
        `SELECT i, md5(i::text) AS digest, repeat('x', i % 3000) FROM generate_series(1, 8000) i`,
      );
      const digests: { bytes: number; digest: string }[] = [];
      for (const [proxy, tls] of [
        [proxies.plain, false],
        [proxies[which], encrypted],
      ] as const) {
        const socket = await loggedIn(proxy, tls);
        socket.write(result);
        digests.push(await untilReady(socket, 150));
        socket.write(query('CREATE TEMP TABLE loaded (line text); COPY loaded FROM STDIN'));
        await once(socket, 'data');
        for (let line = 0; line < 4000; line++)
          socket.write(
            encodeFrontend({ kind: 'copy-data', data: Buffer.from(`${line} ${'y'.repeat(line % 2000)}\n`) }),
          );
        socket.write(encodeFrontend({ kind: 'copy-done' }));
        await untilReady(socket);
        socket.write(query("SELECT count(*), md5(string_agg(line, '/' ORDER BY line)) FROM loaded"));
        digests.push(await untilReady(socket));
        socket.destroy();
      }
      expect(digests[0]!.bytes).toBeGreaterThan(10_000_000);
      expect(digests.slice(2)).toEqual(digests.slice(0, 2));
    },
  );
});

test('a stalled reader holds back the server, and costs bounded memory', async () => {
  const socket = await loggedIn(proxies.both, true);
  const before = process.memoryUsage().rss;
  socket.write(query(`SELECT repeat('x', 1000) FROM generate_series(1, 150000)`));
  await once(socket, 'readable');
  socket.pause();
  const waiting = `SELECT wait_event FROM pg_stat_activity WHERE query LIKE 'SELECT repeat%' AND state = 'active'`;
  await expect
    .poll(() => psql(server.port, 'user=postgres dbname=postgres', waiting), { timeout: 10_000 })
    .toBe('ClientWrite');
  await sleep(500);
  expect(await psql(server.port, 'user=postgres dbname=postgres', waiting)).toBe('ClientWrite');
  expect(process.memoryUsage().rss - before).toBeLessThan(48 * 1024 * 1024);
  const { bytes } = await untilReady(socket);
  expect(bytes).toBeGreaterThan(140_000_000);
  socket.destroy();
});
