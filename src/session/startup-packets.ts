/**
 * The packets at the start of a connection that have no type byte: encryption requests, cancel requests, the
 * StartupMessage. What is answered to them is ProcessSSLStartup's and ProcessStartupPacket's in
 * src/backend/tcop/backend_startup.c. It knows packets, and neither sockets nor policies.
 */
import { readStartupPacket, type CancelRequest, type StartupMessage } from '../wire/startup.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';

export type StartupStep =
  | { readonly kind: 'wait' }
  /** Answer with this byte and go on reading. */
  | { readonly kind: 'answer'; readonly bytes: Buffer }
  | EncryptStep
  | { readonly kind: 'cancel'; readonly request: CancelRequest }
  | { readonly kind: 'unsupported'; readonly major: number; readonly minor: number }
  | StartupMessageStep;

/** From here on the connection is TLS; the packets go on inside. */
export interface EncryptStep {
  readonly kind: 'encrypt';
  /** Undefined: the client has begun without asking (sslnegotiation=direct). */
  readonly answer: Buffer | undefined;
  /** What it has sent of the handshake. A view of the chunk. */
  readonly received: Buffer;
}

export interface StartupMessageStep {
  readonly kind: 'startup';
  readonly message: StartupMessage;
  /** The packet as it came. */
  readonly raw: Buffer;
  readonly duplicates: readonly string[];
  /** What the client sent behind it already. */
  readonly rest: Buffer;
}

const NO_ENCRYPTION = Buffer.from('N');
const ENCRYPTION = Buffer.from('S');
/** The type of a TLS handshake record: no startup packet begins with it, for it would be far too long. */
const TLS_HANDSHAKE = 0x16;
const empty = Buffer.alloc(0);

export class StartupPackets {
  private received = empty;
  private asked = new Set<string>();
  private readonly offersTls: boolean;
  private encrypted = false;

  constructor(offersTls: boolean) {
    this.offersTls = offersTls;
  }

  /** Throws ProtocolViolation for anything malformed. */
  push(chunk: Buffer): StartupStep {
    // Only as the very first byte, as in the server.
    if (this.offersTls && this.asked.size === 0 && this.received.length === 0 && chunk[0] === TLS_HANDSHAKE)
      return this.encrypt(undefined, chunk);
    this.received = Buffer.concat([this.received, chunk]);
    const read = readStartupPacket(this.received);
    if (read.kind === 'incomplete') return { kind: 'wait' };
    const { packet, consumed } = read;
    const rest = this.received.subarray(consumed);
    switch (packet.kind) {
      case 'ssl-request':
      case 'gssenc-request':
        // Bytes sent before our answer could have been slipped in by someone else (CVE-2021-23214).
        if (rest.length > 0) throw new ProtocolViolation('received data after an encryption request');
        if (this.asked.has(packet.kind)) throw new ProtocolViolation('received a second encryption request');
        // The server knows no request inside an encrypted connection either.
        if (this.encrypted)
          throw new ProtocolViolation('received an encryption request in an encrypted connection');
        this.asked.add(packet.kind);
        this.received = empty;
        if (packet.kind === 'ssl-request' && this.offersTls) return this.encrypt(ENCRYPTION, empty);
        return { kind: 'answer', bytes: NO_ENCRYPTION };
      case 'cancel-request':
        return { kind: 'cancel', request: packet };
      case 'unsupported-protocol':
        return { kind: 'unsupported', ...packet.protocol };
      case 'startup':
        return {
          kind: 'startup',
          message: packet,
          raw: this.received.subarray(0, consumed),
          duplicates: read.duplicates,
          rest,
        };
    }
  }

  private encrypt(answer: Buffer | undefined, received: Buffer): EncryptStep {
    this.encrypted = true;
    this.asked.add('ssl-request');
    return { kind: 'encrypt', answer, received };
  }
}
