/**
 * What a hostile client may send, to the whole proxy before a real server: the process and its other sessions go on, a
 * governed session sends nothing upstream that is not a message, and the answer is the server's own wherever there is one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeFrontend, encodeFrontend } from '../../../src/wire/frontend-message.js';
import { passwords } from '../../support/databases.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import { type RelayedConnection, type Relay, startRelay } from '../../support/relay.js';
import { postgresServer } from '../../support/servers.js';
import * as s from '../session/support.js';
import { cutFrames, frame, hostilePolicy, int16, int32, Listener, tryDecode } from './support.js';

type User = 'crm_support' | 'postgres' | 'crm_admin';

/** Two rows, so that its answer is not taken for one that an attempt has got. */
const ping = encodeFrontend(s.query('VALUES (1), (2)'));
const sync = frame('S');
const zeros = (count: number): Buffer => Buffer.alloc(count);
const parse = (name: string, sql: string, rest: Buffer = int16(0)): Buffer =>
  frame('P', Buffer.concat([Buffer.from(`${name}\0${sql}\0`), rest]));
const bind = (...rest: Buffer[]): Buffer => frame('B', Buffer.concat([Buffer.from('\0\0'), ...rest]));
const execute = frame('E', Buffer.concat([zeros(1), int32(0)]));
const statement = parse('', 'SELECT $1::int');

/** One hostile thing each; a Sync and a Query follow, so that the session is asked whether it is in step. */
const attempts: [string, Buffer][] = [
  ...[0, 3, -1, 0x3fffffff, 0x7fffffff].flatMap((length) =>
    ['Q', 'S', 'd'].map((letter): [string, Buffer] => [
      `${letter} of length ${length}`,
      frame(letter, '', length),
    ]),
  ),
  ...['\0', 'A', 'R', 'Z', 'q', '\xff', '\x16'].map((letter): [string, Buffer] => [
    `unknown type ${JSON.stringify(letter)}`,
    frame(letter, 'abc'),
  ]),
  ['a Query without terminator', frame('Q', 'SELECT 1')],
  ['a Query with NUL inside', frame('Q', 'SELECT 1\0; SELECT email FROM customers\0')],
  ['a Query of nothing', frame('Q')],
  ['a Query of a terminator', frame('Q', '\0')],
  ['a Query of two terminators', frame('Q', '\0\0')],
  ['a Query that is not UTF-8', frame('Q', Buffer.from([0x53, 0xff, 0xfe, 0]))],
  ['a Parse without anything', frame('P')],
  ['a Parse without text', frame('P', 'a\0')],
  ['a Parse without types', frame('P', 'a\0SELECT 1\0')],
  ['a Parse with a lying count', parse('', 'SELECT 1', int16(0xffff))],
  ['a Parse with half a type', parse('', 'SELECT $1', Buffer.concat([int16(1), zeros(2)]))],
  ['a Parse with trailing bytes', parse('', 'SELECT 1', Buffer.concat([int16(0), Buffer.from('junk')]))],
  ['a Parse with 65535 types', parse('', 'SELECT 1', Buffer.concat([int16(0xffff), zeros(4 * 0xffff)]))],
  ['a Parse with unknown types', parse('', 'SELECT $1', Buffer.concat([int16(1), int32(-1)]))],
  ['a Parse with a name that is not UTF-8', frame('P', Buffer.from('\xff\xfe\0SELECT 1\0\0\0', 'latin1'))],
  ['a Parse of two statements', parse('', 'SELECT 1; SELECT 2')],
  ['a Parse with a name of 900 KB', parse('n'.repeat(900_000), 'SELECT 1')],
  ['a Parse with a name of 1.5 MB', parse('n'.repeat(1_100_000), 'SELECT 1')],
  ['a Bind of nothing', bind(int16(0), int16(0), int16(0))],
  ['a Bind of an unknown name', frame('B', Buffer.concat([Buffer.from('\0nope\0'), zeros(6)]))],
  ['a Bind cut short', Buffer.concat([statement, bind(int16(0))])],
  [
    'a Bind with trailing bytes',
    Buffer.concat([
      statement,
      bind(int16(0), int16(1), int32(1), Buffer.from('1'), int16(0), Buffer.from('x')),
    ]),
  ],
  ['a Bind with too few parameters', Buffer.concat([statement, bind(int16(0), int16(0), int16(0)), execute])],
  [
    'a Bind with too many parameters',
    Buffer.concat([statement, bind(int16(0), int16(2), int32(-1), int32(-1), int16(0)), execute]),
  ],
  [
    'a Bind with 65535 parameters',
    Buffer.concat([
      statement,
      bind(int16(0), int16(0xffff), Buffer.alloc(4 * 0xffff, 0xff), int16(0)),
      execute,
    ]),
  ],
  ['a Bind that lies about 65535 parameters', Buffer.concat([statement, bind(int16(0), int16(0xffff))])],
  [
    'a Bind with a parameter of -2 bytes',
    Buffer.concat([statement, bind(int16(0), int16(1), int32(-2), int16(0))]),
  ],
  [
    'a Bind with a parameter of 2 GB',
    Buffer.concat([statement, bind(int16(0), int16(1), int32(0x7fffffff), int16(0))]),
  ],
  [
    'a Bind with three formats for one parameter',
    Buffer.concat([statement, bind(int16(3), zeros(6), int16(1), int32(-1), int16(0)), execute]),
  ],
  [
    'a Bind with an unknown format',
    Buffer.concat([
      statement,
      bind(int16(1), int16(77), int16(1), int32(1), Buffer.from('1'), int16(0)),
      execute,
    ]),
  ],
  [
    'a Bind with an unknown result format',
    Buffer.concat([
      statement,
      bind(int16(0), int16(1), int32(1), Buffer.from('1'), int16(1), int16(9)),
      execute,
    ]),
  ],
  [
    'a Bind with a short binary value',
    Buffer.concat([
      statement,
      bind(int16(1), int16(1), int16(1), int32(1), Buffer.from('1'), int16(0)),
      execute,
    ]),
  ],
  [
    'a Bind with NUL in a text',
    Buffer.concat([
      parse('', 'SELECT $1::text'),
      bind(int16(0), int16(1), int32(3), Buffer.from('a\0b'), int16(0)),
      execute,
    ]),
  ],
  [
    'a Bind with a text that is not UTF-8',
    Buffer.concat([
      parse('', 'SELECT $1::text'),
      bind(int16(0), int16(1), int32(2), Buffer.from([0xff, 0xfe]), int16(0)),
      execute,
    ]),
  ],
  ['an Execute of nothing', execute],
  ['an Execute cut short', frame('E', '\0')],
  ['an Execute with trailing bytes', frame('E', Buffer.concat([zeros(1), int32(0), zeros(1)]))],
  [
    'an Execute of a negative number of rows',
    Buffer.concat([parse('', 'SELECT 1'), bind(zeros(6)), frame('E', Buffer.concat([zeros(1), int32(-5)]))]),
  ],
  [
    'an Execute with a name of 20 KB',
    frame('E', Buffer.concat([Buffer.alloc(20_000, 0x61), zeros(1), int32(0)])),
  ],
  ['a Describe of neither', frame('D', 'X\0')],
  ['a Describe of nothing', frame('D')],
  ['a Describe without terminator', frame('D', 'Sabc')],
  ['a Describe of an unknown statement', frame('D', 'Snope\0')],
  ['a Describe of an unknown portal', frame('D', 'Pnope\0')],
  ['a Describe with trailing bytes', frame('D', 'S\0x')],
  ['a Describe of 20 KB', frame('D', `S${'n'.repeat(20_000)}\0`)],
  ['a Close of neither', frame('C', 'X\0')],
  ['a Close of an unknown statement', frame('C', 'Snope\0')],
  ['a Close with trailing bytes', frame('C', 'P\0x')],
  ['a Close of 20 KB', frame('C', `S${'n'.repeat(20_000)}\0`)],
  ['a Sync with a body', frame('S', 'x')],
  ['a Sync with a body of a megabyte', frame('S', zeros(1_000_000))],
  ['a Flush with a body', frame('H', 'x')],
  ['a Terminate with a body', frame('X', 'x')],
  ['CopyData out of nothing', frame('d', 'junk\n')],
  ['CopyDone out of nothing', frame('c')],
  ['CopyDone with a body', frame('c', 'x')],
  ['CopyFail out of nothing', frame('f', 'no\0')],
  ['CopyFail without terminator', frame('f', 'no')],
  [
    'all of COPY out of nothing',
    Buffer.concat([frame('d', 'x\n'), frame('c'), frame('f', 'x\0'), frame('d', 'y')]),
  ],
  ['a password after the log-in', frame('p', 'secret\0')],
  ['an empty password message after the log-in', frame('p')],
  [
    'a SASL response after the log-in',
    frame('p', Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), int32(-1)])),
  ],
  ['a function call', frame('F', Buffer.concat([int32(1), int16(0), int16(0), int16(0)]))],
  ['a function call cut short', frame('F', int32(1))],
  ['a function call with a lying count', frame('F', Buffer.concat([int32(1), int16(0), int16(0xffff)]))],
  ['a second StartupMessage', Buffer.concat([int32(23), int32(0x30000), Buffer.from('user\0a\0b\0c\0\0')])],
  ['an SSLRequest in the session', Buffer.concat([int32(8), int32(80877103)])],
  ['a cancel request in the session', Buffer.concat([int32(16), int32(80877102), int32(1), int32(1)])],
  ['a TLS ClientHello in the session', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3])],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
];

describe.each(['crm_support', 'postgres', 'crm_admin'] as const)('a hostile client who is %s', (user) => {
  const governed = user === 'crm_support';
  let relay: Relay;
  let proxy: Proxy;
  let canary: s.RawClient;
  const policies = mkdtempSync(join(tmpdir(), 'pgveil-hostile-'));

  beforeAll(async () => {
    relay = await startRelay(postgresServer(18));
    writeFileSync(join(policies, 'crm.yaml'), hostilePolicy);
    proxy = await startProxy(18, { upstreamPort: relay.port, policies });
    canary = await s.RawClient.login(
      at(),
      { user: 'crm_support', database: proxy.db.name },
      passwords.crm_support,
    );
  });
  afterAll(async () => {
    canary.close();
    await proxy.stop();
    await relay.stop();
    rmSync(policies, { recursive: true, force: true });
  });
  afterEach(async () => {
    canary.messages.length = 0;
    canary.send(s.query('SELECT count(*) FROM customers'));
    await canary.until('ready-for-query');
    expect(s.transcript(canary.messages)).toEqual([
      'row-description',
      'data-row',
      'complete SELECT 1',
      'ready I',
    ]);
    await expect.poll(() => relay.open, { interval: 5 }).toBe(1);
  });

  const at = (): { host: string; port: number } => ({ host: '127.0.0.1', port: proxy.app.ports.proxy });
  const login = async (to: { host: string; port: number }, who: User = user): Promise<Listener> =>
    new Listener(await s.RawClient.login(to, { user: who, database: proxy.db.name }, passwords[who]));

  /** All frames that came to the server behind the log-in: the passwords look like messages too. */
  function upstreamProblems({ fromClient }: RelayedConnection): string[] {
    const all = Buffer.concat(fromClient);
    const { frames, rest } = cutFrames(all.subarray(all.readInt32BE(0)));
    const problems = frames.flatMap((one) => {
      try {
        decodeFrontend(one);
        return [];
      } catch (error) {
        return [String(error)];
      }
    });
    return rest.length === 0 ? problems : [...problems, `${rest.length} bytes that are no message`];
  }

  /** Until the Query behind the attempt is answered, or the connection is closed. */
  const outcome = async (client: Listener, bytes: Buffer): Promise<string> => {
    client.client.socket.write(Buffer.concat([bytes, sync, ping]));
    const kinds = (): readonly string[] =>
      cutFrames(client.received).frames.map((one) => {
        const message = tryDecode(one);
        return typeof message === 'string' ? message : s.transcript([message])[0]!;
      });
    const answered = (): boolean => kinds().slice(-2).join() === 'complete SELECT 2,ready I';
    for (let waited = 0; waited < 5_000 && !client.closed && !answered(); waited += 5) await sleep(5);
    client.client.close();
    return [...kinds(), client.closed ? 'closed' : 'open'].join(' | ');
  };

  /** How a governed session's end differs from the server's answer. */
  const refusedInPlace = new Set(['a Parse with a name of 1.5 MB', 'a function call']);

  test.each(attempts)('%s', async (what, bytes) => {
    const client = await login(at());
    const connection = relay.connections.at(-1)!;
    const [told, direct] = await Promise.all([outcome(client, bytes), outcome(await login(proxy.db), bytes)]);
    if (governed) {
      expect(upstreamProblems(connection)).toEqual([]);
      if (refusedInPlace.has(what))
        expect(told).toMatch(/^error 42501 \| ready I \|.*complete SELECT 2 \| ready I \| open$/);
      else expect([direct, 'error 08P01 | closed', 'parse-complete | error 08P01 | closed']).toContain(told);
    } else if (direct === 'closed') {
      // The server says nothing there; the proxy says why.
      expect(told).toMatch(/^(?:error 08(?:P01|006) \| )?closed$/);
    } else expect(told).toBe(direct);
  });

  const many = (count: number, message: Buffer): Buffer =>
    Buffer.concat(new Array<Buffer>(count).fill(message));
  const floods: [string, Buffer][] = [
    ['50,000 Syncs', many(50_000, sync)],
    ['100,000 Flushes', many(100_000, frame('H'))],
    ['5,000 unnamed Parses', many(5_000, parse('', 'SELECT 1'))],
    [
      'a megabyte of Parses with names',
      Buffer.concat(
        Array.from({ length: 1_000 }, (_, n) => parse(`s${n}`, `SELECT ${'1 + '.repeat(240)}${n}`)),
      ),
    ],
    [
      '3,000 Parses, Binds, Executes and a Sync',
      many(3_000, Buffer.concat([parse('', 'SELECT 1'), bind(zeros(6)), execute])),
    ],
    ['3,000 Binds of one statement', Buffer.concat([parse('', 'SELECT 1'), many(3_000, bind(zeros(6)))])],
    ['10,000 Executes of nothing', many(10_000, execute)],
    ['10,000 Describes', Buffer.concat([parse('', 'SELECT 1'), many(10_000, frame('D', 'S\0'))])],
    ['20,000 Closes', many(20_000, frame('C', 'Snope\0'))],
    ['10 MB of COPY data out of nothing', many(10, frame('d', zeros(1_000_000)))],
    ['3,000 Queries', many(3_000, ping)],
    ['a wide Describe', Buffer.concat([parse('', `SELECT ${'1, '.repeat(1600)}1`), frame('D', 'S\0')])],
  ];

  // A session of `audit: connections` keeps nothing of what passes.
  test.each(user === 'crm_admin' ? floods.slice(0, 1) : floods)(
    '%s, while nobody reads the answers: memory and the others stay as they are',
    { timeout: 60_000 },
    async (_what, bytes) => {
      const memory = (): number => {
        const { arrayBuffers, heapUsed } = process.memoryUsage();
        return arrayBuffers + heapUsed;
      };
      const client = await login(at());
      const connection = relay.connections.at(-1)!;
      client.client.socket.pause();
      const before = memory();
      let peak = 0;
      const watch = setInterval(() => (peak = Math.max(peak, memory() - before)), 20);
      client.client.socket.write(Buffer.concat([bytes, sync]));
      await sleep(300);
      canary.messages.length = 0;
      const asked = performance.now();
      canary.send(s.query('SELECT count(*) FROM customers'));
      await canary.until('ready-for-query');
      const waited = performance.now() - asked;
      client.client.socket.resume();
      // Its last bytes are those of the one Sync's answer, or of the last of many.
      const ended = (): boolean => client.closed || Buffer.concat(client.chunks.slice(-6)).at(-6) === 0x5a;
      for (let rested = 0; rested < 200; rested = ended() ? rested + 20 : 0) await sleep(20);
      clearInterval(watch);
      client.client.close();
      if (governed) expect(upstreamProblems(connection)).toEqual([]);
      expect(waited).toBeLessThan(10_000);
      expect(peak).toBeLessThan(150_000_000);
    },
  );
});
