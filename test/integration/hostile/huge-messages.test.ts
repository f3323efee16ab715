/**
 * Messages of a size that nobody means: an exempt session's stream through and cost the proxy a head each, a governed
 * session's end at their limits. And whatever is cut in the middle ends there, without an error that would be its rest.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { type Relay, startRelay } from '../../support/relay.js';
import * as s from '../session/support.js';
import { cutFrames, frame, int16, int32 } from './support.js';

const MB = 1024 * 1024;
const MARKER = 'huge_marker';
let db: TestDatabase;
let relay: Relay;
let proxy: s.Proxy;
/** What the server says to the marker, piece by piece; then it ends. */
let script: () => Generator<Buffer>;

beforeAll(async () => {
  db = await createDatabase(18);
  relay = await startRelay(db, {
    intercept: (chunk, { toClient }) => {
      if (!chunk.includes(MARKER)) return false;
      const pieces = script();
      const more = (): void => {
        for (;;) {
          const next = pieces.next();
          if (next.done === true || toClient.destroyed) {
            toClient.end();
            return;
          }
          if (!toClient.write(next.value)) {
            toClient.once('drain', more);
            return;
          }
        }
      };
      more();
      return true;
    },
  });
  proxy = await s.startProxy(relay);
});
afterAll(async () => {
  await proxy.stop();
  await relay.stop();
  await db.drop();
});

/** Counts what comes, and keeps the beginning and the end. */
class Meter {
  total = 0;
  first = Buffer.alloc(0);
  last = Buffer.alloc(0);
  ended = false;
  ready = false;
  readonly client: s.RawClient;

  constructor(client: s.RawClient) {
    this.client = client;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      this.total += chunk.length;
      this.ready ||= Buffer.concat([this.last, chunk]).includes(ready);
      if (this.first.length < 100) this.first = Buffer.concat([this.first, chunk.subarray(0, 100)]);
      this.last = Buffer.concat([this.last, chunk.subarray(-100)]).subarray(-100);
    });
    client.socket.on('end', () => (this.ended = true));
  }
}

const login = async (user: 'postgres' | 'crm_admin' | 'crm_support'): Promise<Meter> =>
  new Meter(await s.RawClient.login(proxy, { user, database: db.name }, passwords[user]));

async function peakWhile(work: () => Promise<void>): Promise<number> {
  const memory = (): number => process.memoryUsage().arrayBuffers;
  const before = memory();
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, memory() - before)), 5);
  await work();
  clearInterval(watch);
  return peak;
}

const ready = frame('Z', 'I');
const block = Buffer.alloc(64 * 1024, 0x78);

function* huge(letter: string, prefix: string, megabytes: number, suffix: string): Generator<Buffer> {
  yield frame(letter, prefix, 4 + prefix.length + megabytes * MB + suffix.length);
  for (let sent = 0; sent < megabytes * MB; sent += block.length) yield block;
  yield Buffer.from(suffix, 'latin1');
}

const answers: [string, string, string, string][] = [
  ['a notice', 'N', 'SNOTICE\0VNOTICE\0C00000\0M', '\0\0'],
  ['an error', 'E', 'SERROR\0VERROR\0C22012\0Mx\0D', '\0\0'],
  ['a setting', 'S', 'application_name\0', '\0'],
  ['a notification', 'A', '\0\0\0\x01channel\0', '\0'],
];

describe('a server that sends 100 MB in one message', () => {
  test.each(answers)('%s streams to an exempt client', async (_what, letter, prefix, suffix) => {
    script = function* () {
      yield* huge(letter, prefix, 100, suffix);
      yield Buffer.concat([frame('C', 'SELECT 1\0'), ready]);
    };
    for (const user of ['postgres', 'crm_admin'] as const) {
      const client = await login(user);
      const peak = await peakWhile(async () => {
        client.client.send(s.query(`SELECT ${MARKER}`));
        await expect.poll(() => client.ready, { timeout: 20_000, interval: 5 }).toBe(true);
      });
      expect(client.total).toBeGreaterThan(100 * MB);
      expect(client.first[0]).toBe(letter.charCodeAt(0));
      expect(peak).toBeLessThan(80 * MB);
      client.client.close();
    }
  });

  test('the audit has its SQLSTATE', async () => {
    proxy.audit.statements.length = 0;
    script = function* () {
      yield* huge('E', answers[1]![2], 100, '\0\0');
      yield ready;
    };
    const client = await login('postgres');
    client.client.send(s.query(`SELECT ${MARKER}`));
    await expect.poll(() => client.ready, { timeout: 20_000, interval: 5 }).toBe(true);
    client.client.close();
    expect(proxy.audit.statements.map(({ outcome }) => outcome.sqlstate)).toEqual(['22012']);
  });

  test.each(answers)('%s ends a governed session, unseen', async (_what, letter, prefix, suffix) => {
    script = function* () {
      yield* huge(letter, prefix, 100, suffix);
    };
    const client = await login('crm_support');
    client.client.send(s.query(`SELECT ${MARKER}`));
    await expect.poll(() => client.ended, { timeout: 20_000, interval: 5 }).toBe(true);
    expect(client.total).toBeLessThan(1_000);
    expect(client.first.toString('latin1')).toContain('08P01');
    client.client.close();
  });
});

describe('an exempt client that sends 70 MB in one message', () => {
  const bind = (): Generator<Buffer> =>
    (function* () {
      const size = 70 * MB;
      const prefix = Buffer.concat([Buffer.from('\0s\0'), int16(0), int16(1), int32(size)]);
      yield frame('B', prefix, 4 + prefix.length + size + 2);
      for (let sent = 0; sent < size; sent += block.length) yield block;
      yield int16(0);
    })();
  const text = (): Generator<Buffer> => huge('Q', "SELECT length('", 70, "')\0");
  test.each([
    [
      'a Bind',
      bind,
      Buffer.concat([frame('P', 's\0SELECT length($1::text)\0\0\0'), frame('H')]),
      [frame('E', '\0\0\0\0\0'), frame('S')],
      'SELECT',
    ],
    ['a Query', text, Buffer.alloc(0), [], 'UNKNOWN'],
  ] as const)(
    '%s streams to the server',
    { timeout: 60_000 },
    async (_what, pieces, before, after, command) => {
      proxy.audit.statements.length = 0;
      const client = await login('postgres');
      // Nothing of ours may keep it either: the relay remembers what came.
      const connection = relay.connections.at(-1)!;
      const forget = setInterval(() => void connection.fromClient.splice(0), 1);
      const peak = await peakWhile(async () => {
        client.client.socket.write(before);
        for (const piece of pieces())
          if (!client.client.socket.write(piece))
            await new Promise((resolve) => client.client.socket.once('drain', resolve));
        for (const one of after) client.client.socket.write(one);
        await expect.poll(() => client.ready, { timeout: 40_000, interval: 5 }).toBe(true);
      });
      clearInterval(forget);
      expect(client.last.toString('latin1')).toContain(String(70 * MB));
      expect(peak).toBeLessThan(60 * MB);
      expect(proxy.audit.statements.map(({ record }) => record.command)).toEqual([command]);
      client.client.close();
    },
  );
});

describe.each(['postgres', 'crm_admin', 'crm_support'] as const)(
  'a server that is lost in a message to %s',
  (user) => {
    const field = Buffer.concat([
      Buffer.from('x\0'),
      int32(0),
      int16(0),
      int32(25),
      int16(-1),
      int32(-1),
      int16(0),
    ]);
    const answer = Buffer.concat([
      frame('T', Buffer.concat([int16(1), field])),
      frame('D', Buffer.concat([int16(1), int32(30), Buffer.alloc(30, 0x45)])),
      frame('N', 'SNOTICE\0VNOTICE\0C00000\0Mnote\0\0'),
      frame('C', 'SELECT 1\0'),
      ready,
    ]);

    test(
      'sees whole messages, then one error, or the beginning of one and nothing behind it',
      { timeout: 60_000 },
      async () => {
        const shown = async (at: number): Promise<string> => {
          script = function* () {
            yield answer.subarray(0, at);
          };
          const client = await login(user);
          const chunks: Buffer[] = [];
          client.client.socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
          client.client.send(s.query(`SELECT ${MARKER}`));
          for (let waited = 0; waited < 5_000 && !client.ended; waited += 2) await sleep(2);
          client.client.close();
          const received = Buffer.concat(chunks);
          const { frames, rest } = cutFrames(received);
          const last = frames.at(-1);
          const told = last?.[0] === 0x45 ? last : undefined;
          // What came before the error is what the server has sent, save for notices, which are rewritten.
          const before = received.subarray(0, received.length - (told?.length ?? 0));
          if (rest.length > 0) {
            const same = answer.subarray(0, at).equals(before);
            return told === undefined && same
              ? 'cut'
              : `half a message at ${at}: ${received.toString('latin1')}`;
          }
          return told === undefined ? `no error at ${at}` : 'error';
        };
        const seen = new Set<string>();
        for (let at = 0; at < answer.length; at += 3) seen.add(await shown(at));
        expect([...seen].filter((one) => one !== 'cut').sort()).toEqual(['error']);
      },
    );
  },
);
