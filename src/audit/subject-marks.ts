/** HMACs of subject keys for the sessions of a process, with those made lately at hand. It reads no rows. */
import type { KeyKind } from '../enforce/types.js';
import { canonicalKey, subjectHmac } from './subject-hmac.js';

/** Some megabytes; the same people are looked at again and again. */
const MAX_REMEMBERED = 10_000;

export class SubjectMarker {
  readonly limit: number;
  private readonly key: Buffer;
  /** In the order of their last use. */
  private readonly remembered = new Map<string, string>();

  constructor(key: Buffer, limit: number) {
    this.key = key;
    this.limit = limit;
  }

  /** @param text - the server's text output for the key */
  mark(text: string, kind: KeyKind): string {
    const canonical = canonicalKey(text, kind);
    const known = this.remembered.get(canonical);
    if (known !== undefined) {
      this.remembered.delete(canonical);
      this.remembered.set(canonical, known);
      return known;
    }
    const hmac = subjectHmac(this.key, canonical);
    const [oldest] = this.remembered.keys();
    if (this.remembered.size >= MAX_REMEMBERED && oldest !== undefined) this.remembered.delete(oldest);
    this.remembered.set(canonical, hmac);
    return hmac;
  }
}
