/**
 * Signed checkpoints: the head of a chain, signed with Ed25519 (RFC 8032) and kept as an event of that chain. The chain
 * alone shows that nothing was changed by somebody who did not compute it anew; a signature shows that too.
 */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { Json } from './canonical.js';

export interface CheckpointFacts {
  readonly instance: string;
  /** Of the event before the checkpoint, the last one that it covers. */
  readonly sequence: number;
  readonly hash: string;
  /** Of the checkpoint's own event, in ms since 1970. */
  readonly time: number;
}

/** What stands in `unmapped.checkpoint`. */
export interface Checkpoint {
  readonly [member: string]: Json;
  /** Which key has signed: see `keyName`. */
  readonly key: string;
  readonly sequence: number;
  readonly hash: string;
  /** Base64. */
  readonly signature: string;
}

/** The first 16 digits of the SHA-256 of the public key (SubjectPublicKeyInfo, DER). */
export function keyName(key: KeyObject): string {
  const spki = publicKeyOf(key).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex').slice(0, 16);
}

export function publicKeyOf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

export function signCheckpoint(key: KeyObject, name: string, facts: CheckpointFacts): Checkpoint {
  const signature = sign(null, signedText(facts), key).toString('base64');
  return { key: name, sequence: facts.sequence, hash: facts.hash, signature };
}

/** False: the signature is of another key, or of other facts. */
export function isSignedBy(key: KeyObject, facts: CheckpointFacts, signature: string): boolean {
  return verify(null, signedText(facts), key, Buffer.from(signature, 'base64'));
}

/** A name of the purpose first, so that the signature of no other protocol could be shown here. */
function signedText({ instance, sequence, hash, time }: CheckpointFacts): Buffer {
  return Buffer.from(`pgveil-checkpoint/1\n${instance}\n${sequence}\n${hash}\n${time}`);
}
