/** Every codec: decode after encode is the identity, and malformed bytes end in ProtocolViolation and nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBackend, encodeBackend } from '../../../src/wire/backend-message.js';
import { decodeFrontend, encodeFrontend } from '../../../src/wire/frontend-message.js';
import { ProtocolViolation } from '../../../src/wire/protocol-violation.js';
import { backendArbitraries, frontendArbitraries } from './arbitraries.js';

const sides = [
  { side: 'frontend', arbitraries: frontendArbitraries, encode: encodeFrontend, decode: decodeFrontend },
  { side: 'backend', arbitraries: backendArbitraries, encode: encodeBackend, decode: decodeBackend },
] as const;

/** The outcome of a decoder that may only succeed or report a violation. */
function decodes(decode: (frame: Buffer) => unknown, frame: Buffer): boolean {
  try {
    decode(frame);
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    expect(error.sqlstate).toBe('08P01');
    return false;
  }
}

/** The frame with another body and a length word that is true. */
function withBody(frame: Buffer, body: Buffer): Buffer {
  const header = Buffer.from(frame.subarray(0, 5));
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

/** The body of these is whatever bytes stand there, or a list that any cut may end well. */
const anyBodyFits = new Set(['copy-data', 'password']);

for (const { side, arbitraries, encode, decode } of sides) {
  describe(`${side} messages`, () => {
    for (const [kind, arbitrary] of Object.entries(arbitraries)) {
      const check = (property: (message: never) => void, runs: number) =>
        fc.assert(fc.property(arbitrary as fc.Arbitrary<never>, property), { numRuns: runs });

      it(`"${kind}" reads back as it was written, byte by byte`, () => {
        check((message) => {
          const frame = (encode as (one: unknown) => Buffer)(message);
          const read = decode(frame);
          expect(read).toEqual(message);
          expect((encode as (one: unknown) => Buffer)(read).equals(frame)).toBe(true);
        }, 100);
      });

      it(`"${kind}" cut short or with trailing bytes never reads as the same message`, () => {
        check((message) => {
          const frame = (encode as (one: unknown) => Buffer)(message);
          const body = frame.subarray(5);
          for (let cut = 0; cut < body.length; cut++) {
            const shorter = withBody(frame, body.subarray(0, cut));
            if (decodes(decode, shorter)) expect(decode(shorter)).not.toEqual(message);
          }
          const longer = withBody(frame, Buffer.concat([body, Buffer.from([0])]));
          if (decodes(decode, longer)) expect(decode(longer)).not.toEqual(message);
          if (!anyBodyFits.has(kind) && body.length === 0) expect(decodes(decode, longer)).toBe(false);
        }, 25);
      });

      it(`"${kind}" with random bytes for a body only ever reports a violation`, () => {
        const type = (encode as (one: unknown) => Buffer)(
          fc.sample(arbitrary as fc.Arbitrary<unknown>, 1)[0],
        )[0]!;
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
            const frame = withBody(Buffer.from([type, 0, 0, 0, 4]), Buffer.from(body));
            if (decodes(decode, frame)) {
              // What reads at all must be written back exactly: no byte is ignored or normalised.
              expect((encode as (one: unknown) => Buffer)(decode(frame)).equals(frame)).toBe(true);
            }
          }),
          { numRuns: 200 },
        );
      });
    }

    it('refuses a length word that differs from the bytes present', () => {
      for (const length of [0, 3, 5, -1, 0x7fffffff]) {
        const frame = Buffer.from([side === 'frontend' ? 0x53 : 0x49, 0, 0, 0, 0]);
        frame.writeInt32BE(length, 1);
        expect(decodes(decode, frame)).toBe(false);
      }
      expect(decodes(decode, Buffer.alloc(0))).toBe(false);
      expect(decodes(decode, Buffer.from([0x53]))).toBe(false);
    });

    it('refuses a type byte that does not exist in this direction', () => {
      for (const type of [0, 0x21, side === 'frontend' ? 0x5a : 0x51, 0xff])
        expect(decodes(decode, Buffer.from([type, 0, 0, 0, 4]))).toBe(false);
    });
  });
}

/** Frames by type letter and body, each broken in one way. */
const malformed: [side: 'frontend' | 'backend', problem: string, type: string, body: number[]][] = [
  ['frontend', 'Query without terminator', 'Q', [0x53]],
  ['frontend', 'Query with bytes behind its terminator', 'Q', [0x53, 0, 0x54, 0]],
  ['frontend', 'Parse that declares a type it does not have', 'P', [0, 0, 0, 1]],
  ['frontend', 'Parse that declares 65535 types', 'P', [0, 0, 0xff, 0xff]],
  ['frontend', 'Bind with a value length of -2', 'B', [0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0]],
  [
    'frontend',
    'Bind with a value longer than the message',
    'B',
    [0, 0, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 0],
  ],
  ['frontend', 'Describe of neither statement nor portal', 'D', [0x58, 0]],
  ['frontend', 'Close without a name', 'C', [0x53]],
  ['frontend', 'Sync with a body', 'S', [0]],
  ['frontend', 'Execute without row limit', 'E', [0]],
  ['backend', 'ReadyForQuery with an unknown status', 'Z', [0x58]],
  ['backend', 'Authentication with a retired method', 'R', [0, 0, 0, 4]],
  ['backend', 'md5 with a short salt', 'R', [0, 0, 0, 5, 1, 2, 3]],
  ['backend', 'SASL without the end of its list', 'R', [0, 0, 0, 10, 0x53, 0]],
  ['backend', 'ErrorResponse without its end', 'E', [0x43, 0x30, 0]],
  ['backend', 'BackendKeyData with a key of 3 bytes', 'K', [0, 0, 0, 1, 1, 2, 3]],
  ['backend', 'BackendKeyData with a key of 257 bytes', 'K', [0, 0, 0, 1, ...new Array<number>(257).fill(7)]],
  ['backend', 'NegotiateProtocolVersion with a negative count', 'v', [0, 3, 0, 0, 0xff, 0xff, 0xff, 0xff]],
  ['backend', 'DataRow that declares more values than it has', 'D', [0, 2, 0xff, 0xff, 0xff, 0xff]],
  ['backend', 'RowDescription cut inside a field', 'T', [0, 1, 0x61, 0, 0, 0]],
];

describe('malformed messages', () => {
  it.each(malformed)('%s: %s is a protocol violation', (side, _problem, type, body) => {
    const frame = withBody(Buffer.from([type.charCodeAt(0), 0, 0, 0, 4]), Buffer.from(body));
    expect(() => (side === 'frontend' ? decodeFrontend(frame) : decodeBackend(frame))).toThrow(
      ProtocolViolation,
    );
  });

  it('never puts what it read into the error', () => {
    const frame = withBody(Buffer.from('Q\0\0\0\x04', 'latin1'), Buffer.from('SELECT secret-canary'));
    expect(() => decodeFrontend(frame)).toThrow(/^malformed query message: a string without terminator$/);
  });
});

describe('encoding', () => {
  it('refuses values that would not read back', () => {
    const bad = [
      () => encodeFrontend({ kind: 'query', sql: Buffer.from('a\0b') }),
      () => encodeFrontend({ kind: 'close', target: 'portal', name: 'né\u0142' }),
      () => encodeFrontend({ kind: 'execute', portal: 'a\0', maxRows: 0 }),
      () => encodeBackend({ kind: 'authentication', method: 'sasl', mechanisms: [''] }),
      () => encodeBackend({ kind: 'authentication', method: 'md5-password', salt: Buffer.alloc(5) }),
      () => encodeBackend({ kind: 'data-row', values: new Array<null>(65_536).fill(null) }),
      () => encodeBackend({ kind: 'error-response', fields: [['', 'x']] }),
    ];
    for (const encode of bad) expect(encode).toThrow(RangeError);
  });

  it('carries 65,535 parameters, as libpq does', () => {
    const parameters = new Array<null>(65_535).fill(null);
    const message = {
      kind: 'bind',
      portal: '',
      statement: '',
      parameterFormats: [],
      parameters,
      resultFormats: [],
    } as const;
    expect(decodeFrontend(encodeFrontend(message))).toEqual(message);
  });
});
