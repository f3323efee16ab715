/**
 * One stored event by itself: is its text canonical JSON (RFC 8785), does its hash hold, and what does it say of its place
 * in the chain. Knows no other event.
 */
import { isUtf8 } from 'node:buffer';
import { hash as digest } from 'node:crypto';
import { canonicalJson, type Json } from '../canonical.js';

export interface EventFacts {
  readonly sequence: number;
  readonly uid: string;
  readonly instance: string;
  readonly time: number;
  /** As the event says it. */
  readonly hash: string;
  readonly prev: string;
  readonly checkpoint: CheckpointMember | undefined;
  readonly trimmed: TrimMember | undefined;
  readonly expired: TrimMember | undefined;
}

export interface CheckpointMember {
  readonly key: string;
  readonly sequence: number;
  readonly hash: string;
  readonly signature: string;
}

/** The last removed event of each instance. */
export interface TrimMember {
  /** Undefined: it was removed from the spool. */
  readonly stream: string | undefined;
  readonly instances: Readonly<Record<string, { readonly sequence: number; readonly hash: string }>>;
}

export type EventCheck =
  /** `differs`: how the stored text is not what pgveil wrote. `json`: the event parsed, its hash perhaps left out. */
  | {
      readonly facts: EventFacts;
      readonly json: unknown;
      readonly differs: 'changed' | 'reserialised' | undefined;
    }
  | { readonly facts: undefined; readonly json?: unknown; readonly message: string };

type Tree = Record<string, unknown>;

const HASH = /^[0-9a-f]{64}$/;

export function checkEvent(bytes: Buffer): EventCheck {
  // Bytes that are no UTF-8 become U+FFFD as text, and two texts would share one hash.
  if (!isUtf8(bytes)) return { facts: undefined, message: 'the event is not UTF-8' };
  const text = bytes.toString('utf8');
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    return { facts: undefined, message: 'the event is no JSON' };
  }
  const facts = factsOf(event);
  if (facts === undefined)
    return {
      facts,
      json: event,
      message: 'the event lacks sequence, uid, instance, time, hash or prev, or one is of another type',
    };
  try {
    return { facts, json: event, differs: difference(bytes, text, event, facts.hash) };
  } catch (error) {
    // The stack is too small for what somebody has nested to stop the verification.
    if (!(error instanceof RangeError)) throw error;
    return {
      facts: undefined,
      json: event,
      message: 'the event is nested deeper than any that pgveil writes',
    };
  }
}

function difference(
  bytes: Buffer,
  text: string,
  event: unknown,
  hash: string,
): 'changed' | 'reserialised' | undefined {
  if (isCanonical(event, text)) return isHashed(bytes, hash) ? undefined : 'changed';
  delete (event as { unmapped: Tree }).unmapped['hash'];
  return digest('sha256', canonicalJson(event as Json)) === hash ? 'reserialised' : 'changed';
}

/**
 * JSON.stringify writes numbers and strings as RFC 8785 does (which took them from ECMAScript) and keeps the order of what
 * was parsed, so that only the order of keys is left to look at. That is many times faster than sorting. Keys that look
 * like array indexes are put in front by every JavaScript object, in canonical texts too: then it is sorted after all.
 */
function isCanonical(event: unknown, text: string): boolean {
  return (keysAreSorted(event) && JSON.stringify(event) === text) || canonicalJson(event as Json) === text;
}

let scratch = Buffer.allocUnsafe(64 * 1024);

/** INVARIANT(audit-chain): the canonical text without its hash member has that hash. No other member can be taken for it:
 * what is hashed would hold its own hash. */
function isHashed(bytes: Buffer, hash: string): boolean {
  const member = `"hash":"${hash}",`;
  const length = bytes.length - member.length;
  if (scratch.length < bytes.length) scratch = Buffer.allocUnsafe(2 * bytes.length);
  for (let at = bytes.indexOf(member, 0, 'latin1'); at >= 0; at = bytes.indexOf(member, at + 1, 'latin1')) {
    bytes.copy(scratch, 0, 0, at);
    bytes.copy(scratch, at, at + member.length);
    if (digest('sha256', scratch.subarray(0, length)) === hash) return true;
  }
  return false;
}

/** By UTF-16 code units, as JavaScript compares (RFC 8785, 3.2.3). */
function keysAreSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(keysAreSorted);
  let before: string | undefined;
  for (const key in value) {
    if (before !== undefined && key <= before) return false;
    before = key;
    const member = (value as Tree)[key];
    if (typeof member === 'object' && !keysAreSorted(member)) return false;
  }
  return true;
}

function factsOf(event: unknown): EventFacts | undefined {
  if (!isTree(event) || !isTree(event['metadata']) || !isTree(event['unmapped'])) return undefined;
  const { sequence, uid } = event['metadata'];
  const { instance, hash, prev, checkpoint, trimmed, expired } = event['unmapped'];
  const { time } = event;
  return isSequence(sequence) &&
    typeof uid === 'string' &&
    typeof instance === 'string' &&
    typeof time === 'number' &&
    isHash(hash) &&
    isHash(prev)
    ? {
        sequence,
        uid,
        instance,
        time,
        hash,
        prev,
        checkpoint: checkpointOf(checkpoint),
        trimmed: trimOf(trimmed),
        expired: expiryOf(expired),
      }
    : undefined;
}

/** One that is no checkpoint's stays one that nobody has signed. */
function checkpointOf(member: unknown): CheckpointMember | undefined {
  if (member === undefined) return undefined;
  const { key, sequence, hash, signature } = isTree(member) ? member : {};
  return {
    key: typeof key === 'string' ? key : '',
    sequence: typeof sequence === 'number' ? sequence : -1,
    hash: typeof hash === 'string' ? hash : '',
    signature: typeof signature === 'string' ? signature : '',
  };
}

function trimOf(member: unknown): TrimMember | undefined {
  if (!isTree(member) || typeof member['stream'] !== 'string' || !isTree(member['instances']))
    return undefined;
  return { stream: member['stream'], instances: headsOf(member['instances']) };
}

function expiryOf(member: unknown): TrimMember | undefined {
  if (!isTree(member) || !isTree(member['instances'])) return undefined;
  return { stream: undefined, instances: headsOf(member['instances']) };
}

function headsOf(members: Tree): TrimMember['instances'] {
  const instances: Record<string, { sequence: number; hash: string }> = {};
  for (const [name, last] of Object.entries(members)) {
    if (!isTree(last) || !isSequence(last['sequence']) || !isHash(last['hash'])) continue;
    instances[name] = { sequence: last['sequence'], hash: last['hash'] };
  }
  return instances;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value);
}
