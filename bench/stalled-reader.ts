/**
 * Memory of one session on a large result whose client does not read, and of one whose client dribbles a large message:
 * `npx tsx bench/stalled-reader.ts [MB]`. The proxy runs in this process, PostgreSQL and the bytes come from others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres } from '../src/cli/launch/postgres.js';
import { query, RawClient, startProxy } from '../test/integration/session/support.js';

const megabytes = Number(process.argv[2] ?? 1024);
const STALL_MS = 3_000;

const server = await startPostgres({ version: 18, auth: 'trust' });
const admin = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
await admin.connect();
await admin.query('CREATE ROLE crm_support LOGIN; CREATE ROLE crm_admin LOGIN');
const proxy = await startProxy(server);

interface Used {
  readonly rss: number;
  readonly buffers: number;
}
function used(): Used {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rss, buffers: heapUsed + arrayBuffers };
}

/** The most that it grows while `work` runs, in MB. */
async function growth(work: () => Promise<void>): Promise<string> {
  const before = used();
  let peak = before;
  const watch = setInterval(() => {
    const now = used();
    peak = { rss: Math.max(peak.rss, now.rss), buffers: Math.max(peak.buffers, now.buffers) };
  }, 10);
  const started = performance.now();
  await work();
  clearInterval(watch);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return `RSS +${mb(peak.rss - before.rss)} MB, heap and buffers +${mb(peak.buffers - before.buffers)} MB, ${seconds} s`;
}

const sql = `SELECT repeat('x', 1048566) FROM generate_series(1, ${megabytes})`;
for (const user of ['postgres', 'crm_admin', 'crm_support']) {
  const client = await RawClient.login(proxy, { user, database: 'postgres' }, '');
  client.socket.removeAllListeners('data');
  let received = 0;
  client.socket.pause();
  const stalled = await growth(async () => {
    client.send(query(sql));
    await sleep(STALL_MS);
  });
  console.log(`${user}: ${megabytes} MB, reader stalled for ${STALL_MS / 1000} s: ${stalled}`);
  const drained = await growth(async () => {
    client.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    client.socket.resume();
    while (received < megabytes * 1048566) await sleep(20);
  });
  console.log(`${user}: the ${(received / 1e6).toFixed(0)} MB then read: ${drained}`);
  client.close();
}

for (const [user, what] of [
  ['postgres', 'exempt, audited by statement'],
  ['crm_admin', 'exempt, audited by connection'],
] as const) {
  const client = await RawClient.login(proxy, { user, database: 'postgres' }, '');
  const bytes = Math.min(megabytes, 900) * 1024 * 1024;
  const header = Buffer.from([0x51, 0, 0, 0, 0]);
  header.writeInt32BE(bytes + 4, 1);
  const declared = await growth(async () => {
    client.socket.write(header);
    client.socket.write(Buffer.alloc(1024 * 1024, 0x20));
    await sleep(1_000);
  });
  console.log(`${what}: a Query of ${bytes >> 20} MB declared, 1 MB of it sent: ${declared}`);
  client.close();
}

await proxy.stop();
await admin.end();
await server.stop();
