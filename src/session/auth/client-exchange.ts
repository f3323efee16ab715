/**
 * One client's log-in at the proxy: which request it gets, and what its answers prove. Fails unknown users, those
 * without a password and those whose password has expired in the same bytes and in the same time as a wrong password.
 * It knows neither sockets nor where the role's entry came from.
 */
import { randomBytes } from 'node:crypto';
import { encodeBackend } from '../../wire/backend-message.js';
import type { Authentication } from '../../wire/messages/authentication.js';
import { readPassword, readSaslInitialResponse } from '../../wire/messages/password.js';
import type { Credentials } from './credentials.js';
import { md5Answer } from './md5.js';
import type { RoleEntry, RolePassword } from './role-password.js';
import { SaslProblem } from './sasl-problem.js';
import { type ScramVerifier, sameBytes } from './scram-keys.js';
import { mechanismsFor, type ScramResult, ScramServer } from './scram-server.js';

/** Why a log-in failed, for the log, the audit and the metrics alone: the client is never told. */
export type LoginFailure = 'password' | 'unknown_user' | 'no_password' | 'expired';

export type ExchangeStep =
  | { readonly kind: 'send'; readonly frame: Buffer }
  /** `frame` goes to the client at once; AuthenticationOk comes when the server has let us in. */
  | { readonly kind: 'accepted'; readonly frame: Buffer | undefined; readonly credentials: Credentials }
  | { readonly kind: 'rejected'; readonly reason: LoginFailure };

export interface ClientExchangeOptions {
  readonly user: string;
  /** Undefined: there is no such user. */
  readonly entry: RoleEntry | undefined;
  readonly mock: ScramVerifier;
  readonly endPoint: Buffer | undefined;
  readonly now: number;
}

export class ClientExchange {
  private readonly user: string;
  private readonly password: RolePassword | undefined;
  private readonly endPoint: Buffer | undefined;
  private readonly failure: LoginFailure | undefined;
  private readonly scram: ScramServer | undefined;
  private readonly md5Salt = randomBytes(4);
  private selected = false;

  constructor({ user, entry, mock, endPoint, now }: ClientExchangeOptions) {
    this.user = user;
    this.endPoint = endPoint;
    this.failure = failureOf(entry, now);
    this.password = entry?.password;
    if (this.password?.kind === 'md5') return;
    const verifier = this.failure === undefined ? this.password?.verifier : undefined;
    this.scram = new ScramServer({ verifier: verifier ?? mock, doomed: verifier === undefined, endPoint });
  }

  /** The request that the client has to answer. */
  begin(): Buffer {
    return this.scram === undefined
      ? frame({ kind: 'authentication', method: 'md5-password', salt: this.md5Salt })
      : frame({ kind: 'authentication', method: 'sasl', mechanisms: mechanismsFor(this.endPoint) });
  }

  /** The body of a message of type 'p'. Throws SaslProblem or ProtocolViolation for one that breaks the protocol. */
  answer(body: Buffer): ExchangeStep {
    return this.scram === undefined ? this.md5(body) : this.sasl(this.scram, body);
  }

  private sasl(scram: ScramServer, body: Buffer): ExchangeStep {
    let data: Buffer | null = body;
    if (!this.selected) {
      const initial = readSaslInitialResponse({ kind: 'password', data: body });
      scram.select(initial.mechanism);
      this.selected = true;
      data = initial.response;
    }
    // A client that sends no initial response is asked for it with an empty challenge (pg_be_scram_exchange).
    if (data === null) return { kind: 'send', frame: continuation(Buffer.alloc(0)) };
    return this.step(scram.exchange(data));
  }

  private step(result: ScramResult): ExchangeStep {
    switch (result.kind) {
      case 'continue':
        return { kind: 'send', frame: continuation(result.data) };
      case 'accepted': {
        const { clientKey, data } = result;
        const final = frame({ kind: 'authentication', method: 'sasl-final', data });
        return this.accepted(final, clientKey);
      }
      case 'rejected':
        return { kind: 'rejected', reason: this.failure ?? 'password' };
    }
  }

  private md5(body: Buffer): ExchangeStep {
    const given = readPassword({ kind: 'password', data: body });
    if (given.length === 0) throw new SaslProblem('28P01', 'empty password returned by client');
    const { password } = this;
    const hash = password?.kind === 'md5' ? password.hash : '';
    const right = sameBytes(given, md5Answer(hash, this.md5Salt));
    if (!right || this.failure !== undefined) return { kind: 'rejected', reason: this.failure ?? 'password' };
    return this.accepted(undefined, undefined);
  }

  private accepted(final: Buffer | undefined, clientKey: Buffer | undefined): ExchangeStep {
    const { user, password } = this;
    // FAIL-CLOSED: an exchange without a password is doomed and cannot come here.
    if (password === undefined) return { kind: 'rejected', reason: 'no_password' };
    return { kind: 'accepted', frame: final, credentials: { user, password, clientKey } };
  }
}

/** get_role_password in src/backend/libpq/crypt.c. NOLOGIN is not looked at there: the server says so after the password. */
function failureOf(entry: RoleEntry | undefined, now: number): LoginFailure | undefined {
  if (entry === undefined) return 'unknown_user';
  if (entry.password === undefined) return 'no_password';
  return entry.validUntil !== undefined && entry.validUntil < now ? 'expired' : undefined;
}

function continuation(data: Buffer): Buffer {
  return frame({ kind: 'authentication', method: 'sasl-continue', data });
}

function frame(message: Authentication): Buffer {
  return encodeBackend(message);
}
