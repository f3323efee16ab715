/**
 * Counts the events that could be kept nowhere, by why, until the spool takes events again and can be told of them: a
 * drop is an event itself. Knows nothing of files.
 */
import type { DropReason, LifecycleEvent } from './types.js';

export type DroppedEvent = Extract<LifecycleEvent, { kind: 'dropped' }>;

export class Drops {
  readonly #pending = new Map<DropReason, Omit<DroppedEvent, 'kind' | 'reason'>>();
  #total = 0;

  /** Since the process started. */
  get total(): number {
    return this.#total;
  }

  /** Not yet told. */
  get pending(): boolean {
    return this.#pending.size > 0;
  }

  note(reason: DropReason, time: number): void {
    this.#total++;
    this.#add({ kind: 'dropped', events: 1, since: time, until: time, reason });
  }

  /** One event for each reason; what comes from now on is counted anew. */
  take(): DroppedEvent[] {
    const events = [...this.#pending].map(([reason, span]) => ({
      kind: 'dropped' as const,
      reason,
      ...span,
    }));
    this.#pending.clear();
    return events;
  }

  /** It could not be told after all. */
  putBack(event: DroppedEvent): void {
    this.#add(event);
  }

  #add({ events, since, until, reason }: DroppedEvent): void {
    const known = this.#pending.get(reason);
    this.#pending.set(reason, {
      events: events + (known?.events ?? 0),
      since: Math.min(since, known?.since ?? since),
      until: Math.max(until, known?.until ?? until),
    });
  }
}
