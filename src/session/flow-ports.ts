/** What a message flow gets from its session, and what it tells it. Types alone. */
import type { ClaimValues } from '../enforce/session-settings.js';
import type { SessionErrorCode } from '../errors/catalog.js';
import type { RowAllowances } from '../guard/row-allowance.js';
import type { SessionRule } from '../policy/types.js';
import type { UpstreamExchange } from './auth/upstream-exchange.js';
import type { ConsoleSource } from './console/source.js';
import type { FrameTables } from './frame-tables.js';
import type { IdentityBook } from './identity-book.js';
import type { LogInNegotiation } from './negotiation.js';
import type { Outbox } from './outbox.js';
import type { PlaceAnswer } from './places.js';
import type { Ports } from './ports.js';
import type { SessionReports } from './session-reports.js';

export interface MessageFlowPorts {
  readonly ports: Ports;
  readonly tables: FrameTables;
  readonly rowWindows: RowAllowances;
  readonly reports: SessionReports;
  readonly rule: SessionRule;
  /** Of the startup packet. */
  readonly claims: ClaimValues;
  /** The session is the console's once the server has proved who it is. */
  readonly console: ConsoleSource | undefined;
  readonly negotiation: LogInNegotiation;
  /** The client has proven itself to the proxy, and this logs it in at the server; undefined: the exchange is relayed. */
  readonly proven: UpstreamExchange | undefined;
  readonly identities: IdentityBook;
  readonly toClient: Outbox;
  readonly toUpstream: Outbox;
  /** Of the user who has logged in. */
  takeUserPlace(): PlaceAnswer | Promise<PlaceAnswer>;
  /** What a message was held for is there: does `work` in an event of its own, if the session still lives. */
  resumed(work: () => void): void;
  /** What a message was held for has failed. */
  broken(error: unknown): void;
  /** The log-in has succeeded. */
  opened(): void;
  /** After this event, ask the server to send what it has. */
  wantFlush(): void;
  /** The client has said goodbye. */
  terminate(): void;
  /** The server has said that it ends the session. */
  serverEnded(): void;
  /** Both legs show one certificate, so that channel binding can be relayed. */
  bindsAlike(): boolean;
  /** The client is told what it is told of a wrong password. */
  passwordRejected(reason: string): void;
  /** The server is needed no more. */
  leaveServer(): void;
  /** Tells the client and ends the session. */
  fatal(code: SessionErrorCode, message: string): void;
}
