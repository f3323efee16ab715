/**
 * What may come in the place of a StartupMessage, to the whole proxy before a real server: each is answered with an
 * SQLSTATE or the end of the connection, and an ordinary client gets in behind it.
 */
import { once } from 'node:events';
import net from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { passwords } from '../../support/databases.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import * as s from '../session/support.js';
import { cutFrames, hostilePolicy, int16, int32, tryDecode } from './support.js';

const code = (major: number, minor: number): Buffer => Buffer.concat([int16(major), int16(minor)]);
/** The length word is true unless one is given. */
function packet(version: Buffer, body: string | Buffer = '', length?: number): Buffer {
  const bytes = Buffer.concat([version, typeof body === 'string' ? Buffer.from(body, 'latin1') : body]);
  return Buffer.concat([int32(length ?? bytes.length + 4), bytes]);
}
const v3 = code(3, 0);
const ssl = packet(code(1234, 5679));
const gss = packet(code(1234, 5680));
const cancel = (body: Buffer, length?: number): Buffer => packet(code(1234, 5678), body, length);
const queried = encodeFrontend(s.query('SELECT 1'));

/** In the place of the database's name, which is as long. */
const NAME = 'the_database_name';
const who = `user\0crm_support\0database\0${NAME}\0`;
const admin = `user\0crm_admin\0database\0${NAME}\0`;

/** So many bytes behind the length word: what the server bounds. */
const filled = (total: number, name = who): string => {
  const names = `${name}application_name\0`;
  return `${names}${'x'.repeat(total - 4 - names.length - 2)}\0\0`;
};

// Answers: `asks` is the server's request for the password; N is an encryption request's; the SQLSTATE of a FATAL
// error; `closed` alone is the end without a word.
const rows: [string, string | Buffer | readonly (string | Buffer)[], string][] = [
  ['a good one', who + '\0', 'asks'],
  ['no body', '', '08P01 closed'],
  ['a terminator alone', '\0', '28000 closed'],
  ['no terminator', who, '08P01 closed'],
  ['a value without its terminator', 'user\0crm_support', '08P01 closed'],
  ['a name without a value', `${who}application_name\0`, '08P01 closed'],
  ['an empty user', `user\0\0database\0${NAME}\0\0`, '28000 closed'],
  ['no user', `database\0${NAME}\0\0`, '28000 closed'],
  // It is named as the user then, and the server tells only who has proved himself that there is none.
  ['an empty database', 'user\0crm_support\0database\0\0\0', 'asks'],
  ['no database', 'user\0crm_support\0\0', 'asks'],
  ['an empty name in front', `\0${who}\0`, '08P01 closed'],
  ['an empty name in the middle', `user\0crm_support\0\0database\0${NAME}\0\0`, '08P01 closed'],
  ['two terminators', `${who}\0\0`, '08P01 closed'],
  ['bytes behind the terminator', `${who}\0junk`, '08P01 closed'],
  ['a NUL inside a value', `user\0crm\0_support\0database\0${NAME}\0\0`, '08P01 closed'],
  ['a NUL in front of a value', `user\0\0crm_support\0database\0${NAME}\0\0`, '08P01 closed'],
  ['nothing but NULs', '\0'.repeat(64), '08P01 closed'],
  ['the user twice', `${who}user\0postgres\0\0`, '22023 closed'],
  ['the same user twice', `${who}user\0crm_support\0\0`, '22023 closed'],
  ['the database twice', `${who}database\0postgres\0\0`, '22023 closed'],
  ['the user twice in other case', `${who}USER\0postgres\0\0`, '22023 closed'],
  ['the database twice in other case', `${who}Database\0postgres\0\0`, '22023 closed'],
  ['the user in upper case alone', `USER\0crm_support\0database\0${NAME}\0\0`, '28000 closed'],
  ['a setting twice', `${who}TimeZone\0UTC\0TimeZone\0UTC\0\0`, '22023 closed'],
  ['a setting twice in other case', `${who}TimeZone\0UTC\0timezone\0UTC\0\0`, '22023 closed'],
  ['options twice', `${who}options\0-c geqo=on\0options\0-c role=postgres\0\0`, '22023 closed'],
  ['10,000 bytes of an exempt user', filled(10_000, admin), 'asks'],
  // What a governed session adds makes it longer than the server takes, which closes without a word.
  ['10,000 bytes of a governed user', filled(10_000), '08006 closed'],
  ['9,900 bytes of a governed user', filled(9_900), 'asks'],
  ['10,001 bytes', filled(10_001), '08P01 closed'],
  ['options that end in a backslash', `${who}options\0-c geqo=on\\\0\0`, 'asks'],
  ['options of a backslash', `${who}options\0\\\0\0`, '42501 closed'],
  ['options that end in -c', `${who}options\0-c\0\0`, '42501 closed'],
  ['options that end in -c and a backslash', `${who}options\0-c \\\0\0`, '42501 closed'],
  ['options that set the role', `${who}options\0-c role=postgres\0\0`, '42501 closed'],
  ['options that hide the role', `${who}options\0-c ro\\le=postgres\0\0`, '42501 closed'],
  ['options in upper case', `${who}OPTIONS\0-c role=postgres\0\0`, '42501 closed'],
  ['a user of 64 bytes', `user\0${'u'.repeat(64)}\0database\0${NAME}\0\0`, '28000 closed'],
  ['a user of 9,000 bytes', `user\0${'u'.repeat(9_000)}\0database\0${NAME}\0\0`, '28000 closed'],
  [
    'a user with a tail behind 63 bytes',
    `user\0crm_support${' '.repeat(60)}\0database\0${NAME}\0\0`,
    '28000 closed',
  ],
  ['a database of 9,000 bytes', `user\0crm_support\0database\0${'d'.repeat(9_000)}\0\0`, 'asks'],
  ['a setting with a name of 9,000 bytes', `${who}${'n'.repeat(9_000)}\0on\0\0`, '42501 closed'],
  ['a user that is not UTF-8', `user\0crm_support\xff\0database\0${NAME}\0\0`, '08P01 closed'],
  ['a database that is not UTF-8', `user\0crm_support\0database\0${NAME}\xc0\xaf\0\0`, '08P01 closed'],
  ['a setting that is not UTF-8', `${who}application_name\0\xed\xa0\x80\0\0`, '08P01 closed'],
  ['a name that is not UTF-8', `${who}\xff\0on\0\0`, '08P01 closed'],
  [
    'a byte order mark before the user',
    `user\0\xef\xbb\xbfcrm_support\0database\0${NAME}\0\0`,
    '28000 closed',
  ],
  ['replication', `${who}replication\0database\0\0`, '42501 closed'],
  ['an SSLRequest', ssl, 'N'],
  ['a GSSENCRequest', gss, 'N'],
  ['an SSLRequest, then the good one', [ssl, who + '\0'], 'N asks'],
  ['a GSSENCRequest, then the good one', [gss, who + '\0'], 'N asks'],
  ['both, then the good one', [ssl, gss, who + '\0'], 'N N asks'],
  ['both the other way round, then the good one', [gss, ssl, who + '\0'], 'N N asks'],
  ['an SSLRequest twice', [ssl, ssl], 'N 08P01 closed'],
  ['a GSSENCRequest twice', [gss, gss], 'N 08P01 closed'],
  ['a third request', [ssl, gss, ssl], 'N N 08P01 closed'],
  ['two requests in one packet', Buffer.concat([ssl, gss]), '08P01 closed'],
  ['a request with the good one behind it', Buffer.concat([ssl, packet(v3, who + '\0')]), '08P01 closed'],
  ['an SSLRequest with a body', packet(code(1234, 5679), 'x'), '08P01 closed'],
  ['a cancel request behind an SSLRequest', [ssl, cancel(Buffer.concat([int32(1), int32(1)]))], 'N closed'],
  ['protocol 0.0', packet(code(0, 0), who + '\0'), '0A000 closed'],
  ['protocol 1.0', packet(code(1, 0), who + '\0'), 'EFATAL closed'],
  ['protocol 2.0', packet(code(2, 0), who + '\0'), 'EFATAL closed'],
  ['protocol 3.2', packet(code(3, 2), who + '\0'), 'asks'],
  ['protocol 3.255', packet(code(3, 255), who + '\0'), 'v asks'],
  ['protocol 3.65535', packet(code(3, 65_535), who + '\0'), 'v asks'],
  ['protocol 4.0', packet(code(4, 0), who + '\0'), '0A000 closed'],
  ['protocol 65535.65535', packet(code(65_535, 65_535), who + '\0'), '0A000 closed'],
  ['protocol 1234.1', packet(code(1234, 1), who + '\0'), '0A000 closed'],
  ['protocol 1234.5681', packet(code(1234, 5681)), '0A000 closed'],
  ['protocol 4.0 of nothing', packet(code(4, 0)), '0A000 closed'],
  // The second is read as messages are, and its first byte is no message's type.
  ['two in one packet', Buffer.concat([packet(v3, who + '\0'), packet(v3, admin + '\0')]), '08P01 closed'],
  // Held until the session is ready, it would wait for good: the server goes on with a password alone.
  ['a Query behind it', Buffer.concat([packet(v3, who + '\0'), queried]), 'asks 08P01 closed'],
  ['a Query in place of the password', [who + '\0', queried], 'asks 08P01 closed'],
  ["a Query in place of an exempt user's password", [admin + '\0', queried], 'asks 08P01 closed'],
  ['a Sync in place of the password', [who + '\0', encodeFrontend(s.sync)], 'asks 08P01 closed'],
  ['a cancel request', cancel(Buffer.concat([int32(1), int32(1)])), 'closed'],
  ['a cancel request twice', Buffer.concat(Array<Buffer>(2).fill(cancel(Buffer.alloc(8)))), 'closed'],
  ['a cancel request with a key of 256 bytes', cancel(Buffer.alloc(4 + 256)), 'closed'],
  ['a cancel request with a key of 257 bytes', cancel(Buffer.alloc(4 + 257)), '08P01 closed'],
  ['a cancel request with a key of 3 bytes', cancel(Buffer.alloc(4 + 3)), '08P01 closed'],
  ['a cancel request without a key', cancel(Buffer.alloc(4)), '08P01 closed'],
  ['a cancel request without anything', cancel(Buffer.alloc(0)), '08P01 closed'],
  ['a cancel request of length 7', cancel(Buffer.alloc(8), 7), '08P01 closed'],
  ['a cancel request of 20,000 bytes', cancel(Buffer.alloc(8), 20_000), '08P01 closed'],
  ...[0, 3, 4, 7, -1, 10_005, 0x7fffffff].map((length): [string, Buffer, string] => [
    `a length of ${length}`,
    packet(v3, who + '\0', length),
    '08P01 closed',
  ]),
  ['a length that ends inside', packet(v3, who + '\0', 20), '08P01 closed'],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '08P01 closed'],
  ['a TLS ClientHello', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]), '08P01 closed'],
  ['a typed message', Buffer.from('Q\0\0\0\x0dSELECT 1\0', 'latin1'), '08P01 closed'],
];

let proxy: Proxy;
const policies = mkdtempSync(join(tmpdir(), 'pgveil-startup-'));

beforeAll(async () => {
  writeFileSync(join(policies, 'crm.yaml'), hostilePolicy);
  proxy = await startProxy(18, { policies });
});
afterAll(async () => {
  await proxy.stop();
  rmSync(policies, { recursive: true, force: true });
});

const at = (): { host: string; port: number } => ({ host: '127.0.0.1', port: proxy.app.ports.proxy });

/** Sends one after the other, each behind the answer to the one before, and tells what came until it stops. */
async function answers(packets: readonly Buffer[]): Promise<string> {
  const socket = net.connect({ ...at(), noDelay: true });
  const chunks: Buffer[] = [];
  let ended = false;
  const closed = (): boolean => ended;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('close', () => (ended = true));
  await once(socket, 'connect');
  for (const one of packets) {
    const before = chunks.length;
    socket.write(one);
    await expect.poll(() => closed() || chunks.length > before, { interval: 2, timeout: 5_000 }).toBe(true);
  }
  // A refusal is followed by the end; whoever is asked for a password is waited for.
  if (told(chunks).some((one) => !/^(N|asks|v)$/.test(one)))
    await expect.poll(closed, { interval: 2, timeout: 5_000 }).toBe(true);
  socket.destroy();
  return [...told(chunks), ...(closed() ? ['closed'] : [])].join(' ');
}

function told(chunks: readonly Buffer[]): string[] {
  let bytes = Buffer.concat(chunks);
  const all: string[] = [];
  for (; bytes[0] === 0x4e && bytes[1] !== 0; bytes = bytes.subarray(1)) all.push('N');
  if (bytes.subarray(0, 6).toString() === 'EFATAL') return [...all, 'EFATAL'];
  const { frames, rest } = cutFrames(bytes);
  for (const one of frames) {
    const message = tryDecode(one);
    if (typeof message === 'string') all.push(message);
    else if (message.kind === 'authentication') all.push('asks');
    else if (message.kind === 'negotiate-protocol-version') all.push('v');
    else if (message.kind === 'error-response') all.push(errorField(message, 'C')!);
    else all.push(message.kind);
  }
  return rest.length === 0 ? all : [...all, 'half a message'];
}

describe('hostile startup packets', () => {
  afterEach(async () => {
    const client = await s.RawClient.login(
      at(),
      { user: 'crm_support', database: proxy.db.name },
      passwords.crm_support,
    );
    client.send(s.query('SELECT 1'));
    await client.until('ready-for-query');
    expect(s.transcript(client.messages)).toEqual([
      'row-description',
      'data-row',
      'complete SELECT 1',
      'ready I',
    ]);
    client.close();
  });

  test.each(rows)('%s', async (_what, sent, expected) => {
    const inPlace = (one: string | Buffer): Buffer => {
      const bytes = typeof one === 'string' ? packet(v3, one) : one;
      expect(proxy.db.name).toHaveLength(NAME.length);
      return Buffer.from(bytes.toString('latin1').replaceAll(NAME, proxy.db.name), 'latin1');
    };
    const packets = typeof sent === 'string' || Buffer.isBuffer(sent) ? [sent] : sent;
    expect(await answers(packets.map(inPlace))).toBe(expected);
  });
});
