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
  /** The client's own text and types, to plan it again; undefined when SQL's PREPARE made it. */
  readonly parse: { readonly sql: Buffer; readonly parameterTypes: readonly number[] } | undefined;
}

export interface Portal {
  readonly prepared: Prepared;
  /** The transaction that opened it, by our own count. */
  readonly transaction: number;
}
