/** `audit subject`: who saw one person's data, over events as the proxy writes them, in real Redis and in a spool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createColors } from 'picocolors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAIN_START } from '../../../src/audit/chain.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import type { ReadFrom } from '../../../src/audit/read/read-events.js';
import { encodeHeader, encodeRecord, recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { lookAt } from '../../../src/audit/subject/candidates.js';
import { findingOf } from '../../../src/audit/subject/finding.js';
import { Groups, type Counted } from '../../../src/audit/subject/groups.js';
import { searchSubject } from '../../../src/audit/subject/search.js';
import { subjectHmac, subjectKeyName } from '../../../src/audit/subject-hmac.js';
import { subjectAnswerText } from '../../../src/cli/output/subject-answer.js';
import { startRelay } from '../../support/relay.js';
import { redisServer } from '../../support/servers.js';
import { happened, hmacKey, sealed, segmentOf, START } from './subject-events.js';

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
  writeFileSync(join(directory, segmentName(1)), segmentOf(events));
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
      'unread 1 crm_marketing 0',
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

describe('a stream of several pages', () => {
  const long = `${stream}:long`;
  const { host, port } = redisServer();
  const askAt = (address: string): ReturnType<typeof ask> =>
    ask({ kind: 'stream', redis: address, stream: long });
  let size = 0;

  beforeAll(async () => {
    const pipeline = redis.pipeline();
    const add = (uid: string, sequence: number, event: string): void => {
      pipeline.xadd(long, '*', 'uid', uid, 'instance', 'one', 'seq', String(sequence), 'event', event);
      size++;
    };
    for (let round = 0; round < 120; round++) {
      // No event of pgveil, and longer than what comes at once.
      if (round === 80) add('odd', 9_999, `{"x":"${'ü'.repeat(150_000)}"}`);
      for (const { uid, sequence, json } of sealed()) add(uid, sequence, json);
    }
    // Not in the order that pgveil writes, and the same event.
    const [first] = sealed();
    pipeline.xadd(long, '*', 'event', first!.json, 'seq', '1', 'instance', 'one', 'uid', first!.uid);
    await pipeline.exec();
    size++;
  });
  afterAll(() => redis.del(long));

  it('is read to its end, each event once', async () => {
    const { attributed, coverage } = await askAt(redisServer().url);
    expect(coverage.events_read).toBe(size);
    expect(coverage.unreadable.count).toBe(1);
    expect(attributed.map(({ count }) => count)).toEqual([1, 1, 2]);
  });

  it('that breaks off within a page is an error', async () => {
    let passed = 0;
    const relay = await startRelay(redisServer(), {
      interceptAnswer: (piece, { toClient }) => {
        passed += piece.length;
        if (passed < 400_000) return false;
        toClient.end(piece.subarray(0, 1_000));
        return true;
      },
    });
    try {
      await expect(askAt(`redis://${relay.host}:${relay.port}`)).rejects.toThrow(
        `the audit stream "${long}" cannot be read`,
      );
    } finally {
      await relay.stop();
    }
  });

  it('that Redis does not let be read is an error in its words', async () => {
    const user = `subject-${process.pid}`;
    await redis.call('ACL', 'SETUSER', user, 'on', '>word', '~*', '+@all', '-xrange');
    try {
      await expect(askAt(`redis://${user}:word@${host}:${port}`)).rejects.toThrow(/cannot be read: NOPERM/);
    } finally {
      await redis.call('ACL', 'DELUSER', user);
    }
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

const sought = {
  needles: [Buffer.from(`"${subjectHmac(hmacKey, '42')}"`)],
  named: Buffer.from(`],"key":"${subjectKeyName(hmacKey)}"`),
};

it('no event that says something about a subject is passed over unparsed', () => {
  const hmacs = new Set([subjectHmac(hmacKey, '42')]);
  const parsed = sealed().filter(({ json }) => lookAt(Buffer.from(json), sought).candidate);
  for (const { json } of sealed()) {
    const finding = findingOf(JSON.parse(json) as AuditEvent, hmacs);
    if (finding !== undefined) expect(parsed.map((one) => one.json)).toContain(json);
  }
  expect(parsed.length).toBeLessThan(happened.length);
});

describe('a list of subjects', () => {
  const needle = `"${subjectHmac(hmacKey, '42')}"`;
  const others = ['1', '2', '3'].map((key) => `"${subjectHmac(hmacKey, key)}"`);
  const key = `,"key":"${subjectKeyName(hmacKey)}"`;
  const complete = ',"truncated":false';

  it.each<[string, string, 'parsed' | 'passed over', 'this key' | 'another key']>([
    ['it alone', `"hmacs":[${needle}]${key}${complete}`, 'parsed', 'this key'],
    ['first', `"hmacs":[${[needle, ...others].join()}]${key}${complete}`, 'parsed', 'this key'],
    ['last', `"hmacs":[${[...others, needle].join()}]${key}${complete}`, 'parsed', 'this key'],
    ['others', `"hmacs":[${others.join()}]${key}${complete}`, 'passed over', 'this key'],
    ['nobody', `"hmacs":[]${key}${complete}`, 'passed over', 'this key'],
    ['others, cut', `"hmacs":[${others.join()}]${key},"truncated":true`, 'parsed', 'this key'],
    ['nobody, cut', `"hmacs":[]${key},"truncated":true`, 'parsed', 'this key'],
    ['another key', `"hmacs":[${others.join()}],"key":"00000000"${complete}`, 'passed over', 'another key'],
    ['another key, cut', `"hmacs":[],"key":"00000000","truncated":true`, 'parsed', 'another key'],
    ['no key', `"hmacs":[${others.join()}]${complete}`, 'passed over', 'another key'],
    ['behind shorter ones', `"hmacs":["a","","bc",${needle}]${key}${complete}`, 'parsed', 'this key'],
    ['behind longer ones', `"hmacs":["${'a'.repeat(43)}",${needle}]${key}${complete}`, 'parsed', 'this key'],
    ['only longer ones', `"hmacs":["${'a'.repeat(43)}"]${key}${complete}`, 'passed over', 'this key'],
    ['spaced', `"hmacs": [ ${needle} ]${key}${complete}`, 'parsed', 'this key'],
    ['in another order', `"truncated":true,"hmacs":[]${key}`, 'parsed', 'this key'],
  ])('%s: %s', (_, members, parsed, named) => {
    const text = `{"action_id":1,"unmapped":{"subject_tables":["t"],"subjects":{${members}},"tables":[]}}`;
    expect(lookAt(Buffer.from(text), sought)).toEqual({
      candidate: parsed === 'parsed',
      otherKey: named === 'another key',
    });
  });
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
