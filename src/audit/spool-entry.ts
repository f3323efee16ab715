/** What is handed to the spool: one event or intent, not yet bytes. */
import type { EventDraft } from './chain.js';

/** Where in the chain an event comes to stand. */
export interface ChainLink {
  readonly sequence: number;
  readonly prev: string;
}

export interface AppendEntry {
  readonly uid: string;
  readonly time: number;
  /** What it holds in memory while it waits, beyond what all entries do. */
  readonly bytes?: number;
  /** Goes in although the limit of the spool is reached. For what comes once, not with the load. */
  readonly beyondLimit?: boolean;
  /** An event is built when it is written, so that a session's turn pays for little more than a push. */
  readonly content:
    | { readonly kind: 'event'; readonly draft: (link: ChainLink) => EventDraft }
    | { readonly kind: 'intent'; readonly json: () => string };
  /** When to call back: not at all, once the operating system has the bytes, or once the disk has. */
  readonly until: 'queued' | 'written' | 'synced';
  readonly done?: (failure: Error | undefined) => void;
}
