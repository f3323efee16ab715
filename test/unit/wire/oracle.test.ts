/** pg-protocol, which others wrote, must read what we write and write what we read. */
import { DatabaseError, serialize } from 'pg-protocol';
import type * as theirs from 'pg-protocol/dist/messages.js';
import { Parser } from 'pg-protocol/dist/parser.js';
import { describe, expect, it } from 'vitest';
import { type BackendMessage, encodeBackend } from '../../../src/wire/backend-message.js';
import { toByteString } from '../../../src/wire/byte-string.js';
import { decodeFrontend, encodeFrontend, type FrontendMessage } from '../../../src/wire/frontend-message.js';
import { encodeErrorResponse } from '../../../src/wire/messages/error-response.js';
import {
  passwordMessage,
  readPassword,
  readSaslInitialResponse,
  saslInitialResponse,
} from '../../../src/wire/messages/password.js';
import { encodeStartupPacket, readStartupPacket } from '../../../src/wire/startup.js';

function readByThem(frame: Buffer): theirs.BackendMessage {
  const read: theirs.BackendMessage[] = [];
  new Parser().parse(frame, (message) => read.push(message));
  expect(read).toHaveLength(1);
  expect(read[0]!.length).toBe(frame.length - 1);
  return read[0]!;
}

const b = (text: string): Buffer => Buffer.from(text);

const frontend: [Buffer, FrontendMessage][] = [
  [serialize.query('SELECT 1'), { kind: 'query', sql: b('SELECT 1') }],
  [serialize.query('SELECT ’ü’'), { kind: 'query', sql: b('SELECT ’ü’') }],
  [
    serialize.parse({ name: 'é', text: 'SELECT $1', types: [25, 4294967295 | 0] }),
    { kind: 'parse', statement: toByteString('é'), sql: b('SELECT $1'), parameterTypes: [25, 4294967295] },
  ],
  [
    serialize.bind({ portal: 'p', statement: 's', values: ['1', null, Buffer.from([0, 255])] }),
    {
      kind: 'bind',
      portal: 'p',
      statement: 's',
      parameterFormats: [0, 0, 1],
      parameters: [b('1'), null, Buffer.from([0, 255])],
      resultFormats: [0],
    },
  ],
  [
    serialize.bind({ binary: true }),
    { kind: 'bind', portal: '', statement: '', parameterFormats: [], parameters: [], resultFormats: [1] },
  ],
  [serialize.execute({ portal: 'p', rows: 7 }), { kind: 'execute', portal: 'p', maxRows: 7 }],
  [serialize.execute(), { kind: 'execute', portal: '', maxRows: 0 }],
  [serialize.describe({ type: 'S', name: 's' }), { kind: 'describe', target: 'statement', name: 's' }],
  [serialize.describe({ type: 'P' }), { kind: 'describe', target: 'portal', name: '' }],
  [serialize.close({ type: 'P', name: 'p' }), { kind: 'close', target: 'portal', name: 'p' }],
  [serialize.flush(), { kind: 'flush' }],
  [serialize.sync(), { kind: 'sync' }],
  [serialize.end(), { kind: 'terminate' }],
  [serialize.copyData(Buffer.from([1, 0, 2])), { kind: 'copy-data', data: Buffer.from([1, 0, 2]) }],
  [serialize.copyDone(), { kind: 'copy-done' }],
  [serialize.copyFail('no'), { kind: 'copy-fail', reason: 'no' }],
  [serialize.password('secret'), passwordMessage(b('secret'))],
  [
    serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'n,,n=*,r=x'),
    saslInitialResponse({ mechanism: 'SCRAM-SHA-256', response: b('n,,n=*,r=x') }),
  ],
  [serialize.sendSCRAMClientFinalMessage('c=biws'), { kind: 'password', data: b('c=biws') }],
];

describe('frontend messages of pg-protocol', () => {
  it.each(frontend)('reads and writes %j as %j', (frame, message) => {
    expect(decodeFrontend(frame)).toEqual(message);
    expect(encodeFrontend(message).equals(frame)).toBe(true);
  });

  it('takes the messages of type p apart once the state says which one it is', () => {
    expect(readPassword(passwordMessage(b('secret')))).toEqual(b('secret'));
    const initial = { mechanism: 'SCRAM-SHA-256', response: b('n,,') };
    expect(readSaslInitialResponse(saslInitialResponse(initial))).toEqual(initial);
    const bare = { mechanism: 'SCRAM-SHA-256', response: null };
    expect(readSaslInitialResponse(saslInitialResponse(bare))).toEqual(bare);
  });

  it('reads and writes the untyped packets', () => {
    expect(readStartupPacket(serialize.requestSsl())).toMatchObject({ packet: { kind: 'ssl-request' } });
    expect(encodeStartupPacket({ kind: 'ssl-request' }).equals(serialize.requestSsl())).toBe(true);
    const cancel = { kind: 'cancel-request', processId: 77, secretKey: Buffer.from([0, 0, 1, 2]) } as const;
    expect(readStartupPacket(serialize.cancel(77, 258))).toMatchObject({ packet: cancel });
    expect(encodeStartupPacket(cancel).equals(serialize.cancel(77, 258))).toBe(true);
    const startup = serialize.startup({ user: 'anna', database: 'crm' });
    expect(readStartupPacket(startup)).toEqual({
      kind: 'packet',
      packet: {
        kind: 'startup',
        protocol: { major: 3, minor: 0 },
        parameters: [
          ['user', 'anna'],
          ['database', 'crm'],
          ['client_encoding', 'UTF8'],
        ],
      },
      duplicates: [],
      consumed: startup.length,
    });
  });
});

const backend: [BackendMessage, object][] = [
  [{ kind: 'authentication', method: 'ok' }, { name: 'authenticationOk' }],
  [{ kind: 'authentication', method: 'cleartext-password' }, { name: 'authenticationCleartextPassword' }],
  [
    { kind: 'authentication', method: 'md5-password', salt: Buffer.from([1, 2, 3, 4]) },
    { name: 'authenticationMD5Password', salt: Buffer.from([1, 2, 3, 4]) },
  ],
  [
    { kind: 'authentication', method: 'sasl', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
    { name: 'authenticationSASL', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
  ],
  [
    { kind: 'authentication', method: 'sasl-continue', data: b('r=x') },
    { name: 'authenticationSASLContinue', data: 'r=x' },
  ],
  [
    { kind: 'authentication', method: 'sasl-final', data: b('v=x') },
    { name: 'authenticationSASLFinal', data: 'v=x' },
  ],
  [
    { kind: 'backend-key-data', processId: 12, secretKey: Buffer.from([0, 0, 1, 0]) },
    { name: 'backendKeyData', processID: 12, secretKey: 256 },
  ],
  [
    { kind: 'parameter-status', name: 'a', value: 'b' },
    { name: 'parameterStatus', parameterName: 'a', parameterValue: 'b' },
  ],
  [
    { kind: 'ready-for-query', status: 'T' },
    { name: 'readyForQuery', status: 'T' },
  ],
  [
    { kind: 'command-complete', tag: 'INSERT 0 5' },
    { name: 'commandComplete', text: 'INSERT 0 5' },
  ],
  [{ kind: 'parse-complete' }, { name: 'parseComplete' }],
  [{ kind: 'bind-complete' }, { name: 'bindComplete' }],
  [{ kind: 'close-complete' }, { name: 'closeComplete' }],
  [{ kind: 'no-data' }, { name: 'noData' }],
  [{ kind: 'portal-suspended' }, { name: 'portalSuspended' }],
  [{ kind: 'empty-query-response' }, { name: 'emptyQuery' }],
  [{ kind: 'copy-done' }, { name: 'copyDone' }],
  [
    { kind: 'copy-data', data: b('1\t2\n') },
    { name: 'copyData', chunk: b('1\t2\n') },
  ],
  [
    { kind: 'copy-in-response', format: 1, columnFormats: [1, 1] },
    { name: 'copyInResponse', binary: true, columnTypes: [1, 1] },
  ],
  [
    { kind: 'copy-out-response', format: 0, columnFormats: [0] },
    { name: 'copyOutResponse', binary: false, columnTypes: [0] },
  ],
  [
    { kind: 'data-row', values: [b('ü'), null, b('')] },
    { name: 'dataRow', fieldCount: 3, fields: ['ü', null, ''] },
  ],
  [
    { kind: 'parameter-description', parameterTypes: [23, 4000000000] },
    { name: 'parameterDescription', dataTypeIDs: [23, 4000000000] },
  ],
  [
    { kind: 'notification-response', processId: 9, channel: 'c', payload: 'p' },
    { name: 'notification', processId: 9, channel: 'c', payload: 'p' },
  ],
  [
    {
      kind: 'row-description',
      fields: [
        { name: 'id', tableOid: 4000000000, attnum: -1, typeOid: 23, typeSize: 4, typmod: -1, format: 1 },
      ],
    },
    {
      name: 'rowDescription',
      fields: [
        {
          name: 'id',
          tableID: 4000000000,
          columnID: -1,
          dataTypeID: 23,
          dataTypeSize: 4,
          dataTypeModifier: -1,
          format: 'binary',
        },
      ],
    },
  ],
  [
    {
      kind: 'notice-response',
      fields: [
        ['S', 'NOTICE'],
        ['C', '00000'],
        ['M', toByteString('für alle')],
      ],
    },
    { name: 'notice', severity: 'NOTICE', code: '00000', message: 'für alle' },
  ],
];

describe('backend messages as pg-protocol reads them', () => {
  it.each(backend)('%j', (message, expected) => {
    expect(readByThem(encodeBackend(message))).toMatchObject(expected);
  });

  it('an ErrorResponse made from text', () => {
    const frame = encodeErrorResponse({
      severity: 'ERROR',
      sqlstate: '42501',
      message: 'pgveil: not allowed – “x”\0',
      detail: 'rule 1',
      hint: 'ask',
    });
    const error = readByThem(frame);
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({
      severity: 'ERROR',
      code: '42501',
      message: 'pgveil: not allowed – “x”\ufffd',
      detail: 'rule 1',
      hint: 'ask',
    });
  });
});
