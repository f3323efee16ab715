/**
 * The client's side of SCRAM-SHA-256 and -PLUS towards the database server (src/interfaces/libpq/fe-auth-scram.c), from a
 * ClientKey or from a password. It knows no frames and no sockets.
 */
import { randomBytes } from 'node:crypto';
import { strictBase64 } from './base64.js';
import { isPrintable } from './scram-attributes.js';
import { hmac, sameBytes, type ScramKeys, xor } from './scram-keys.js';

/** More would be an attempt to keep us busy; PostgreSQL's own scram_iterations has no such bound, but a default of 4096. */
export const MOST_ITERATIONS = 10_000_000;
const NONCE_BYTES = 18;

/** What the channel to the server allows. */
export type ChannelBinding =
  /** No TLS. */
  | { readonly kind: 'none' }
  /** TLS, and the server offers no -PLUS. */
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'bound'; readonly endPoint: Buffer };

export class ScramClient {
  private readonly binding: ChannelBinding;
  private readonly nonce: string;
  private serverSignature: Buffer | undefined;
  private verified = false;

  constructor(binding: ChannelBinding, nonce = randomBytes(NONCE_BYTES).toString('base64')) {
    this.binding = binding;
    this.nonce = nonce;
  }

  /** The server has shown that it knows the verifier. */
  get proven(): boolean {
    return this.verified;
  }

  first(): Buffer {
    return Buffer.from(`${this.header}${this.firstBare}`);
  }

  /** Reads the server-first-message. Undefined: the server broke the protocol. */
  readServerFirst(message: Buffer): ServerFirst | undefined {
    const text = message.toString('latin1');
    const found = /^r=([^,]*),s=([^,]*),i=([1-9]\d{0,9})(?:,[A-Za-z]=[^,]*)*$/.exec(text);
    const [, nonce = '', encodedSalt = '', count] = found ?? [];
    const salt = strictBase64(encodedSalt);
    const iterations = Number(count);
    if (found === null || !isPrintable(nonce) || salt === undefined || salt.length === 0) return undefined;
    // The server must add to the nonce, or it could replay.
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length) return undefined;
    return iterations > MOST_ITERATIONS ? undefined : { text, nonce, salt, iterations };
  }

  /** The client-final-message. */
  final(first: ServerFirst, keys: ScramKeys): Buffer {
    const endPoint = this.binding.kind === 'bound' ? this.binding.endPoint : Buffer.alloc(0);
    const bindingInput = Buffer.concat([Buffer.from(this.header), endPoint]).toString('base64');
    const withoutProof = `c=${bindingInput},r=${first.nonce}`;
    const authMessage = `${this.firstBare},${first.text},${withoutProof}`;
    const proof = xor(keys.clientKey, hmac(keys.storedKey, authMessage));
    this.serverSignature = hmac(keys.serverKey, authMessage);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`, 'latin1');
  }

  /** The server-final-message. False: the server does not know the verifier. */
  verify(message: Buffer): boolean {
    const [, encoded] = /^v=([^,]*)(?:,[A-Za-z]=[^,]*)*$/.exec(message.toString('latin1')) ?? [];
    const signature = encoded === undefined ? undefined : strictBase64(encoded);
    this.verified =
      signature !== undefined &&
      this.serverSignature !== undefined &&
      sameBytes(signature, this.serverSignature);
    return this.verified;
  }

  private get header(): string {
    if (this.binding.kind === 'bound') return 'p=tls-server-end-point,,';
    return this.binding.kind === 'none' ? 'n,,' : 'y,,';
  }

  private get firstBare(): string {
    return `n=,r=${this.nonce}`;
  }
}

export interface ServerFirst {
  readonly text: string;
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}
