/** What the session keeps of prepared statements and portals, whichever protocol made them. */
import type { PlanFacts } from '../enforce/types.js';
import type { RunDecision, TextFacts } from './statement-run.js';

export interface Prepared {
  readonly text: TextFacts;
  readonly command: string;
  readonly decision: RunDecision;
  /** Undefined for exempt sessions. */
  readonly facts: PlanFacts | undefined;
  /** QueryPlan.epoch; empty for exempt sessions. */
  readonly epoch: string;
  /** Whom it was planned for (actingKey); empty for exempt sessions. */
  readonly acting: string;
  /** The client's own text and types, to plan it again; undefined when SQL's PREPARE made it. */
  readonly parse: { readonly sql: Buffer; readonly parameterTypes: readonly number[] } | undefined;
  readonly guard: GuardMark;
}

/** How far the guard has seen what a prepared statement returns. */
export interface GuardMark {
  /** A RowDescription of it has passed. */
  passed: boolean;
  /** The batch in which one was asked for last; when that fails, the server skips the Execute behind it. */
  asked: number;
}

export interface Portal {
  readonly prepared: Prepared;
  /** The transaction that opened it, by our own count. */
  readonly transaction: number;
  /** DECLARE may say WITH HOLD; what Bind opens ends with its transaction. */
  readonly declared: boolean;
  /** Of Bind, where they are looked at; undefined: the cursor's own. */
  readonly resultFormats?: readonly number[] | undefined;
  /** Of one whose statement is EXECUTE or FETCH: the prepared statement or cursor that its first Execute has read. */
  reads?: Prepared | Portal;
}
