import { describe, expect, test } from 'vitest';
import {
  exemptStartup,
  minorForServer,
  needsServer,
  Negotiation,
  protocolAsk,
} from '../../../src/session/negotiation.js';
import { decodeBackend, encodeBackend } from '../../../src/wire/backend-message.js';
import { toByteString } from '../../../src/wire/byte-string.js';
import { encodeStartupPacket, readStartupPacket, type StartupMessage } from '../../../src/wire/startup.js';

const startup = (minor: number, ...options: string[]): StartupMessage => ({
  kind: 'startup',
  protocol: { major: 3, minor },
  parameters: [['user', 'ann'], ...options.map((name): [string, string] => [name, '1'])],
});
const server = (minor: number, ...options: string[]): Buffer =>
  encodeBackend({
    kind: 'negotiate-protocol-version',
    newestVersion: (3 << 16) | minor,
    unknownOptions: options.map(toByteString),
  });
const said = (frame: Buffer | undefined): unknown => {
  if (frame === undefined) return undefined;
  const message = decodeBackend(frame);
  if (message.kind !== 'negotiate-protocol-version') throw new Error(message.kind);
  return [message.newestVersion & 0xffff, ...message.unknownOptions];
};

describe('protocol versions', () => {
  // Asked by the client, asked of the server, answered by a server of 3.2, answered by one of 3.0.
  test.each([
    [startup(0), 0, undefined, 'silent'],
    [startup(1), 1, undefined, [0]],
    [startup(2), 2, undefined, [0]],
    [startup(3), 2, [2], [0]],
    [startup(9999), 2, [2], [0]],
    [startup(0, '_pq_.a'), 0, [0, '_pq_.a'], 'silent'],
    [startup(2, '_pq_.b', '_pq_.a'), 2, [2, '_pq_.b', '_pq_.a'], [0, '_pq_.b', '_pq_.a']],
  ])('%j', (message, asked, by32, by30) => {
    const ask = protocolAsk(message);
    expect(minorForServer(ask)).toBe(asked);
    expect(needsServer(ask)).toBe(message.protocol.minor > 0 || message.parameters.length > 1);
    expect(said(new Negotiation(ask).accepted())).toEqual(by32);
    if (by30 === 'silent') expect(() => new Negotiation(ask).answered(server(0))).toThrow();
    else expect(said(new Negotiation(ask).answered(server(0)))).toEqual(by30);
  });

  test.each([
    ['a version above what was asked', startup(2), server(3)],
    ['the version that was asked', startup(2), server(2)],
    ['an option that was not sent', startup(2, '_pq_.a'), server(0, '_pq_.a')],
    [
      'another major version',
      startup(2),
      encodeBackend({ kind: 'negotiate-protocol-version', newestVersion: 4 << 16, unknownOptions: [] }),
    ],
  ])('a server that negotiates %s is not believed', (_name, message, frame) => {
    expect(() => new Negotiation(protocolAsk(message)).answered(frame)).toThrow(/negotiated/);
  });

  test('the client is told once, and not after the authentication began', () => {
    const early = new Negotiation(protocolAsk(startup(9)));
    early.answered(server(0));
    expect(early.accepted()).toBeUndefined();
    expect(() => early.answered(server(0))).toThrow(/out of turn/);
    const late = new Negotiation(protocolAsk(startup(9)));
    late.accepted();
    expect(() => late.answered(server(0))).toThrow(/out of turn/);
  });

  test('an exempt packet goes as it came, or without what pgveil does not know', () => {
    const raw = encodeStartupPacket(startup(2));
    expect(exemptStartup(startup(2), raw)).toBe(raw);
    const unknown = startup(3, '_pq_.a');
    const read = readStartupPacket(exemptStartup(unknown, encodeStartupPacket(unknown)));
    expect(read.kind === 'packet' && read.packet).toEqual(startup(2));
  });
});
