/**
 * Hostile and half-valid bytes, made from a seed: what a client may say after its log-in, instead of one, or what a
 * server may answer. Each is a few messages that are right, wrong, or nearly right, cut into pieces.
 */
import { encodeBackend } from '../../../src/wire/backend-message.js';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { backendTypes, frontendTypes } from '../../../src/wire/message-types.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import {
  bind,
  copyData,
  copyDone,
  describeStatement,
  execute,
  flush,
  parse,
  query,
  sync,
} from '../../integration/session/support.js';
import type { Random } from '../random.js';

export type Side = 'client' | 'startup' | 'server';

const texts = [
  'SELECT id, email FROM customers',
  'SELECT 1; SELECT 2',
  'BEGIN',
  'ROLLBACK',
  'SELECT nope',
  'COPY tickets (id) TO STDOUT',
  'COPY drafts FROM STDIN',
  'SET search_path = public',
  'PREPARE p AS SELECT 1',
  'EXECUTE p',
  'DECLARE c CURSOR WITH HOLD FOR SELECT id FROM customers',
  'FETCH 2 FROM c',
  'SELECT repeat($1, 10000)',
  'DROP TABLE customers',
  "SELECT '\u00e9",
  '',
];

const numbers = [
  0, 1, 2, 3, 4, 5, 8, -1, -2, -0x80000000, 0x7fffffff, 0xffff, 10_005, 65_536, 0x3fffffff, 0x40000003,
];

function goodRequest(random: Random): Buffer {
  const name = random.pick(['', '', 'a', 'b', 'n'.repeat(70)]);
  const text = random.pick(texts);
  return encodeFrontend(
    random.pick([
      () => query(text),
      () => parse(text, name),
      () => bind(name, random.pick(['', 'p1'])),
      () => describeStatement(name),
      () => execute(random.pick(['', 'p1', 'c']), random.below(3)),
      () => ({ kind: 'close', target: random.pick(['statement', 'portal'] as const), name }) as const,
      () => sync,
      () => sync,
      () => flush,
      () => copyData('1\n'),
      () => copyDone,
      () => ({ kind: 'copy-fail', reason: 'no' }) as const,
    ])(),
  );
}

function goodAnswer(random: Random): Buffer {
  const field = {
    name: 'x',
    tableOid: random.pick([0, 1, 16_400]),
    attnum: 1,
    typeOid: 25,
    typeSize: -1,
    typmod: -1,
    format: 0,
  };
  const fields = [
    ['S', random.pick(['ERROR', 'FATAL', 'NOTICE'])],
    ['C', random.pick(['22012', '57P01', '00000', ''])],
    ['M', 'm'],
  ] as const;
  return encodeBackend(
    random.pick([
      () => ({ kind: 'row-description', fields: [field] }) as const,
      () => ({ kind: 'data-row', values: [Buffer.from('x'), null] }) as const,
      () =>
        ({
          kind: 'command-complete',
          tag: random.pick(['SELECT 1', 'INSERT 0 3', 'BEGIN', 'COPY 1', 'DISCARD ALL']),
        }) as const,
      () => ({ kind: 'ready-for-query', status: random.pick(['I', 'T', 'E'] as const) }) as const,
      () => ({ kind: 'error-response', fields }) as const,
      () => ({ kind: 'notice-response', fields }) as const,
      () =>
        ({
          kind: 'parameter-status',
          name: random.pick(['client_encoding', 'search_path', 'x']),
          value: 'y',
        }) as const,
      () =>
        ({
          kind: random.pick([
            'parse-complete',
            'bind-complete',
            'close-complete',
            'no-data',
            'portal-suspended',
            'empty-query-response',
            'copy-done',
          ] as const),
        }) as const,
      () =>
        ({
          kind: random.pick(['copy-in-response', 'copy-out-response', 'copy-both-response'] as const),
          format: 0,
          columnFormats: [0],
        }) as const,
      () => ({ kind: 'authentication', method: random.pick(['ok', 'cleartext-password'] as const) }) as const,
      () => ({ kind: 'notification-response', processId: 1, channel: 'c', payload: 'p' }) as const,
      () => ({ kind: 'copy-data', data: Buffer.from('1\n') }) as const,
    ])(),
  );
}

function goodStartup(random: Random): Buffer {
  const user = random.pick(['crm_support', 'crm_admin', 'nobody', '']);
  return random.pick([
    () => encodeStartupPacket({ kind: 'ssl-request' }),
    () => encodeStartupPacket({ kind: 'gssenc-request' }),
    () =>
      encodeStartupPacket({
        kind: 'cancel-request',
        processId: random.below(100_000),
        secretKey: Buffer.alloc(4 + random.below(30)),
      }),
    () =>
      encodeStartupPacket({
        kind: 'startup',
        protocol: { major: 3, minor: random.pick([0, 2, 9999]) },
        parameters: [
          ['user', user],
          ...(random.chance(0.3) ? [['user', 'crm_admin'] as const] : []),
          ['database', random.pick(['postgres', 'nope', 'pgveil'])],
          ...(random.chance(0.3) ? [['options', random.pick(['-c a=b', '--x', '\\'])] as const] : []),
          ...(random.chance(0.3) ? [['_pq_.x', 'y'] as const] : []),
        ],
      }),
  ])();
}

/** One byte changed, some removed, some put in, a length word that lies, or nothing but noise. */
function spoilt(message: Buffer, types: readonly number[], random: Random): Buffer {
  const bytes = Buffer.from(message);
  switch (random.below(7)) {
    case 0:
      bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    case 1:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 2:
      return Buffer.concat([
        bytes,
        Buffer.from(Array.from({ length: 1 + random.below(20) }, () => random.below(256))),
      ]);
    case 3:
      if (bytes.length >= 5) bytes.writeInt32BE(random.pick(numbers) | 0, 1);
      return bytes;
    case 4: {
      // A true length around noise.
      const body = Buffer.from(
        Array.from({ length: random.below(40) }, () => random.pick([0, 0, 1, 0xff, random.below(256)])),
      );
      const header = Buffer.from([random.pick(types), 0, 0, 0, 0]);
      header.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([header, body]);
    }
    case 5: {
      const at = random.below(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([0, 0]), bytes.subarray(at)]);
    }
    default:
      return Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
  }
}

/** The pieces to write, each in a packet of its own. */
export function conversation(side: Side, random: Random): readonly Buffer[] {
  const make = side === 'client' ? goodRequest : side === 'server' ? goodAnswer : goodStartup;
  const types = Object.values(side === 'server' ? backendTypes : frontendTypes);
  const messages = Array.from({ length: 1 + random.below(side === 'startup' ? 3 : 10) }, () => {
    const good = make(random);
    return random.chance(side === 'client' ? 0.12 : 0.25) ? spoilt(good, types, random) : good;
  });
  const all = Buffer.concat(messages);
  if (random.chance(0.6) || all.length < 2) return [all];
  const at = 1 + random.below(all.length - 1);
  return [all.subarray(0, at), all.subarray(at)];
}
