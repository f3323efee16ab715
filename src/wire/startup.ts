/**
 * The untyped first packet of a connection (PostgreSQL manual, 54.2.1 Start-up and 54.7; ProcessStartupPacket in
 * src/backend/tcop/backend_startup.c). It knows the packet's layout, not what a parameter means.
 */
import { BodyReader } from './body-reader.js';
import { BodyWriter } from './body-writer.js';
import { ProtocolViolation } from './protocol-violation.js';

/** MAX_STARTUP_PACKET_LENGTH in src/include/libpq/pqcomm.h; it bounds what follows the length word. */
export const MAX_STARTUP_BYTES = 10_000;

/** A request code is a protocol version with major 1234 that no real version has. */
const REQUEST_MAJOR = 1234;
const CANCEL_MINOR = 5678;
const SSL_MINOR = 5679;
const GSSENC_MINOR = 5680;

/** Protocol 3.2 allows keys up to 256 bytes; 3.0 has exactly 4. */
export const MIN_CANCEL_KEY_BYTES = 4;
export const MAX_CANCEL_KEY_BYTES = 256;

export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
}

export interface StartupMessage {
  readonly kind: 'startup';
  readonly protocol: ProtocolVersion;
  /** In the client's order, as ordinary text. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

export interface CancelRequest {
  readonly kind: 'cancel-request';
  readonly processId: number;
  readonly secretKey: Buffer;
}

export type StartupPacket =
  | StartupMessage
  | CancelRequest
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gssenc-request' }
  /** A major version other than 3. Its layout is unknown, so nothing else was read; the answer is 0A000. */
  | { readonly kind: 'unsupported-protocol'; readonly protocol: ProtocolVersion };

export type StartupRead =
  /** More bytes are needed; keep what there is. */
  | { readonly kind: 'incomplete' }
  | {
      readonly kind: 'packet';
      /** Owns its bytes. */
      readonly packet: StartupPacket;
      /** Names given more than once. The server takes the last value, another reader the first: best refused. */
      readonly duplicates: readonly string[];
      /** Length of the packet; bytes behind it are the caller's to judge (fatal behind an SSLRequest). */
      readonly consumed: number;
    };

/** Reads the first packet from all bytes that have come so far. Throws ProtocolViolation for anything malformed. */
export function readStartupPacket(received: Buffer): StartupRead {
  if (received.length < 4) return { kind: 'incomplete' };
  const length = received.readInt32BE(0);
  // FAIL-CLOSED: judged before the rest is waited for, so that a false length buffers nothing.
  if (length < 8 || length - 4 > MAX_STARTUP_BYTES)
    throw new ProtocolViolation('invalid length of startup packet');
  if (received.length < length) return { kind: 'incomplete' };
  const body = new BodyReader(Buffer.from(received.subarray(0, length)), 4, 'startup');
  const packet = readPacket(body);
  if (packet.kind !== 'unsupported-protocol') body.end();
  const duplicates = packet.kind === 'startup' ? repeatedNames(packet.parameters) : [];
  return { kind: 'packet', packet, duplicates, consumed: length };
}

function readPacket(body: BodyReader): StartupPacket {
  const protocol = { major: body.count16(), minor: body.count16() };
  if (protocol.major === 3) return { kind: 'startup', protocol, parameters: readParameters(body) };
  if (protocol.major !== REQUEST_MAJOR) return { kind: 'unsupported-protocol', protocol };
  switch (protocol.minor) {
    case SSL_MINOR:
      return { kind: 'ssl-request' };
    case GSSENC_MINOR:
      return { kind: 'gssenc-request' };
    case CANCEL_MINOR: {
      const processId = body.int32();
      const secretKey = body.rest();
      if (secretKey.length < MIN_CANCEL_KEY_BYTES || secretKey.length > MAX_CANCEL_KEY_BYTES)
        body.fail('a cancel key of impossible length');
      return { kind: 'cancel-request', processId, secretKey };
    }
    default:
      return { kind: 'unsupported-protocol', protocol };
  }
}

// A byte order mark would be swallowed without ignoreBOM, and two different names would then look equal.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readParameters(body: BodyReader): [string, string][] {
  const parameters: [string, string][] = [];
  for (;;) {
    const name = text(body);
    if (name === '') return parameters;
    parameters.push([name, text(body)]);
  }
}

function text(body: BodyReader): string {
  const bytes = body.cstringBytes();
  try {
    return utf8.decode(bytes);
  } catch {
    // FAIL-CLOSED: the server would take the bytes as they are, and a policy could not name such a user or database.
    return body.fail('a parameter that is not valid UTF-8');
  }
}

function repeatedNames(parameters: StartupMessage['parameters']): string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const [name] of parameters) (seen.has(name) ? repeated : seen).add(name);
  return [...repeated];
}

/** The packet's bytes. An unsupported version has no layout, so it cannot be written. */
export function encodeStartupPacket(
  packet: Exclude<StartupPacket, { kind: 'unsupported-protocol' }>,
): Buffer {
  const body = new BodyWriter().int32(0);
  switch (packet.kind) {
    case 'startup':
      body.count16(packet.protocol.major).count16(packet.protocol.minor);
      for (const [name, value] of packet.parameters) {
        if (name === '') throw new RangeError('an empty parameter name would end the startup packet');
        body.cstringBytes(Buffer.from(name)).cstringBytes(Buffer.from(value));
      }
      body.byte(0);
      break;
    case 'ssl-request':
      body.count16(REQUEST_MAJOR).count16(SSL_MINOR);
      break;
    case 'gssenc-request':
      body.count16(REQUEST_MAJOR).count16(GSSENC_MINOR);
      break;
    case 'cancel-request':
      body.count16(REQUEST_MAJOR).count16(CANCEL_MINOR).int32(packet.processId).bytes(packet.secretKey);
      break;
  }
  return body.setLength(0).finish();
}
