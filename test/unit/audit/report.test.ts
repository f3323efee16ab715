import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHAIN_START, seal, type EventDraft } from '../../../src/audit/chain.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { lifecycleEvent } from '../../../src/audit/lifecycle-event.js';
import { Distinct } from '../../../src/audit/read/distinct.js';
import { KeptEvent, type StoredEvent } from '../../../src/audit/read/stored-event.js';
import { ReportBuilder, type ReportOptions } from '../../../src/audit/report/build-report.js';
import { FirstOf, Groups, Names, type Tally } from '../../../src/audit/report/groups.js';
import { markdownReport } from '../../../src/audit/report/markdown.js';
import { reportEvent } from '../../../src/audit/report/report-event.js';
import { reportSchema, type Integrity, type Report } from '../../../src/audit/report/schema.js';
import { SubjectSet, SubjectTable } from '../../../src/audit/report/subject-sets.js';
import { subjectHmac } from '../../../src/audit/subject-hmac.js';
import type {
  LifecycleEvent,
  SessionIdentity,
  StatementOutcome,
  StatementRecord,
} from '../../../src/audit/types.js';
import { facts, session, statement, success } from './samples.js';

const START = Date.UTC(2026, 2, 1);
const key = Buffer.alloc(32, 7);
const hmac = (subject: number): string => subjectHmac(key, String(subject));
const integrity: Integrity = {
  result: 'not-verifiable',
  notes: [],
  chains: [],
  problems: { total: 0, first: [] },
};

/** Writes events as one instance does; no chain is needed, since nothing here verifies it. */
class Writer {
  readonly events: StoredEvent[] = [];
  readonly #source;
  readonly #instance: string;
  #time = START;

  constructor(instance = 'i1') {
    this.#instance = instance;
    this.#source = eventSource(instance, '0');
  }

  at(time: number): this {
    this.#time = time;
    return this;
  }

  statement(change: Partial<StatementRecord> = {}, outcome: Partial<StatementOutcome> = {}): this {
    const uid = this.#uid();
    return this.#push(
      uid,
      statementEvent(this.#source, uid, this.#time++, statement(change), { ...success, ...outcome }),
    );
  }

  lifecycle(event: LifecycleEvent): this {
    const uid = this.#uid();
    return this.#push(uid, lifecycleEvent(this.#source, uid, this.#time++, event));
  }

  #uid(): string {
    return `${this.#instance}-${this.events.length + 1}`;
  }

  #push(uid: string, draft: EventDraft): this {
    const sequence = this.events.length + 1;
    const { json } = seal(draft, sequence, CHAIN_START);
    this.events.push(new KeptEvent(`${sequence}-0`, this.#instance, sequence, uid, Buffer.from(json)));
    return this;
  }
}

const options: ReportOptions = { source: 'stream "x"', top: 20, breach: true };

function report(events: readonly StoredEvent[], change: Partial<ReportOptions> = {}): Report {
  const builder = new ReportBuilder({ ...options, ...change });
  const distinct = new Distinct();
  for (const stored of events) {
    const event = reportEvent(stored);
    if (event === undefined) builder.addUnreadable(stored.place, 'no event');
    else if (distinct.first(stored)) builder.add(event);
    else builder.addCopy();
  }
  return reportSchema.parse(builder.finish(integrity));
}

function as(change: Partial<SessionIdentity>): Partial<StatementRecord> {
  return { session: { ...session, ...change } };
}

const refusal = {
  code: 'column-denied',
  sqlstate: '42501',
  message: 'column "card" is denied',
  detail: '',
  hint: '',
  rule: 'roles.support.masks',
} as const;
const exempt = { ...session, exempt: true, role: undefined, purpose: undefined, legalBasis: undefined };

/** What one statement of the property does. */
interface Draw {
  readonly user: string;
  readonly role: string;
  readonly exempt: boolean;
  readonly status: StatementOutcome['status'];
  readonly rows: number;
  readonly subjects: readonly number[] | undefined;
  readonly truncated: boolean;
  readonly observed: boolean;
}

const draws: fc.Arbitrary<Draw[]> = fc.array(
  fc.record({
    user: fc.constantFrom('ann', 'bob', 'eve|`x`', 'dan'),
    role: fc.constantFrom('support', 'marketing', 'sales'),
    exempt: fc.boolean(),
    status: fc.constantFrom(
      'success' as const,
      'failure' as const,
      'refused' as const,
      'interrupted' as const,
    ),
    rows: fc.nat(5),
    subjects: fc.option(fc.array(fc.nat(6), { maxLength: 4 }), { nil: undefined }),
    truncated: fc.boolean(),
    observed: fc.boolean(),
  }),
  { maxLength: 30 },
);

function written(all: readonly Draw[], instance: string): readonly StoredEvent[] {
  const writer = new Writer(instance);
  for (const draw of all) {
    writer.statement(
      {
        session: draw.exempt
          ? { ...exempt, user: draw.user }
          : { ...session, user: draw.user, role: draw.role },
        facts: draw.exempt ? undefined : facts,
        decision: draw.observed ? 'observe' : 'rewrite',
      },
      {
        status: draw.status,
        rows: draw.rows,
        ...(draw.status === 'refused' ? { refusal, rows: 0 } : {}),
        ...(draw.subjects === undefined || draw.exempt || draw.status === 'refused'
          ? {}
          : { subjects: { hmacs: draw.subjects.map(hmac), truncated: draw.truncated } }),
      },
    );
  }
  return writer.events;
}

type Sums = NonNullable<Report['other_actors']>;
const FIGURES = [
  'statements',
  'succeeded',
  'failed',
  'interrupted',
  'refused',
  'rows',
  'truncated',
  'unattributed',
] as const;

function sum(parts: readonly Omit<Sums, 'groups'>[], figure: (typeof FIGURES)[number]): number {
  return parts.reduce((total, part) => total + part[figure], 0);
}

describe('a report', () => {
  it('adds up: every section is the sum of its parts, and the parts are what was executed', () => {
    fc.assert(
      fc.property(draws, fc.integer({ min: 1, max: 3 }), (all, top) => {
        const made = report(written(all, 'i1'), { top });
        const { statements, exposure } = made;
        const rest = (one: Report['other_actors']): Sums[] => (one === null ? [] : [one]);
        for (const figure of FIGURES) {
          expect(sum([...made.accesses, ...rest(made.other_accesses)], figure)).toBe(statements[figure]);
          expect(sum([...made.actors, ...rest(made.other_actors)], figure)).toBe(statements[figure]);
        }
        const ran = all.filter(({ status }) => status !== 'refused');
        expect(statements).toMatchObject({
          statements: all.length,
          succeeded: all.filter(({ status }) => status === 'success').length,
          failed: all.filter(({ status }) => status === 'failure').length,
          interrupted: all.filter(({ status }) => status === 'interrupted').length,
          refused: all.length - ran.length,
          rows: ran.reduce((total, { rows, status }) => total + (status === 'interrupted' ? 0 : rows), 0),
        });
        expect(made.refusals.reduce((total, one) => total + one.statements, made.other_refusals)).toBe(
          statements.refused,
        );
        expect(made.events.distinct).toBe(all.length);
        expect(made.interrupted.total).toBe(statements.interrupted);
        // INTERRUPTED is recorded without rows; here the writer's own outcome names none either.
        const shown = ran.filter(({ rows, status }) => rows > 0 || status === 'interrupted');
        const seen = shown.flatMap((one) => (one.exempt ? [] : (one.subjects ?? [])));
        expect(exposure.subjects.hmacs).toEqual([...new Set(seen)].map(hmac).sort());
        expect(exposure.subjects.distinct).toBe(new Set(seen).size);
        expect(exposure.statements).toBe(shown.length);
        expect(exposure.attributed + exposure.unattributed.statements).toBe(exposure.statements);
        expect(statements.truncated + statements.unattributed).toBe(exposure.unattributed.statements);
        const groups = exposure.unattributed.groups.reduce((total, one) => total + one.statements, 0);
        expect(groups + exposure.unattributed.other_statements).toBe(exposure.unattributed.statements);
      }),
      { numRuns: 25 },
    );
  });

  it('is the same whatever the order of chains and however often a batch is delivered', () => {
    fc.assert(
      fc.property(
        draws,
        draws,
        fc.array(fc.nat(1_000), { maxLength: 5 }),
        fc.boolean(),
        (a, b, cuts, swap) => {
          const [first, second] = [written(a, 'i1'), written(b, 'i2')];
          const whole = report([...first, ...second]);
          // Each chain keeps its order, and a batch may come again from any place on.
          let mixed = swap ? [...second, ...first] : interleaved(first, second);
          for (const cut of cuts) {
            const at = mixed.length === 0 ? 0 : cut % mixed.length;
            mixed = [...mixed.slice(0, at), ...mixed.slice(Math.max(0, at - 3), at), ...mixed.slice(at)];
          }
          const again = report(mixed);
          const bare = ({ events, ...others }: Report): unknown => ({ ...others, distinct: events.distinct });
          expect(bare(again)).toEqual(bare(whole));
          expect(again.events.read).toBe(mixed.length);
          const figures = { ...whole, events: again.events };
          expect(markdownReport(again)).toBe(markdownReport(figures));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('counts what one actor or role did, and what concerns everybody', () => {
    const { events } = new Writer()
      .statement(as({ user: 'ann', role: 'support' }), { rows: 2 })
      .statement(as({ user: 'bob', role: 'support' }), { rows: 3 })
      .statement(as({ user: 'ann', role: 'sales' }), { rows: 4 })
      .lifecycle({ kind: 'dropped', events: 9, since: START, until: START + 5, reason: 'disk' });
    expect(report(events, { actor: 'ann' }).statements).toMatchObject({ statements: 2, rows: 6 });
    expect(report(events, { role: 'support' }).statements).toMatchObject({ statements: 2, rows: 5 });
    expect(report(events, { actor: 'ann', role: 'support' })).toMatchObject({
      statements: { statements: 1, rows: 2 },
      drops: { lost_events: 9 },
      events: { distinct: 4, statement: 3 },
    });
  });

  it('says of columns that a policy only observed that they were shown clear', () => {
    const { events } = new Writer().statement({ decision: 'observe' }).statement();
    const made = report(events);
    expect(made.statements.observed).toBe(1);
    expect(made.exposure.clear).toContainEqual(
      expect.objectContaining({ column: 'public.customers.email', statements: 1, rows: 3 }),
    );
    expect(made.exposure.masked).toEqual([
      expect.objectContaining({ column: 'public.customers.email', statements: 1, rows: 3 }),
    ]);
  });

  it.each<readonly [string, Partial<StatementRecord>, Partial<StatementOutcome>, string | undefined]>([
    ['an exempt log-in read rows', { session: exempt, facts: undefined }, {}, 'exempt'],
    ['an exempt log-in read none', { session: exempt, facts: undefined }, { rows: 0 }, undefined],
    ['a result names no subject', {}, {}, 'not-attributable'],
    ['the list of subjects is cut', {}, { subjects: { hmacs: [hmac(1)], truncated: true } }, 'truncated'],
    ['the end is not known', {}, { status: 'interrupted' }, 'interrupted'],
    ['every subject is listed', {}, { subjects: { hmacs: [hmac(1)], truncated: false } }, undefined],
    ['it was refused', {}, { status: 'refused', rows: 0, refusal }, undefined],
    ['it reached no protected data', { facts: { ...facts, columns: {}, subjectTables: [] } }, {}, undefined],
    [
      'it reached data of subjects without reading a column',
      { facts: { ...facts, columns: {}, subjectTables: ['public.customers'] } },
      {},
      'not-attributable',
    ],
  ])('tells a breach whose data is not known when %s', (_, record, outcome, why) => {
    const { groups } = report(new Writer().statement(record, outcome).events).exposure.unattributed;
    expect(groups.map((one) => one.why)).toEqual(why === undefined ? [] : [why]);
  });

  it('tells which policies were in force, what differs between them, and the labels of what was shown', () => {
    const before = { 'roles.support.masks.a': 'redact', 'roles.support.deny': 'x', mode: 'enforce' };
    const after = {
      'roles.support.masks.a': 'clear',
      mode: 'enforce',
      'columns.public.customers.id': 'identity.id',
      'labels."identity.id".dpv': 'dpv-pd:Id',
    };
    const load = (version: string, rules: Record<string, string>): LifecycleEvent => ({
      kind: 'policy-load',
      result: 'loaded',
      name: 'crm',
      version,
      problems: 0,
      rules,
    });
    const { events } = new Writer()
      .lifecycle(load('v1', before))
      .statement(as({ policy: { name: 'crm', version: 'v1' } }))
      .lifecycle(load('v2', after))
      .lifecycle(load('v2', after))
      .statement(as({ policy: { name: 'crm', version: 'v2' } }))
      .lifecycle({ kind: 'policy-load', result: 'kept-last-good', name: 'crm', version: 'v2', problems: 2 });
    const made = report(events);
    expect(made.policies.timeline.map(({ version, before_period: was }) => [version, was])).toEqual([
      ['v1', false],
      ['v2', false],
    ]);
    expect(made.policies.changes).toEqual([
      {
        from: { name: 'crm', version: 'v1' },
        to: { name: 'crm', version: 'v2' },
        comparable: true,
        added: [
          { path: 'columns.public.customers.id', text: 'identity.id' },
          { path: 'labels."identity.id".dpv', text: 'dpv-pd:Id' },
        ],
        removed: [{ path: 'roles.support.deny', text: 'x' }],
        changed: [{ path: 'roles.support.masks.a', from: 'redact', to: 'clear' }],
        not_listed: 0,
      },
    ]);
    expect(made.policies.kept.total).toBe(1);
    expect(made.exposure.clear).toContainEqual(
      expect.objectContaining({ column: 'public.customers.id', labels: ['identity.id'], dpv: ['dpv-pd:Id'] }),
    );
    // The period begins behind the first load: it is read from before.
    const late = new ReportBuilder(options);
    for (const stored of events.slice(1)) late.add(reportEvent(stored)!);
    expect(late.unexplainedPolicies).toBe(1);
    expect(late.finish(integrity).policies.changes).toMatchObject([{ comparable: false }]);
    const earlier = reportEvent(events[0]!)!;
    if (earlier.kind === 'policy-load') late.addEarlierPolicies(earlier);
    expect(late.unexplainedPolicies).toBe(0);
    expect(late.finish(integrity).policies).toMatchObject({
      timeline: [{ version: 'v1', before_period: true, time: null }, { version: 'v2' }],
      changes: made.policies.changes,
    });
  });

  it('tells the consent that an access rested on, with the rule as that version had it', () => {
    const rules = { 'purposes.marketing.consent': 'marketing_email' };
    const consented = { ...facts, rules: [...facts.rules, 'purposes.marketing.consent'] };
    const { events } = new Writer()
      .lifecycle({ kind: 'policy-load', result: 'loaded', ...session.policy, problems: 0, rules })
      .statement({ facts: consented }, { subjects: { hmacs: [hmac(1), hmac(2)], truncated: false } })
      .statement({ facts: undefined });
    expect(report(events).consent).toEqual([
      expect.objectContaining({
        purpose: 'marketing',
        consent: 'marketing_email',
        source: 'public.consents',
        rule: 'purposes.marketing.consent',
        rule_text: 'marketing_email',
        policy: session.policy,
        statements: 1,
        subjects: 2,
      }),
    ]);
  });

  it('lists what happened beside statements', () => {
    const { events } = new Writer()
      .lifecycle({ kind: 'session-open', session })
      .lifecycle({ kind: 'guard-trip', session, table: 1, column: 2 })
      .lifecycle({
        kind: 'login-failed',
        user: 'eve',
        database: 'crm',
        client: { address: '10.0.0.9', port: 1 },
        sqlstate: '28P01',
        reason: 'rejected',
      })
      .lifecycle({ kind: 'recovered', tornBytes: 7, damage: [], interrupted: 1 })
      .lifecycle({ kind: 'dropped', events: 4, since: START, until: START + 1, reason: 'limit' })
      .statement({}, { status: 'interrupted' })
      .lifecycle({ kind: 'session-close', session, reason: 'gone', durationMs: 1 });
    const made = report(events);
    expect(made.events).toMatchObject({
      distinct: 7,
      statement: 1,
      'session-open': 1,
      'session-close': 1,
      'failed-login': 1,
      'guard-trip': 1,
      drop: 1,
      recovery: 1,
    });
    expect(made.failed_logins).toMatchObject([
      { user: 'eve', attempts: 1, addresses: { names: ['10.0.0.9'] } },
    ]);
    expect(made.guard_trips).toMatchObject({ total: 1, first: [{ actor: session.user }] });
    expect(made.drops).toMatchObject({ lost_events: 4, first: [{ events: 4, reason: 'limit' }] });
    expect(made.recoveries.total).toBe(1);
    expect(made.interrupted).toMatchObject({ total: 1, first: [{ actor: session.user }] });
  });

  it.each(['not json', '{}', '[]', 'null', '{"unmapped":{"tables":7}}'])(
    'takes no part of what is no event, and says where it stands: %s',
    (text) => {
      const made = report([new KeptEvent('9-0', 'i1', 9, 'u', Buffer.from(text))]);
      expect(made.source.unreadable).toEqual({ total: 1, first: [{ place: '9-0', what: 'no event' }] });
      expect(made.events.distinct).toBe(0);
    },
  );
});

function interleaved<T>(a: readonly T[], b: readonly T[]): T[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, at) => [
    ...a.slice(at, at + 1),
    ...b.slice(at, at + 1),
  ]).flat();
}

describe('the Markdown of a report', () => {
  const hostile = [
    'a | b | c',
    '`code` ``two`` ```',
    'x\n# Heading\n| a | b |\n',
    '<script>alert(1)</script>',
    '](javascript:alert(1)) ![x](http://evil.example/x.png) <http://evil.example>',
    '\\`\\|',
    '\u202ereversed\u2066\u200b',
    '\u001b[31mred\u0007',
    ' ',
    '\u2028\u2029',
  ];

  it.each(hostile)('lets no name be anything but text in a code span: %j', (name) => {
    const own = { ...session, user: name, applicationName: name, role: name, purpose: name };
    const rules = { [`roles.${name}`]: name };
    const { events } = new Writer()
      .lifecycle({ kind: 'policy-load', result: 'loaded', name: 'crm', version: 'v1', problems: 0 })
      .lifecycle({ kind: 'policy-load', result: 'loaded', name, version: name, problems: 0, rules })
      .lifecycle({ kind: 'guard-trip', session: own, table: 1, column: 1 })
      .lifecycle({
        kind: 'login-failed',
        user: name,
        database: name,
        client: { address: name, port: 1 },
        sqlstate: '28000',
        reason: name,
      })
      .statement({
        session: own,
        auditText: name,
        facts: {
          ...facts,
          tables: [name],
          columns: { [name]: 'clear' },
          consent: { purpose: name, source: name },
        },
      })
      .statement(
        { session: own },
        { status: 'refused', rows: 0, refusal: { ...refusal, rule: name, message: name } },
      )
      .lifecycle({
        kind: 'alert',
        policy: { name, version: name },
        alert: {
          rule: name,
          kind: 'refusals',
          severity: 'high',
          actor: { user: name, role: name, name },
          window: { since: START, until: START + 1 },
          observed: 2,
          threshold: 1,
        },
      })
      .lifecycle({
        kind: 'trim',
        stream: name,
        entries: 1,
        instances: { [name]: { sequence: 1, hash: CHAIN_START } },
      })
      .statement({ session: own, facts: { ...facts, tables: [name] } }, { status: 'interrupted' });
    const text = markdownReport(report(events, { actor: name, source: name }));
    const plain = markdownReport(report([]));
    // The same lines begin headings, whatever the names are, and no span is left open.
    expect(text).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?!\n)\p{Cc}/u);
    const outside = text.replace(/`[^`\n]*`/g, 'x');
    expect(outside).not.toContain('`');
    expect(outside).not.toMatch(/[<\\[\]]|https?:|alert\(/);
    const headings = (one: string): string[] => one.split('\n').filter((line) => /^ {0,3}#{1,2} /.test(line));
    expect(headings(text)).toEqual(headings(plain));
    for (const rows of tables(text)) expect(new Set(rows.map((row) => row.split('|').length)).size).toBe(1);
  });

  it('says the same figures as the JSON', () => {
    const { events } = new Writer()
      .statement({}, { rows: 7_131 })
      .statement({}, { status: 'refused', refusal });
    const text = markdownReport(report(events));
    expect(text).toContain('- 2 statements: 1 succeeded, 0 failed, 0 interrupted, 1 refused');
    expect(text).toMatch(/\| \*\*all\*\* \| 2 \| 1 \| 0 \| 0 \| 1 \| 7131 \|/);
    expect(text).toContain('| `roles.support.masks` | `column-denied` | `42501` | 1 |');
  });
});

/** Runs of lines that are rows of one table. */
function tables(text: string): string[][] {
  return text
    .split('\n\n')
    .map((block) => block.split('\n').filter((line) => line.startsWith('|')))
    .filter((rows) => rows.length > 0);
}

class Count implements Tally<Count> {
  n = 0;
  absorb(other: Count): void {
    this.n += other.n;
  }
}

describe('what is bounded', () => {
  const names = fc.array(fc.string({ maxLength: 2 }), { maxLength: 60 });
  const shuffled = fc.tuple(names, fc.infiniteStream(fc.nat())).map(([list, random]) => {
    const keyed = list.map((name) => [random.next().value as number, name] as const);
    return [list, keyed.sort((a, b) => a[0] - b[0]).map(([, name]) => name)] as const;
  });

  it('keeps the same groups whatever came first, and counts the others', () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const told = [list, other].map((each) => {
          const groups = new Groups(5, () => new Count());
          for (const name of each) groups.of(name).n++;
          const entries = groups.entries().map(({ key: [name], tally }) => [name, tally.n] as const);
          expect(entries.length).toBe(Math.min(5, new Set(list).size));
          const all = entries.reduce((total, [, n]) => total + n, groups.others?.n ?? 0);
          expect(all).toBe(list.length);
          return JSON.stringify([entries.sort(), groups.others?.n]);
        });
        expect(told[0]).toBe(told[1]);
      }),
    );
  });

  it('keeps the first names and the first of a list whatever came first', () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const told = [list, other].map((each) => {
          const found = new Names(3);
          const first = new FirstOf<string>(3, (a, b) => (a < b ? -1 : a > b ? 1 : 0));
          for (const name of each) {
            found.add(name);
            first.add(name);
          }
          expect(first.count).toBe(list.length);
          return [found.list(), first.list()];
        });
        expect(told[0]).toEqual(told[1]);
        const distinct = [...new Set(list)].sort();
        expect(told[0]![0]).toEqual({ names: distinct.slice(0, 3), more: distinct.length > 3 });
      }),
    );
  });

  it('counts subjects exactly, as few as one and as many as thousands', () => {
    const table = new SubjectTable();
    const set = new SubjectSet();
    const [odd, all] = [new SubjectSet(), new SubjectSet()];
    const texts = Array.from({ length: 2_500 }, (_, subject) => hmac(subject));
    for (let round = 0; round < 2; round++) {
      for (const [subject, text] of texts.entries()) {
        const number = table.numberOf(text)!;
        if (table.hmacOf(number) !== text) expect.fail(`${text} comes back as another one`);
        set.add(number);
        if (subject % 2 === 1) odd.add(number);
      }
    }
    all.addAll(odd);
    all.addAll(set);
    const sizes = [table.size, set.size, odd.size, all.size, [...all.numbers()].length];
    expect(sizes).toEqual([2_500, 2_500, 1_250, 2_500, 2_500]);
    expect(table.full).toBe(false);
  });

  it('says so when there are more subjects than are told apart', () => {
    const { events } = new Writer().statement(
      {},
      { subjects: { hmacs: [1, 2, 3].map(hmac), truncated: false } },
    );
    const made = report(events, { maxSubjects: 2 });
    expect(made.exposure.subjects).toMatchObject({ distinct: 2, capped: true });
    expect(made.subjects_capped).toBe(true);
    expect(markdownReport(made)).toContain('at least 2');
  });
});
