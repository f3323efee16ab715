/** When and where something was told: the order of lists, and times as text. */
import { compare } from './groups.js';

export interface Place {
  readonly time: number;
  readonly instance: string;
  readonly sequence: number;
}

export const place = {
  of: ({ time, instance, sequence }: Place): Place => ({ time, instance, sequence }),
  /** Total over events, so that what is listed first does not depend on the order of reading. */
  order: (a: Place, b: Place): number =>
    a.time - b.time || compare(a.instance, b.instance) || a.sequence - b.sequence,
  told: ({ time, instance, sequence }: Place): { time: string; instance: string; sequence: number } => ({
    time: iso(time),
    instance,
    sequence,
  }),
};

/** The last moment that ISO 8601 writes with four digits for the year; an event that claims more was not written by pgveil. */
const LAST_MS = 253_402_300_799_999;

/** UTC. */
export function iso(ms: number): string {
  return new Date(Math.min(Math.max(ms, 0), LAST_MS)).toISOString();
}

/** Null where nothing was seen. */
export function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined || !Number.isFinite(ms) ? null : iso(ms);
}
