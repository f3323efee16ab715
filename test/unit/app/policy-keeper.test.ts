import { describe, expect, it } from 'vitest';
import { PolicyKeeper, type Bound } from '../../../src/app/policy-keeper.js';
import type { Catalog } from '../../../src/catalog/types.js';
import type { BoundPolicy, PolicyProblem, PolicySet } from '../../../src/policy/types.js';

const problem: PolicyProblem = {
  place: { file: 'crm.yaml', line: 1, column: 1 },
  severity: 'error',
  code: 'unknown-column',
  text: 'x',
  message: 'no such column',
  fix: 'write another',
};

/** Sets and catalogs that fit each other by name, so that a test says what fits. */
const policies = (version: string): PolicySet => ({ name: 'crm', version, matchSession: () => undefined });
const catalog = (database: string, version: string): Catalog => ({ database, version }) as unknown as Catalog;

function keeper(fits: Record<string, string[]>): {
  keeper: PolicyKeeper<PolicySet>;
  catalogs: Map<string, Catalog>;
  stale: Set<string>;
  change: (database: string, version: string) => void;
} {
  const catalogs = new Map<string, Catalog>();
  const stale = new Set<string>();
  const bind = (set: PolicySet, to: Catalog): Bound =>
    fits[set.version]?.includes(`${to.database}@${to.version}`) === true
      ? { ok: true, policy: { version: set.version } as unknown as BoundPolicy, problems: [] }
      : { ok: false, problems: [problem] };
  const kept = new PolicyKeeper({
    initial: policies('p1'),
    bind,
    home: 'crm',
    catalogs: {
      current: (database) => catalogs.get(database),
      open: () => Promise.reject(new Error('unreachable')),
      isStale: (database) => stale.has(database),
      databases: () => [...catalogs.keys()],
    },
    onBound: () => undefined,
    onUnreadable: () => undefined,
  });
  return {
    keeper: kept,
    catalogs,
    stale,
    change: (database, version) => {
      const changed = catalog(database, version);
      catalogs.set(database, changed);
      kept.catalogChanged(database, changed);
    },
  };
}

const versionOf = (context: unknown): string | undefined =>
  (context as { policy: BoundPolicy } | undefined)?.policy.version;

describe('the policy in force', () => {
  it('INVARIANT(last-good): stays when the new set does not fit the database', () => {
    const { keeper: kept, change } = keeper({ p1: ['crm@1'], p2: [] });
    change('crm', '1');
    expect(kept.replace(policies('p2'))).toEqual([problem]);
    expect(kept.policies.version).toBe('p1');
    expect(versionOf(kept.contextFor('crm'))).toBe('p1');
  });
  it('is swapped in every database at once', () => {
    const { keeper: kept, change } = keeper({ p1: ['crm@1', 'eu@1'], p2: ['crm@1', 'eu@1'] });
    change('crm', '1');
    change('eu', '1');
    expect(kept.replace(policies('p2'))).toEqual([]);
    expect([versionOf(kept.contextFor('crm')), versionOf(kept.contextFor('eu'))]).toEqual(['p2', 'p2']);
  });
  it('is not held back by a database that never fitted', () => {
    const { keeper: kept, change } = keeper({ p1: ['crm@1'], p2: ['crm@1'] });
    change('crm', '1');
    change('postgres', '1');
    expect(kept.replace(policies('p2'))).toEqual([]);
    expect([...kept.unbound.keys()]).toEqual(['postgres']);
  });
  it('is the same object until something changes, so that plans stay cached', () => {
    const { keeper: kept, change } = keeper({ p1: ['crm@1'] });
    change('crm', '1');
    expect(kept.contextFor('crm')).toBe(kept.contextFor('crm'));
  });
  it('FAIL-CLOSED: is none after a change of the catalog that it does not fit, until one that it fits', () => {
    const { keeper: kept, change } = keeper({ p1: ['crm@1', 'crm@3'] });
    change('crm', '1');
    change('crm', '2');
    expect(kept.contextFor('crm')).toBeUndefined();
    change('crm', '3');
    expect(versionOf(kept.contextFor('crm'))).toBe('p1');
  });
  it('FAIL-CLOSED: is none with a stale or an unreadable catalog', async () => {
    const { keeper: kept, change, stale } = keeper({ p1: ['crm@1'] });
    change('crm', '1');
    stale.add('crm');
    expect(kept.contextFor('crm')).toBeUndefined();
    expect(await kept.contextFor('elsewhere')).toBeUndefined();
  });
});
