/**
 * The hash chain of one instance: an event leaves the builder as a draft with three holes (sequence, hash, prev) that
 * only the single writer of the spool fills, in the order in which it appends. Knows nothing of files.
 */
import { hash as digest } from 'node:crypto';

/**
 * Canonical text cut at its holes: `parts[0]` SEQUENCE `parts[1]` HASH-MEMBER `parts[2]` PREV `parts[3]`.
 * The hash member's place is such that leaving it out keeps the text canonical.
 */
export type EventDraft = readonly [string, string, string, string];

export interface SealedEvent {
  readonly json: string;
  readonly hash: string;
}

/** What stands in `prev` of an instance's first event. */
export const CHAIN_START = '0'.repeat(64);

/** INVARIANT(audit-chain): hash = SHA-256 over the canonical JSON (RFC 8785) of the event without its `hash`. */
export function seal(draft: EventDraft, sequence: number, prev: string): SealedEvent {
  const head = `${draft[0]}${sequence}${draft[1]}`;
  const tail = `${draft[2]}${prev}${draft[3]}`;
  const hash = digest('sha256', head + tail);
  return { json: `${head}"hash":"${hash}",${tail}`, hash };
}
