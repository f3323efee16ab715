/**
 * Every reader of messages, fed with what a hostile peer makes of real ones: it gives a message or a ProtocolViolation,
 * never another exception, and never takes memory for what was only declared.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scrubError, scrubNotice } from '../../../src/guard/errors.js';
import { findForbiddenField } from '../../../src/guard/row-description.js';
import { emptyFacts } from '../../../src/enforce/empty-facts.js';
import { makePoison, isPoisonError } from '../../../src/session/poison.js';
import { severityOf } from '../../../src/session/severity.js';
import { decodeBackend, encodeBackend } from '../../../src/wire/backend-message.js';
import { BodyReader } from '../../../src/wire/body-reader.js';
import { BodyWriter } from '../../../src/wire/body-writer.js';
import { parseCommandTag } from '../../../src/wire/command-tag.js';
import { backendTable, frontendTable } from '../../../src/wire/frame-table.js';
import { decodeFrontend, encodeFrontend } from '../../../src/wire/frontend-message.js';
import { type BackendKind, backendTypes, frontendTypes } from '../../../src/wire/message-types.js';
import {
  passwordMessage,
  readPassword,
  readSaslInitialResponse,
  saslInitialResponse,
} from '../../../src/wire/messages/password.js';
import { ProtocolViolation } from '../../../src/wire/protocol-violation.js';
import { encodeStartupPacket, readStartupPacket } from '../../../src/wire/startup.js';
import { requireWellFormed, requireWellFormedRequest } from '../../../src/wire/well-formed.js';
import { anyBackend, anyFrontend, bytes, name } from './arbitraries.js';
import { byteByByte, cut, run } from './framer-harness.js';

/** The result, or the message of the violation; anything else is thrown on. */
function outcome<T>(read: () => T): { readonly value: T } | { readonly violation: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    return { violation: error.message };
  }
}

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
  /** Whether the length word follows. */
  readonly honest: boolean;
}
const interesting = fc.constantFrom(
  [0],
  [0xff],
  [0xff, 0xff],
  [0x7f, 0xff],
  [0xff, 0xff, 0xff, 0xff],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0, 0, 0],
  [0, 0, 0, 0],
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat({ max: 200 }),
  remove: fc.nat({ max: 6 }),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    interesting.map((one) => Uint8Array.from(one)),
  ),
  honest: fc.boolean(),
});

/** Overwrites, removes and inserts bytes of a whole frame; the type byte stays. */
function mutated(frame: Buffer, mutations: readonly Mutation[]): Buffer {
  let body = frame.subarray(5);
  let length = frame.length - 1;
  for (const { at, remove, insert, honest } of mutations) {
    const from = body.length === 0 ? 0 : at % (body.length + 1);
    body = Buffer.concat([body.subarray(0, from), insert, body.subarray(from + remove)]);
    if (honest) length = body.length + 4;
  }
  const header = Buffer.from([frame[0]!, 0, 0, 0, 0]);
  header.writeInt32BE(length, 1);
  return Buffer.concat([header, body]);
}
const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });

describe('messages that were tampered with', () => {
  it.each([
    ['frontend', anyFrontend.map(encodeFrontend), decodeFrontend, encodeFrontend],
    ['backend', anyBackend.map(encodeBackend), decodeBackend, encodeBackend],
  ] as const)('%s: read as what they are, or not at all', (_side, frames, decode, encode) => {
    const property = fc.property(frames, mutations, (frame, changes) => {
      const bad = mutated(frame, changes);
      const read = outcome(() => decode(bad));
      if ('value' in read) expect((encode as (one: unknown) => Buffer)(read.value).equals(bad)).toBe(true);
    });
    fc.assert(property, { numRuns: 4_000 });
  });

  it.each([
    ['INVARIANT(answers-well-formed)', anyBackend.map(encodeBackend), requireWellFormed, decodeBackend],
    [
      'INVARIANT(requests-well-formed)',
      anyFrontend.map(encodeFrontend),
      requireWellFormedRequest,
      decodeFrontend,
    ],
  ] as const)('%s: the check without an object agrees with the decoder', (_name, frames, check, decode) => {
    const property = fc.property(frames, fc.array(mutation, { maxLength: 3 }), (frame, changes) => {
      const bad = mutated(frame, changes);
      expect('value' in outcome(() => check(bad))).toBe('value' in outcome(() => decode(bad)));
    });
    fc.assert(property, { numRuns: 6_000 });
  });

  it('the readers behind the decoders meet them as calmly', () => {
    const facts = { ...emptyFacts('SELECT'), forbiddenFields: new Set(['1:1']) };
    const readers: Partial<Record<BackendKind, readonly ((frame: Buffer) => unknown)[]>> = {
      'error-response': [scrubError, severityOf, (frame) => isPoisonError(frame, makePoison({} as never))],
      'notice-response': [scrubNotice],
      'row-description': [(frame) => findForbiddenField(frame, facts)],
      'command-complete': [(frame) => parseCommandTag(frame.toString('latin1', 5, frame.length - 1))],
    };
    const property = fc.property(anyBackend, mutations, (message, changes) => {
      const bad = mutated(encodeBackend(message), changes);
      for (const read of readers[message.kind] ?? []) outcome(() => read(bad));
    });
    fc.assert(property, { numRuns: 6_000 });
  });

  it('a row count is a number that JSON can hold, whatever the tag says', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(?:SELECT|INSERT 0|COPY) [0-9]{1,400}$/), (tag) => {
        const { rows } = parseCommandTag(tag);
        expect(rows === undefined || Number.isFinite(rows)).toBe(true);
      }),
    );
  });
});

describe('the messages that share the letter p', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 255 }), name, fc.option(bytes), (secret, mechanism, response) => {
        const clean = Buffer.from(secret.filter((byte) => byte !== 0));
        expect(readPassword(passwordMessage(clean)).equals(clean)).toBe(true);
        const initial = { mechanism, response };
        expect(readSaslInitialResponse(saslInitialResponse(initial))).toEqual(initial);
      }),
    );
  });

  it('survive any bytes', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        outcome(() => readPassword({ kind: 'password', data }));
        outcome(() => readSaslInitialResponse({ kind: 'password', data }));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('startup packets that were tampered with', () => {
  const packets = fc.oneof(
    fc
      .array(fc.tuple(fc.constantFrom('user', 'database', 'options', '_pq_.x', 'a'), fc.string()), {
        maxLength: 5,
      })
      .map((parameters) =>
        encodeStartupPacket({
          kind: 'startup',
          protocol: { major: 3, minor: 0 },
          parameters: parameters.map(([key, value]) => [key, value.replaceAll('\0', '')] as const),
        }),
      ),
    fc.constant(encodeStartupPacket({ kind: 'ssl-request' })),
    fc
      .uint8Array({ minLength: 4, maxLength: 256 })
      .map((key) =>
        encodeStartupPacket({ kind: 'cancel-request', processId: 1, secretKey: Buffer.from(key) }),
      ),
  );

  it('are read exactly, refused, or waited for; never more than their limit is waited for', () => {
    const property = fc.property(packets, mutations, fc.boolean(), (packet, changes, honest) => {
      let bad = packet;
      for (const { at, remove, insert } of changes) {
        const from = at % (bad.length + 1);
        bad = Buffer.concat([bad.subarray(0, from), insert, bad.subarray(from + remove)]);
      }
      if (honest && bad.length >= 4) bad.writeInt32BE(bad.length, 0);
      const read = outcome(() => readStartupPacket(bad));
      if ('violation' in read) return;
      if (read.value.kind === 'incomplete') {
        expect(bad.length < 4 || bad.readInt32BE(0) <= 10_004).toBe(true);
        return;
      }
      const { consumed, packet: got } = read.value;
      if (got.kind !== 'unsupported-protocol')
        expect(encodeStartupPacket(got).equals(bad.subarray(0, consumed))).toBe(true);
    });
    fc.assert(property, { numRuns: 3_000 });
  });
});

describe('counts that lie', () => {
  const counted: readonly [string, () => unknown][] = [
    ['65535 columns', () => decodeBackend(whole('T', [0xff, 0xff]))],
    ['65535 values', () => decodeBackend(whole('D', [0xff, 0xff]))],
    ['65535 parameter types', () => decodeBackend(whole('t', [0xff, 0xff]))],
    ['2^31 - 1 options', () => decodeBackend(whole('v', [0, 3, 0, 0, 0x7f, 0xff, 0xff, 0xff]))],
    ['65535 formats', () => decodeBackend(whole('G', [0, 0xff, 0xff]))],
    ['a value of 2^31 - 1 bytes', () => decodeBackend(whole('D', [0, 1, 0x7f, 0xff, 0xff, 0xff]))],
    ['65535 types in Parse', () => decodeFrontend(whole('P', [0, 0, 0xff, 0xff]))],
    ['65535 parameters in Bind', () => decodeFrontend(whole('B', [0, 0, 0, 0, 0xff, 0xff]))],
    ['65535 arguments in FunctionCall', () => decodeFrontend(whole('F', [0, 0, 0, 1, 0, 0, 0xff, 0xff]))],
    [
      'a SASL response of 2^31 - 1 bytes',
      () =>
        readSaslInitialResponse({ kind: 'password', data: Buffer.from([0x58, 0, 0x7f, 0xff, 0xff, 0xff]) }),
    ],
  ];

  it.each(counted)('%s: nothing is taken before the bytes are there', (_what, read) => {
    const before = process.memoryUsage();
    for (let i = 0; i < 200; i++) expect(outcome(read)).toHaveProperty('violation');
    const after = process.memoryUsage();
    // 200 lists of 65,535 entries would be 100 MB.
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(
      30_000_000,
    );
  });
});

describe('body reader and writer', () => {
  it('whatever was written is read back, field by field, and nothing is left', () => {
    const fieldArbitrary = fc.oneof(
      fc.record({ kind: fc.constant('byte' as const), value: fc.nat({ max: 255 }) }),
      fc.record({ kind: fc.constant('int16' as const), value: fc.integer({ min: -0x8000, max: 0x7fff }) }),
      fc.record({ kind: fc.constant('count16' as const), value: fc.nat({ max: 0xffff }) }),
      fc.record({ kind: fc.constant('int32' as const), value: fc.integer() }),
      fc.record({ kind: fc.constant('oid' as const), value: fc.nat({ max: 0xffffffff }) }),
      fc.record({ kind: fc.constant('cstring' as const), value: name }),
      fc.record({ kind: fc.constant('value' as const), value: fc.option(bytes) }),
    );
    const property = fc.property(fc.array(fieldArbitrary, { maxLength: 40 }), (fields) => {
      const writer = new BodyWriter();
      for (const field of fields)
        (writer[field.kind] as (value: unknown) => unknown).call(writer, field.value);
      const reader = new BodyReader(writer.finish(), 0, 'test');
      for (const field of fields)
        expect((reader[field.kind] as () => unknown).call(reader)).toEqual(field.value);
      reader.end();
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('any sequence of reads over any bytes ends in a value or a violation', () => {
    const reads = fc.array(
      fc.constantFrom(
        'byte',
        'int16',
        'count16',
        'int32',
        'count32',
        'oid',
        'cstring',
        'cstringBytes',
        'value',
        'rest',
        'end',
      ),
      { maxLength: 12 },
    );
    const property = fc.property(bytes, reads, (data, names) => {
      const reader = new BodyReader(data, 0, 'test');
      outcome(() => {
        for (const one of names) (reader[one as 'byte'] as () => unknown).call(reader);
      });
      expect(reader.remaining).toBeGreaterThanOrEqual(0);
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});

describe('tables that refuse what cannot come', () => {
  const everyKind = Object.keys(backendTypes) as BackendKind[];
  const strict = backendTable({
    interest: everyKind.filter((kind) => kind !== 'data-row' && kind !== 'authentication'),
    maxInterestingBytes: 1 << 20,
    refused: ['authentication'],
  });

  it('a refused kind ends the stream where it stands, however that is cut', () => {
    const before = encodeBackend({ kind: 'data-row', values: [] });
    const stream = Buffer.concat([
      before,
      encodeBackend({ kind: 'authentication', method: 'cleartext-password' }),
    ]);
    for (const pieces of [[stream], byteByByte(stream), cut(stream, [3, 9])]) {
      const { output, violation } = run(strict, pieces);
      expect(output.equals(before)).toBe(true);
      expect(violation).toContain('unknown backend message type 82');
    }
  });
});

describe('a framer under tampered streams', () => {
  const frontend = frontendTable({
    interest: Object.keys(frontendTypes).filter(
      (kind) => kind !== 'copy-data',
    ) as (keyof typeof frontendTypes)[],
    maxInterestingBytes: 1 << 16,
    limits: { sync: 0 },
    discardOversized: ['query', 'parse'],
  });
  const backend = backendTable({
    interest: ['row-description', 'ready-for-query'],
    maxInterestingBytes: 1 << 16,
  });

  it.each([
    ['frontend', frontend, anyFrontend.map(encodeFrontend)],
    ['backend', backend, anyBackend.map(encodeBackend)],
  ] as const)('%s: the same output and the same violation under every cutting', (_side, table, frames) => {
    const property = fc.property(
      fc.array(frames, { minLength: 1, maxLength: 6 }),
      mutations,
      fc.array(fc.nat({ max: 400 }), { maxLength: 8 }),
      (list, changes, offsets) => {
        const stream = mutated(Buffer.concat(list), changes);
        const expected = run(table, [stream]);
        for (const pieces of [byteByByte(stream), cut(stream, offsets)])
          expect({ ...run(table, pieces), mostBuffered: 0 }).toEqual({ ...expected, mostBuffered: 0 });
      },
    );
    fc.assert(property, { numRuns: 400 });
  });
});

/** A frame with a true length word. */
function whole(letter: string, body: readonly number[]): Buffer {
  const header = Buffer.from([letter.charCodeAt(0), 0, 0, 0, 0]);
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, Buffer.from(body)]);
}
