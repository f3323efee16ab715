/**
 * The server's side of one session: its connection once it is opened, what waits to be sent, and the credentials until
 * they have logged in. It knows when, not what, is said there.
 */
import { type Credentials, wipe } from './auth/credentials.js';
import { UpstreamExchange } from './auth/upstream-exchange.js';
import type { Channel } from './channel.js';
import { terminateFrame } from './messages.js';
import { Outbox } from './outbox.js';
import type { Ports } from './ports.js';
import type { ChannelTls } from './tls/facts.js';
import { UpstreamConnection, type UpstreamEvents } from './upstream-connection.js';

export class UpstreamLeg {
  readonly outbox = new Outbox();
  private connection: UpstreamConnection | undefined;
  private channel: Channel | undefined;
  private credentials: Credentials | undefined;
  private goodbyeSaid = false;
  private leaving = false;
  /** The session goes on without a server. */
  left = false;

  /** @param startup - sent first, and again where the server is asked a second time */
  open(
    { upstream, encryption }: Pick<Ports, 'upstream' | 'encryption'>,
    credentials: Credentials | undefined,
    startup: Buffer,
    events: Omit<UpstreamEvents, 'opened'> & { opened(): void },
  ): void {
    this.credentials = credentials;
    this.connection = new UpstreamConnection(upstream, encryption?.upstream(), {
      ...events,
      opened: (channel) => {
        this.channel = channel;
        this.outbox.attach(channel);
        this.outbox.add(startup);
        events.opened();
      },
    });
  }

  /** In place of `open`: nothing is asked of a server. */
  stayAway(credentials: Credentials): void {
    this.credentials = credentials;
    this.left = true;
  }

  get tls(): ChannelTls | undefined {
    return this.channel?.tls;
  }

  /** The log-in with what the client has proven itself by; undefined: the client logs in itself. */
  exchange(): UpstreamExchange | undefined {
    if (this.credentials === undefined) return undefined;
    return new UpstreamExchange(this.credentials, () => {
      const { tls } = this;
      return {
        encrypted: tls !== undefined,
        verified: tls?.serverVerified === true,
        endPoint: tls?.endpointHash,
      };
    });
  }

  forgetCredentials(): void {
    if (this.credentials !== undefined) wipe(this.credentials);
    this.credentials = undefined;
  }

  setReading(on: boolean): void {
    this.channel?.setReading(on);
  }

  lendReadBuffer(lent: boolean): void {
    this.channel?.lendReadBuffer(lent);
  }

  /** Terminate, behind all else. */
  sayGoodbye(): void {
    if (this.goodbyeSaid || this.left) return;
    this.goodbyeSaid = true;
    this.outbox.add(terminateFrame);
  }

  /** At the next `flush`. */
  leave(): void {
    this.sayGoodbye();
    this.leaving = true;
  }

  flush(): void {
    this.outbox.flush();
    if (!this.leaving) return;
    this.leaving = false;
    this.left = true;
    this.connection?.end();
    this.channel = undefined;
  }

  end(): void {
    this.forgetCredentials();
    this.connection?.end();
  }
}
