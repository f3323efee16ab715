/** Follows the demo's Redis stream and draws its events. */
import type { AuditEvent } from '../../audit/ocsf.js';
import { tailStream } from '../../audit/tail.js';
import type { Colours } from '../io.js';
import { eventLine } from './event-line.js';
import { WIDTH } from './side-by-side.js';

export interface EventFeed {
  /** Every event of a statement so far. */
  readonly statements: readonly AuditEvent[];
  /** Resolves when an event fits, or to undefined after the deadline. */
  waitFor(fits: (event: AuditEvent) => boolean, deadlineMs: number): Promise<AuditEvent | undefined>;
  /** Prints each statement's event from now on. */
  follow(print: (line: string) => void, colours: Colours): void;
  close(): Promise<void>;
}

export function followEvents(url: string, stream: string): EventFeed {
  const statements: AuditEvent[] = [];
  const listeners = new Set<(event: AuditEvent) => void>();
  const stopping = new AbortController();
  const ended = tailStream({ target: url, stream, from: '0', signal: stopping.signal }, ({ event }) => {
    if (event.query_info.query_string === '') return;
    statements.push(event);
    for (const listener of listeners) listener(event);
  }).catch(() => undefined);
  return {
    statements,
    waitFor: (fits, deadlineMs) => firstThat(fits, deadlineMs, statements, listeners),
    follow(print, colours) {
      listeners.add((event) => {
        print(eventLine(event, colours, WIDTH));
      });
    },
    async close() {
      stopping.abort();
      await ended;
    },
  };
}

function firstThat(
  fits: (event: AuditEvent) => boolean,
  deadlineMs: number,
  past: readonly AuditEvent[],
  listeners: Set<(event: AuditEvent) => void>,
): Promise<AuditEvent | undefined> {
  const found = past.find(fits);
  if (found !== undefined) return Promise.resolve(found);
  return new Promise((resolve) => {
    const finish = (event: AuditEvent | undefined): void => {
      clearTimeout(timer);
      listeners.delete(listener);
      resolve(event);
    };
    const listener = (event: AuditEvent): void => {
      if (fits(event)) finish(event);
    };
    const timer = setTimeout(() => {
      finish(undefined);
    }, deadlineMs);
    listeners.add(listener);
  });
}
