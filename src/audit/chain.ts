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

const HASH_MEMBER_BYTES = '"hash":"",'.length + 64;

/** Upper bound of the bytes that a draft takes once it is sealed: UTF-8 has at most three for a UTF-16 code unit. */
export function sealedBytes(draft: EventDraft): number {
  return (
    3 * (draft[0].length + draft[1].length + draft[2].length + draft[3].length) + HASH_MEMBER_BYTES + 64 + 24
  );
}

/**
 * Writes the event's JSON at `offset`.
 * INVARIANT(audit-chain): hash = SHA-256 over the canonical JSON (RFC 8785) of the event without its `hash`.
 */
export function sealInto(
  bytes: Buffer,
  offset: number,
  draft: EventDraft,
  sequence: number,
  prev: string,
): { readonly end: number; readonly hash: string } {
  const member = offset + bytes.write(`${draft[0]}${sequence}${draft[1]}`, offset, 'utf8');
  const end = member + bytes.write(`${draft[2]}${prev}${draft[3]}`, member, 'utf8');
  const hash = digest('sha256', bytes.subarray(offset, end));
  // Hashed in one piece first; then the rest moves back and lets the member in.
  bytes.copyWithin(member + HASH_MEMBER_BYTES, member, end);
  bytes.write(`"hash":"${hash}",`, member, 'latin1');
  return { end: end + HASH_MEMBER_BYTES, hash };
}

/** The same as text. */
export function seal(draft: EventDraft, sequence: number, prev: string): SealedEvent {
  const bytes = Buffer.allocUnsafe(sealedBytes(draft));
  const { end, hash } = sealInto(bytes, 0, draft, sequence, prev);
  return { json: bytes.toString('utf8', 0, end), hash };
}
