/**
 * Delivery is at least once: tells the first copy of an event from the later ones. Remembers four bytes for each event,
 * by instance and sequence, since a batch may come again at any distance (a lost cursor ships a whole spool again).
 */
import { crc32 } from 'node:zlib';
import type { StoredEvent } from './stored-event.js';

/** Small, since a chain may be short: each pod of a fleet begins one of its own. */
const CHUNK = 256;

export class Distinct {
  readonly #seen = new Map<string, Map<number, Uint32Array>>();

  /** False for a copy. An event that only shares instance and sequence with another one is none. */
  first({ instance, sequence, uid }: Pick<StoredEvent, 'instance' | 'sequence' | 'uid'>): boolean {
    let chunks = this.#seen.get(instance);
    if (chunks === undefined) {
      chunks = new Map<number, Uint32Array>();
      this.#seen.set(instance, chunks);
    }
    const number = Math.floor(sequence / CHUNK);
    let chunk = chunks.get(number);
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK);
      chunks.set(number, chunk);
    }
    // 0 is: never seen.
    const mark = crc32(uid) || 1;
    const slot = sequence - number * CHUNK;
    if (chunk[slot] === mark) return false;
    chunk[slot] = mark;
    return true;
  }
}
