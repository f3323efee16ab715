/** HMACs of subject keys for the sessions of a process, with those made lately at hand. It reads no rows. */
import { LRUCache } from 'lru-cache';
import type { KeyKind } from '../enforce/types.js';
import { canonicalKey, subjectHmac, subjectKeyName } from './subject-hmac.js';

/** Some megabytes; the same people are looked at again and again. */
const MAX_REMEMBERED = 10_000;

export class SubjectMarker {
  readonly limit: number;
  /** For events. */
  readonly keyName: string;
  private readonly key: Buffer;
  private readonly remembered = new LRUCache<string, string>({ max: MAX_REMEMBERED });

  constructor(key: Buffer, limit: number) {
    this.key = key;
    this.keyName = subjectKeyName(key);
    this.limit = limit;
  }

  /** @param text - the server's text output for the key */
  mark(text: string, kind: KeyKind): string {
    const canonical = canonicalKey(text, kind);
    let hmac = this.remembered.get(canonical);
    if (hmac === undefined) {
      hmac = subjectHmac(this.key, canonical);
      this.remembered.set(canonical, hmac);
    }
    return hmac;
  }
}
