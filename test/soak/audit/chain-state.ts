/**
 * Follows the hash chain of every instance through the stream, over all rounds of a soak. Written against SPEC 6 and
 * not with the product's own code: it works on the text, since an event must be canonical byte by byte.
 */
import { createHash } from 'node:crypto';

const FIELDS = /"hash":"([0-9a-f]{64})",("instance":"([^"]*)".*?"prev":"([0-9a-f]{64})")/s;
const SEQUENCE = /"sequence":(\d+),"uid"/;

export class ChainState {
  /** By instance: the hash of each sequence number, from 1 on. */
  readonly #chains = new Map<string, string[]>();
  /** Events whose predecessor has not come. */
  readonly #early = new Map<string, Map<number, string>>();

  /** For an attempt that must not be remembered. */
  fork(): ChainState {
    const copy = new ChainState();
    for (const [instance, hashes] of this.#chains) copy.#chains.set(instance, [...hashes]);
    return copy;
  }

  /** What is wrong with the event; it may come again, but only as it was. */
  add(json: string): string[] {
    const [, hash, , instance, prev] = FIELDS.exec(json) ?? [];
    const sequence = Number(SEQUENCE.exec(json)?.[1]);
    if (hash === undefined || instance === undefined || !(sequence > 0)) return ['an event without a chain'];
    const place = `${instance} ${sequence}`;
    const digest = createHash('sha256')
      .update(json.replace(`"hash":"${hash}",`, ''))
      .digest('hex');
    if (digest !== hash) return [`${place}: was changed`];
    const chain = this.#chains.get(instance) ?? [];
    this.#chains.set(instance, chain);
    if (sequence <= chain.length)
      return chain[sequence - 1] === hash ? [] : [`${place}: there is another one`];
    if (sequence > chain.length + 1) {
      const early = this.#early.get(instance) ?? new Map<number, string>();
      this.#early.set(instance, early.set(sequence, json));
      return [];
    }
    if (prev !== (chain.at(-1) ?? '0'.repeat(64))) return [`${place}: has another prev`];
    chain.push(hash);
    return [];
  }

  /** Sequence numbers that are missing before one that is there. */
  gaps(): string[] {
    const problems: string[] = [];
    for (const [instance, early] of this.#early) {
      for (const [sequence, json] of [...early].sort(([a], [b]) => a - b)) {
        const length = this.#chains.get(instance)?.length ?? 0;
        if (sequence > length + 1) problems.push(`${instance} ${length + 1}: is missing`);
        else problems.push(...this.add(json), `${instance} ${sequence}: came before its predecessor`);
      }
    }
    this.#early.clear();
    return [...new Set(problems)];
  }
}
