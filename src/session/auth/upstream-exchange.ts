/**
 * The proxy's log-in at the database server as the user whom the client has proven to be: the answers to the server's
 * requests, and whether the server may be believed. It knows no frames and no sockets.
 */
import type { Authentication } from '../../wire/messages/authentication.js';
import { type Password, passwordMessage, saslInitialResponse } from '../../wire/messages/password.js';
import { type Credentials, provenKeys } from './credentials.js';
import { md5Answer } from './md5.js';
import { md5HashOf } from './role-password.js';
import { preparedPassword } from './saslprep.js';
import { type ChannelBinding, ScramClient, type ServerFirst } from './scram-client.js';
import { keysOf, sameBytes, type ScramKeys } from './scram-keys.js';
import { SCRAM, SCRAM_PLUS } from './scram-server.js';

/** The leg to the server. */
export interface UpstreamSecurity {
  readonly encrypted: boolean;
  /** The server's certificate and its name were verified: nobody sits in between. */
  readonly verified: boolean;
  /** tls-server-end-point of the server's certificate; undefined without TLS, or where its signature has no hash. */
  readonly endPoint: Buffer | undefined;
}

export type UpstreamStep =
  | { readonly kind: 'send'; readonly message: Password }
  /** Wait for the server's next message. */
  | { readonly kind: 'wait' }
  /** AuthenticationOk may be believed. */
  | { readonly kind: 'done' }
  /** The two sides do not agree about the password: it was changed a moment ago, or the verifiers are another server's. */
  | { readonly kind: 'other-verifier' }
  /** Words for the log and the client: no value. */
  | { readonly kind: 'refused'; readonly why: string };

type Stage = 'fresh' | 'md5' | 'cleartext' | 'scram-first' | 'scram-final' | 'scram-proven' | 'over';

export class UpstreamExchange {
  private readonly credentials: Credentials;
  private readonly security: () => UpstreamSecurity;
  private stage: Stage = 'fresh';
  private scram: ScramClient | undefined;

  /** @param security - asked when the server asks: until then another connection may take the place of a first one */
  constructor(credentials: Credentials, security: () => UpstreamSecurity) {
    this.credentials = credentials;
    this.security = security;
  }

  /** A promise only where a key must be derived from a password in clear. */
  answer(message: Authentication): UpstreamStep | Promise<UpstreamStep> {
    switch (message.method) {
      case 'ok':
        return this.ok();
      case 'sasl':
        return this.sasl(message.mechanisms);
      case 'sasl-continue':
        return this.saslContinue(message.data);
      case 'sasl-final':
        return this.saslFinal(message.data);
      case 'md5-password':
        return this.md5(message.salt);
      case 'cleartext-password':
        return this.cleartext();
      case 'gss':
      case 'gss-continue':
      case 'sspi':
      case 'kerberos-v5':
        return refused(`the database server asks for a log-in by ${message.method}`);
    }
  }

  private ok(): UpstreamStep {
    const { stage } = this;
    this.stage = 'over';
    // INVARIANT(server-proven): a server that has begun SCRAM must end it; one that cannot is not ours.
    if (stage === 'scram-first' || stage === 'scram-final')
      return refused('the database server has not shown that it knows the password');
    return stage === 'over' ? refused('the database server broke the protocol') : { kind: 'done' };
  }

  private sasl(mechanisms: readonly string[]): UpstreamStep {
    if (this.stage !== 'fresh') return refused('the database server asks twice for a log-in');
    const { password } = this.credentials;
    if (password.kind === 'md5')
      return refused(
        'the database server asks for SCRAM, and the verifier of this user is md5: set the password again with password_encryption = scram-sha-256',
      );
    const { encrypted, verified, endPoint } = this.security();
    const plus = mechanisms.includes(SCRAM_PLUS);
    // As libpq: without TLS only somebody in between could have said so.
    if (plus && !encrypted) return refused('the database server offers channel binding without TLS');
    if (!plus && !mechanisms.includes(SCRAM))
      return refused('the database server offers no SCRAM mechanism that pgveil knows');
    const bind = plus && endPoint !== undefined;
    // INVARIANT(no-downgrade): somebody in between could show a certificate that nothing can be bound to, and pass the
    // exchange on to the real server. libpq fails here too, since its hash is not defined.
    if (plus && !bind && !(verified && mechanisms.includes(SCRAM)))
      return refused(
        "channel binding is impossible with the database server's certificate: sign it by RSA or ECDSA, or write upstream.tls.mode: verify-full",
      );
    const binding: ChannelBinding = bind
      ? { kind: 'bound', endPoint }
      : // With -PLUS on offer, "y" would be taken for a downgrade.
        { kind: encrypted && !plus ? 'not-offered' : 'none' };
    this.scram = new ScramClient(binding);
    this.stage = 'scram-first';
    return {
      kind: 'send',
      message: saslInitialResponse({ mechanism: bind ? SCRAM_PLUS : SCRAM, response: this.scram.first() }),
    };
  }

  private saslContinue(data: Buffer): UpstreamStep | Promise<UpstreamStep> {
    const { scram } = this;
    if (scram === undefined || this.stage !== 'scram-first')
      return refused('the database server broke the protocol');
    const first = scram.readServerFirst(data);
    if (first === undefined) return refused('the database server broke the rules of SCRAM');
    this.stage = 'scram-final';
    const keys = this.keysFor(first);
    if (keys === undefined) return { kind: 'other-verifier' };
    const send = (known: ScramKeys): UpstreamStep => ({
      kind: 'send',
      message: { kind: 'password', data: scram.final(first, known) },
    });
    return keys instanceof Promise ? keys.then(send) : send(keys);
  }

  private keysFor({ salt, iterations }: ServerFirst): ScramKeys | undefined | Promise<ScramKeys> {
    const { password } = this.credentials;
    if (password.kind === 'cleartext') return keysOf(preparedPassword(password.password), salt, iterations);
    if (password.kind !== 'scram') return undefined;
    const { verifier } = password;
    // A ClientKey is good for its own salt and count alone.
    return sameBytes(verifier.salt, salt) && verifier.iterations === iterations
      ? provenKeys(this.credentials)
      : undefined;
  }

  private saslFinal(data: Buffer): UpstreamStep {
    if (this.scram === undefined || this.stage !== 'scram-final')
      return refused('the database server broke the protocol');
    if (!this.scram.verify(data))
      return refused('the database server has not shown that it knows the password');
    this.stage = 'scram-proven';
    return { kind: 'wait' };
  }

  private md5(salt: Buffer): UpstreamStep {
    if (this.stage !== 'fresh') return refused('the database server asks twice for a log-in');
    const hash = md5HashOf(this.credentials.user, this.credentials.password);
    if (hash === undefined)
      return refused(
        'the database server asks for an md5 log-in, which a SCRAM verifier cannot answer: put scram-sha-256 into its pg_hba.conf',
      );
    this.stage = 'md5';
    return { kind: 'send', message: passwordMessage(md5Answer(hash, salt)) };
  }

  private cleartext(): UpstreamStep {
    if (this.stage !== 'fresh') return refused('the database server asks twice for a log-in');
    const { password } = this.credentials;
    if (password.kind !== 'cleartext')
      return refused(
        'the database server asks for the password in clear, which pgveil does not know: put scram-sha-256 into its pg_hba.conf',
      );
    // Encryption alone is not enough: whoever ends it reads the password.
    if (!this.security().verified)
      return refused(
        'the database server asks for the password in clear, and is not known to be the one meant: write upstream.tls.mode: verify-full, or put scram-sha-256 into its pg_hba.conf',
      );
    this.stage = 'cleartext';
    return { kind: 'send', message: passwordMessage(password.password) };
  }
}

function refused(why: string): UpstreamStep {
  return { kind: 'refused', why };
}
