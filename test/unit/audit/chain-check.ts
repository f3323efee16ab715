/** Checks sequence and hash chain of events, from their JSON alone. */
import { createHash } from 'node:crypto';
import serialize from 'canonicalize';
import { expect } from 'vitest';
import { CHAIN_START } from '../../../src/audit/chain.js';
import { recordKind, type SpoolRecord } from '../../../src/audit/spool-format.js';

interface Chained {
  readonly metadata: { readonly sequence: number };
  readonly unmapped: { hash?: string; readonly prev: string };
}

/** INVARIANT(audit-sequence) and INVARIANT(audit-chain) over the events among the records. */
export function expectChain(records: readonly Pick<SpoolRecord, 'kind' | 'json'>[]): void {
  let prev = CHAIN_START;
  let sequence = 0;
  for (const { kind, json } of records) {
    if (kind !== recordKind.event) continue;
    const event = JSON.parse(json) as Chained;
    expect(event.metadata.sequence).toBe(++sequence);
    expect(event.unmapped.prev).toBe(prev);
    const { hash } = event.unmapped;
    delete event.unmapped.hash;
    expect(hash).toBe(createHash('sha256').update(serialize(event)!).digest('hex'));
    prev = hash!;
  }
}
