/**
 * A log-in that ends at the proxy (auth.mode scram), from the StartupMessage to the proof: waits where somebody guesses,
 * looks the user up, cuts the client's bytes into password messages and leads the exchange. Nothing has gone to the
 * database server before it is over, but the question for the verifier. It knows no sockets.
 */
import { frontendTypes } from '../wire/message-types.js';
import { ClientExchange, type LoginFailure } from './auth/client-exchange.js';
import type { Credentials } from './auth/credentials.js';
import type { AuthenticationPort } from './auth/port.js';
import type { RoleEntry } from './auth/role-password.js';
import { SaslProblem } from './auth/sasl-problem.js';

export interface ClientAuthenticationPorts {
  readonly port: AuthenticationPort;
  readonly user: string;
  readonly address: string;
  /** tls-server-end-point of the certificate that this client was shown; undefined: no channel binding is possible. */
  readonly endPoint: Buffer | undefined;
  toClient(frame: Buffer): void;
  /** Does `work` in an event of its own, if the session still lives. */
  resumed(work: () => void): void;
  /** `rest`: what the client has sent behind its last message already. */
  accepted(credentials: Credentials, rest: Buffer): void;
  rejected(reason: LoginFailure): void;
  malformed(problem: SaslProblem): void;
  verifiersMissing(error: unknown): void;
  terminate(): void;
}

const HEADER_BYTES = 5;
/** PG_MAX_SASL_MESSAGE_LENGTH in src/include/libpq/sasl.h; an md5 answer is 36 bytes long. */
const MOST_BYTES = 1024;

export class ClientAuthentication {
  private readonly to: ClientAuthenticationPorts;
  private exchange: ClientExchange | undefined;
  private received: Buffer;
  private over = false;

  /** @param rest - what the client has sent behind its StartupMessage already */
  constructor(to: ClientAuthenticationPorts, rest: Buffer) {
    this.to = to;
    this.received = Buffer.from(rest);
  }

  /** The client's next bytes are wanted. Until then they stay in the kernel. */
  get reading(): boolean {
    return this.exchange !== undefined && !this.over;
  }

  begin(): void {
    const { port, address, user } = this.to;
    const delay = port.delays.delayMs(address, user, performance.now());
    // Before anything is looked at, so that the right password waits as long as a wrong one.
    if (delay > 0) setTimeout(() => this.lookUp(), delay).unref();
    else this.lookUp();
  }

  fromClient(bytes: Buffer): void {
    this.received = this.received.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.received, bytes]);
    this.read();
  }

  private lookUp(): void {
    const { port, user } = this.to;
    port.find(user).then(
      (entry) => this.to.resumed(() => this.found(entry)),
      (error: unknown) => this.to.resumed(() => this.to.verifiersMissing(error)),
    );
  }

  private found(entry: RoleEntry | undefined): void {
    const { port, user, endPoint } = this.to;
    this.exchange = new ClientExchange({ user, entry, mock: port.mock(user), endPoint, now: Date.now() });
    this.to.toClient(this.exchange.begin());
    this.read();
  }

  private read(): void {
    while (!this.over && this.exchange !== undefined && this.received.length > 0) {
      const type = this.received[0]!;
      if (type === frontendTypes.terminate) {
        this.over = true;
        this.to.terminate();
        return;
      }
      if (type !== frontendTypes.password) {
        this.fail(new SaslProblem('08P01', `expected SASL response, got message type ${type}`));
        return;
      }
      if (this.received.length < HEADER_BYTES) return;
      const length = this.received.readInt32BE(1);
      // FAIL-CLOSED: judged before the rest is waited for.
      if (length < 4 || length - 4 > MOST_BYTES) {
        this.fail(new SaslProblem('08P01', 'invalid message length'));
        return;
      }
      if (this.received.length < length + 1) return;
      const body = this.received.subarray(HEADER_BYTES, length + 1);
      this.received = this.received.subarray(length + 1);
      this.answer(this.exchange, body);
    }
  }

  private answer(exchange: ClientExchange, body: Buffer): void {
    const { port, address, user } = this.to;
    try {
      const step = exchange.answer(body);
      switch (step.kind) {
        case 'send':
          this.to.toClient(step.frame);
          return;
        case 'accepted':
          this.over = true;
          port.delays.succeeded(address, user);
          if (step.frame !== undefined) this.to.toClient(step.frame);
          this.to.accepted(step.credentials, this.received);
          return;
        case 'rejected':
          this.over = true;
          port.delays.failed(address, user, performance.now());
          this.to.rejected(step.reason);
      }
    } catch (error) {
      if (!(error instanceof SaslProblem)) throw error;
      this.fail(error);
    } finally {
      // The proof, with what is known of it, is the key.
      body.fill(0);
    }
  }

  private fail(problem: SaslProblem): void {
    const { port, address, user } = this.to;
    this.over = true;
    port.delays.failed(address, user, performance.now());
    this.to.malformed(problem);
  }
}
