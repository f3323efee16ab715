/** The first packet: identity, bounds judged before buffering, and no reading between the lines. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../../../src/wire/protocol-violation.js';
import { encodeStartupPacket, MAX_STARTUP_BYTES, readStartupPacket } from '../../../src/wire/startup.js';
import { cancelKey } from './arbitraries.js';

function packet(...body: (string | number[])[]): Buffer {
  const bytes = Buffer.concat(
    body.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
  );
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length + 4);
  return Buffer.concat([length, bytes]);
}

const V3 = [0, 3, 0, 0];
const CANCEL = [0x04, 0xd2, 0x16, 0x2e];
const SSL = [0x04, 0xd2, 0x16, 0x2f];

const word = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !text.includes('\0'));
const parameters = fc.array(
  fc.tuple(
    word.filter((text) => text !== ''),
    word,
  ),
  { maxLength: 6 },
);
const wellFormed = fc.oneof(
  fc.record({
    kind: fc.constant('startup' as const),
    protocol: fc.record({ major: fc.constant(3), minor: fc.nat({ max: 0xffff }) }),
    parameters,
  }),
  fc.record({ kind: fc.constant('cancel-request' as const), processId: fc.integer(), secretKey: cancelKey }),
  fc.constant({ kind: 'ssl-request' as const }),
  fc.constant({ kind: 'gssenc-request' as const }),
);

describe('readStartupPacket', () => {
  it('reads back what was written, leaves what follows, and asks for more until all is there', () => {
    fc.assert(
      fc.property(wellFormed, (one) => {
        const bytes = encodeStartupPacket(one);
        for (const cut of [0, 3, 4, bytes.length - 1])
          expect(readStartupPacket(bytes.subarray(0, cut))).toEqual({ kind: 'incomplete' });
        const read = readStartupPacket(Buffer.concat([bytes, Buffer.from('next')]));
        expect(read).toMatchObject({ kind: 'packet', packet: one, consumed: bytes.length });
      }),
      { numRuns: 200 },
    );
  });

  it('survives random bytes', () => {
    const random = fc.tuple(fc.constantFrom(V3, CANCEL, SSL), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(random, ([code, rest]) => {
        const bytes = packet(code, [...rest]);
        try {
          const read = readStartupPacket(bytes);
          if (read.kind === 'packet' && read.packet.kind !== 'unsupported-protocol')
            expect(encodeStartupPacket(read.packet).equals(bytes)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('owns its bytes, because the read buffer is reused', () => {
    const bytes = encodeStartupPacket({
      kind: 'cancel-request',
      processId: 1,
      secretKey: Buffer.from([1, 2, 3, 4]),
    });
    const read = readStartupPacket(bytes);
    bytes.fill(0xee);
    expect(read).toMatchObject({ packet: { secretKey: Buffer.from([1, 2, 3, 4]) } });
  });

  it('reports parameters given twice, since readers disagree which one counts', () => {
    const read = readStartupPacket(packet(V3, 'user\0a\0database\0d\0user\0b\0user\0c\0\0'));
    expect(read).toMatchObject({ duplicates: ['user'] });
  });

  it('does not read a packet of another major version', () => {
    expect(readStartupPacket(packet([0, 2, 0, 0], 'whatever'))).toMatchObject({
      packet: { kind: 'unsupported-protocol', protocol: { major: 2, minor: 0 } },
      duplicates: [],
    });
  });

  it.each([
    ['a length of 0', Buffer.alloc(4)],
    ['a length below 8', Buffer.from([0, 0, 0, 7, 0, 3, 0])],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['a TLS ClientHello', Buffer.from([0x16, 0x03, 0x01, 0x02])],
    ['no terminator at all', packet(V3)],
    ['a name without value', packet(V3, 'user\0')],
    ['a value without terminator', packet(V3, 'user\0anna')],
    ['no terminator behind the last pair', packet(V3, 'user\0anna\0')],
    ['bytes behind the terminator', packet(V3, 'user\0anna\0\0x')],
    ['a second terminator', packet(V3, 'user\0anna\0\0\0')],
    ['a value that is not UTF-8', packet(V3, 'user\0', [0xff, 0xfe], '\0\0')],
    ['an overlong UTF-8 form', packet(V3, 'user\0', [0xc0, 0xaf], '\0\0')],
    ['an SSLRequest with a body', packet(SSL, 'x')],
    ['a cancel key of 3 bytes', packet(CANCEL, [0, 0, 0, 1], 'abc')],
    ['a cancel key of 257 bytes', packet(CANCEL, [0, 0, 0, 1], 'k'.repeat(257))],
    ['a cancel request without key', packet(CANCEL, [0, 0])],
  ])('refuses %s', (_what, bytes) => {
    expect(() => readStartupPacket(bytes)).toThrow(ProtocolViolation);
  });

  it('takes a packet of exactly the limit, and refuses one more byte as soon as its length is known', () => {
    const fitting = packet(V3, 'a\0', 'x'.repeat(MAX_STARTUP_BYTES - 8), '\0\0');
    expect(fitting.length - 4).toBe(MAX_STARTUP_BYTES);
    expect(readStartupPacket(fitting)).toMatchObject({ kind: 'packet' });
    const length = Buffer.alloc(4);
    length.writeInt32BE(MAX_STARTUP_BYTES + 5);
    expect(() => readStartupPacket(length)).toThrow(ProtocolViolation);
  });

  it('keeps a byte order mark as part of a name', () => {
    const read = readStartupPacket(packet(V3, '\ufeffuser\0a\0\0'));
    expect(read).toMatchObject({ packet: { parameters: [['\ufeffuser', 'a']] } });
  });
});

describe('encodeStartupPacket', () => {
  it('refuses a NUL in a parameter and an empty name', () => {
    const startup = (name: string, value: string) => () =>
      encodeStartupPacket({ kind: 'startup', protocol: { major: 3, minor: 0 }, parameters: [[name, value]] });
    expect(startup('user', 'a\0database\0other')).toThrow(RangeError);
    expect(startup('', 'a')).toThrow(RangeError);
  });
});
