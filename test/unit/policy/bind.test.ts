import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog } from '../../../src/catalog/load.js';
import type { Catalog } from '../../../src/catalog/types.js';
import { bindPolicy, type BindOptions } from '../../../src/policy/bind.js';
import type { ExpressionParser } from '../../../src/policy/expression/compile.js';
import { loadPolicies } from '../../../src/policy/load.js';
import { formatProblem } from '../../../src/policy/problems.js';
import type { BoundPolicy, RelationDecision } from '../../../src/policy/types.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { expressionParser, loadText, problemLines } from './support.js';

let database: TestDatabase;
let client: Client;
let catalog: Catalog;
let parse: ExpressionParser;
let close: () => Promise<void>;

beforeAll(async () => {
  database = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
  client = await database.connect();
  await client.query(`
    CREATE TABLE visits (customer_id integer, at timestamptz, email text) PARTITION BY RANGE (at);
    CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE one_row (customer_id integer, purpose text, status text, UNIQUE (customer_id, purpose));
    CREATE TABLE keyless (customer_id integer, purpose text, status text, at timestamptz)`);
  catalog = await loadCatalog(client);
  const opened = await expressionParser();
  parse = opened.parse;
  close = () => opened.parser.close();
});
afterAll(async () => {
  await close();
  await database.drop();
});

function bind(text: string, options: BindOptions = { parser: parse }): BoundPolicy {
  const loaded = loadText(text);
  if (!loaded.ok) throw new Error(problemLines(loaded).join('\n'));
  const bound = bindPolicy(loaded.set, catalog, options);
  if (!bound.ok) throw new Error(bound.problems.map(formatProblem).join('\n'));
  return bound.policy;
}

function bindProblems(text: string): string[] {
  const loaded = loadText(text);
  if (!loaded.ok) return problemLines(loaded);
  const bound = bindPolicy(loaded.set, catalog, { parser: parse });
  return (bound.ok ? bound.warnings : bound.problems).map(formatProblem);
}

const base = `version: 1
unlabelled: clear
unlisted_tables: allow
labels: { mail: [public.customers.email, public.visits.email, public.leads.email] }
subjects: { public.customers: { key: id }, public.visits: { key: customer_id }, public.orders: { key: customer_id }, public.order_items: { through: order_id, to: public.orders.id } }
consent: { source: public.consents, subject: customer_id, purpose: purpose, status: status, given: [given], recorded_at: recorded_at }
purposes: { support: { legal_basis: contract }, ads: { legal_basis: consent, consent: m }, calls: { legal_basis: consent, when: 'NOT customers.do_not_call' }, sale: { legal_basis: opt_out, consent: s } }
restricted: { when: 'customers.restricted_at IS NOT NULL', except: [sale] }
retention: { public.leads: { column: created_at, keep: 2 years } }
roles:
  r: { purposes: [support, ads, calls, sale], masks: { '*': redact }, rows: { public.tickets: "region = {actor.region} AND id IN (1, 2)" }, deny: [public.payments] }
  none: { purposes: [support] }
sessions: [{ user: a, role: r, purpose: ads }, { user: b, role: none }]
`;

function decideIn(policy: BoundPolicy, role: string, purpose: string, name: string): RelationDecision {
  return policy.decide(role, purpose, catalog.relation('public', name)!.oid);
}
function asProtected(decision: RelationDecision): Extract<RelationDecision, { access: 'protected' }> {
  if (decision.access !== 'protected') throw new Error(decision.access);
  return decision;
}

describe('decide', () => {
  it.each([
    ['r', 'support', 'customers', ['subject-condition']],
    ['r', 'ads', 'customers', ['consent', 'subject-condition']],
    ['r', 'calls', 'orders', ['subject-condition', 'subject-condition']],
    ['r', 'sale', 'order_items', ['consent']],
    ['r', 'ads', 'visits_2026', ['consent', 'subject-condition']],
    ['r', 'support', 'leads', ['retention']],
    ['r', 'support', 'tickets', ['rows']],
  ])('guards for %s, %s: %s', (role, purpose, table, kinds) => {
    const decision = asProtected(decideIn(bind(base), role, purpose, table));
    expect(decision.guards.map((guard) => guard.kind)).toEqual(kinds);
  });

  it.each([
    ['r', 'ads', 'leads', 'whose'],
    ['r', 'support', 'payments', 'may not read'],
    ['r', 'support', 'consents', 'itself protected'],
    ['r', 'support', 'customer_directory', 'not known what the view'],
    ['r', 'nothing', 'customers', 'does not act'],
    ['none', 'ads', 'customers', 'does not act'],
    ['nobody', 'ads', 'customers', 'no role'],
  ])('FAIL-CLOSED: denies %s, %s: %s', (role, purpose, table, reason) => {
    const decision = decideIn(bind(base), role, purpose, table);
    expect(decision).toMatchObject({ access: 'denied', reason: expect.stringContaining(reason) as unknown });
  });

  it('opens unlisted tables and system catalogs, denies a label that a role does not name', () => {
    const policy = bind(base);
    expect(decideIn(policy, 'r', 'support', 'products').access).toBe('open');
    expect(
      decideIn(
        bind(base.replace('unlisted_tables: allow', 'unlisted_tables: deny')),
        'r',
        'support',
        'products',
      ).access,
    ).toBe('denied');
    const customers = catalog.relation('public', 'customers')!;
    const email = customers.columns.find((column) => column.name === 'email')!;
    expect(
      asProtected(decideIn(policy, 'none', 'support', 'customers')).columns.get(email.attnum),
    ).toMatchObject({ kind: 'denied' });
    expect(
      asProtected(decideIn(policy, 'r', 'support', 'customers')).columns.get(email.attnum),
    ).toMatchObject({ kind: 'masked', mask: 'redact' });
    expect(decideIn(policy, 'r', 'ads', 'customers')).toBe(decideIn(policy, 'r', 'ads', 'customers'));
  });

  it('follows subjects over foreign keys and keeps keys linkable', () => {
    const policy = bind(base);
    const items = asProtected(decideIn(policy, 'r', 'ads', 'order_items'));
    const consent = items.guards.find((guard) => guard.kind === 'consent')!;
    expect(consent).toMatchObject({
      shape: 'history',
      sense: 'opt-in',
      purposeValue: 'm',
      path: { column: 1, hops: [{ match: 1, next: 2 }] },
    });
    expect([...items.linkable]).toEqual([1]);
    expect(items.subject).toMatchObject({ keys: [], complete: true, via: { column: 1 } });
    expect([...asProtected(decideIn(policy, 'r', 'ads', 'orders')).linkable].sort()).toEqual([1, 2]);
    expect(asProtected(decideIn(policy, 'r', 'ads', 'orders')).subject).toEqual({
      keys: [2],
      complete: true,
    });
  });

  it('prints conditions qualified, and an attribute as a typed constant, never as text', () => {
    const [guard] = asProtected(decideIn(bind(base), 'r', 'support', 'tickets')).guards;
    if (guard?.kind !== 'rows') throw new Error('no row guard');
    expect(guard.condition.sql('"t"', new Map())).toBeUndefined();
    expect(guard.condition.sql('"t"', new Map([['region', "x' OR true --"]]))).toBe(
      `((("t"."region" OPERATOR(pg_catalog.=) ('x'' OR true --'::pg_catalog.text)) AND (("t"."id" OPERATOR(pg_catalog.=) 1) OR ("t"."id" OPERATOR(pg_catalog.=) 2))))`,
    );
  });

  it('asks the view provider for views that the policy does not name', () => {
    const policy = bind(base, {
      parser: parse,
      views: (_view, decideBase) => decideBase(catalog.relation('public', 'payments')!.oid),
    });
    expect(decideIn(policy, 'r', 'support', 'customer_directory')).toMatchObject({ rule: 'roles.r.deny' });
  });
});

describe('problems with the catalog', () => {
  it.each([
    [
      'public.customers.email',
      'public.customers.emial',
      'p1.yaml:4:18: error: the table "public.customers" has no column "emial" (public.customers.emial); did you mean "email"?',
    ],
    [
      'public.customers.email',
      'public.custmers.email',
      'p1.yaml:4:18: error: the database has no table "public.custmers" (public.custmers.email); did you mean "public.customers"?',
    ],
    [
      'public.customers.email',
      'publik.customers.email',
      'p1.yaml:4:18: error: the database has no schema "publik" (publik.customers.email); did you mean "public"?',
    ],
    [
      'public.visits.email',
      'public.visits_2026.email',
      'error: "public.visits_2026" has this column from "public.visits"',
    ],
    [
      'to: public.orders.id',
      'to: public.orders.customer_id',
      'is not unique, so a row could lead to several people',
    ],
    [
      'recorded_at: recorded_at }',
      '}',
      'add recorded_at: to consent:, or a unique constraint on (customer_id, purpose)',
    ],
    ['source: public.consents', 'source: public.keyless', 'has no column "recorded_at"'],
    [
      'column: created_at',
      'column: email',
      '"email" is character varying(200), and a period counts from a date or timestamp',
    ],
    ["'NOT customers.do_not_call'", "'customers.do_not_call'", ''],
    ["'NOT customers.do_not_call'", "'customers.first_name'", 'it is not true or false'],
    ["'NOT customers.do_not_call'", "'(SELECT true)'", 'SubLink is not supported'],
    [
      "'NOT customers.do_not_call'",
      "'pg_sleep(1) IS NULL AND customers.id = 1'",
      'the function pg_sleep is not allowed here',
    ],
    ["'NOT customers.do_not_call'", "'do_not_call'", 'must be over one table of subjects:'],
    ["'NOT customers.do_not_call'", "'true) FROM customers WHERE (true'", 'it must be one expression'],
    ["masks: { '*': redact }", 'masks: { mail: y }', 'there is no mask "y"'],
    ['public.payments]', 'public.tickets]', 'so this row rule never applies'],
  ])('%s → %s', (before, after, expected) => {
    expect(base).toContain(before);
    const problems = bindProblems(base.replace(before, after)).join('\n');
    if (expected === '') expect(problems).not.toContain('error');
    else expect(problems).toContain(expected);
  });

  it('names the place of a mask that does not fit', () => {
    const text = `${base.replace("'*': redact", 'mail: y')}masks: { y: { kind: date_trunc, to: year } }\n`;
    expect(bindProblems(text)[0]).toMatch(
      /^p1\.yaml:11:62: error: on "public\.customers\.email" the mask "y" does not fit: a date_trunc mask works on date and timestamp, and the column is character varying\(200\) \(y\); use a mask/,
    );
  });

  it('takes one row per subject and purpose without recorded_at', () => {
    const text = base
      .replace('source: public.consents', 'source: public.one_row')
      .replace(', recorded_at: recorded_at', '');
    expect(asProtected(decideIn(bind(text), 'r', 'ads', 'orders')).guards[0]).toMatchObject({
      shape: 'single',
    });
  });

  it('binds the sample policy, and masks a place inside jsonb', () => {
    const loaded = loadPolicies('policies', {});
    if (!loaded.ok) throw new Error(problemLines(loaded).join('\n'));
    const bound = bindPolicy(loaded.set, catalog, { parser: parse });
    if (!bound.ok) throw new Error(bound.problems.map(formatProblem).join('\n'));
    expect(bound.warnings).toEqual([]);
    const profile = catalog
      .relation('public', 'customers')!
      .columns.find((column) => column.name === 'profile')!;
    const decision = asProtected(decideIn(bound.policy, 'support', 'support', 'customers')).columns.get(
      profile.attnum,
    );
    expect(decision).toMatchObject({ kind: 'masked', mask: "->'social': redact" });
  });
});
