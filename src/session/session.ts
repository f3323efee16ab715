/**
 * One client connection from its first byte to its last: the two channels, the two framers, the phases, and the one
 * place where errors end it. What messages mean stands in the frontend, backend and login files.
 */
import type net from 'node:net';
import type { EnforceContext } from '../enforce/types.js';
import { errorCatalog, type SessionErrorCode } from '../errors/catalog.js';
import type { SessionRule } from '../policy/types.js';
import { Framer, type FrameSink, type Verdict } from '../wire/framer.js';
import { encodeErrorResponse } from '../wire/messages/error-response.js';
import { encodeFrontend } from '../wire/frontend-message.js';
import { backendTypes } from '../wire/message-types.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { Backend } from './backend.js';
import { relayCancel } from './cancel.js';
import { adoptSocket, type Channel, connectChannel } from './channel.js';
import { ExemptFrontend } from './exempt-frontend.js';
import type { FrameTables } from './frame-tables.js';
import type { FrontendPorts } from './frontend-ports.js';
import { GovernedFrontend } from './governed-frontend.js';
import { Hold } from './hold.js';
import { admit, type Admission, claimantOf, sessionIdentity } from './identity.js';
import { LoginBackend, LoginFrontend, ProbeBackend, probeFrame, type ProbeResult } from './login.js';
import { flushFrame } from './messages.js';
import { Outbox } from './outbox.js';
import type { Ports } from './ports.js';
import { RawBackend, RawFrontend } from './raw.js';
import { SessionReports } from './session-reports.js';
import { SessionState } from './session-state.js';
import { StartupPhase } from './startup-phase.js';
import { RunLedger } from './statement-run.js';
import { TextDescriptions } from './text-descriptions.js';
import { TextPlanner } from './text-planner.js';

export interface SessionHost {
  readonly ports: Ports;
  readonly tables: FrameTables;
  /** This connection is one too many. */
  full(): boolean;
  closed(session: Session): void;
  beginCancel(): boolean;
  endCancel(): void;
}

type Phase = 'startup' | 'connecting' | 'login' | 'probe' | 'ready' | 'closed';
type Admitted = Extract<Admission, { ok: true }>;

/** What a framer keeps of a message whose header is not complete. */
const HEADER_BYTES = 5;
const terminateFrame = encodeFrontend({ kind: 'terminate' });

export class Session {
  private readonly host: SessionHost;
  private readonly ports: Ports;
  private readonly client: Channel;
  private upstream: Channel | undefined;
  private readonly toClient = new Outbox();
  private readonly toUpstream = new Outbox();
  private phase: Phase = 'startup';
  private readonly reports: SessionReports;
  private readonly startup = new StartupPhase();
  private timer: NodeJS.Timeout;
  private readonly clientHold: Hold;
  private readonly upstreamHold: Hold;
  private clientFramer!: Framer;
  private upstreamFramer!: Framer;
  private clientSink!: FrameSink;
  private upstreamSink!: FrameSink;
  private ledger: RunLedger | undefined;
  private state: SessionState | undefined;
  private raw: RawBackend | undefined;
  private authenticated = false;
  private opened = false;
  private terminating = false;
  private flushWanted = false;
  private draining = false;
  /** Counts what has come from the client, and what had at the last look of `endIfStalled`. */
  private reads = 0;
  private readsSeen = -1;
  private serverEnded = false;

  constructor(socket: net.Socket, host: SessionHost) {
    this.host = host;
    this.ports = host.ports;
    this.clientHold = new Hold(
      () => this.resumeClient(),
      (error) => this.broken(error),
    );
    this.upstreamHold = new Hold(
      () => this.resumeUpstream(),
      (error) => this.broken(error),
    );
    this.reports = new SessionReports(host.ports);
    this.timer = setTimeout(
      () => this.fatal('auth-timeout', 'the startup packet did not come in time'),
      this.ports.limits.startupTimeoutMs,
    );
    this.client = adoptSocket(socket, {
      chunk: (bytes) => this.guarded(() => this.fromClient(bytes)),
      drained: () => this.guarded(() => this.settle()),
      closed: (error) => this.end(error === undefined ? 'client closed' : 'client connection lost'),
    });
    this.toClient.attach(this.client);
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
    const { midMessage, bufferedBytes } = this.clientFramer;
    const gathering = midMessage && bufferedBytes > HEADER_BYTES;
    if (gathering && this.reads === this.readsSeen)
      this.fatal('protocol-violation', 'the rest of a message did not come');
    this.readsSeen = gathering ? this.reads : -1;
  }

  /** Ends now. */
  shutDown(): void {
    this.fatal('shutting-down', 'the proxy is shutting down');
  }

  private fromClient(bytes: Buffer): void {
    if (this.phase === 'closed') return;
    this.reads++;
    this.ports.observer.bytes('from-client', bytes.length);
    if (this.phase === 'startup') this.startupBytes(bytes);
    else {
      this.raw?.noteRequest();
      this.clientFramer.push(bytes, this.clientSink);
    }
    this.settle();
  }

  private fromUpstream(bytes: Buffer): void {
    if (this.phase === 'closed') return;
    this.ports.observer.bytes('from-upstream', bytes.length);
    this.upstreamFramer.push(bytes, this.upstreamSink);
    // An answer may be what a held message of the client waits for.
    if (this.clientFramer.held && !this.clientHold.isWaiting) this.clientFramer.resume(this.clientSink);
    this.settle();
  }

  private resumeClient(): void {
    this.guarded(() => {
      if (this.phase === 'closed') return;
      this.clientFramer.resume(this.clientSink);
      this.settle();
    });
  }

  private resumeUpstream(): void {
    this.guarded(() => {
      if (this.phase === 'closed') return;
      this.upstreamFramer.resume(this.upstreamSink);
      if (this.clientFramer.held && !this.clientHold.isWaiting) this.clientFramer.resume(this.clientSink);
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
    if (this.terminating) this.toUpstream.add(terminateFrame);
    this.toUpstream.flush();
    this.toClient.flush();
    if (this.terminating) {
      this.end('client terminated');
      return;
    }
    this.client.lendReadBuffer(this.toUpstream.pending);
    this.upstream?.lendReadBuffer(this.toClient.pending);
    const connecting = this.phase === 'connecting';
    this.client.setReading(
      this.phase === 'startup' || (!connecting && !this.clientFramer.held && !this.toUpstream.congested),
    );
    if (!connecting) this.upstream?.setReading(!this.upstreamFramer.held && !this.toClient.congested);
    if (this.draining && (this.phase !== 'ready' || this.isIdle())) this.shutDown();
  }

  private isIdle(): boolean {
    return this.raw?.idle ?? (this.state?.idle === true && !this.clientFramer.held);
  }

  private startupBytes(bytes: Buffer): void {
    const step = this.startup.push(bytes);
    switch (step.kind) {
      case 'wait':
        return;
      case 'answer':
        this.toClient.add(step.bytes);
        return;
      case 'cancel':
        this.relayCancelRequest(step.request);
        return;
      case 'unsupported':
        this.toClient.add(
          encodeErrorResponse({
            severity: 'FATAL',
            sqlstate: '0A000',
            message: `unsupported frontend protocol ${step.major}.${step.minor}: pgveil speaks 3.0`,
          }),
        );
        this.end('unsupported protocol');
        return;
      case 'startup': {
        this.reports.who = claimantOf(step.message, this.client.remote);
        if (this.host.full()) {
          this.fatal('too-many-connections', 'too many connections');
          return;
        }
        const admission = admit(step.message, step.raw, step.duplicates, this.reports.who, this.ports);
        if (!admission.ok) {
          this.fatal(admission.code, admission.message);
          return;
        }
        this.phase = 'connecting';
        this.restartTimer(this.ports.limits.authTimeoutMs);
        const { rest } = step;
        const go = (context: EnforceContext | undefined): void => this.connect(admission, context, rest);
        const context = admission.rule.exempt ? undefined : this.ports.contextFor(this.reports.who.database);
        // A catalog that cannot be loaded is no reason to refuse the log-in: statements are refused then.
        if (context instanceof Promise)
          context
            .catch(() => undefined)
            .then(
              (value) => this.guarded(() => go(value)),
              () => undefined,
            );
        else go(context);
      }
    }
  }

  private relayCancelRequest(request: Parameters<typeof relayCancel>[1]): void {
    this.phase = 'connecting';
    if (!this.host.beginCancel()) {
      this.end('too many cancel requests');
      return;
    }
    relayCancel(this.ports.upstream, request, () => {
      this.host.endCancel();
      this.end('cancel request');
    });
  }

  private connect(admission: Admitted, context: EnforceContext | undefined, rest: Buffer): void {
    if (this.phase !== 'connecting') return;
    this.reports.identity = sessionIdentity(this.reports.who!, admission.rule, context, this.ports);
    const upstream = connectChannel(
      this.ports.upstream,
      {
        chunk: (bytes) => this.guarded(() => this.fromUpstream(bytes)),
        drained: () => this.guarded(() => this.settle()),
        closed: (error) => this.guarded(() => this.upstreamClosed(error)),
      },
      () =>
        this.guarded(() => {
          if (this.phase !== 'connecting') {
            upstream.destroy();
            return;
          }
          this.toUpstream.attach(upstream);
          this.toUpstream.add(admission.startup);
          if (admission.negotiation !== undefined) this.toClient.add(admission.negotiation);
          this.beginLogin(admission);
          this.phase = 'login';
          if (rest.length > 0) this.clientFramer.push(rest, this.clientSink);
          this.settle();
        }),
    );
    this.upstream = upstream;
    this.client.setReading(false);
  }

  private beginLogin(admission: Admitted): void {
    const { tables } = this.host;
    const { rule } = admission;
    const isRaw = rule.exempt && rule.audit === 'connections';
    const forwardClient = (buffer: Buffer): void => this.toUpstream.add(buffer);
    this.clientFramer = new Framer(
      isRaw ? tables.rawFrontend : rule.exempt ? tables.exemptFrontend : tables.governedFrontend,
    );
    this.upstreamFramer = new Framer(tables.loginBackend);
    this.clientSink = isRaw
      ? new RawFrontend(forwardClient, () => (this.terminating = true))
      : new LoginFrontend(
          forwardClient,
          () => (this.terminating = true),
          () => this.authenticated,
        );
    this.upstreamSink = new LoginBackend({
      forward: (buffer) => this.toClient.add(buffer),
      authenticated: () => (this.authenticated = true),
      rejected: (sqlstate) => this.rejected(sqlstate),
      ready: () => (rule.exempt ? this.beginExempt(isRaw) : this.beginProbe(rule)),
    });
  }

  private rejected(sqlstate: string): void {
    this.serverEnded = true;
    this.reports.rejected(sqlstate);
  }

  private beginExempt(isRaw: boolean): Verdict {
    const ledger = this.openSession();
    if (isRaw) {
      this.upstreamFramer.useTable(this.host.tables.rawBackend);
      this.raw = new RawBackend(
        (buffer) => this.toClient.add(buffer),
        () => (this.serverEnded = true),
        () => this.ports.noteDdl(this.reports.identity!.database),
      );
      this.upstreamSink = this.raw;
      return 'pass';
    }
    const state = new SessionState([]);
    this.beginStatements(
      state,
      ledger,
      false,
      (to) => new ExemptFrontend(to, new TextDescriptions(this.ports.planner)),
    );
    return 'pass';
  }

  /** The server's ReadyForQuery is kept back; the probe's own takes its place. */
  private beginProbe(rule: SessionRule): Verdict {
    this.phase = 'probe';
    this.upstreamFramer.useTable(this.host.tables.probeBackend);
    this.upstreamSink = new ProbeBackend(
      (buffer) => this.toClient.add(buffer),
      (result) => this.beginGoverned(rule, result),
    );
    this.toUpstream.add(probeFrame);
    return 'drop';
  }

  private beginGoverned(rule: SessionRule, result: ProbeResult | string): Verdict {
    if (typeof result === 'string') {
      this.fatal('client-encoding-not-utf8', result);
      return 'stop';
    }
    const ledger = this.openSession();
    const who = this.reports.who!;
    const state = new SessionState(result.searchPath);
    const facts = {
      user: who.user,
      database: who.database,
      role: rule.role ?? '',
      purpose: rule.purpose ?? '',
      actor: new Map<string, string>(),
    };
    const planner = new TextPlanner(this.ports, facts, state, this.clientHold);
    this.beginStatements(state, ledger, true, (to) => new GovernedFrontend({ ...to, planner }));
    return 'pass';
  }

  private beginStatements(
    state: SessionState,
    ledger: RunLedger,
    governed: boolean,
    frontend: (to: FrontendPorts) => FrameSink,
  ): void {
    this.state = state;
    // The probe's row is not a statement's.
    this.upstreamFramer.takeCount(backendTypes['data-row']);
    this.upstreamFramer.useTable(this.host.tables.statementsBackend);
    this.upstreamSink = new Backend({
      governed,
      state,
      ledger,
      hold: this.upstreamHold,
      framer: this.upstreamFramer,
      forward: (buffer) => this.toClient.add(buffer),
      guardTripped: (field) => {
        this.reports.guardTripped(field);
        this.fatal('guard-trip', 'the result was withheld because it would have shown a protected column');
      },
      unsafe: (what) => {
        this.reports.leftSettings(what);
        this.fatal(
          'client-encoding-not-utf8',
          `the setting "${what}" of a governed session was changed on the server`,
        );
      },
      parameterChanged: (name, value) => {
        if (governed && name === 'search_path') this.reports.searchPathReported(value, state.path.current);
      },
      serverEnded: () => (this.serverEnded = true),
      ddl: () => this.ports.noteDdl(this.reports.identity!.database),
    });
    this.clientSink = frontend({
      ports: this.ports,
      state,
      ledger,
      hold: this.clientHold,
      wantFlush: () => (this.flushWanted = true),
      terminate: () => (this.terminating = true),
      forward: (buffer) => this.toUpstream.add(buffer),
    });
  }

  /** The log-in has succeeded. */
  private openSession(): RunLedger {
    clearTimeout(this.timer);
    this.phase = 'ready';
    this.opened = true;
    this.reports.opened();
    this.ledger = new RunLedger(this.ports, this.reports.identity!);
    return this.ledger;
  }

  private upstreamClosed(error: Error | undefined): void {
    if (this.phase === 'closed') return;
    if (this.phase === 'connecting') {
      this.reports.upstreamUnreachable(error);
      this.fatal('upstream-unreachable', 'the database server cannot be reached');
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
    this.ledger?.interruptAll();
    this.reports.closed(reason, this.opened);
    this.upstream?.end();
    this.client.end();
    this.host.closed(this);
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
