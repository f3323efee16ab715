/** A client that keeps whatever bytes come, and cuts them into frames only afterwards: hostile bytes must not stop it. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeBackend, type BackendMessage } from '../../../src/wire/backend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { ProtocolViolation } from '../../../src/wire/protocol-violation.js';
import type { RawClient } from '../session/support.js';

/** The DBA is audited by connection alone, the superuser by statement. */
export const hostilePolicy = readFileSync('policies/crm.yaml', 'utf8').replace(
  '  - { user: crm_admin, exempt: true }',
  '  - { user: crm_admin, exempt: true, audit: connections }\n  - { user: postgres, exempt: true }',
);

/** A frame by its type letter; the length word is true unless one is given. */
export function frame(letter: string, body: Buffer | string = '', length?: number): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  const header = Buffer.from([letter.charCodeAt(0), 0, 0, 0, 0]);
  header.writeInt32BE(length ?? bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

export function int16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export interface Cut {
  readonly frames: readonly Buffer[];
  /** What is no whole frame. */
  readonly rest: Buffer;
}

export function cutFrames(bytes: Buffer): Cut {
  const frames: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end < at + 5 || end > bytes.length) break;
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** The message, or why there is none. */
export function tryDecode(bytes: Buffer): BackendMessage | string {
  try {
    return decodeBackend(bytes);
  } catch (error) {
    if (error instanceof ProtocolViolation) return error.message;
    throw error;
  }
}

export class Listener {
  readonly client: RawClient;
  readonly chunks: Buffer[] = [];
  private ended = false;

  constructor(client: RawClient) {
    this.client = client;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => void this.chunks.push(chunk));
    client.socket.on('end', () => (this.ended = true));
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get closed(): boolean {
    return this.ended || this.client.closed;
  }

  /** Until the peer has closed, or nothing has come for a while. */
  async settled(quietMs = 80): Promise<'closed' | 'open'> {
    let seen = -1;
    for (;;) {
      if (this.closed) return 'closed';
      const now = this.chunks.length;
      if (now === seen) return 'open';
      seen = now;
      await sleep(quietMs);
    }
  }

  async untilClosed(timeoutMs = 5_000): Promise<'closed' | 'open'> {
    for (let waited = 0; waited < timeoutMs && !this.closed; waited += 5) await sleep(5);
    return this.closed ? 'closed' : 'open';
  }

  /** SQLSTATE of the FATAL error at the end, if that is how it ended. */
  get lastError(): string | undefined {
    const last = cutFrames(this.received).frames.at(-1);
    if (last?.[0] !== 0x45) return undefined;
    const message = tryDecode(last);
    return typeof message === 'object' && message.kind === 'error-response'
      ? `${errorField(message, 'V') ?? errorField(message, 'S')} ${errorField(message, 'C')}`
      : 'undecodable';
  }
}
