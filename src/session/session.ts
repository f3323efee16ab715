/**
 * One client connection from its first byte to its last: the two channels, what each event writes and whether each side
 * is read, and the one place where errors end it. What the messages mean stands in the startup phase and the message
 * flow behind it.
 */
import type net from 'node:net';
import { errorCatalog, type SessionErrorCode } from '../errors/catalog.js';
import type { RowAllowances } from '../guard/row-allowance.js';
import { encodeErrorResponse } from '../wire/messages/error-response.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import type { ClientFacts } from './console/source.js';
import { type Credentials, wipe } from './auth/credentials.js';
import { UpstreamExchange } from './auth/upstream-exchange.js';
import { adoptSocket, type Channel, TlsHandshakeFailure } from './channel.js';
import { Farewell, type FarewellFacts } from './farewell.js';
import type { FrameTables } from './frame-tables.js';
import { type Admitted, sessionIdentity } from './identity.js';
import { IdentityBook } from './identity-book.js';
import { MessageFlow } from './message-flow.js';
import { flushFrame, terminateFrame } from './messages.js';
import { Outbox } from './outbox.js';
import { HeldPlaces, type Places } from './places.js';
import type { Ports } from './ports.js';
import { SessionReports } from './session-reports.js';
import { type AdmittedLogin, type ConnectionCounts, StartupPhase } from './startup-phase.js';
import { UpstreamConnection, UpstreamTlsFailure } from './upstream-connection.js';

export interface SessionHost extends ConnectionCounts {
  readonly ports: Ports;
  readonly tables: FrameTables;
  readonly rowWindows: RowAllowances;
  readonly places: Places;
  /** The session has said why it came. */
  handshakeDone(session: Session): void;
  closed(session: Session): void;
}

type Phase = 'startup' | 'authenticating' | 'connecting' | 'log-in' | 'ready' | 'closed';

/** Of a message that is gathered in memory, between two looks of `endIfStalled`. */
const LEAST_PROGRESS_BYTES = 1024;

export class Session {
  private readonly host: SessionHost;
  private readonly ports: Ports;
  private readonly client: Channel;
  private connection: UpstreamConnection | undefined;
  private upstream: Channel | undefined;
  private readonly toClient = new Outbox();
  private readonly toUpstream = new Outbox();
  private phase: Phase = 'startup';
  private readonly reports: SessionReports;
  private readonly places: HeldPlaces;
  private readonly startup: StartupPhase;
  private readonly since = new Date();
  /** From the admission on. */
  private identities: IdentityBook | undefined;
  /** From the moment that the server is connected. */
  private flow: MessageFlow | undefined;
  private timer: NodeJS.Timeout;
  private opened = false;
  /** Until the server has let us in. */
  private credentials: Credentials | undefined;
  private readonly farewell = new Farewell();
  private flushWanted = false;
  private draining = false;
  /** Bytes that have come from the client, and that had at the last look of `endIfStalled`. */
  private received = 0;
  private receivedSeen = -Infinity;
  private serverEnded = false;
  /** The console goes on without a server: to be told, then told. */
  private leaving = false;
  private left = false;

  constructor(socket: net.Socket, host: SessionHost) {
    this.host = host;
    this.ports = host.ports;
    this.reports = new SessionReports(host.ports);
    this.places = new HeldPlaces(host.places);
    this.timer = setTimeout(() => this.startupTimedOut(), this.ports.limits.startupTimeoutMs);
    this.client = adoptSocket(socket, {
      chunk: (bytes) => this.guarded(() => this.fromClient(bytes)),
      drained: () =>
        this.guarded(() => {
          this.flow?.clientDrained();
          this.settle();
        }),
      closed: (error) => this.guarded(() => this.clientClosed(error)),
    });
    this.toClient.attach(this.client);
    this.startup = this.beginStartup();
  }

  /** Ends now if nothing is under way, otherwise after the current transaction. */
  drain(): void {
    this.draining = true;
    this.guarded(() => this.settle());
  }

  /**
   * Called now and then: a client that has stopped in the middle of a message holds its memory for nothing. COPY data
   * passes through in pieces, so it may stop where it likes.
   */
  endIfStalled(): void {
    if (this.phase !== 'ready' || this.toUpstream.congested) return;
    const gathering = this.flow?.gathering === true;
    // A byte now and then is no progress: it would hold the memory for good.
    if (gathering && this.received - this.receivedSeen < LEAST_PROGRESS_BYTES)
      this.fatal('protocol-violation', 'the rest of a message did not come');
    this.receivedSeen = gathering ? this.received : -Infinity;
  }

  /** Ends without a word, before anybody is known. */
  giveWay(): void {
    this.end('gave way to a newer connection');
    this.client.destroy();
  }

  /** Ends now. */
  shutDown(): void {
    this.fatal('shutting-down', 'the proxy is shutting down');
  }

  private fromClient(bytes: Buffer): void {
    if (this.phase === 'closed') return;
    this.received += bytes.length;
    this.ports.observer.bytes('from-client', bytes.length);
    if (this.phase === 'startup' || this.phase === 'authenticating') this.startup.fromClient(bytes);
    else this.flow!.fromClient(bytes);
    this.settle();
  }

  private fromUpstream(bytes: Buffer): void {
    if (this.phase === 'closed') return;
    this.ports.observer.bytes('from-upstream', bytes.length);
    this.flow!.fromUpstream(bytes);
    this.settle();
  }

  /** An event of our own: what a message was held for is there. */
  private resumed(work: () => void): void {
    this.guarded(() => {
      if (this.phase === 'closed') return;
      work();
      this.settle();
    });
  }

  /** At the end of each event: one write per side, then reading on or off. */
  private settle(): void {
    if (this.phase === 'closed') return;
    if (this.flushWanted) {
      this.flushWanted = false;
      this.toUpstream.add(flushFrame);
    }
    const parting = this.farewell.passOn(this.farewellFacts());
    if ((parting && !this.left) || this.leaving) this.toUpstream.add(terminateFrame);
    if (parting) this.waitForFarewell();
    this.toUpstream.flush();
    this.toClient.flush();
    if (this.leaving) this.leaveServer();
    if (this.farewell.isOver(this.farewellFacts())) {
      this.end(this.farewell.reason);
      return;
    }
    this.client.lendReadBuffer(this.toUpstream.pending);
    this.upstream?.lendReadBuffer(this.toClient.pending);
    const { flow } = this;
    if (flow === undefined)
      this.client.setReading(
        this.phase === 'startup' || (this.phase === 'authenticating' && this.startup.reading),
      );
    else {
      this.client.setReading(!this.farewell.said && !flow.clientHeld && !this.toUpstream.congested);
      this.upstream?.setReading(!flow.upstreamHeld && !this.toClient.congested);
    }
    if (this.draining && !this.farewell.said && (this.phase !== 'ready' || flow?.idle === true))
      this.shutDown();
  }

  private beginStartup(): StartupPhase {
    return new StartupPhase({
      ports: this.ports,
      counts: this.host,
      places: this.places,
      remote: this.client.remote,
      tls: () => this.client.tls,
      toClient: (bytes) => this.toClient.add(bytes),
      encrypt: (answer, handshake, received) => {
        if (answer !== undefined) this.toClient.add(answer);
        this.toClient.flush();
        this.client.startTls(handshake, received);
      },
      claimed: (who) => (this.reports.who = who),
      connecting: (purpose) => {
        this.phase = 'connecting';
        this.host.handshakeDone(this);
        if (purpose === 'log-in') this.restartTimer(this.ports.limits.authTimeoutMs);
      },
      authenticating: () => (this.phase = 'authenticating'),
      authenticated: () => (this.phase = 'connecting'),
      rejected: (reason) => this.rejected(reason),
      malformed: ({ sqlstate, message, detail }) => {
        this.reports.passwordRejected(sqlstate, 'malformed', this.client.remote.address);
        this.refuse(sqlstate, message, detail, 'log-in refused');
      },
      verifiersMissing: (error) => {
        this.reports.verifiersMissing(error);
        this.fatal('verifiers-unreachable', 'the verifiers of passwords cannot be read');
      },
      upstreamMissing: (error) => this.upstreamClosed(error instanceof Error ? error : undefined),
      resumed: (work) => this.resumed(work),
      terminate: () => this.farewell.say(),
      admitted: (login) => this.guarded(() => this.connect(login)),
      fatal: (code, message) => this.fatal(code, message),
      end: (reason) => this.end(reason),
    });
  }

  /** INVARIANT(users-untold): whatever the reason, the client is told what the server tells of a wrong password. */
  private rejected(reason: string): void {
    const { sqlstate } = errorCatalog['auth-failed'];
    const { user } = this.reports.who!;
    this.reports.passwordRejected(sqlstate, reason, this.client.remote.address);
    this.refuse(sqlstate, `password authentication failed for user "${user}"`, undefined, 'log-in refused');
  }

  /** In the server's own words. */
  private refuse(sqlstate: string, message: string, detail: string | undefined, reason: string): void {
    this.toClient.add(encodeErrorResponse({ severity: 'FATAL', sqlstate, message, detail }));
    this.end(reason);
  }

  private connect(login: AdmittedLogin): void {
    this.credentials = login.credentials;
    if (this.phase !== 'connecting') {
      this.forgetCredentials();
      return;
    }
    const { who, admission, context } = login;
    const identity = sessionIdentity(who, admission, context, this.ports);
    const identities = new IdentityBook(identity, this.ports);
    this.identities = identities;
    this.reports.identities = identities;
    this.connection = new UpstreamConnection(this.ports.upstream, this.ports.encryption?.upstream(), {
      opened: (channel) => this.guarded(() => this.connected(channel, login, identities)),
      chunk: (bytes) => this.guarded(() => this.fromUpstream(bytes)),
      drained: () => this.guarded(() => this.settle()),
      closed: (error) => this.guarded(() => this.upstreamClosed(error)),
    });
    this.client.setReading(false);
  }

  private connected(upstream: Channel, { admission, rest }: AdmittedLogin, identities: IdentityBook): void {
    if (this.phase !== 'connecting' && this.phase !== 'log-in') return;
    this.upstream = upstream;
    this.toUpstream.attach(upstream);
    this.toUpstream.add(admission.startup);
    // The second time the server has heard nothing yet but a StartupMessage, so all the rest goes on as it was.
    if (this.flow === undefined) {
      this.flow = this.beginFlow(admission, identities);
      this.phase = 'log-in';
      if (rest.length > 0) this.flow.fromClient(rest);
    }
    this.settle();
  }

  private beginFlow({ rule, claims, negotiation, console }: Admitted, identities: IdentityBook): MessageFlow {
    return new MessageFlow({
      ports: this.ports,
      tables: this.host.tables,
      rowWindows: this.host.rowWindows,
      reports: this.reports,
      rule,
      claims,
      negotiation,
      console,
      identities,
      toClient: this.toClient,
      toUpstream: this.toUpstream,
      proven:
        this.credentials === undefined
          ? undefined
          : new UpstreamExchange(this.credentials, () => {
              const tls = this.upstream?.tls;
              return {
                encrypted: tls !== undefined,
                verified: tls?.serverVerified === true,
                endPoint: tls?.endpointHash,
              };
            }),
      bindsAlike: () => {
        const shown = this.client.tls?.endpointHash;
        const theirs = this.upstream?.tls?.endpointHash;
        return shown !== undefined && theirs !== undefined && shown.equals(theirs);
      },
      passwordRejected: (reason) => this.rejected(reason),
      takeUserPlace: () => this.places.take({ user: this.reports.who!.user }),
      resumed: (work) => this.resumed(work),
      broken: (error) => this.broken(error),
      opened: () => this.logInSucceeded(),
      wantFlush: () => (this.flushWanted = true),
      terminate: () => this.farewell.say(),
      serverEnded: () => (this.serverEnded = true),
      leaveServer: () => (this.leaving = true),
      fatal: (code, message) => this.fatal(code, message),
    });
  }

  /** The log-in is proved, and the server needed no more. */
  private leaveServer(): void {
    this.leaving = false;
    this.left = true;
    this.connection?.end();
    this.upstream = undefined;
  }

  /** For SHOW CLIENTS. */
  describe(): Omit<ClientFacts, 'worker'> {
    const who = this.reports.who;
    const current = this.reports.identities?.current;
    const ready = this.phase === 'ready';
    return {
      id: ready ? (current?.id ?? '') : '',
      user: who?.user ?? '',
      database: who?.database ?? '',
      role: current?.role,
      purpose: current?.purpose,
      exempt: current?.exempt,
      address: this.client.remote.address,
      port: this.client.remote.port,
      state: ready ? this.flow!.activity : 'log-in',
      connectedSince: this.since.toISOString(),
      applicationName: who?.applicationName ?? '',
      clientTls: this.client.tls?.version,
      upstreamTls: this.upstream?.tls?.version,
      statements: this.flow?.statements ?? 0,
    };
  }

  private logInSucceeded(): void {
    clearTimeout(this.timer);
    this.phase = 'ready';
    this.forgetCredentials();
    this.opened = true;
    this.identities?.encrypted({
      client: this.client.tls?.version,
      upstream: this.upstream?.tls?.version,
      certificate: this.client.tls?.clientCertificate?.fingerprint,
    });
    this.reports.opened();
  }

  private startupTimedOut(): void {
    if (this.client.handshaking) this.clientClosed(new TlsHandshakeFailure('the handshake took too long'));
    else this.fatal('auth-timeout', 'the startup packet did not come in time');
  }

  private clientClosed(error: Error | undefined): void {
    if (error instanceof TlsHandshakeFailure) {
      if (this.phase === 'closed') return;
      this.reports.handshakeFailed(error.message, this.client.remote);
      this.end('TLS handshake failed');
      return;
    }
    const reason = error === undefined ? 'client closed' : 'client connection lost';
    if (this.phase !== 'ready' || !(this.farewell.said || this.flow?.farewellHeld === true)) {
      this.end(reason);
      return;
    }
    this.farewell.clientClosed(reason);
    this.toClient.abandon();
    this.waitForFarewell();
    this.flow!.clientDrained();
    this.settle();
  }

  private farewellFacts(): FarewellFacts {
    const { flow } = this;
    return {
      loggedIn: this.phase === 'ready',
      serverOwes: !this.left && flow?.serverOwes === true,
      upstreamHeld: flow?.upstreamHeld === true,
      clientHeld: flow?.clientHeld === true,
      clientReads: this.toClient.willDrain,
    };
  }

  /** Not for ever: a server that hears no end of a connection works on in any case. */
  private waitForFarewell(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => this.end(`${this.farewell.reason}, and what it had sent was not finished in time`),
      this.ports.limits.farewellMs,
    );
  }

  private upstreamClosed(error: Error | undefined): void {
    if (this.phase === 'closed' || this.left) return;
    if (error instanceof UpstreamTlsFailure) {
      this.reports.upstreamNotEncrypted(error.message);
      this.fatal('upstream-tls', 'no encrypted connection to the database server could be made');
      return;
    }
    if (this.phase === 'connecting') {
      this.reports.upstreamUnreachable(error);
      this.fatal('upstream-unreachable', 'the database server cannot be reached');
      return;
    }
    if (this.farewell.said) {
      this.farewell.serverClosed();
      this.settle();
      return;
    }
    if (this.serverEnded) {
      this.end('server ended the session');
      return;
    }
    this.reports.upstreamLost(error);
    this.fatal('upstream-lost', 'the connection to the database server was lost');
  }

  /** Tells the client and ends the session. */
  private fatal(code: SessionErrorCode, message: string): void {
    if (this.phase === 'closed') return;
    const entry = errorCatalog[code];
    if (!this.opened && entry.audit === 'login-failed')
      this.reports.refused(code, message, this.client.remote.address);
    this.toClient.add(
      encodeErrorResponse({
        severity: 'FATAL',
        sqlstate: entry.sqlstate,
        message: `pgveil: ${message}`,
        hint: entry.recovery,
      }),
    );
    this.end(entry.reason);
  }

  /** INVARIANT(one-end): everything that ends a session comes through here, once. */
  private end(reason: string): void {
    if (this.phase === 'closed') return;
    this.toClient.flush();
    this.phase = 'closed';
    clearTimeout(this.timer);
    this.flow?.interrupt();
    this.forgetCredentials();
    this.reports.closed(reason, this.opened);
    this.connection?.end();
    this.client.end();
    this.places.leave();
    this.host.closed(this);
  }

  private forgetCredentials(): void {
    if (this.credentials !== undefined) wipe(this.credentials);
    this.credentials = undefined;
  }

  /** The one catch of a connection. */
  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.broken(error);
    }
  }

  private broken(error: unknown): void {
    if (this.phase === 'closed') return;
    if (error instanceof ProtocolViolation) {
      this.reports.protocolBroken(error.message);
      this.fatal('protocol-violation', error.message);
      return;
    }
    this.reports.bug(error);
    this.fatal('internal-bug', 'the proxy met an internal error');
  }

  private restartTimer(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fatal('auth-timeout', 'the log-in took too long'), ms);
  }
}
