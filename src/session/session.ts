/**
 * One client connection from its first byte to its last: the two channels, what each event writes and whether each side
 * is read, and the one place where errors end it. What the messages mean stands in the startup phase and the message
 * flow behind it.
 */
import type net from 'node:net';
import type { RowAllowances } from '../guard/row-allowance.js';
import { wipe } from './auth/credentials.js';
import { needsNoServer } from './console/admission.js';
import { adoptSocket, type Channel, TlsHandshakeFailure } from './channel.js';
import { clientFacts } from './client-facts.js';
import type { ClientFacts } from './console/source.js';
import { Farewell, type FarewellFacts } from './farewell.js';
import type { FrameTables } from './frame-tables.js';
import { type Admitted, sessionIdentity } from './identity.js';
import { IdentityBook } from './identity-book.js';
import { LastWords } from './last-words.js';
import { MessageFlow } from './message-flow.js';
import { flushFrame } from './messages.js';
import { Outbox } from './outbox.js';
import { HeldPlaces, type Places } from './places.js';
import type { Ports } from './ports.js';
import { SessionReports } from './session-reports.js';
import { StallWatch } from './stall-watch.js';
import { type AdmittedLogin, type ConnectionCounts, StartupPhase } from './startup-phase.js';
import { UpstreamLeg } from './upstream-leg.js';

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

export class Session {
  private readonly host: SessionHost;
  private readonly ports: Ports;
  private readonly client: Channel;
  private readonly upstream = new UpstreamLeg();
  private readonly toClient = new Outbox();
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
  private readonly words: LastWords;
  private readonly farewell = new Farewell();
  private readonly stall = new StallWatch();
  private flushWanted = false;
  private draining = false;
  private serverEnded = false;

  constructor(socket: net.Socket, host: SessionHost) {
    this.host = host;
    this.ports = host.ports;
    this.reports = new SessionReports(host.ports);
    this.places = new HeldPlaces(host.places);
    this.words = new LastWords({
      reports: this.reports,
      address: () => this.client.remote.address,
      opened: () => this.opened,
      ended: () => this.phase === 'closed',
      answerCut: () => this.flow?.answerCut === true,
      toClient: (bytes) => this.toClient.add(bytes),
      end: (reason) => this.end(reason),
    });
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

  /** Called now and then. COPY data passes through in pieces, so it may stop where it likes. */
  endIfStalled(): void {
    if (this.phase !== 'ready' || this.upstream.outbox.congested) return;
    if (this.stall.look(this.flow?.gathering === true) === 'stalled')
      this.words.fatal('protocol-violation', 'the rest of a message did not come');
  }

  /** Ends without a word, before anybody is known. */
  giveWay(): void {
    this.end('gave way to a newer connection');
    this.client.destroy();
  }

  /** Ends now. */
  shutDown(): void {
    this.words.fatal('shutting-down', 'the proxy is shutting down');
  }

  private fromClient(bytes: Buffer): void {
    if (this.phase === 'closed') return;
    this.stall.came(bytes.length);
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
      this.upstream.outbox.add(flushFrame);
    }
    const parting = this.farewell.passOn(this.farewellFacts());
    if (parting) {
      this.upstream.sayGoodbye();
      this.waitForFarewell();
    }
    this.upstream.flush();
    this.toClient.flush();
    if (this.farewell.isOver(this.farewellFacts())) {
      this.end(this.farewell.reason);
      return;
    }
    this.client.lendReadBuffer(this.upstream.outbox.pending);
    this.upstream.lendReadBuffer(this.toClient.pending);
    const { flow } = this;
    if (flow === undefined)
      this.client.setReading(
        this.phase === 'startup' || (this.phase === 'authenticating' && this.startup.reading),
      );
    else {
      this.client.setReading(!this.farewell.said && !flow.clientHeld && !this.upstream.outbox.congested);
      this.upstream.setReading(!flow.upstreamHeld && !this.toClient.congested);
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
      rejected: (reason) => this.words.rejected(reason),
      malformed: (problem) => this.words.malformed(problem),
      verifiersMissing: (error) => this.words.verifiersMissing(error),
      upstreamMissing: (error) => this.upstreamClosed(error instanceof Error ? error : undefined),
      resumed: (work) => this.resumed(work),
      terminate: () => this.farewell.say(),
      admitted: (login) => this.guarded(() => this.connect(login)),
      fatal: (code, message) => this.words.fatal(code, message),
      end: (reason) => this.end(reason),
    });
  }

  private connect({ who, admission, credentials, rest }: AdmittedLogin): void {
    if (this.phase !== 'connecting') {
      if (credentials !== undefined) wipe(credentials);
      return;
    }
    const identity = sessionIdentity(who, admission, this.ports);
    const identities = new IdentityBook(identity, this.ports);
    this.identities = identities;
    this.reports.identities = identities;
    if (credentials !== undefined && needsNoServer(admission, this.ports)) {
      this.upstream.stayAway(credentials);
      this.connected(admission, rest, identities);
      return;
    }
    this.upstream.open(this.ports, credentials, admission.startup, {
      opened: () => this.guarded(() => this.connected(admission, rest, identities)),
      chunk: (bytes) => this.guarded(() => this.fromUpstream(bytes)),
      drained: () => this.guarded(() => this.settle()),
      closed: (error) => this.guarded(() => this.upstreamClosed(error)),
    });
    this.client.setReading(false);
  }

  private connected(admission: Admitted, rest: Buffer, identities: IdentityBook): void {
    // The second time the server has heard nothing yet but a StartupMessage, so all the rest goes on as it was.
    if (this.phase === 'connecting') {
      this.flow = this.beginFlow(admission, identities);
      this.phase = 'log-in';
      if (rest.length > 0) this.flow.fromClient(rest);
      if (this.upstream.left) this.flow.enterConsole();
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
      toUpstream: this.upstream.outbox,
      proven: this.upstream.exchange(),
      bindsAlike: () => {
        const shown = this.client.tls?.endpointHash;
        const theirs = this.upstream.tls?.endpointHash;
        return shown !== undefined && theirs !== undefined && shown.equals(theirs);
      },
      passwordRejected: (reason) => this.words.rejected(reason),
      takeUserPlace: () => this.places.take({ user: this.reports.who!.user }),
      resumed: (work) => this.resumed(work),
      broken: (error) => this.words.broken(error),
      opened: () => this.logInSucceeded(),
      wantFlush: () => (this.flushWanted = true),
      terminate: () => this.farewell.say(),
      serverEnded: () => (this.serverEnded = true),
      leaveServer: () => this.upstream.leave(),
      fatal: (code, message) => this.words.fatal(code, message),
    });
  }

  /** For SHOW CLIENTS. */
  describe(): Omit<ClientFacts, 'worker'> {
    const { client, upstream, reports, since, flow, phase } = this;
    return clientFacts({ client, upstream, reports, since, flow, ready: phase === 'ready' });
  }

  private logInSucceeded(): void {
    clearTimeout(this.timer);
    this.phase = 'ready';
    this.upstream.forgetCredentials();
    this.opened = true;
    this.identities?.encrypted({
      client: this.client.tls?.version,
      upstream: this.upstream.tls?.version,
      certificate: this.client.tls?.clientCertificate?.fingerprint,
    });
    this.reports.opened();
  }

  private startupTimedOut(): void {
    if (this.client.handshaking) this.clientClosed(new TlsHandshakeFailure('the handshake took too long'));
    else this.words.fatal('auth-timeout', 'the startup packet did not come in time');
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
      serverOwes: !this.upstream.left && flow?.serverOwes === true,
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
    if (this.phase === 'closed' || this.upstream.left) return;
    if (this.farewell.said) {
      this.farewell.serverClosed();
      this.settle();
    } else if (this.serverEnded) this.end('server ended the session');
    else this.words.upstreamGone(error, this.phase === 'connecting');
  }

  /** INVARIANT(one-end): everything that ends a session comes through here, once. */
  private end(reason: string): void {
    if (this.phase === 'closed') return;
    this.toClient.flush();
    this.phase = 'closed';
    clearTimeout(this.timer);
    this.flow?.interrupt();
    this.reports.closed(reason, this.opened);
    this.upstream.end();
    this.client.end();
    this.places.leave();
    this.host.closed(this);
  }

  /** The one catch of a connection. */
  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.words.broken(error);
    }
  }

  private restartTimer(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.words.fatal('auth-timeout', 'the log-in took too long'), ms);
  }
}
