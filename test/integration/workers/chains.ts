/** Looks at the hash chains of events as they stand in Redis, instance by instance. */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

export interface ChainedEvent {
  readonly activity_id: number;
  readonly status: string;
  readonly actor: { readonly user: { readonly name: string } };
  readonly metadata: { readonly uid: string; readonly sequence: number };
  readonly unmapped: { readonly instance: string; readonly prev: string; readonly hash: string };
}

/** What is wrong; nothing: every chain is whole. Entries that came twice count once (delivery is at least once). */
export function brokenChains(events: readonly ChainedEvent[]): string[] {
  const problems: string[] = [];
  const instances = new Map<string, Map<number, ChainedEvent>>();
  for (const event of events) {
    const { instance } = event.unmapped;
    const chain = instances.get(instance) ?? new Map<number, ChainedEvent>();
    chain.set(event.metadata.sequence, event);
    instances.set(instance, chain);
  }
  for (const [instance, chain] of instances) {
    let prev: string | undefined;
    [...chain.keys()]
      .sort((a, b) => a - b)
      .forEach((sequence, index) => {
        const event = chain.get(sequence)!;
        const { hash, ...unmapped } = event.unmapped;
        if (sequence !== index + 1) problems.push(`${instance}: a gap before ${sequence}`);
        if (prev !== undefined && unmapped.prev !== prev)
          problems.push(`${instance}: ${sequence} has another prev`);
        const text = canonicalize({ ...event, unmapped }) ?? '';
        if (createHash('sha256').update(text).digest('hex') !== hash)
          problems.push(`${instance}: ${sequence} was changed`);
        prev = hash;
      });
  }
  return problems;
}
