/**
 * What a broken or hostile server may send: the session that it concerns ends cleanly or goes on in step, a governed
 * client sees nothing that was not checked, an exempt one the server's bytes, and the other sessions notice nothing.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { type RelayedConnection, type Relay, startRelay } from '../../support/relay.js';
import * as s from '../session/support.js';
import { cutFrames, frame, int16, int32, Listener, tryDecode } from './support.js';

const MARKER = 'hostile_marker';
const ready = frame('Z', 'I');
const field = (name: string): Buffer =>
  Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);
const description = frame('T', Buffer.concat([int16(1), field('x')]));
const row = frame('D', Buffer.concat([int16(1), int32(1), Buffer.from('x')]));
const complete = frame('C', 'SELECT 1\0');
const error = frame('E', 'SERROR\0VERROR\0C22012\0Mdivision by zero\0\0');
const good = Buffer.concat([description, row, complete, ready]);

/** In the place of the answer to one Query. */
const answers: [string, Buffer][] = [
  ...[0, 3, -1, 0x7fffffff, 0x40000004].flatMap((length) =>
    ['T', 'D', 'Z'].map((letter): [string, Buffer] => [
      `${letter} of length ${length}`,
      frame(letter, '', length),
    ]),
  ),
  ...['\0', '!', 'Q', 'P', 'p', '\xff', 'x'].map((letter): [string, Buffer] => [
    `unknown type ${JSON.stringify(letter)}`,
    frame(letter, 'abc'),
  ]),
  ['Z of length 4', Buffer.concat([description, row, complete, frame('Z')])],
  ['Z with two bytes', Buffer.concat([description, row, complete, frame('Z', 'II')])],
  ['Z with an unknown status', Buffer.concat([description, row, complete, frame('Z', 'X')])],
  ['Z first', ready],
  ['Z twice', Buffer.concat([good, ready])],
  ['Z before the end', Buffer.concat([description, row, ready])],
  ['C first', Buffer.concat([complete, ready])],
  ['C twice', Buffer.concat([description, row, complete, complete, ready])],
  ['C without terminator', Buffer.concat([description, row, frame('C', 'SELECT 1'), ready])],
  ['C of length 4', Buffer.concat([description, row, frame('C'), ready])],
  ['C with a huge count', Buffer.concat([description, frame('C', `SELECT ${'9'.repeat(400)}\0`), ready])],
  ['rows without description', Buffer.concat([row, row, complete, ready])],
  ['T of 65535 fields, none there', frame('T', int16(0xffff))],
  ['T cut inside a field', frame('T', Buffer.concat([int16(1), Buffer.from('x\0ab')]))],
  [
    'T with trailing bytes',
    Buffer.concat([
      frame('T', Buffer.concat([int16(1), field('x'), Buffer.from('y')])),
      row,
      complete,
      ready,
    ]),
  ],
  ['T of 60 MB', Buffer.concat([frame('T', Buffer.alloc(60_000_000, 0))])],
  ['T of 65 MB', Buffer.concat([frame('T', '', 65 * 1024 * 1024)])],
  ['T twice', Buffer.concat([description, description, row, complete, ready])],
  [
    'a row of 65535 values, none there',
    Buffer.concat([description, frame('D', int16(0xffff)), complete, ready]),
  ],
  [
    'a row whose value is longer than it',
    Buffer.concat([description, frame('D', Buffer.concat([int16(1), int32(100)])), complete, ready]),
  ],
  ['a row of length 4', Buffer.concat([description, frame('D'), complete, ready])],
  ['a row of 1 GB that never comes', Buffer.concat([description, frame('D', 'abc', 0x3ffffff0)])],
  ['E without terminator', frame('E', 'SERROR\0C22012\0Mx')],
  ['E without any field', Buffer.concat([frame('E', '\0'), ready])],
  ['E with bytes behind its end', Buffer.concat([frame('E', 'SERROR\0C22012\0Mx\0\0junk'), ready])],
  ['E of length 4', frame('E')],
  ['E twice', Buffer.concat([error, error, ready])],
  ['E in a result', Buffer.concat([description, row, error, ready])],
  ['E behind the end', Buffer.concat([good, error])],
  ['N without terminator', Buffer.concat([frame('N', 'SNOTICE\0C00000\0Mx'), good])],
  ['N with an empty body', Buffer.concat([frame('N'), good])],
  ['S without value', Buffer.concat([frame('S', 'a\0'), good])],
  ['S with an empty body', Buffer.concat([frame('S'), good])],
  ['S with trailing bytes', Buffer.concat([frame('S', 'a\0b\0c'), good])],
  ['S of 70 MB', frame('S', '', 70 * 1024 * 1024)],
  ['A cut short', Buffer.concat([frame('A', int32(1)), good])],
  [
    'A with trailing bytes',
    Buffer.concat([frame('A', Buffer.concat([int32(1), Buffer.from('a\0b\0c')])), good]),
  ],
  ...['ok 0', 'cleartext 3', 'md5 5', 'sasl 10', 'sasl-final 12', 'unknown 99'].map(
    (one): [string, Buffer] => [
      `authentication in a session: ${one}`,
      Buffer.concat([frame('R', int32(Number(one.split(' ')[1]))), good]),
    ],
  ),
  ['authentication with an empty body', Buffer.concat([frame('R'), good])],
  ['K in a session', Buffer.concat([frame('K', Buffer.concat([int32(1), int32(2)])), good])],
  ['K of length 4', Buffer.concat([frame('K'), good])],
  ['v in a session', Buffer.concat([frame('v', Buffer.concat([int32(0x30000), int32(0)])), good])],
  [
    'v with a hostile count',
    Buffer.concat([frame('v', Buffer.concat([int32(0x30000), int32(0x7fffffff)])), good]),
  ],
  ['1 unasked', Buffer.concat([frame('1'), good])],
  ['1 with a body', Buffer.concat([frame('1', 'x'), good])],
  ['2 unasked', Buffer.concat([frame('2'), good])],
  ['3 unasked', Buffer.concat([frame('3'), good])],
  ['n unasked', Buffer.concat([frame('n'), good])],
  ['s unasked', Buffer.concat([frame('s'), good])],
  ['t unasked', Buffer.concat([frame('t', int16(0)), good])],
  ['t of 65535 types, none there', Buffer.concat([frame('t', int16(0xffff)), good])],
  ['I unasked, then the end', Buffer.concat([frame('I'), ready])],
  ['V unasked', Buffer.concat([frame('V', int32(-1)), good])],
  ['G out of nothing', frame('G', Buffer.concat([Buffer.from([0]), int16(1), int16(0)]))],
  ['G with a hostile count', frame('G', Buffer.concat([Buffer.from([0]), int16(0xffff)]))],
  [
    'H out of nothing',
    Buffer.concat([
      frame('H', Buffer.concat([Buffer.from([0]), int16(1), int16(0)])),
      frame('d', 'x\n'),
      frame('c'),
      frame('C', 'COPY 1\0'),
      ready,
    ]),
  ],
  ['W out of nothing', frame('W', Buffer.concat([Buffer.from([0]), int16(0)]))],
  ['d and c out of nothing', Buffer.concat([frame('d', 'x'), frame('c'), good])],
  ['c with a body', Buffer.concat([frame('c', 'x'), good])],
  ['nothing at all, then the end', Buffer.alloc(0)],
];

/** Those that a governed session outlives: they are in step, or what is odd about them is in rows, which are not looked at. */
const outlived = new Set([
  'C first',
  'C with a huge count',
  'rows without description',
  'T of 60 MB',
  'T twice',
  'a row of 65535 values, none there',
  'a row whose value is longer than it',
  'a row of length 4',
  'a row of 1 GB that never comes',
  'E without any field',
  'E twice',
  'E in a result',
  't unasked',
  'd and c out of nothing',
]);
/** What ends any session, because nothing behind it could be read. */
const unframed = /of length (?:[0-3]|-\d+|2147483647|1073741828)$|^unknown type|^nothing at all/;
/** What ends an exempt session too, because the proxy has to read it. */
const unreadable = /^E without terminator|^E of length 4/;

const loginOk = frame('R', int32(0));
const status = frame('S', 'server_version\x0018.0\0');
const key = (bytes: number): Buffer => frame('K', Buffer.concat([int32(1), Buffer.alloc(bytes, 7)]));

/** In the place of the whole log-in. */
const logIns: [string, Buffer][] = [
  ['nothing, then the end', Buffer.alloc(0)],
  ...[0, 3, 4, 5, -1, 0x7fffffff, 200_000].map((length): [string, Buffer] => [
    `R of length ${length}`,
    frame('R', '', length),
  ]),
  ...[1, 4, 6, 13, 99, -1].map((code): [string, Buffer] => [
    `the unknown authentication ${code}`,
    frame('R', int32(code)),
  ]),
  ['md5 without salt', frame('R', int32(5))],
  ['SASL without the end of its list', frame('R', Buffer.concat([int32(10), Buffer.from('SCRAM')]))],
  [
    'SASL with a list of a megabyte',
    frame('R', Buffer.concat([int32(10), Buffer.from('X\0'.repeat(500_000) + '\0')])),
  ],
  ['a row', frame('D', int16(0))],
  ['a COPY', frame('G', Buffer.concat([Buffer.from([0]), int16(0)]))],
  ['CommandComplete', Buffer.concat([loginOk, frame('C', 'SELECT 1\0')])],
  ['ReadyForQuery with no status', Buffer.concat([loginOk, frame('Z')])],
  ['ReadyForQuery with an unknown status', Buffer.concat([loginOk, frame('Z', 'Q')])],
  ['an unknown type', Buffer.concat([loginOk, frame('!', 'x')])],
  ['an error without terminator', frame('E', 'SFATAL\0C28P01')],
  ['an error of a megabyte', frame('E', `SFATAL\0VFATAL\0C28P01\0M${'x'.repeat(1_000_000)}\0\0`)],
  ['a ParameterStatus without value', Buffer.concat([loginOk, frame('S', 'x\0')])],
  ['a ParameterStatus of a megabyte', Buffer.concat([loginOk, frame('S', `x\0${'y'.repeat(1_000_000)}\0`)])],
  [
    'NegotiateProtocolVersion with a hostile count',
    frame('v', Buffer.concat([int32(0x30000), int32(0x7fffffff)])),
  ],
  ['NegotiateProtocolVersion with a negative count', frame('v', Buffer.concat([int32(0x30000), int32(-1)]))],
  ['plain text of something else', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a TLS alert', Buffer.from([0x15, 3, 1, 0, 2, 2, 40])],
];
/** A log-in that is odd, and yet one. */
const oddLogIns: [string, Buffer][] = [
  ['a key of no bytes', Buffer.concat([loginOk, status, key(0), ready])],
  ['a key of 300 bytes', Buffer.concat([loginOk, status, key(300), ready])],
  ['two keys', Buffer.concat([loginOk, key(4), key(4), ready])],
  ['no key', Buffer.concat([loginOk, status, ready])],
  ['AuthenticationOk twice', Buffer.concat([loginOk, loginOk, ready])],
  ['ReadyForQuery without AuthenticationOk', ready],
  ['ReadyForQuery twice', Buffer.concat([loginOk, ready, ready])],
  ['an error behind AuthenticationOk, then ready', Buffer.concat([loginOk, error, ready])],
];

interface Place {
  readonly proxy: s.Proxy;
  readonly relay: Relay;
  readonly login: () => Promise<Listener>;
  /** What the server does once it reads the marker. */
  readonly answer: (script: (connection: RelayedConnection) => void) => void;
}

/** Ends without a word, as a test of what a hostile server does must. */
function writeAll({ toClient }: RelayedConnection, bytes: Buffer): void {
  if (bytes.length === 0) toClient.end();
  else toClient.write(bytes);
}

describe.each(['crm_support', 'postgres', 'crm_admin'] as const)('a hostile server and %s', (user) => {
  const governed = user === 'crm_support';
  const raw = user === 'crm_admin';
  const complaints = vi.spyOn(console, 'error');
  let db: TestDatabase;
  let place: Place;
  let canary: s.RawClient;
  let hostileLogIn = false;
  let victim: Listener | undefined;

  beforeAll(async () => {
    db = await createDatabase(18);
    let script: (connection: RelayedConnection) => void = () => undefined;
    const relay = await startRelay(db, {
      intercept: (chunk, connection) => {
        if (!hostileLogIn && !chunk.includes(MARKER)) return false;
        if (connection.fromClient.length === 1 || chunk.includes(MARKER)) script(connection);
        return true;
      },
    });
    const proxy = await s.startProxy(relay, { limits: { authTimeoutMs: 400, startupTimeoutMs: 400 } });
    const login = async (): Promise<Listener> => {
      victim = new Listener(await s.RawClient.login(proxy, { user, database: db.name }, passwords[user]));
      return victim;
    };
    place = { proxy, relay, login, answer: (next) => (script = next) };
    canary = await s.RawClient.login(
      proxy,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    );
  });
  afterAll(async () => {
    canary.close();
    await place.proxy.stop();
    await place.relay.stop();
    await db.drop();
  });
  afterEach(async () => {
    victim?.client.close();
    hostileLogIn = false;
    canary.messages.length = 0;
    canary.send(s.query('SELECT 1'));
    await canary.until('ready-for-query');
    expect(s.transcript(canary.messages)).toEqual([
      'row-description',
      'data-row',
      'complete SELECT 1',
      'ready I',
    ]);
    // Nothing stays open on either side but the canary, and nothing was taken for a bug.
    await expect.poll(() => place.proxy.connections, { interval: 5 }).toBe(1);
    await expect.poll(() => place.relay.open, { interval: 5 }).toBe(1);
    expect(complaints.mock.calls).toEqual([]);
  });

  test.each(answers)('%s', async (what, bytes) => {
    place.answer((connection) => writeAll(connection, bytes));
    const client = await place.login();
    client.client.send(s.query(`SELECT ${MARKER}`));
    const ends = unframed.test(what) || (governed ? !outlived.has(what) : unreadable.test(what));
    const how = ends ? await client.untilClosed() : await client.settled(50);
    const { frames } = cutFrames(client.received);
    expect(how).toBe(ends ? 'closed' : 'open');
    if (ends) expect(client.lastError).toMatch(/^FATAL (?:08P01|08006)$/);
    if (governed) {
      const shown = frames.filter((one) => one[0] !== 0x44 && one[0] !== 0x64);
      expect(shown.map(tryDecode).filter((one) => typeof one === 'string')).toEqual([]);
    } else if (!ends && bytes.length < 1_000_000 && (raw || what !== 'T of 65 MB')) {
      // Where it is followed, the head of a description goes on once it is there.
      expect(client.received.equals(bytes)).toBe(true);
    }
  });

  test.each(logIns)('in the log-in: %s', async (_what, bytes) => {
    place.answer((connection) => writeAll(connection, bytes));
    hostileLogIn = true;
    const client = new Listener(await s.RawClient.open(place.proxy));
    client.client.startup({ user, database: db.name });
    await expect.poll(() => client.closed, { timeout: 3_000, interval: 5 }).toBe(true);
    const { frames, rest } = cutFrames(client.received);
    expect(rest).toHaveLength(0);
    expect(frames.map(tryDecode).filter((one) => typeof one === 'string')).toEqual([]);
    expect(frames.some((one) => one[0] === 0x5a)).toBe(false);
    expect(client.lastError).toMatch(/^FATAL (?:08P01|08006|57014|28P01|08004|57P\d\d|28000)$/);
  });

  test.each(oddLogIns)('a log-in with %s costs nobody anything', async (_what, bytes) => {
    place.answer((connection) => writeAll(connection, bytes));
    hostileLogIn = true;
    const client = new Listener(await s.RawClient.open(place.proxy));
    client.client.startup({ user, database: db.name });
    await client.settled(20);
    client.client.send(s.query('SELECT 1'));
    await client.settled(20);
    // A governed session waits for its own question to be answered, and is never ready without.
    if (governed) expect(cutFrames(client.received).frames.some((one) => one[0] === 0x5a)).toBe(false);
    client.client.close();
  });

  test('a log-in that never ends, in a flood of settings', async () => {
    const setting = frame('S', `x\0${'y'.repeat(5_000)}\0`);
    let sent = 0;
    place.answer(({ toClient }) => {
      toClient.write(loginOk);
      const more = (): void => {
        if (toClient.destroyed) return;
        sent += setting.length;
        if (toClient.write(setting)) setImmediate(more);
        else toClient.once('drain', more);
      };
      more();
    });
    hostileLogIn = true;
    const client = new Listener(await s.RawClient.open(place.proxy));
    client.client.startup({ user, database: db.name });
    await expect.poll(() => client.closed, { timeout: 3_000, interval: 5 }).toBe(true);
    expect(sent).toBeGreaterThan(100_000);
  });

  test.each([
    ['rows', row],
    ['notices', frame('N', `SNOTICE\0VNOTICE\0C00000\0M${'n'.repeat(900)}\0\0`)],
    ['settings', frame('S', `application_name\0${'s'.repeat(900)}\0`)],
    ['notifications', frame('A', Buffer.concat([int32(1), Buffer.from(`c\0${'p'.repeat(900)}\0`)]))],
    [
      'rows of 10 MB',
      frame('D', Buffer.concat([int16(1), int32(10_000_000), Buffer.alloc(10_000_000, 0x78)])),
    ],
  ])('a flood of %s to a client that does not read costs bounded memory', async (_what, one) => {
    const block = Buffer.concat(Array<Buffer>(Math.max(1, Math.floor(65_536 / one.length))).fill(one));
    const total = 160 * 1024 * 1024;
    let sent = 0;
    let flooding: Promise<unknown> = Promise.resolve();
    let stop = (): void => undefined;
    place.answer(({ toClient }) => {
      stop = () => toClient.destroy();
      const flood = async (): Promise<void> => {
        toClient.write(description);
        while (sent < total && !toClient.destroyed) {
          sent += block.length;
          if (!toClient.write(block))
            await new Promise<void>((resolve) => {
              toClient.once('drain', resolve);
              toClient.once('close', resolve);
            });
        }
      };
      flooding = flood();
    });
    const stalled = await place.login();
    stalled.client.socket.pause();
    const memory = (): number => process.memoryUsage().arrayBuffers;
    const before = memory();
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, memory() - before)), 5);
    stalled.client.send(s.query(`SELECT ${MARKER}`));
    await new Promise((resolve) => setTimeout(resolve, 400));
    clearInterval(watch);
    // Four read buffers of 64 KB wait at most, and garbage of the like; the flood's own block is in the count as well.
    expect(peak).toBeLessThan(40 * 1024 * 1024);
    stalled.client.close();
    // Else the proxy lingers for two seconds over what the server still sends.
    stop();
    await flooding;
  });
});
