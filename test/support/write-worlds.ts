/**
 * Three worlds to judge a governed write by: the sample CRM with a table without unique keys, the same with other hidden data
 * for each role, and copies of the tables as each role sees them, in which the client's own statement runs unchanged.
 */
import { describe, expect, it } from 'vitest';
import { crmPolicy, governed, type Governed } from './governed.js';
import { otherPeople, otherSecrets } from './hidden.js';
import { maskedCopy, type MaskedCopy } from './masked-copy.js';
import {
  callsSetup,
  codesOnly,
  governedWrite,
  otherCalls,
  referenceWrite,
  withCalls,
  withheldRows,
} from './write-attempts.js';

const roles = ['support', 'marketing'] as const;
type Role = (typeof roles)[number];

export interface WriteWorlds {
  readonly plain: Governed;
  readonly others: Readonly<Record<Role, Governed>>;
  readonly copies: Readonly<Record<Role, MaskedCopy>>;
  stop(): Promise<void>;
}

/** `setup` makes the objects that each world has in common, the table of calls among them. */
export async function startWriteWorlds(
  version: 15 | 18,
  { setup = callsSetup, policy = withCalls(crmPolicy) }: { setup?: string; policy?: string } = {},
): Promise<WriteWorlds> {
  const world = async (hidden = ''): Promise<Governed> =>
    governed(version, { policy, setup: setup + hidden });
  const plain = await world();
  const others = {
    support: await world(otherSecrets + otherCalls('5')),
    marketing: await world(otherSecrets + otherPeople + otherCalls('2, 4, 5, 6')),
  };
  const tables = ['customers', 'leads', 'orders', 'order_items', 'tickets', 'calls'];
  const copy = (role: Role): Promise<MaskedCopy> => maskedCopy(plain, version, role, { setup, tables });
  const copies = { support: await copy('support'), marketing: await copy('marketing') };
  return {
    plain,
    others,
    copies,
    async stop() {
      await Promise.all([plain, others.support, others.marketing].map((each) => each.close()));
      await Promise.all(roles.map((role) => copies[role].db.drop()));
    },
  };
}

/** The three judgements, for both roles. Statements beyond `statements` are attacks, which need not mean anything over visible rows. */
export function judgesWrites(
  worlds: () => WriteWorlds,
  statements: readonly string[],
  attacks: readonly string[] = [],
): void {
  describe.each(roles)('as %s', (role) => {
    it.each([...statements, ...attacks])('tells nothing of what is hidden: %s', async (sql) => {
      const { plain, others } = worlds();
      const first = await governedWrite(plain, sql, role);
      expect(first[0]).not.toHaveProperty('refused');
      expect(await governedWrite(others[role], sql, role)).toEqual(first);
      expect(JSON.stringify(first)).not.toMatch(/canary|zzzz/);
    });

    it.each(statements)('does what it would do to the visible rows: %s', async (sql) => {
      const { plain, copies } = worlds();
      const reference = await referenceWrite(plain, copies[role].client, sql, role);
      expect(codesOnly(await governedWrite(plain, sql, role))).toEqual(codesOnly(reference));
    });

    it.each([...statements, ...attacks])('leaves withheld rows as they are: %s', async (sql) => {
      const [before, after] = await withheldRows(worlds().plain, sql, role);
      expect(after).toEqual(before);
    });
  });
}
