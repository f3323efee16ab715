/**
 * The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, as src/backend/libpq/auth-scram.c has it: one exchange with
 * one client, and the ClientKey that its proof contains. It knows no frames, no users and no sockets.
 */
import { randomBytes } from 'node:crypto';
import { strictBase64 } from './base64.js';
import { malformed, SaslProblem } from './sasl-problem.js';
import { isPrintable, ScramAttributes, shownCharacter } from './scram-attributes.js';
import { hmac, KEY_BYTES, sameBytes, type ScramVerifier, sha256, xor } from './scram-keys.js';

export const SCRAM = 'SCRAM-SHA-256';
export const SCRAM_PLUS = 'SCRAM-SHA-256-PLUS';
const BINDING_HEADER = 'p=tls-server-end-point,,';
/** SCRAM_RAW_NONCE_LEN. */
const NONCE_BYTES = 18;

export interface ScramServerOptions {
  readonly verifier: ScramVerifier;
  /** The exchange must fail whatever the proof, in the same time: the verifier is nobody's. */
  readonly doomed: boolean;
  /** tls-server-end-point of the certificate that the client was shown (RFC 5929); undefined where there is no TLS. */
  readonly endPoint: Buffer | undefined;
  /** For tests. */
  readonly nonce?: string;
}

export type ScramResult =
  | { readonly kind: 'continue'; readonly data: Buffer }
  | { readonly kind: 'accepted'; readonly data: Buffer; readonly clientKey: Buffer }
  | { readonly kind: 'rejected' };

/** In the order of preference (scram_get_mechanisms). */
export function mechanismsFor(endPoint: Buffer | undefined): string[] {
  return endPoint === undefined ? [SCRAM] : [SCRAM_PLUS, SCRAM];
}

export class ScramServer {
  private readonly options: ScramServerOptions;
  private readonly nonce: string;
  private bound = false;
  private flag = '';
  private firstBare = '';
  private clientNonce = '';
  private serverFirst: string | undefined;

  constructor(options: ScramServerOptions) {
    this.options = options;
    this.nonce = options.nonce ?? randomBytes(NONCE_BYTES).toString('base64');
  }

  /** The mechanism that the client has chosen. Throws SaslProblem. */
  select(mechanism: string): void {
    if (!mechanismsFor(this.options.endPoint).includes(mechanism))
      throw new SaslProblem('08P01', 'client selected an invalid SASL authentication mechanism');
    this.bound = mechanism === SCRAM_PLUS;
  }

  /** The next message of the client. Throws SaslProblem for one that breaks the protocol. */
  exchange(message: Buffer): ScramResult {
    if (message.length === 0) throw malformed('The message is empty.');
    if (message.includes(0)) throw malformed('Message length does not match input length.');
    const text = message.toString('latin1');
    return this.serverFirst === undefined ? this.first(text) : this.final(text, this.serverFirst);
  }

  private first(text: string): ScramResult {
    const input = new ScramAttributes(text);
    this.readBindingFlag(input);
    if (input.peek() === 'a')
      throw new SaslProblem('0A000', 'client uses authorization identity, but it is not supported');
    if (input.peek() !== ',')
      throw malformed(`Unexpected attribute ${shownCharacter(input.peek())} in client-first-message.`);
    input.skip();
    this.firstBare = text.slice(input.position);
    if (input.peek() === 'm')
      throw new SaslProblem('0A000', 'client requires an unsupported SCRAM extension');
    // The name is not used: the one of the StartupMessage counts, and libpq leaves this one empty.
    input.value('n');
    this.clientNonce = input.value('r');
    if (!isPrintable(this.clientNonce))
      throw new SaslProblem('08P01', 'non-printable characters in SCRAM nonce');
    while (!input.done) input.any();
    const { salt, iterations } = this.options.verifier;
    const data = `r=${this.clientNonce}${this.nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.serverFirst = data;
    return { kind: 'continue', data: Buffer.from(data, 'latin1') };
  }

  /** gs2-cbind-flag: what the client says of channel binding. INVARIANT(no-downgrade): who could bind does. */
  private readBindingFlag(input: ScramAttributes): void {
    const { bound } = this;
    const flag = input.peek();
    switch (flag) {
      case 'n':
        if (bound)
          throw malformed(
            'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.',
          );
        input.skip();
        break;
      case 'y':
        if (bound)
          throw malformed(
            'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.',
          );
        // It could bind and was told that we cannot: somebody between us took the offer away.
        if (this.options.endPoint !== undefined)
          throw new SaslProblem(
            '28000',
            'SCRAM channel binding negotiation error',
            'The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.',
          );
        input.skip();
        break;
      case 'p':
        if (!bound)
          throw malformed(
            'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
          );
        this.flag = flag;
        // Reads up to and with the comma.
        if (input.value('p') !== 'tls-server-end-point')
          throw new SaslProblem('08P01', 'unsupported SCRAM channel-binding type');
        return;
      default:
        throw malformed(`Unexpected channel-binding flag ${shownCharacter(flag)}.`);
    }
    this.flag = flag;
    if (input.peek() !== ',')
      throw malformed(`Comma expected, but found character ${shownCharacter(input.peek())}.`);
    input.skip();
  }

  private final(text: string, serverFirst: string): ScramResult {
    const input = new ScramAttributes(text);
    this.checkBinding(input.value('c'));
    const nonce = input.value('r');
    let attribute: readonly [string, string];
    let proofAt: number;
    do {
      proofAt = input.position;
      attribute = input.any();
    } while (attribute[0] !== 'p');
    const proof = strictBase64(attribute[1]);
    if (proof?.length !== KEY_BYTES) throw malformed('Malformed proof in client-final-message.');
    if (!input.done) throw malformed('Garbage found at the end of client-final-message.');
    if (nonce !== this.clientNonce + this.nonce)
      throw new SaslProblem('08P01', 'invalid SCRAM response', 'Nonce does not match.');
    const { verifier, doomed } = this.options;
    // Without the comma before p=.
    const authMessage = `${this.firstBare},${serverFirst},${text.slice(0, proofAt - 1)}`;
    const clientKey = xor(proof, hmac(verifier.storedKey, authMessage));
    // Both are computed in any case, so that a doomed exchange takes as long as another.
    const proven = sameBytes(sha256(clientKey), verifier.storedKey);
    const signature = hmac(verifier.serverKey, authMessage);
    if (!proven || doomed) {
      clientKey.fill(0);
      return { kind: 'rejected' };
    }
    return { kind: 'accepted', data: Buffer.from(`v=${signature.toString('base64')}`), clientKey };
  }

  private checkBinding(value: string): void {
    if (this.bound) {
      const expected = Buffer.concat([Buffer.from(BINDING_HEADER), this.options.endPoint!]);
      if (!sameBytes(Buffer.from(value, 'latin1'), Buffer.from(expected.toString('base64'))))
        throw new SaslProblem('28000', 'SCRAM channel binding check failed');
      return;
    }
    if (value !== Buffer.from(`${this.flag},,`).toString('base64'))
      throw new SaslProblem('08P01', 'unexpected SCRAM channel-binding attribute in client-final-message');
  }
}
