/** What both kinds of frontend get from their session. */
import type { Hold } from './hold.js';
import type { Ports } from './ports.js';
import type { RowLimiter } from './row-limiter.js';
import type { SessionState } from './session-state.js';
import type { RunLedger } from './statement-run.js';

export interface FrontendPorts {
  readonly ports: Ports;
  readonly state: SessionState;
  readonly ledger: RunLedger;
  readonly hold: Hold;
  readonly limiter: RowLimiter;
  /** After this event, ask the server to send what it has: a message waits for an answer. */
  wantFlush(): void;
  terminate(): void;
  forward(buffer: Buffer): void;
}
