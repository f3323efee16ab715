/**
 * A session that sends as much as it can in one go shares the process with the others: they are answered while its flood
 * is worked through. What is counted is how far the flood has come, not how long anything takes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { passwords } from '../../support/databases.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import * as s from '../session/support.js';
import { cutFrames, hostilePolicy, Listener } from './support.js';

let proxy: Proxy;
let other: s.RawClient;
const policies = mkdtempSync(join(tmpdir(), 'pgveil-fairness-'));

beforeAll(async () => {
  writeFileSync(join(policies, 'crm.yaml'), hostilePolicy);
  proxy = await startProxy(18, { policies });
  other = await login('crm_support');
});
afterAll(async () => {
  other.close();
  await proxy.stop();
  rmSync(policies, { recursive: true, force: true });
});

function login(user: 'crm_support' | 'postgres'): Promise<s.RawClient> {
  const at = { host: '127.0.0.1', port: proxy.app.ports.proxy };
  return s.RawClient.login(at, { user, database: proxy.db.name }, passwords[user]);
}

const repeat = (count: number, ...messages: Parameters<typeof encodeFrontend>[0][]): Buffer =>
  Buffer.concat(new Array<Buffer>(count).fill(Buffer.concat(messages.map(encodeFrontend))));
const sync = encodeFrontend(s.sync);

/** The first letter of the server's messages that say how far it has come, and how many of them there will be. */
const floods: [string, Buffer, string, number][] = [
  [
    'Executes of a prepared statement',
    Buffer.concat([encodeFrontend(s.parse('SELECT 1')), repeat(60_000, s.bind(), s.execute()), sync]),
    'C',
    60_000,
  ],
  [
    'Parses of texts that are all different',
    Buffer.concat([
      ...Array.from({ length: 16_000 }, (_, n) => encodeFrontend(s.parse(`SELECT 1 AS c${n}`))),
      sync,
    ]),
    '1',
    16_000,
  ],
  ['Queries', repeat(60_000, s.query('SELECT 1')), 'Z', 60_000],
];

describe.each(['postgres', 'crm_support'] as const)('a flood from %s', (user) => {
  test.each(floods)(
    'of %s: another session has its answers meanwhile',
    { timeout: 60_000 },
    async (_what, bytes, letter, count) => {
      const flooding = new Listener(await login(user));
      const done = (): number =>
        cutFrames(flooding.received).frames.filter((one) => one[0] === letter.charCodeAt(0)).length;
      flooding.client.socket.write(bytes);
      const heapBefore = process.memoryUsage().heapUsed;
      // The flood is in the kernel before the other asks.
      await sleep(1);
      const at: number[] = [];
      for (let asked = 0; asked < 3; asked++) {
        other.messages.length = 0;
        other.send(s.query('SELECT count(*) FROM customers'));
        await other.until('ready-for-query');
        at.push(done());
      }
      const heap = process.memoryUsage().heapUsed - heapBefore;
      flooding.client.close();
      expect(at[0]).toBeLessThan(count / 4);
      expect(at[2]).toBeLessThan(count * 0.75);
      expect(heap).toBeLessThan(200_000_000);
    },
  );
});
