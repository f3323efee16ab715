/**
 * The messages of one session in both directions, phase by phase (PostgreSQL manual, 54.2 "Message Flow"): the relayed
 * log-in, the probe of a governed session, then statements. It owns the two framers and what stands behind each; it
 * touches no sockets and ends nothing itself.
 */
import type { EnforceContext } from '../enforce/types.js';
import { encodeBackend } from '../wire/backend-message.js';
import { Framer, type FrameSink, type Verdict } from '../wire/framer.js';
import { frontendTypes } from '../wire/message-types.js';
import { ConsoleFrontend } from './console/frontend.js';
import { consoleGreeting, ConsoleLogin } from './console/login.js';
import type { ClientState, ConsoleSource } from './console/source.js';
import { ExemptFrontend } from './exempt-frontend.js';
import { FairShare } from './fair-share.js';
import type { MessageFlowPorts } from './flow-ports.js';
import type { FrontendPorts } from './frontend-ports.js';
import { GovernedFrontend } from './governed-frontend.js';
import { Hold } from './hold.js';
import { LoginBackend, LoginFrontend, type LoginProgress } from './login.js';
import { terminateFrame } from './messages.js';
import { type PlaceAnswer, placeMessage } from './places.js';
import type { Pooler } from './ports.js';
import { keyedPid, poolerProblem } from './pooler.js';
import { ProbeBackend, probeFrame, type ProbeResult } from './probe.js';
import type { RowLimiter } from './row-limiter.js';
import { ProvenLoginBackend } from './proven-login.js';
import { RawBackend, RawFrontend } from './raw.js';
import { SessionState } from './session-state.js';
import { RunLedger } from './statement-run.js';
import { statementSinks } from './statement-sinks.js';
import { TextDescriptions } from './text-descriptions.js';
import { TextPlanner } from './text-planner.js';

/** What a framer keeps of a message whose header is not complete. */
const HEADER_BYTES = 5;

export class MessageFlow {
  private readonly to: MessageFlowPorts;
  private governed: GovernedFrontend | undefined;
  private readonly isRaw: boolean;
  private readonly clientFramer: Framer;
  private readonly upstreamFramer: Framer;
  private clientSink: FrameSink;
  private upstreamSink: FrameSink;
  private readonly clientHold: Hold;
  private readonly upstreamHold: Hold;
  private readonly progress: LoginProgress = { asked: false, authenticated: false };
  /** Of the BackendKeyData; undefined: there was none. */
  private keyPid: number | undefined;
  /** As the server has reported since the log-in; undefined: nothing. */
  applicationName: string | undefined;
  /** Known where it had to be waited for. */
  private place: PlaceAnswer | undefined;
  /** The catalog was asked for, and there it is, or there is none. */
  private catalogMet = false;
  private ledger: RunLedger | undefined;
  private state: SessionState | undefined;
  private raw: RawBackend | undefined;
  private limiter: RowLimiter | undefined;
  private interrupted: (() => void) | undefined;
  private console: ConsoleFrontend | undefined;

  /** Begins with the log-in: the StartupMessage is on its way to the server. */
  constructor(to: MessageFlowPorts) {
    this.to = to;
    const { rule, tables } = to;
    this.isRaw = rule.exempt && rule.audit === 'connections' && to.console === undefined;
    const resumeClient = (): void => {
      this.clientFramer.resume(this.clientSink);
      this.sendLate();
    };
    const resumeUpstream = (): void => {
      this.upstreamFramer.resume(this.upstreamSink);
      this.resumeAnswered();
    };
    const broken = (error: unknown): void => to.broken(error);
    this.clientHold = new Hold(() => to.resumed(resumeClient), broken);
    this.upstreamHold = new Hold(() => to.resumed(resumeUpstream), broken);
    this.clientFramer = new Framer(
      to.console !== undefined
        ? tables.consoleFrontend
        : this.isRaw && to.proven === undefined
          ? tables.rawFrontend
          : rule.exempt
            ? tables.exemptFrontend
            : tables.governedFrontend,
    );
    this.upstreamFramer = new Framer(to.console === undefined ? tables.loginBackend : tables.consoleLogin);
    const forwardClient = (buffer: Buffer): void => to.toUpstream.add(buffer);
    const terminate = (): void => to.terminate();
    // Who has proven itself already has no more password to send: whatever comes now waits for the end of the log-in.
    this.progress.authenticated = to.proven !== undefined;
    this.clientSink =
      this.isRaw && to.proven === undefined
        ? new RawFrontend(forwardClient, terminate)
        : new LoginFrontend(forwardClient, terminate, this.progress);
    const login = this.beginLogin();
    this.upstreamSink = to.console === undefined ? login : new ConsoleLogin(login);
  }

  private beginLogin(): FrameSink {
    const { to } = this;
    const events = {
      forward: (buffer: Buffer) => to.toClient.add(buffer),
      asked: () => (this.progress.asked = true),
      authenticated: () => (this.progress.authenticated = true),
      keyed: (frame: Buffer) => (this.keyPid = keyedPid(frame)),
      rejected: (sqlstate: string) => {
        to.serverEnded();
        to.reports.rejected(sqlstate);
      },
      ready: () => this.loggedIn(),
    };
    if (to.proven === undefined)
      return new LoginBackend(to.negotiation, { ...events, bindsAlike: () => to.bindsAlike() });
    return new ProvenLoginBackend(to.negotiation, to.proven, this.upstreamHold, {
      ...events,
      toUpstream: (buffer) => to.toUpstream.add(buffer),
      otherVerifier: () => {
        to.reports.upstreamLoginFailed(
          "the server's verifier of this user is not the one that auth.verifiers gave",
        );
        to.passwordRejected('other_verifier');
      },
      refused: (why) => {
        to.reports.upstreamLoginFailed(why);
        to.fatal('upstream-login-failed', why);
      },
    });
  }

  fromClient(bytes: Buffer): void {
    this.clientFramer.push(bytes, this.clientSink);
    if (this.raw !== undefined && !bytes.equals(terminateFrame)) this.raw.noteRequest(this.takeEnds());
    this.sendLate();
  }

  fromUpstream(bytes: Buffer): void {
    this.upstreamFramer.push(bytes, this.upstreamSink);
    this.resumeAnswered();
  }

  /** A message of the client waits, and nothing behind it may be read. */
  get clientHeld(): boolean {
    return this.clientFramer.held;
  }

  /** It waits, and behind it the client has said goodbye. */
  get farewellHeld(): boolean {
    return this.clientFramer.held && this.clientFramer.heldEndsWith(terminateFrame);
  }

  get upstreamHeld(): boolean {
    return this.upstreamFramer.held;
  }

  /** A part of a client's message takes memory until the rest comes. */
  get gathering(): boolean {
    const { midMessage, bufferedBytes } = this.clientFramer;
    return midMessage && bufferedBytes > HEADER_BYTES;
  }

  /** Half a message has gone to the client, and the rest has not come. */
  get answerCut(): boolean {
    return this.upstreamFramer.midStream;
  }

  /** Nothing is under way, and no transaction is open. */
  get idle(): boolean {
    return this.console?.idle ?? this.raw?.idle ?? (this.state?.idle === true && !this.clientFramer.held);
  }

  /** Something that the client sent may not be answered yet. */
  get serverOwes(): boolean {
    return this.raw?.serverOwes ?? (this.state !== undefined && this.state.answers.pending > 0);
  }

  /** What the client had to read has left. */
  clientDrained(): void {
    this.resumeAnswered();
  }

  /** As SHOW CLIENTS tells it. */
  get activity(): ClientState {
    const { state } = this;
    const inTransaction =
      this.console?.inTransaction ?? (state !== undefined && state.transactionStatus !== 'I');
    if (this.idle) return inTransaction ? 'in transaction' : 'idle';
    const busy = this.console !== undefined || this.raw !== undefined || (state?.answers.pending ?? 0) > 0;
    return inTransaction && !busy ? 'in transaction' : 'active';
  }

  /** Statements begun since the log-in. */
  get statements(): number {
    return this.ledger?.begun ?? 0;
  }

  /** The session has ended, and with it the statements under way. */
  interrupt(): void {
    this.interrupted?.();
    this.ledger?.interruptAll();
    this.limiter?.interrupt();
  }

  /** An answer may be what a held message of the client waits for. */
  private resumeAnswered(): void {
    this.sendLate();
    if (!this.clientFramer.held || this.clientHold.isWaiting) return;
    this.clientFramer.resume(this.clientSink);
    this.sendLate();
  }

  /** What the order of COPY has the proxy send itself, behind what went before. */
  private sendLate(): void {
    const late = this.governed?.late();
    if (late !== undefined) this.to.toUpstream.add(late);
  }

  /** The server has taken the log-in, so the user is who the client says. */
  private loggedIn(): Verdict {
    const place = this.place ?? this.to.takeUserPlace();
    if (place instanceof Promise) return this.upstreamHold.until(place, (answer) => (this.place = answer));
    if (!place.ok) {
      this.to.fatal(place.code, placeMessage(place.code, this.to.identities.current.user));
      return 'stop';
    }
    this.place = place;
    if (this.to.console !== undefined) return this.beginConsole(this.to.console);
    return this.to.rule.exempt ? this.beginExempt() : this.beginProbe();
  }

  /** The client has proven itself to the proxy, and there is no server to say more. */
  enterConsole(): void {
    const place = this.place ?? this.to.takeUserPlace();
    if (place instanceof Promise) {
      const taken = (answer: PlaceAnswer): void => {
        this.place = answer;
        this.to.resumed(() => this.enterConsole());
      };
      place.then(taken, (error: unknown) => this.to.broken(error));
      return;
    }
    this.place = place;
    const greeting = this.loggedIn();
    if (typeof greeting === 'string') return;
    this.to.toClient.add(encodeBackend({ kind: 'authentication', method: 'ok' }));
    for (const frame of greeting) this.to.toClient.add(frame);
    this.resumeAnswered();
  }

  private beginConsole(source: ConsoleSource): Verdict {
    const { to } = this;
    const texts = new TextDescriptions(to.ports.planner);
    this.console = new ConsoleFrontend({
      source,
      ledger: this.open(),
      describe: (text) => texts.describe(Buffer.from(text)),
      failed: (error) => to.reports.consoleFailed(error),
      hold: this.clientHold,
      toClient: (buffer) => to.toClient.add(buffer),
      clientCongested: () => to.toClient.congested,
      terminate: () => to.terminate(),
    });
    this.clientSink = new FairShare(this.console, this.clientHold);
    to.leaveServer();
    return consoleGreeting();
  }

  private beginExempt(): Verdict {
    const ledger = this.open();
    if (this.isRaw) {
      this.upstreamFramer.useTable(this.to.tables.rawBackend);
      this.raw = new RawBackend(
        (buffer) => this.to.toClient.add(buffer),
        () => this.to.serverEnded(),
        () => this.noteDdl(),
      );
      this.upstreamSink = this.raw;
      if (this.to.proven !== undefined) this.beginRawFrontend(this.raw);
      return 'pass';
    }
    const { planner } = this.to.ports;
    this.beginStatements(
      new SessionState({ path: [] }),
      ledger,
      (to) => new ExemptFrontend(to, new TextDescriptions(planner)),
    );
    return 'pass';
  }

  /** Behind a log-in that the client's bytes had to wait for. */
  private beginRawFrontend(raw: RawBackend): void {
    this.clientFramer.useTable(this.to.tables.rawFrontend);
    this.clientSink = new RawFrontend(
      (buffer) => this.to.toUpstream.add(buffer),
      () => this.to.terminate(),
    );
    if (this.clientFramer.held) raw.noteRequest(this.takeEnds());
  }

  /** How many messages the server answers with ReadyForQuery. */
  private takeEnds(): number {
    const { clientFramer } = this;
    return (
      clientFramer.takeCount(frontendTypes.query) +
      clientFramer.takeCount(frontendTypes.sync) +
      clientFramer.takeCount(frontendTypes['function-call'])
    );
  }

  /**
   * INVARIANT(proven-first): a catalog is read for a session whom the server has let in. Before, who names a database
   * need not be anybody, and would have a connection opened to each that he names.
   */
  private meetCatalog(): 'hold' | undefined {
    const { ports, identities } = this.to;
    const met = (context: EnforceContext | undefined): void => {
      this.catalogMet = true;
      if (context !== undefined) identities.grounded(context);
    };
    const context = ports.contextFor(identities.current.database);
    // A catalog that cannot be loaded is no reason to refuse the log-in: statements are refused then.
    if (context instanceof Promise) return this.upstreamHold.until(context, met, () => met(undefined));
    met(context);
    return undefined;
  }

  /** The server's ReadyForQuery is kept back; the probe's own takes its place. */
  private beginProbe(): Verdict {
    if (!this.catalogMet && this.meetCatalog() === 'hold') return 'hold';
    this.upstreamFramer.useTable(this.to.tables.probeBackend);
    this.upstreamSink = new ProbeBackend(
      (buffer) => this.to.toClient.add(buffer),
      (result) => this.beginGoverned(result),
    );
    this.to.toUpstream.add(probeFrame(this.pooler));
    return 'drop';
  }

  private beginGoverned(result: ProbeResult | string): Verdict {
    if (typeof result === 'string') {
      this.to.fatal('client-encoding-not-utf8', result);
      return 'stop';
    }
    if (this.keyPid === undefined) this.to.reports.serverUnknown();
    const pooled = poolerProblem(this.pooler, this.keyPid, result.backendPid);
    if (pooled !== undefined) {
      this.to.fatal('pooler-undeclared', pooled);
      return 'stop';
    }
    const ledger = this.open();
    const { identities, rule, ports } = this.to;
    const login = { ...this.to.claims, path: result.searchPath };
    const state = new SessionState(login, this.pooler === 'transaction');
    const planner = new TextPlanner(ports, rule, identities, state, this.clientHold);
    this.beginStatements(state, ledger, (to) => {
      this.governed = new GovernedFrontend({ ...to, planner });
      return this.governed;
    });
    return 'pass';
  }

  private get pooler(): Pooler {
    return this.to.ports.upstream.pooler ?? 'none';
  }

  private beginStatements(
    state: SessionState,
    ledger: RunLedger,
    frontend: (to: FrontendPorts) => FrameSink,
  ): void {
    this.state = state;
    const { upstreamFramer, clientHold, upstreamHold } = this;
    const statements = statementSinks({
      flow: this.to,
      state,
      ledger,
      framer: upstreamFramer,
      clientHold,
      upstreamHold,
      frontend,
      ddl: () => this.noteDdl(),
      renamed: (applicationName) => (this.applicationName = applicationName),
    });
    this.limiter = statements.limiter;
    this.interrupted = () => statements.interrupted();
    this.upstreamSink = statements.fromUpstream;
    this.clientSink = statements.fromClient;
  }

  private open(): RunLedger {
    this.to.opened();
    this.ledger = new RunLedger(this.to.ports, this.to.identities);
    return this.ledger;
  }

  private noteDdl(): void {
    this.to.ports.noteDdl(this.to.identities.current.database);
  }
}
