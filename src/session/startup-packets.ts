/**
 * The untyped packets at the start of a connection: encryption requests, cancel requests, the StartupMessage.
 * It knows packets, and neither sockets nor policies.
 */
import { readStartupPacket, type CancelRequest, type StartupMessage } from '../wire/startup.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';

export type StartupStep =
  | { readonly kind: 'wait' }
  /** Answer with this byte and go on reading. */
  | { readonly kind: 'answer'; readonly bytes: Buffer }
  | { readonly kind: 'cancel'; readonly request: CancelRequest }
  | { readonly kind: 'unsupported'; readonly major: number; readonly minor: number }
  | StartupMessageStep;

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

export class StartupPackets {
  private received = Buffer.alloc(0);
  private asked = new Set<string>();

  /** Throws ProtocolViolation for anything malformed. */
  push(chunk: Buffer): StartupStep {
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
        this.asked.add(packet.kind);
        this.received = Buffer.alloc(0);
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
}
