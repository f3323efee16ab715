/**
 * From a client's first bytes to the decision what becomes of it: a cancel request is relayed, a log-in is refused or
 * admitted by the policy. It opens no connection for the log-in and never sees a message of the server.
 */
import type { SessionErrorCode } from '../errors/catalog.js';
import type { CancelRequest } from '../wire/startup.js';
import type { LoginFailure } from './auth/client-exchange.js';
import { type Credentials, wipe } from './auth/credentials.js';
import type { AuthenticationPort } from './auth/port.js';
import type { SaslProblem } from './auth/sasl-problem.js';
import { relayCancel } from './cancel.js';
import { needsNoServer } from './console/admission.js';
import { ClientAuthentication } from './client-authentication.js';
import { admit, type Admission, type Admitted, type Claimant, claimantOf } from './identity.js';
import { withClippedNames } from './name-length.js';
import { needsServer, type ProtocolAsk, protocolAsk, unsupportedVersion } from './negotiation.js';
import { serverVersion, ToldNegotiation } from './server-versions.js';
import type { TlsHandshake } from './channel.js';
import { encryptionProblem } from './tls/demands.js';
import type { ChannelTls } from './tls/facts.js';
import type { ServerTls } from './tls/server-handshake.js';
import { type HeldPlaces, placeMessage, type PlaceAnswer } from './places.js';
import type { Ports } from './ports.js';
import { StartupPackets, type StartupMessageStep } from './startup-packets.js';

/** What is counted over all connections of a listener. */
export interface ConnectionCounts {
  /** False: too many are under way. */
  beginCancel(): boolean;
  endCancel(): void;
}

export interface StartupPorts {
  readonly ports: Ports;
  readonly counts: ConnectionCounts;
  readonly places: Pick<HeldPlaces, 'take'>;
  readonly remote: Claimant['client'];
  /** Of the client's connection, as it is now. */
  readonly tls: () => ChannelTls | undefined;
  toClient(bytes: Buffer): void;
  /** Sends the answer, if there is one, and goes on with what comes inside of TLS. */
  encrypt(answer: Buffer | undefined, handshake: TlsHandshake, received: Buffer): void;
  /** The StartupMessage says who this is; whether it is true is for the server to find out. */
  claimed(who: Claimant): void;
  /** The last packet is read, and what comes behind it waits for a connection to the server. */
  connecting(purpose: 'cancel' | 'log-in'): void;
  /** Maybe in a later event, after `connecting`. */
  admitted(login: AdmittedLogin): void;
  /** The client proves itself to the proxy; its bytes come here again, as long as `reading`. */
  authenticating(): void;
  /** The client has done so, and what comes behind waits for a connection to the server. */
  authenticated(): void;
  rejected(reason: LoginFailure): void;
  malformed(problem: SaslProblem): void;
  verifiersMissing(error: unknown): void;
  /** The server cannot be asked which version of the protocol it speaks. */
  upstreamMissing(error: unknown): void;
  /** Does `work` in an event of its own, if the session still lives. */
  resumed(work: () => void): void;
  terminate(): void;
  /** Tells the client and ends the session. */
  fatal(code: SessionErrorCode, message: string): void;
  /** Ends the session. */
  end(reason: string): void;
}

interface ClaimedLogin {
  readonly who: Claimant;
  readonly admission: Admission;
  /** What the client sent behind its StartupMessage already. */
  readonly rest: Buffer;
  /** Undefined: the server's own exchange is relayed. */
  readonly credentials: Credentials | undefined;
  readonly ask: ProtocolAsk;
}

export interface AdmittedLogin extends ClaimedLogin {
  readonly admission: Admitted;
}

export class StartupPhase {
  private readonly to: StartupPorts;
  private readonly packets: StartupPackets;
  private authentication: ClientAuthentication | undefined;
  /** In force when the connection came; a reload concerns the next one. */
  private readonly serverTls: ServerTls | undefined;

  constructor(to: StartupPorts) {
    this.to = to;
    this.serverTls = to.ports.encryption?.client();
    this.packets = new StartupPackets(this.serverTls !== undefined);
  }

  /** False: the client's bytes stay in the kernel. */
  get reading(): boolean {
    return this.authentication?.reading ?? true;
  }

  /** Throws ProtocolViolation for anything malformed. */
  fromClient(bytes: Buffer): void {
    if (this.authentication !== undefined) {
      this.authentication.fromClient(bytes);
      return;
    }
    const step = this.packets.push(bytes);
    switch (step.kind) {
      case 'wait':
        return;
      case 'answer':
        this.to.toClient(step.bytes);
        return;
      case 'encrypt':
        this.to.encrypt(step.answer, this.serverTls!.handshake(step.answer === undefined), step.received);
        return;
      case 'cancel':
        this.cancel(step.request);
        return;
      case 'unsupported':
        this.to.toClient(unsupportedVersion(step));
        this.to.end('unsupported protocol');
        return;
      case 'startup':
        this.logIn(step);
    }
  }

  private cancel(request: CancelRequest): void {
    const { counts, ports } = this.to;
    this.to.connecting('cancel');
    if (!counts.beginCancel()) {
      this.to.end('too many cancel requests');
      return;
    }
    relayCancel(ports.upstream, ports.encryption?.upstream(), request, () => {
      counts.endCancel();
      this.to.end('cancel request');
    });
  }

  private logIn(step: StartupMessageStep): void {
    const { ports, places, remote } = this.to;
    const { duplicates, rest } = step;
    const { message, raw } = withClippedNames(step.message, step.raw);
    const who = claimantOf(message, remote, this.to.tls());
    this.to.claimed(who);
    const unsafe = encryptionProblem(this.serverTls?.mode, this.to.tls());
    if (unsafe !== undefined) {
      this.to.fatal(unsafe.code, unsafe.message);
      return;
    }
    const admission = admit(message, raw, duplicates, who, ports);
    // That there is no rule is told at once, as the server tells it of pg_hba.conf. Other refusals speak of the policy, so
    // they wait for the proof where the proxy asks for it.
    if (!admission.ok && (ports.authentication === undefined || admission.code === 'session-unmatched')) {
      this.to.fatal(admission.code, admission.message);
      return;
    }
    this.to.connecting('log-in');
    const claimed: ClaimedLogin = { who, admission, rest, credentials: undefined, ask: protocolAsk(message) };
    const place = places.take({ address: who.client.address });
    if (place instanceof Promise)
      void place.then((answer) => this.to.resumed(() => this.placed(answer, claimed)));
    else this.placed(place, claimed);
  }

  private placed(place: PlaceAnswer, claimed: ClaimedLogin): void {
    const { authentication } = this.to.ports;
    const { who } = claimed;
    if (!place.ok) {
      this.to.fatal(place.code, placeMessage(place.code, who.user));
      return;
    }
    const { admission, ask } = claimed;
    if (authentication === undefined) this.admit(claimed);
    else if (admission.ok && needsNoServer(admission, this.to.ports)) {
      const told = admission.negotiation.accepted();
      if (told !== undefined) this.to.toClient(told);
      this.authenticate(authentication, claimed);
    } else if (admission.ok && needsServer(ask)) this.negotiate(authentication, claimed, admission);
    else this.authenticate(authentication, claimed);
  }

  /** What only the server knows, the client has to be told before it proves itself. */
  private negotiate(port: AuthenticationPort, claimed: ClaimedLogin, admission: Admitted): void {
    const { to } = this;
    const { who, ask } = claimed;
    serverVersion(to.ports, ask, who).then(
      (answer) =>
        to.resumed(() => {
          const negotiation = new ToldNegotiation(ask, answer);
          if (negotiation.told !== undefined) to.toClient(negotiation.told);
          this.authenticate(port, { ...claimed, admission: { ...admission, negotiation } });
        }),
      (error: unknown) => to.resumed(() => to.upstreamMissing(error)),
    );
  }

  /** INVARIANT(proven-first): until the client has proven itself to the proxy, no log-in is begun for it at the server. */
  private authenticate(port: AuthenticationPort, claimed: ClaimedLogin): void {
    const { to } = this;
    const { who, rest } = claimed;
    this.authentication = new ClientAuthentication(
      {
        port,
        user: who.user,
        address: who.client.address,
        endPoint: to.tls()?.endpointHash,
        toClient: (frame) => to.toClient(frame),
        resumed: (work) => to.resumed(work),
        accepted: (credentials, behind) => {
          to.authenticated();
          this.admit({ ...claimed, credentials, rest: behind });
        },
        rejected: (reason) => to.rejected(reason),
        malformed: (problem) => to.malformed(problem),
        verifiersMissing: (error) => to.verifiersMissing(error),
        terminate: () => to.terminate(),
      },
      rest,
    );
    to.authenticating();
    this.authentication.begin();
  }

  private admit(claimed: ClaimedLogin): void {
    const { admission, credentials } = claimed;
    if (admission.ok) {
      this.to.admitted({ ...claimed, admission });
      return;
    }
    if (credentials !== undefined) wipe(credentials);
    this.to.fatal(admission.code, admission.message);
  }
}
