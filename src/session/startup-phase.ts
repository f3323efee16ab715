/**
 * From a client's first bytes to the decision what becomes of it: a cancel request is relayed, a log-in is refused or
 * admitted by the policy. It opens no connection for the log-in and never sees a message of the server.
 */
import type { EnforceContext } from '../enforce/types.js';
import type { SessionErrorCode } from '../errors/catalog.js';
import type { CancelRequest } from '../wire/startup.js';
import { relayCancel } from './cancel.js';
import { admit, type Admitted, type Claimant, claimantOf } from './identity.js';
import { unsupportedVersion } from './negotiation.js';
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
  /** Maybe in a later event, after `connecting`: a database that is met for the first time has its catalog loaded. */
  admitted(login: AdmittedLogin): void;
  /** Tells the client and ends the session. */
  fatal(code: SessionErrorCode, message: string): void;
  /** Ends the session. */
  end(reason: string): void;
}

interface ClaimedLogin {
  readonly who: Claimant;
  readonly admission: Admitted;
  /** What the client sent behind its StartupMessage already. */
  readonly rest: Buffer;
}

export interface AdmittedLogin extends ClaimedLogin {
  /** Undefined for exempt sessions, and where the catalog could not be loaded. */
  readonly context: EnforceContext | undefined;
}

export class StartupPhase {
  private readonly to: StartupPorts;
  private readonly packets: StartupPackets;
  /** In force when the connection came; a reload concerns the next one. */
  private readonly serverTls: ServerTls | undefined;

  constructor(to: StartupPorts) {
    this.to = to;
    this.serverTls = to.ports.encryption?.client();
    this.packets = new StartupPackets(this.serverTls !== undefined);
  }

  /** Throws ProtocolViolation for anything malformed. */
  fromClient(bytes: Buffer): void {
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

  private logIn({ message, raw, duplicates, rest }: StartupMessageStep): void {
    const { ports, places, remote } = this.to;
    const who = claimantOf(message, remote);
    this.to.claimed(who);
    const unsafe = encryptionProblem(this.serverTls?.mode, this.to.tls());
    if (unsafe !== undefined) {
      this.to.fatal(unsafe.code, unsafe.message);
      return;
    }
    const admission = admit(message, raw, duplicates, who, ports);
    if (!admission.ok) {
      this.to.fatal(admission.code, admission.message);
      return;
    }
    this.to.connecting('log-in');
    const claimed: ClaimedLogin = { who, admission, rest };
    const place = places.take({ address: who.client.address });
    if (place instanceof Promise) void place.then((answer) => this.placed(answer, claimed));
    else this.placed(place, claimed);
  }

  private placed(place: PlaceAnswer, claimed: ClaimedLogin): void {
    const { ports } = this.to;
    const { who, admission } = claimed;
    if (!place.ok) {
      this.to.fatal(place.code, placeMessage(place.code, who.user));
      return;
    }
    const context = admission.rule.exempt ? undefined : ports.contextFor(who.database);
    if (context instanceof Promise)
      // A catalog that cannot be loaded is no reason to refuse the log-in: statements are refused then.
      context
        .catch(() => undefined)
        .then(
          (loaded) => this.to.admitted({ ...claimed, context: loaded }),
          () => undefined,
        );
    else this.to.admitted({ ...claimed, context });
  }
}
