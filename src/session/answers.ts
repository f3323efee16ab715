/**
 * What the server still has to answer, in the order of the messages that were sent (PostgreSQL manual, 54.2.3).
 * It owns skip-until-Sync: after an error the server ignores messages up to the next Sync, so their answers go.
 */
import type { QueryPlan } from '../enforce/types.js';
import type { NameChange } from './name-table.js';
import type { Poison } from './poison.js';
import type { Portal, Prepared } from './prepared.js';
import type { StatementRun, TextFacts } from './statement-run.js';

export type Answer =
  /** A Query or FunctionCall: ends with ReadyForQuery. */
  | {
      readonly kind: 'query';
      readonly runs: readonly StatementRun[];
      /** Of a governed text that is enforced: what its statements were sent as. */
      readonly plan?: QueryPlan | undefined;
      /** Its statements were sent one by one. */
      counted?: boolean;
      /** One run stands for all statements of the text (exempt sessions, whose text is not parsed). */
      readonly single: boolean;
      /** Of such a text. */
      readonly text?: TextFacts | undefined;
      /** Index of the run under way. */
      at: number;
    }
  | {
      readonly kind: 'parse';
      readonly change: NameChange<Prepared> | undefined;
      readonly plan?: QueryPlan | undefined;
      /** Ours, not the client's: its ParseComplete goes nowhere. */
      readonly swallow: boolean;
      readonly poison: Poison | undefined;
      /** Of a refused statement. */
      readonly run: StatementRun | undefined;
    }
  | { readonly kind: 'bind'; readonly statement: string; readonly change: NameChange<Portal> }
  | {
      readonly kind: 'describe';
      readonly target: 'statement' | 'portal';
      readonly name: string;
      /** Ours, for the guard: what it brings goes nowhere. */
      readonly swallow: boolean;
    }
  | { readonly kind: 'execute'; readonly portal: string; readonly run: StatementRun }
  | {
      readonly kind: 'close';
      readonly statement: NameChange<Prepared> | undefined;
      readonly portal: NameChange<Portal> | undefined;
      readonly swallow: boolean;
    }
  | { readonly kind: 'sync' };

export class AnswerQueue {
  private queue: Answer[] = [];
  private first = 0;
  /** An error of the extended protocol came, or must come, and no Sync has been sent since: the server ignores what is sent. */
  skipping = false;

  get pending(): number {
    return this.queue.length - this.first;
  }

  /** One of them ends a stretch of messages, and with it what transaction is not open by the client's own word. */
  get endsPending(): boolean {
    for (let index = this.first; index < this.queue.length; index++) {
      const { kind } = this.queue[index]!;
      if (kind === 'query' || kind === 'sync') return true;
    }
    return false;
  }

  get head(): Answer | undefined {
    return this.queue[this.first];
  }

  push(answer: Answer): void {
    if (answer.kind === 'sync') this.skipping = false;
    this.queue.push(answer);
  }

  shift(): Answer | undefined {
    const answer = this.queue[this.first];
    if (answer === undefined) return undefined;
    this.first++;
    if (this.first === this.queue.length || this.first > 512) {
      this.queue.splice(0, this.first);
      this.first = 0;
    }
    return answer;
  }

  /**
   * An error has come. Of a Query nothing goes: its ReadyForQuery follows. Otherwise the answers up to the next Sync
   * go, and are given back, the failed one first.
   */
  fail(): Answer[] {
    if (this.head === undefined || this.head.kind === 'query' || this.head.kind === 'sync') return [];
    const skipped: Answer[] = [];
    for (
      let head = this.head as Answer | undefined;
      head !== undefined && head.kind !== 'sync';
      head = this.head
    ) {
      skipped.push(head);
      this.shift();
    }
    if (this.pending === 0) this.skipping = true;
    return skipped;
  }

  /** Takes out those in front of the first that fits; none when there is no such one. */
  takeUntil(fits: (answer: Answer) => boolean): Answer[] {
    const at = this.queue.findIndex((answer, index) => index >= this.first && fits(answer));
    return at < 0 ? [] : this.queue.splice(this.first, at - this.first);
  }

  /** Syncs sent while the server read COPY data: it ignores them (CopyGetData in src/backend/commands/copyfromparse.c). */
  dropSyncsBehindHead(): void {
    while (this.queue[this.first + 1]?.kind === 'sync') this.queue.splice(this.first + 1, 1);
  }
}

/** The statement that the server is at. */
export function currentRun(answer: Answer | undefined): StatementRun | undefined {
  if (answer?.kind === 'execute') return answer.run;
  return answer?.kind === 'query' ? (answer.runs[answer.at] ?? undefined) : undefined;
}
