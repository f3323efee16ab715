/** `audit subject`: who saw one person's data, over events as the proxy writes them, in real Redis and in a spool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createColors } from 'picocolors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAIN_START, seal } from '../../../src/audit/chain.js';
import { eventSource, INTERRUPTED, statementEvent } from '../../../src/audit/event.js';
import { lifecycleEvent } from '../../../src/audit/lifecycle-event.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import type { ReadFrom } from '../../../src/audit/read/read-events.js';
import { encodeHeader, encodeRecord, recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { isCandidate } from '../../../src/audit/subject/candidates.js';
import { findingOf } from '../../../src/audit/subject/finding.js';
import { Groups, type Counted } from '../../../src/audit/subject/groups.js';
import { searchSubject } from '../../../src/audit/subject/search.js';
import { subjectHmac, subjectKeyName } from '../../../src/audit/subject-hmac.js';
import type {
  LifecycleEvent,
  SessionIdentity,
  StatementOutcome,
  StatementRecord,
} from '../../../src/audit/types.js';
import { subjectAnswerText } from '../../../src/cli/output/subject-answer.js';
import { redisServer } from '../../support/servers.js';
import { facts, session, statement, success } from '../../unit/audit/samples.js';

const hmacKey = Buffer.alloc(32, 5);
const source = eventSource('one', '0.1.0', subjectKeyName(hmacKey));
const shown = (...keys: string[]): StatementOutcome['subjects'] => ({
  hmacs: keys.map((key) => subjectHmac(hmacKey, key)),
  truncated: false,
});
const reading = { ...facts, subjectTables: ['public.customers'] };
const exempt: SessionIdentity = {
  ...session,
  user: 'dba',
  exempt: true,
  role: undefined,
  purpose: undefined,
  legalBasis: undefined,
};
const refusal = {
  code: 'column-denied',
  sqlstate: '42501',
  message: 'column "card_number" is denied',
  detail: '',
  hint: '',
  rule: 'roles.marketing.deny',
} as const;

type Told = readonly [StatementRecord, StatementOutcome] | LifecycleEvent;

const said = (record: Partial<StatementRecord>, outcome: Partial<StatementOutcome> = {}): Told => [
  statement({ facts: reading, tags: {}, ...record }),
  { ...success, ...outcome },
];

/** Everything that can happen to customer 42, and what cannot concern them. */
const happened: readonly Told[] = [
  said({}, { subjects: shown('41', '42') }),
  said({}, { subjects: shown('42') }),
  said({ tags: { actor: 'jo' } }, { subjects: shown('42'), status: 'failure', sqlstate: '57014' }),
  said({ decision: 'observe' }, { subjects: { ...shown('42')!, truncated: true } }),
  said({}, { subjects: shown('43') }),
  said({}, { rows: 0 }),
  said({ facts: { ...facts, subjectTables: [], tables: ['public.products'] } }),
  said({ auditText: 'SELECT count(*) FROM customers' }),
  said({ auditText: 'SELECT id FROM customers' }, { subjects: { ...shown('43')!, truncated: true } }),
  said({}, INTERRUPTED),
  said({ command: 'UPDATE', auditText: 'UPDATE customers SET notes = ?' }),
  said({ session: exempt, facts: undefined, auditText: 'SELECT * FROM customers' }, { rows: 7 }),
  said({ session: exempt, facts: undefined, command: 'SET', auditText: 'SET x = ?' }, { rows: 0 }),
  { kind: 'session-open', session: exempt },
  { kind: 'session-open', session },
  { kind: 'dropped', events: 12, since: 1, until: 2, reason: 'disk' },
  said({ decision: 'deny' }, { status: 'refused', rows: 0, refusal }),
  said({ decision: 'deny' }, { status: 'refused', rows: 0, refusal }),
  said(
    { decision: 'deny', facts: { ...facts, tables: [], columns: {}, subjectTables: [] } },
    { status: 'refused', rows: 0, refusal },
  ),
];

const START = Date.UTC(2026, 2, 1);

function sealed(): { uid: string; sequence: number; time: number; json: string }[] {
  let prev = CHAIN_START;
  return happened.map((one, index) => {
    const uid = `one-${index}`;
    const time = START + index * 60_000;
    const draft =
      'kind' in one
        ? lifecycleEvent(source, uid, time, one)
        : statementEvent(source, uid, time, one[0], one[1]);
    const { json, hash } = seal(draft, index + 1, prev);
    prev = hash;
    return { uid, sequence: index + 1, time, json };
  });
}

const stream = `subject:${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'pgveil-subject-'));
const sources: Record<'stream' | 'spool', ReadFrom> = {
  stream: { kind: 'stream', redis: redisServer().url, stream },
  spool: { kind: 'spool', directory },
};
let redis: Redis;

beforeAll(async () => {
  redis = new Redis(redisServer().url);
  const events = sealed();
  // At least once: all of it comes twice.
  for (const { uid, sequence, json } of [...events, ...events])
    await redis.xadd(stream, '*', 'uid', uid, 'instance', 'one', 'seq', String(sequence), 'event', json);
  const records = events.map((event) => encodeRecord({ kind: recordKind.event, ...event }));
  const header = encodeHeader({ instance: 'one', sequence: 0, prev: CHAIN_START, open: {} });
  writeFileSync(join(directory, segmentName(1)), Buffer.concat([header, ...records]));
});
afterAll(async () => {
  await redis.del(stream);
  redis.disconnect();
  rmSync(directory, { recursive: true });
});

const ask = (from: ReadFrom, subject = '42', more: Partial<Parameters<typeof searchSubject>[0]> = {}) =>
  searchSubject({ from, source: 'the log', subject, hmacKey, ...more });

describe.each(['stream', 'spool'] as const)('over a %s', (name) => {
  it('tells who saw the subject, each kind of access once', async () => {
    const { attributed } = await ask(sources[name]);
    expect(
      attributed.map(({ count, user, claimed_actor: actor, decision, status }) => ({
        count,
        user,
        actor,
        decision,
        status,
      })),
    ).toEqual([
      { count: 1, user: 'crm_marketing', actor: null, decision: 'observed', status: 'Success' },
      { count: 1, user: 'crm_marketing', actor: 'jo', decision: 'modified', status: 'Failure' },
      { count: 2, user: 'crm_marketing', actor: null, decision: 'modified', status: 'Success' },
    ]);
    expect(attributed[2]).toMatchObject({
      first: '2026-03-01T00:00:00.000Z',
      last: '2026-03-01T00:01:00.000Z',
      role: 'marketing',
      purpose: 'marketing',
      legal_basis: 'consent',
      columns: { clear: ['public.customers.id'], masked: ['public.customers.email'] },
      statement: 'SELECT id, email\nFROM customers WHERE id = ?',
      policies: ['crm abc123'],
      addresses: ['10.1.2.3'],
      first_event: { uid: 'one-0' },
    });
    // Nothing is masked in observe mode, whatever the policy would have done.
    expect(attributed[0]!.columns.clear).toContain('public.customers.email');
  });

  it('hides no access that may concern the subject', async () => {
    const { possible } = await ask(sources[name]);
    expect(
      possible.map(({ reason, count, user, rows }) => `${reason} ${count} ${user} ${rows}`).sort(),
    ).toEqual([
      'exempt 1 dba 7',
      'exempt-session 1 dba 0',
      'incomplete 1 crm_marketing 3',
      'interrupted 1 crm_marketing 0',
      'lost 12 pgveil 0',
      'no-key 1 crm_marketing 3',
      'written 1 crm_marketing 3',
    ]);
  });

  it('tells what was refused, and what was refused unread', async () => {
    const { refused, coverage } = await ask(sources[name]);
    expect(refused).toMatchObject([
      {
        count: 2,
        sqlstate: '42501',
        reason: 'column "card_number" is denied',
        rules: expect.arrayContaining(['roles.marketing.deny']) as string[],
      },
    ]);
    expect(coverage).toMatchObject({ refused_unread: 1, unreadable: { count: 0 }, begins_late: [] });
  });

  it('keeps to the period', async () => {
    const { attributed, coverage } = await ask(sources[name], '42', {
      since: START + 60_000,
      until: START + 120_000,
    });
    expect(attributed.map(({ count }) => count)).toEqual([1]);
    expect(coverage.first_event).toBe('2026-03-01T00:01:00.000Z');
  });

  it.each(['042', '42.0', '+42'])('finds customer 42 as %s', async (typed) => {
    expect((await ask(sources[name], typed)).attributed).toHaveLength(3);
  });

  it('finds nobody else', async () => {
    expect((await ask(sources[name], '4')).attributed).toEqual([]);
  });
});

it('the answer repeats neither the key nor its HMAC, nor does its text', async () => {
  const uuid = '0F8FAD5B-D9CB-469F-A165-70867728950E';
  const answer = await ask(sources.spool, uuid);
  const text = JSON.stringify(answer) + subjectAnswerText(answer, createColors(false));
  expect(text.toLowerCase()).not.toContain(uuid.toLowerCase());
  expect(text).not.toContain(subjectHmac(hmacKey, uuid.toLowerCase()));
});

it('the text tells each part in words', async () => {
  const text = subjectAnswerText(await ask(sources.spool), createColors(false));
  expect(text).toContain('Accesses to data of this subject: 4');
  expect(text).toContain('seen clear: public.customers.id; masked: public.customers.email');
  expect(text).toContain(
    'user crm_marketing, saying that it acts for "jo", role marketing, purpose marketing, legal basis consent',
  );
  expect(text).toMatch(/Possible accesses[^]*12 ×[^]*could not be kept/);
  expect(text).toContain('1 more were refused before it was known');
});

it('another key than that of the events is told, where it would answer that nobody saw them', async () => {
  const from = { kind: 'spool', directory } as const;
  const asked = await ask(from, '42', { hmacKey: Buffer.alloc(32, 6) });
  expect(asked.attributed).toEqual([]);
  expect(asked.coverage.other_key).toBeGreaterThan(0);
  expect(subjectAnswerText(asked, createColors(false))).toContain('with another key than the one given');
  expect((await ask(from)).coverage.other_key).toBe(0);
});

it('a damaged place is told, and makes the answer one about a part of the log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-subject-'));
  const header = encodeHeader({ instance: 'one', sequence: 8, prev: CHAIN_START, open: {} });
  const records = sealed().map((event) => encodeRecord({ kind: recordKind.event, ...event }));
  records[3]!.fill(0, 40, 60);
  writeFileSync(join(folder, segmentName(1)), Buffer.concat([header, ...records.slice(1)]));
  const { coverage } = await ask({ kind: 'spool', directory: folder });
  rmSync(folder, { recursive: true });
  expect(coverage.unreadable.count).toBe(1);
  expect(coverage.begins_late).toEqual([{ instance: 'one', sequence: 2 }]);
});

it('no event that says something about a subject is passed over unparsed', () => {
  const needles = [Buffer.from(`"${subjectHmac(hmacKey, '42')}"`)];
  const hmacs = new Set([subjectHmac(hmacKey, '42')]);
  const parsed = sealed().filter(({ json }) => isCandidate(Buffer.from(json), needles));
  for (const { json } of sealed()) {
    const finding = findingOf(JSON.parse(json) as AuditEvent, hmacs);
    if (finding !== undefined) expect(parsed.map((one) => one.json)).toContain(json);
  }
  expect(parsed.length).toBeLessThan(happened.length);
});

it('groups beyond the bound are counted together', () => {
  const groups = new Groups<Counted & { name: string }>(2);
  const make = (name: string) => (): Counted & { name: string } => ({
    name,
    count: 0,
    first: Infinity,
    last: -Infinity,
  });
  for (const [index, name] of ['a', 'b', 'c', 'd', 'a'].entries())
    groups.add(['kind', name], index, 1, make(name), make('rest'));
  expect(groups.sorted()).toEqual([
    { name: 'a', count: 2, first: 0, last: 4 },
    { name: 'rest', count: 2, first: 2, last: 3 },
    { name: 'b', count: 1, first: 1, last: 1 },
  ]);
  expect(groups.overflowed).toBe(2);
});
