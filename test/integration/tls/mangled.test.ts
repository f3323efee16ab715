/** Handshakes cut, mangled and torn down at any moment, on both legs: the process lives, and every session ends. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import type { Proxy } from '../session/support.js';
import { asked, pair, readAll, sslRequest, startTlsProxy } from './support.js';

let certificates: Certificates;
let hostile: net.Server;
let proxy: Proxy;
/** What the hostile server does to the n-th connection. */
let turn = 0;

const startup = encodeStartupPacket({
  kind: 'startup',
  protocol: { major: 3, minor: 0 },
  parameters: [['user', 'postgres']],
});

/** The same numbers in each run, so that a failure can be looked into. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % below;
  };
}

beforeAll(async () => {
  certificates = await makeCertificates();
  const secureContext = tls.createSecureContext(pair(certificates.server));
  hostile = net.createServer((socket) => {
    const next = random(++turn);
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      if (!first.equals(sslRequest)) {
        socket.resetAndDestroy();
        return;
      }
      socket.write('S');
      const how = next(4);
      if (how === 0) socket.resetAndDestroy();
      else if (how === 1)
        socket.once('data', (hello: Buffer) => socket.end(hello.subarray(0, next(hello.length))));
      else {
        const inside = new tls.TLSSocket(socket, { isServer: true, secureContext });
        inside.on('error', () => undefined);
        if (how === 2) setTimeout(() => socket.resetAndDestroy(), next(8));
        else inside.once('data', () => inside.end('E'));
      }
    });
  });
  hostile.listen(0, '127.0.0.1');
  await once(hostile, 'listening');
  const { port } = hostile.address() as net.AddressInfo;
  proxy = await startTlsProxy(
    { host: '127.0.0.1', port },
    {
      client: { certificate: certificates.server },
      server: { mode: 'prefer' },
      limits: { startupTimeoutMs: 1_000, authTimeoutMs: 1_000 },
    },
  );
});

afterAll(async () => {
  await proxy.stop();
  hostile.close();
  certificates.remove();
});

/** What a client of Node's sends first. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({
    host: '127.0.0.1',
    port: (server.address() as net.AddressInfo).port,
    ALPNProtocols: ['postgresql'],
  });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  server.close();
  return hello;
}

test('on the leg of clients', async () => {
  const hello = await clientHello();
  const next = random(7);
  const attempts = Array.from({ length: 150 }, async () => {
    const bytes = Buffer.from(hello);
    for (let flips = next(4); flips > 0; flips--) bytes[5 + next(bytes.length - 5)] = next(256);
    const cut = bytes.subarray(0, 1 + next(bytes.length));
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.on('error', () => undefined);
    if (next(2) === 0) {
      socket.write(sslRequest);
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    }
    socket.write(next(3) === 0 ? bytes : cut);
    const [how, wait] = [next(3), next(20)];
    await sleep(wait);
    if (how === 0) socket.resetAndDestroy();
    else if (how === 1) socket.end();
    return readAll(socket);
  });
  await Promise.all(attempts);
  await expect.poll(() => proxy.connections, { timeout: 5_000 }).toBe(0);
});

test('on the leg of the server, while clients come and go', async () => {
  const next = random(11);
  const attempts = Array.from({ length: 60 }, async () => {
    const wait = next(30);
    const socket = await asked(proxy.port);
    socket.write(startup);
    if (wait < 15) {
      await sleep(wait);
      socket.destroy();
    }
    return readAll(socket);
  });
  const answers = await Promise.all(attempts);
  await expect.poll(() => proxy.connections, { timeout: 5_000 }).toBe(0);
  const told = answers.filter(({ length }) => length > 0).map((answer) => answer.toString());
  expect(told.length).toBeGreaterThan(0);
  // Nobody was told of a bug of ours.
  expect(told.filter((text) => text.includes('internal error'))).toEqual([]);
});
