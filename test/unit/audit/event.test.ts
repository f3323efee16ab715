import { createHash } from 'node:crypto';
import serialize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from '../../../src/audit/canonical.js';
import { CHAIN_START, seal } from '../../../src/audit/chain.js';
import {
  eventDraft,
  eventSource,
  fragmentsOfSession,
  INTERRUPTED,
  NO_PLAN,
  statementEvent,
  textWithActivity,
  type EventParts,
} from '../../../src/audit/event.js';
import { lifecycleEvent } from '../../../src/audit/lifecycle-event.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import type { LifecycleEvent, StatementOutcome, StatementRecord } from '../../../src/audit/types.js';
import { facts, session, statement, success } from './samples.js';

const source = eventSource('test-1', '0.1.0', '00c0ffee');

function sealedText(record: StatementRecord, outcome: StatementOutcome): string {
  return seal(statementEvent(source, 'uid-1', 1_700_000_000_000, record, outcome), 7, CHAIN_START).json;
}

function event(record: StatementRecord, outcome: StatementOutcome): AuditEvent {
  return JSON.parse(sealedText(record, outcome)) as AuditEvent;
}

const refusal = {
  code: 'column-denied',
  sqlstate: '42501',
  message: 'column "card_number" is denied',
  detail: '',
  hint: '',
  rule: 'roles.marketing.deny',
} as const;

const lifecycles: readonly LifecycleEvent[] = [
  { kind: 'session-open', session },
  { kind: 'session-close', session, reason: 'client went away', durationMs: 12 },
  {
    kind: 'login-failed',
    user: 'eve',
    database: 'crm',
    client: { address: '/tmp/.s.PGSQL', port: 0 },
    sqlstate: '28P01',
    reason: 'rejected',
  },
  { kind: 'guard-trip', session, table: 16401, column: 3 },
  { kind: 'policy-load', result: 'loaded', name: 'crm', version: 'v2', problems: 0 },
  { kind: 'policy-load', result: 'kept-last-good', name: 'crm', version: 'v1', problems: 2 },
  {
    kind: 'policy-load',
    result: 'loaded',
    name: 'crm',
    version: 'v3',
    problems: 0,
    rules: { 'roles.support.masks.contact.email': 'email_partial', '10': 'b', '9': 'a\u2028"' },
  },
];

const eventParts: EventParts = {
  uid: 'u',
  time: 5,
  actionId: 1,
  text: textWithActivity({ id: 99, name: 'Other' }),
  severityId: 1,
  statusId: 1,
  status: 'Success',
  statusCode: undefined,
  statusDetail: undefined,
  durationMs: 0,
  rows: undefined,
  tags: {},
  session: fragmentsOfSession(session),
  plan: NO_PLAN,
  extraRule: undefined,
};

const texts: readonly (readonly [string, string])[] = [
  ['a rewritten statement', sealedText(statement(), success)],
  ['an exempt statement', sealedText(statement({ facts: undefined, decision: 'forward' }), success)],
  [
    'a refused statement',
    sealedText(statement({ decision: 'deny' }), { ...success, status: 'refused', refusal }),
  ],
  ['an interrupted statement', sealedText(statement(), INTERRUPTED)],
  [
    'a statement whose rows carried subjects',
    sealedText(statement(), {
      ...success,
      subjects: { hmacs: ['-_abcdefghijklmnopqrst', 'A'], truncated: true },
    }),
  ],
  [
    'a statement that could have shown subjects and returned no row',
    sealedText(statement(), { ...success, subjects: { hmacs: [], truncated: false } }),
  ],
  [
    'text that no JSON may carry as it is',
    sealedText(statement({ auditText: 'a\u0000\ud800"\\\u007f\u2029' }), success),
  ],
  ...lifecycles.map(
    (one) =>
      [`lifecycle ${one.kind}`, seal(lifecycleEvent(source, 'u', 5, one), 1, CHAIN_START).json] as const,
  ),
];

describe('canonical JSON', () => {
  it('equals the canonicalize package for any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(value as Json)).toBe(serialize(value));
      }),
    );
  });

  it.each(texts)('is what %s is written in', (_, text) => {
    expect(text).toBe(serialize(JSON.parse(text)));
  });
});

describe('a member that only one kind of event has', () => {
  const common = Object.keys(event(statement(), success).unmapped);
  const anyName = fc
    .oneof(fc.string(), fc.constantFrom('alert', 'checkpoint', 'dropped', 'policy_rules', 'prew', 'zone'))
    .filter((name) => !common.includes(name) && name !== '__proto__');

  it('stands at its place in the canonical order, whatever its name, and its hash holds', () => {
    fc.assert(
      fc.property(fc.dictionary(anyName, fc.jsonValue(), { maxKeys: 5 }), (more) => {
        const draft = eventDraft(source, { ...eventParts, more: more as Record<string, Json> });
        const { json, hash } = seal(draft, 1, CHAIN_START);
        const parsed = JSON.parse(json) as { unmapped: { hash?: string } };
        expect(json).toBe(serialize(parsed));
        expect(parsed.unmapped).toMatchObject(JSON.parse(JSON.stringify(more)) as object);
        delete parsed.unmapped.hash;
        expect(hash).toBe(createHash('sha256').update(serialize(parsed)!).digest('hex'));
      }),
      { numRuns: 50 },
    );
  });
});

describe('INVARIANT(audit-chain)', () => {
  it.each(texts)('%s: the hash covers the canonical event without its hash', (_, text) => {
    const parsed = JSON.parse(text) as { unmapped: { hash?: string } };
    const { hash } = parsed.unmapped;
    delete parsed.unmapped.hash;
    expect(hash).toBe(createHash('sha256').update(serialize(parsed)!).digest('hex'));
  });
});

describe('an audit event', () => {
  it('has every field that SPEC 6 lists', () => {
    expect(event(statement(), success)).toEqual({
      action_id: 4,
      activity_id: 4,
      activity_name: 'Query',
      actor: {
        app_name: session.applicationName,
        session: { uid: 'c0ffee' },
        user: { name: 'crm_marketing' },
      },
      category_uid: 6,
      class_uid: 6005,
      database: { name: 'crm', type_id: 1 },
      dst_endpoint: { hostname: 'db.internal', port: 5432 },
      duration: 1,
      metadata: {
        correlation_uid: 'c0ffee',
        product: { name: 'pgveil', vendor_name: 'pgveil', version: '0.1.0' },
        profiles: ['security_control'],
        sequence: 7,
        uid: 'uid-1',
        version: '1.5.0',
      },
      policy: { name: 'crm', version: 'abc123' },
      query_info: { query_string: statement().auditText, uid: '0123456789abcdef' },
      severity_id: 1,
      src_endpoint: { ip: '10.1.2.3', port: 54321 },
      status: 'Success',
      status_code: null,
      status_detail: null,
      status_id: 1,
      time: 1_700_000_000_000,
      type_uid: 600504,
      unmapped: {
        columns: facts.columns,
        consent: facts.consent,
        exempt: false,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        instance: 'test-1',
        legal_basis: 'consent',
        prev: CHAIN_START,
        purpose: 'marketing',
        role: 'marketing',
        rows: 3,
        rules: facts.rules,
        subject_tables: ['public.customers'],
        subjects: null,
        tables: facts.tables,
        tags: statement().tags,
      },
    });
  });

  it.each([
    ['forward', 1],
    ['deny', 2],
    ['observe', 3],
    ['rewrite', 4],
  ] as const)('of decision %s has action_id %i', (decision, id) => {
    expect(event(statement({ decision }), success).action_id).toBe(id);
  });

  it.each([
    ['SELECT', 4],
    ['INSERT', 5],
    ['UPDATE', 2],
    ['DELETE', 7],
    ['COPY', 1],
    ['CREATE TABLE', 6],
    ['SET', 99],
  ])('of %s has activity_id %i, and its type_uid follows', (command, id) => {
    const built = event(statement({ command }), success);
    expect([built.activity_id, built.type_uid]).toEqual([id, 600500 + id]);
  });

  it('of COPY FROM STDIN is a write', () => {
    expect(event(statement({ command: 'COPY', auditText: 'COPY t FROM STDIN' }), success).activity_id).toBe(
      5,
    );
  });

  it('of a refusal is denied, and names code, message and rule', () => {
    const built = event(statement(), { ...success, status: 'refused', refusal });
    expect(built).toMatchObject({
      action_id: 2,
      status_id: 2,
      status_code: '42501',
      status_detail: refusal.message,
    });
    expect(built.unmapped.rules).toEqual([...facts.rules, refusal.rule]);
    expect(built.unmapped).toMatchObject({ refusal: { code: 'column-denied', rule: refusal.rule } });
  });

  it('of an interrupted statement claims no rows', () => {
    expect(event(statement(), INTERRUPTED)).toMatchObject({
      status: 'Interrupted',
      status_id: 99,
      unmapped: { rows: null },
    });
  });

  it('has the same fields whatever it is about, beside those of its own kind', () => {
    const ofOneKind = ['policy_rules', 'refusal'];
    const shapes = texts.map(([, text]) => {
      const parsed = JSON.parse(text) as AuditEvent;
      const unmapped = Object.keys(parsed.unmapped).filter((name) => !ofOneKind.includes(name));
      return [Object.keys(parsed), unmapped, Object.keys(parsed.metadata)];
    });
    for (const shape of shapes) expect(shape).toEqual(shapes[0]);
  });
});
