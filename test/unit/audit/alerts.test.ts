import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AlertOffice } from '../../../src/app/alert-office.js';
import { AlertReporter } from '../../../src/app/alert-reporter.js';
import type { ActorCounts } from '../../../src/audit/alerts/alert.js';
import { readHistory, writeHistory } from '../../../src/audit/alerts/history-file.js';
import { AlertJudge } from '../../../src/audit/alerts/judge.js';
import { AlertTally } from '../../../src/audit/alerts/tally.js';
import { watchedAudit } from '../../../src/audit/alerts/watched-audit.js';
import { isOutside } from '../../../src/audit/alerts/zone-clock.js';
import type {
  AuditPort,
  LifecycleEvent,
  StatementOutcome,
  StatementRecord,
} from '../../../src/audit/types.js';
import { createLogger } from '../../../src/observe/log.js';
import { alertRules, type AlertRule } from '../../../src/policy/alert-rules.js';
import { parseWeekHours } from '../../../src/policy/week-hours.js';
import { loadText } from '../policy/support.js';
import { facts, inTemporaryDirectory, session, statement, success } from './samples.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Monday, 10:00 in UTC. */
const monday = Date.UTC(2026, 2, 2, 10);

/** As a policy writes them. */
function rules(alerts: string): readonly AlertRule[] {
  const loaded = loadText(`version: 1
unlabelled: clear
unlisted_tables: allow
labels: { mail: [public.t.email] }
subjects: { public.t: { key: id } }
masks: { m: { kind: email } }
purposes: { p: { legal_basis: contract } }
roles:
  support: { purposes: [p], masks: { mail: { mask: m, where: equality } } }
  sales: { purposes: [p], masks: { mail: redact } }
sessions: [{ user: a, role: support }, { user: b, role: sales }, { user: c, exempt: true }]
alerts:
  ${alerts}
`);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return alertRules(loaded.set.content);
}

function counts(change: Partial<ActorCounts> = {}): ActorCounts {
  return {
    user: 'a',
    role: 'support',
    name: undefined,
    rows: 0,
    refusals: 0,
    lookups: 0,
    minutes: new Map(),
    subjects: new Set(),
    moreSubjects: 0,
    ...change,
  };
}

function people(from: number, to: number): Set<string> {
  return new Set(Array.from({ length: to - from }, (_, index) => `s${from + index}`));
}

type Step = readonly [time: number, counts: Partial<ActorCounts>, alerts: readonly string[]];

/** Each step's counts come at its time; its alerts are `rule:observed>threshold`. */
function plays(alerts: string, steps: readonly Step[]): void {
  const judge = new AlertJudge();
  judge.put(rules(alerts));
  steps.forEach(([time, change, expected], index) => {
    const made = judge.add([counts(change)], time);
    expect(
      made.map((one) => `${one.rule}:${one.observed}>${one.threshold}`),
      `step ${index}`,
    ).toEqual(expected);
  });
}

const refusals = 'probing: { kind: refusals, window: 10m, over: 2 }';
const volume = 'bulk: { kind: volume, window: 1h, at_least: 100, times: 10 }';
/** One window of so many rows on each of the ten days before. */
const usual = (rows: number): Step[] =>
  Array.from({ length: 10 }, (_, day) => [monday - (10 - day) * DAY, { rows }, []] as const);

describe('one alert for each rule and actor within a window', () => {
  it.each<[string, string, readonly Step[]]>([
    [
      'refusals: told once, at the first one above, and again in the next window',
      refusals,
      [
        [monday, { refusals: 2 }, []],
        [monday + 1, { refusals: 1 }, ['probing:3>2']],
        [monday + 2, { refusals: 50 }, []],
        [monday + 10 * MINUTE, { refusals: 2 }, []],
        [monday + 11 * MINUTE, { refusals: 1 }, ['probing:3>2']],
      ],
    ],
    [
      'refusals: a burst over what would be the border of two fixed windows',
      refusals,
      [
        [monday + 9 * MINUTE, { refusals: 2 }, []],
        [monday + 10 * MINUTE, { refusals: 2 }, ['probing:4>2']],
      ],
    ],
    ...[0, 1, 49_999, 50_000, 123_456, 599_999].map((at): [string, string, readonly Step[]] => [
      `refusals: wherever a window begins (${at} ms), all of it is counted, and a twelfth more at most`,
      refusals,
      [
        [monday + at, { refusals: 2 }, []],
        [monday + at + 10 * MINUTE - 1, { refusals: 1 }, ['probing:3>2']],
        [monday + HOUR + at, { refusals: 2 }, []],
        [monday + HOUR + at + 10 * MINUTE + 50_000, { refusals: 1 }, []],
      ],
    ]),
    [
      'refusals: what comes while an alert speaks is told when it has spoken, if there is more',
      refusals,
      [
        [monday, { refusals: 3 }, ['probing:3>2']],
        [monday + 5 * MINUTE, { refusals: 9 }, []],
        [monday + 9 * MINUTE, { refusals: 1 }, []],
        [monday + 10 * MINUTE, { refusals: 1 }, ['probing:11>2']],
      ],
    ],
    [
      'subjects: people seen before and behind a border are counted once, and forgotten with the time',
      'many: { kind: subjects, window: 1h, over: 3 }',
      [
        [monday + 50 * MINUTE, { subjects: people(0, 2) }, []],
        [monday + 61 * MINUTE, { subjects: people(1, 3) }, []],
        [monday + 116 * MINUTE, { subjects: people(3, 4) }, []],
        [monday + 117 * MINUTE, { subjects: people(4, 5) }, ['many:4>3']],
      ],
    ],
    [
      'volume: over a border, against whole windows of the past',
      volume,
      [
        ...usual(50),
        [monday + 55 * MINUTE, { rows: 300 }, []],
        [monday + 65 * MINUTE, { rows: 200 }, ['bulk:500>500']],
      ],
    ],
    [
      'look-ups: counted one by one, whatever is found',
      'guessing: { kind: equality_lookups, window: 10m, over: 200 }',
      [
        [monday, { lookups: 200 }, []],
        [monday, { lookups: 1 }, ['guessing:201>200']],
      ],
    ],
    [
      'subjects: the same person again is nobody new',
      'many: { kind: subjects, window: 1h, over: 3 }',
      [
        [monday, { subjects: people(0, 3) }, []],
        [monday + 1, { subjects: people(0, 3) }, []],
        [monday + 2, { subjects: people(2, 4) }, ['many:4>3']],
        [monday + HOUR, { subjects: people(0, 3) }, []],
      ],
    ],
    [
      'subjects: rows whose subjects were too many to tell apart count as one each',
      'many: { kind: subjects, window: 1h, over: 3 }',
      [[monday, { subjects: people(0, 2), moreSubjects: 5 }, ['many:7>3']]],
    ],
    ['volume: without a past at_least counts alone', volume, [[monday, { rows: 100 }, ['bulk:100>100']]]],
    ['volume: below at_least nothing is unusual', volume, [...usual(1), [monday, { rows: 99 }, []]]],
    [
      "volume: against the median of the actor's own windows, which one large one does not move",
      volume,
      [
        ...usual(50),
        [monday - 3 * HOUR, { rows: 499 }, []],
        [monday, { rows: 499 }, []],
        [monday + 1, { rows: 1 }, ['bulk:500>500']],
      ],
    ],
    [
      'volume: what lies further back than two weeks does not count',
      volume,
      [
        ...usual(50),
        [monday + 5 * DAY, { rows: 100 }, []],
        [monday + 40 * DAY, { rows: 100 }, ['bulk:100>100']],
      ],
    ],
    [
      'volume: until there is a past of five windows at_least counts, so that a first theft does not hide the next',
      volume,
      [
        [monday, { rows: 5_000 }, ['bulk:5000>100']],
        [monday + HOUR, { rows: 5_000 }, ['bulk:5000>100']],
        [monday + 4 * HOUR, { rows: 90 }, []],
        [monday + 5 * HOUR + 10 * MINUTE, { rows: 90 }, []],
        [monday + 6 * HOUR + 20 * MINUTE, { rows: 100 }, ['bulk:100>100']],
        [monday + 7 * HOUR + 30 * MINUTE, { rows: 100 }, []],
      ],
    ],
    [
      'hours: any access outside them, once an hour',
      'night: { kind: hours, roles: [support], outside: "Mon-Fri 07:00-19:00 Europe/Berlin" }',
      [
        [monday, { minutes: minutesAt('2026-03-02T09:59:00Z') }, []],
        [monday, { minutes: minutesAt('2026-03-02T05:59:00Z') }, ['night:1>0']],
        [monday, { minutes: minutesAt('2026-03-02T05:58:00Z') }, []],
        [monday + HOUR, { minutes: minutesAt('2026-03-01T10:00:00Z') }, ['night:1>0']],
        [monday + 3 * HOUR, { role: 'sales', minutes: minutesAt('2026-03-01T10:00:00Z') }, []],
      ],
    ],
    [
      'roles: a rule is about its roles, and without them about exempt sessions too',
      'of: { kind: refusals, window: 10m, over: 0, roles: [sales] }\n  all: { kind: refusals, window: 10m, over: 0 }',
      [
        [monday, { refusals: 1 }, ['all:1>0']],
        [monday, { refusals: 1, user: 'c', role: undefined }, ['all:1>0']],
        [monday, { refusals: 1, user: 'b', role: 'sales' }, ['of:1>0', 'all:1>0']],
      ],
    ],
    [
      'actors: each claimed name has a count of its own',
      refusals,
      [
        [monday, { refusals: 2, name: 'ann' }, []],
        [monday, { refusals: 2, name: 'ben' }, []],
        [monday, { refusals: 1, name: 'ann' }, ['probing:3>2']],
      ],
    ],
    [
      'per login: names and roles that change do not divide the count',
      'probing: { kind: refusals, window: 10m, over: 2, per: login }',
      [
        [monday, { refusals: 1, name: 'ann' }, []],
        [monday, { refusals: 1, name: 'ben' }, []],
        [monday, { refusals: 1, role: 'sales' }, ['probing:3>2']],
        [monday, { refusals: 1, name: 'cid' }, []],
      ],
    ],
    [
      'clock: a report that comes late belongs to the window that is open',
      refusals,
      [
        [monday, { refusals: 3 }, ['probing:3>2']],
        [monday - 1, { refusals: 3 }, []],
        [monday + 1, { refusals: 3 }, []],
      ],
    ],
    [
      'clock: set forward a year and back again, alerts go on',
      refusals,
      [
        [monday, { refusals: 3 }, ['probing:3>2']],
        [monday + 365 * DAY, { refusals: 3 }, ['probing:3>2']],
        [monday + 20 * MINUTE, { refusals: 3 }, ['probing:3>2']],
        [monday + 21 * MINUTE, { refusals: 3 }, []],
      ],
    ],
    [
      'clock: windows of a future that was none are no past',
      volume,
      [
        [monday + 365 * DAY, { rows: 90 }, []],
        [monday, { rows: 100 }, ['bulk:100>100']],
      ],
    ],
  ])('%s', (_title, alerts, steps) => plays(alerts, steps));
});

function minutesAt(iso: string): Map<number, number> {
  return new Map([[Date.parse(iso) / MINUTE, 1]]);
}

describe('hours are those of the wall clock in their zone', () => {
  it.each<[string, string, boolean]>([
    ['Mon-Fri 07:00-19:00 Europe/Berlin', '2026-03-27T06:00:00Z', false],
    ['Mon-Fri 07:00-19:00 Europe/Berlin', '2026-03-27T05:59:00Z', true],
    // Summer time began on the 29th.
    ['Mon-Fri 07:00-19:00 Europe/Berlin', '2026-03-30T05:00:00Z', false],
    ['Mon-Fri 07:00-19:00 Europe/Berlin', '2026-03-30T17:00:00Z', true],
    ['Sun 01:00-03:00 Europe/Berlin', '2026-03-29T00:59:00Z', false],
    ['Sun 01:00-03:00 Europe/Berlin', '2026-03-29T01:00:00Z', true],
    // Half past two comes twice on 25 October.
    ['Sun 02:00-03:00 Europe/Berlin', '2026-10-25T00:30:00Z', false],
    ['Sun 02:00-03:00 Europe/Berlin', '2026-10-25T01:30:00Z', false],
    ['Sun 02:00-03:00 Europe/Berlin', '2026-10-25T02:00:00Z', true],
    ['Mon-Fri 22:00-06:00 UTC', '2026-03-07T05:59:00Z', false],
    ['Mon-Fri 22:00-06:00 UTC', '2026-03-07T06:00:00Z', true],
    ['Sun 22:00-06:00 UTC', '2026-03-02T05:00:00Z', false],
    ['Sat-Mon 09:00-10:00, Wed 00:00-24:00 UTC', '2026-03-01T09:30:00Z', false],
    ['Sat-Mon 09:00-10:00, Wed 00:00-24:00 UTC', '2026-03-03T09:30:00Z', true],
    ['Sat-Mon 09:00-10:00, Wed 00:00-24:00 UTC', '2026-03-04T23:59:00Z', false],
    ['Mon-Fri 09:00-17:00 Asia/Kathmandu', '2026-03-02T03:15:00Z', false],
    ['Mon-Fri 09:00-17:00 Asia/Kathmandu', '2026-03-02T03:14:00Z', true],
  ])('%s at %s: outside %s', (text, time, outside) => {
    const read = parseWeekHours(text);
    expect(read.ok && isOutside(read.hours, Date.parse(time) / MINUTE)).toBe(outside);
    expect(read.ok).toBe(true);
  });
});

describe('what is remembered is bounded, and nobody hides behind the bound', () => {
  const judgeOf = (limits: { actors?: number; subjects?: number }, alerts: string): AlertJudge => {
    const judge = new AlertJudge([], limits);
    judge.put(rules(alerts));
    return judge;
  };

  it('counts made-up names beyond the bound together, and keeps the count of the one that was there', () => {
    const judge = judgeOf({ actors: 3 }, refusals);
    judge.add([counts({ refusals: 2, name: 'insider' })], monday);
    const made = Array.from({ length: 5 }, (_, n) =>
      judge.add([counts({ refusals: 1, name: `x${n}` })], monday),
    );
    expect(made.flat()).toMatchObject([{ actor: { user: 'a', others: true, name: undefined }, observed: 3 }]);
    expect(judge.overflows).toBe(3);
    expect(judge.add([counts({ refusals: 1, name: 'insider' })], monday)).toMatchObject([
      { actor: { name: 'insider' } },
    ]);
  });

  it('forgets the actor that has been quiet for longest', () => {
    const judge = judgeOf({ actors: 2 }, refusals);
    for (const name of ['ann', 'ben']) judge.add([counts({ refusals: 1, name })], monday);
    judge.add([counts({ refusals: 1, name: 'ann' })], monday + HOUR);
    judge.add([counts({ refusals: 1, name: 'cid' })], monday + HOUR);
    expect(judge.overflows).toBe(0);
    expect(judge.add([counts({ refusals: 2, name: 'ann' })], monday + HOUR)).toHaveLength(1);
  });

  it('counts subjects again beyond the bound, so that alerts come too early and not too late', () => {
    const judge = judgeOf({ subjects: 2 }, 'many: { kind: subjects, window: 1h, over: 4 }');
    expect(judge.add([counts({ subjects: people(0, 3) })], monday)).toEqual([]);
    expect(judge.add([counts({ subjects: people(0, 3) })], monday)).toEqual([]);
    expect(judge.add([counts({ subjects: people(0, 3) })], monday)).toMatchObject([{ observed: 5 }]);
    // The alert has given the room back.
    expect(judge.add([counts({ user: 'z', subjects: people(0, 2) })], monday)).toEqual([]);
    expect(judge.add([counts({ user: 'z', subjects: people(0, 2) })], monday)).toEqual([]);
    expect(judge.add([counts({ user: 'z', subjects: people(0, 2) })], monday)).toEqual([]);
  });
});

describe('failed log-ins', () => {
  const failed = (user: string, address: string, sqlstate = '28P01') =>
    ({
      kind: 'login-failed',
      user,
      database: 'd',
      client: { address, port: 1 },
      sqlstate,
      reason: '',
    }) as const;
  /** The alerts of what a tally makes of them, as `user or address:observed`. */
  function alertsOf(
    judge: AlertJudge,
    events: readonly ReturnType<typeof failed>[],
    alerts = refusals,
  ): string[] {
    const tally = new AlertTally();
    tally.put(rules(alerts));
    for (const event of events) tally.addFailedLogin(event);
    return judge
      .add(tally.take(), monday)
      .map(({ actor, observed }) => `${actor.address ?? (actor.others ? 'others' : actor.user)}:${observed}`);
  }
  const judgeOf = (limits: { actors?: number } = {}, alerts = refusals): AlertJudge => {
    const judge = new AlertJudge([], limits);
    judge.put(rules(alerts));
    return judge;
  };
  const from = (count: number, user: (n: number) => string, address: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => failed(user(n), address(n)));

  it.each<[string, readonly ReturnType<typeof failed>[], readonly string[]]>([
    [
      'one name from many places',
      from(
        3,
        () => 'a',
        (n) => `10.0.0.${n}`,
      ),
      ['a:3'],
    ],
    [
      'many names from one place',
      from(
        3,
        (n) => `u${n}`,
        () => '10.0.0.1',
      ),
      ['10.0.0.1:3'],
    ],
    [
      'both',
      from(
        3,
        () => 'a',
        () => '10.0.0.1',
      ),
      ['a:3', '10.0.0.1:3'],
    ],
    [
      'TLS, before there is a name',
      from(
        3,
        () => '',
        () => '10.0.0.1',
      ).map((one) => ({ ...one, sqlstate: '28000' })),
      ['10.0.0.1:3'],
    ],
    [
      'a startup setting that is not allowed',
      [
        ...from(
          2,
          () => 'a',
          (n) => `${n}`,
        ),
        failed('a', 'x', '42501'),
      ],
      ['a:3'],
    ],
    [
      'not a server that is down, or full',
      [
        ...from(
          2,
          () => 'a',
          () => 'x',
        ),
        failed('a', 'x', '08006'),
        failed('a', 'x', '53300'),
      ],
      [],
    ],
  ])('%s', (_title, events, expected) => {
    expect(alertsOf(judgeOf(), events)).toEqual(expected);
  });

  it('count together with the refused statements of the user, per login, before and behind them', () => {
    const perLogin = refusals.replace('over: 2', 'over: 2, per: login');
    const judge = judgeOf({}, perLogin);
    expect(
      alertsOf(
        judge,
        from(
          1,
          () => 'a',
          () => 'x',
        ),
        perLogin,
      ),
    ).toEqual([]);
    expect(judge.add([counts({ refusals: 1 })], monday)).toEqual([]);
    expect(
      alertsOf(
        judge,
        from(
          1,
          () => 'a',
          () => 'y',
        ),
        perLogin,
      ),
    ).toEqual(['a:3']);
  });

  it('concern no rule about roles, and are not counted without a rule about refusals', () => {
    const ofRole = refusals.replace('over: 2', 'over: 2, roles: [support]');
    expect(
      alertsOf(
        judgeOf({}, ofRole),
        from(
          9,
          () => 'a',
          () => 'x',
        ),
        ofRole,
      ),
    ).toEqual([]);
    const tally = new AlertTally();
    tally.put(rules(volume));
    tally.addFailedLogin(failed('a', 'x'));
    expect(tally.isEmpty).toBe(true);
  });

  it('under made-up names are counted together beyond the bound, and push out nobody who is known', () => {
    const judge = judgeOf({ actors: 3 });
    judge.add([counts({ refusals: 2, name: 'insider' })], monday);
    const flood = from(
      5_000,
      (n) => `u${n}`,
      (n) => `10.0.${n >> 8}.${n & 255}`,
    );
    expect(alertsOf(judge, flood)).toEqual(['others:3']);
    expect(judge.add([counts({ refusals: 1, name: 'insider' })], monday)).toMatchObject([
      { actor: { name: 'insider' }, observed: 3 },
    ]);
  });

  it('are counted where the audit is told of them', () => {
    const tally = new AlertTally();
    tally.put(rules(refusals));
    const told: LifecycleEvent[] = [];
    const audit: AuditPort = {
      intent: () => ({ uid: '', ready: undefined }),
      outcome: () => undefined,
      lifecycle: (event) => void told.push(event),
    };
    const broken: unknown[] = [];
    const watched = watchedAudit(audit, tally, (error) => broken.push(error));
    watched.lifecycle(failed('a', 'x'));
    expect(tally.take()).toMatchObject([
      { user: 'a', unproven: true, refusals: 1 },
      { user: '', address: 'x', unproven: true, refusals: 1 },
    ]);
    tally.addFailedLogin = () => {
      throw new Error('a bug');
    };
    watched.lifecycle(failed('a', 'x'));
    expect([told.length, broken.length]).toEqual([2, 1]);
  });
});

describe('a reload keeps the counts of rules that have not changed', () => {
  it('and begins those anew that have, with the past of their actors', () => {
    const judge = new AlertJudge();
    const before = `${refusals}\n  ${volume}`;
    judge.put(rules(before));
    for (let day = 5; day > 0; day -= 1) judge.add([counts({ rows: 50 })], monday - day * DAY);
    expect(judge.add([counts({ refusals: 3, rows: 50 })], monday)).toHaveLength(1);
    judge.put(rules(`${before}\n  other: { kind: refusals, window: 10m, over: 5 }`));
    expect(judge.add([counts({ refusals: 3 })], monday)).toEqual([]);
    judge.put(rules(before.replace('over: 2', 'over: 3').replace('at_least: 100', 'at_least: 200')));
    expect(judge.add([counts({ refusals: 4, rows: 400 })], monday)).toMatchObject([
      { rule: 'probing', observed: 4 },
    ]);
    expect(judge.add([counts({ rows: 50 })], monday)).toMatchObject([
      { rule: 'bulk', observed: 500, usual: { median: 50, windows: 5 } },
    ]);
    judge.put([]);
    expect(judge.add([counts({ refusals: 9, rows: 999 })], monday + HOUR)).toEqual([]);
  });
});

describe('the past survives a restart', () => {
  it('in a file, with the window that was open; a damaged one is not used', async () => {
    await inTemporaryDirectory(async (directory) => {
      const file = join(directory, 'deep', 'alert-history.jsonl');
      expect(await readHistory(file)).toEqual({ kind: 'absent' });
      const first = new AlertJudge();
      first.put(rules(volume));
      for (let day = 5; day > 0; day -= 1)
        first.add([counts({ rows: 50, name: 'ünïcode "\n' })], monday - day * DAY);
      first.add([counts({ rows: 400, name: 'ünïcode "\n' })], monday);
      await writeHistory(file, first.saved());

      const read = await readHistory(file);
      const second = new AlertJudge(read.kind === 'read' ? read.saved : []);
      second.put(rules(volume));
      expect(second.add([counts({ rows: 100, name: 'ünïcode "\n' })], monday + 1)).toMatchObject([
        { observed: 500, threshold: 500, usual: { median: 50, windows: 5 } },
      ]);
      // The alert of this window has been told.
      await writeHistory(file, second.saved());
      const again = await readHistory(file);
      const third = new AlertJudge(again.kind === 'read' ? again.saved : []);
      third.put(rules(volume));
      expect(third.add([counts({ rows: 100, name: 'ünïcode "\n' })], monday + 2)).toEqual([]);

      const whole = readFileSync(file, 'utf8');
      for (const damaged of [
        '',
        whole.slice(0, -20),
        whole.replace('"count":500', '"count":5'),
        `${whole}x`,
      ]) {
        writeFileSync(file, damaged);
        expect(await readHistory(file)).toMatchObject({ kind: 'damaged' });
      }
    });
  });
});

describe('what a statement counts as', () => {
  const equality = { ...facts, lookups: 3 };
  const refusal = { code: 'column-denied' } as StatementOutcome['refusal'];
  const exempt = { ...session, exempt: true, role: undefined };
  type Counted = Partial<Omit<ActorCounts, 'minutes' | 'subjects'>> & { subjects?: string[] };

  it.each<[string, Partial<StatementRecord>, Partial<StatementOutcome>, Counted | undefined]>([
    ['its rows', {}, {}, { rows: 3, refusals: 0, lookups: 0 }],
    [
      'nothing, where it reaches no protected data',
      { facts: { ...facts, protectedData: false } },
      {},
      undefined,
    ],
    ['its rows, where an exempt session runs it', { session: exempt, facts: undefined }, {}, { rows: 3 }],
    [
      'its rows, where the client went away in the middle',
      {},
      { status: 'interrupted', rows: 9 },
      { rows: 9 },
    ],
    [
      'its rows, where it was cancelled in the middle',
      {},
      { status: 'failure', sqlstate: '57014', rows: 9 },
      { rows: 9, refusals: 0 },
    ],
    ['a refusal', {}, { status: 'refused', refusal, rows: 0 }, { refusals: 1, rows: 0 }],
    [
      'a refusal, where its plan had nothing to say',
      { facts: { ...facts, protectedData: false } },
      { status: 'refused', refusal, rows: 0 },
      { refusals: 1 },
    ],
    [
      'a refusal and its rows, where a limit stopped it',
      {},
      { status: 'refused', refusal, rows: 7 },
      { refusals: 1, rows: 7 },
    ],
    [
      "a refusal, where it is the server's",
      {},
      { status: 'failure', sqlstate: '42501', rows: 0 },
      { refusals: 1 },
    ],
    [
      'no probe, where the audit could not take it',
      {},
      { status: 'refused', rows: 0, refusal: { code: 'audit-unavailable' } as StatementOutcome['refusal'] },
      { refusals: 0 },
    ],
    ['its look-ups', { facts: equality }, { rows: 0 }, { lookups: 3 }],
    [
      'its look-ups, where an error tells what was found',
      { facts: equality },
      { status: 'failure', sqlstate: '22012', rows: 0 },
      { lookups: 3 },
    ],
    [
      'no look-ups, where it fetches from a cursor that made them',
      { facts: equality, command: 'FETCH' },
      {},
      { lookups: 0, rows: 3 },
    ],
    [
      'its subjects',
      {},
      { subjects: { hmacs: ['aaaaaaaaXX', 'bbbbbbbbYY'], truncated: false } },
      { subjects: ['aaaaaaaa', 'bbbbbbbb'], moreSubjects: 0 },
    ],
    [
      'its rows as subjects, where no key stands in them',
      {},
      { rows: 9, status: 'failure', sqlstate: '57014' },
      { moreSubjects: 9 },
    ],
    [
      'no subjects, where it reaches no table of theirs',
      { facts: { ...facts, subjectTables: [] } },
      {},
      { rows: 3, moreSubjects: 0 },
    ],
    [
      'no subjects, where it writes and shows nothing',
      { facts: { ...facts, silent: true } },
      {},
      { rows: 3, moreSubjects: 0 },
    ],
    [
      'no subjects, where it counts rows without showing them',
      { command: 'MOVE' },
      {},
      { rows: 3, moreSubjects: 0 },
    ],
    ['no subjects, where it shows a plan', { command: 'EXPLAIN' }, {}, { rows: 3, moreSubjects: 0 }],
    [
      'no subjects, where it is of an exempt session, which nobody reads',
      { session: exempt, facts: undefined },
      {},
      { rows: 3, moreSubjects: 0 },
    ],
    [
      'its further rows as subjects, where the list is not whole',
      {},
      { rows: 9, subjects: { hmacs: ['aaaaaaaaXX'], truncated: true } },
      { moreSubjects: 8 },
    ],
  ])('%s', (_title, record, outcome, expected) => {
    const tally = new AlertTally();
    tally.put(rules(`${refusals}\n  many: { kind: subjects, window: 1h, over: 3 }`));
    tally.add(statement(record), { ...success, ...outcome }, monday);
    const taken = tally.take().map((one) => ({ ...one, subjects: [...one.subjects] }));
    expect(taken).toMatchObject(expected === undefined ? [] : [expected]);
    expect(tally.take()).toEqual([]);
  });

  it('nothing without rules', () => {
    const tally = new AlertTally();
    tally.put([]);
    tally.add(statement(), success, monday);
    expect(tally.isEmpty).toBe(true);
  });

  it('by when it began, for the hours', () => {
    const tally = new AlertTally();
    tally.put(rules('night: { kind: hours, roles: [support], outside: "Mon 07:00-19:00 UTC" }'));
    tally.add(statement(), { ...success, durationMs: 2 * HOUR }, monday);
    expect([...tally.take()[0]!.minutes.keys()]).toEqual([(monday - 2 * HOUR) / MINUTE]);
  });

  it('under the name that is claimed, over all sessions of it; no more of them than bounds allow', () => {
    const tally = new AlertTally();
    tally.put(rules(refusals));
    for (let n = 0; n < 5_000; n += 1)
      tally.add(
        statement({ session: { ...session, id: `${n}`, actorName: `x${n % 2_500}` } }),
        success,
        monday,
      );
    const taken = tally.take();
    expect(taken.length).toBeLessThanOrEqual(2_001);
    expect(taken.reduce((sum, { rows }) => sum + rows, 0)).toBe(15_000);
  });

  it('no more subjects than make the alert', () => {
    const tally = new AlertTally();
    tally.put(rules('many: { kind: subjects, window: 1h, over: 3 }'));
    const hmacs = Array.from({ length: 1_000 }, (_, n) => `${n}`.padEnd(22, 'a'));
    tally.add(statement(), { ...success, subjects: { hmacs, truncated: false } }, monday);
    expect(tally.take()[0]!.subjects.size).toBe(4);
  });
});

describe('several workers', () => {
  const logger = createLogger({ level: 'silent' });
  const inForce = { name: 'crm', version: '1', alerts: rules(refusals) };
  const refused: StatementOutcome = {
    ...success,
    status: 'refused',
    rows: 0,
    refusal: { code: 'column-denied' } as StatementOutcome['refusal'],
  };

  function officeOf(): AlertOffice {
    return new AlertOffice(new AlertJudge(), '/nowhere/history', {
      spool: '/nowhere',
      logger,
      now: () => monday,
    });
  }

  /** A worker with a chain of its own; `answers` may lose what the office says. */
  function workerOf(office: AlertOffice, worker: number, answers = true) {
    const written: LifecycleEvent[] = [];
    const audit: AuditPort = {
      intent: () => ({ uid: '', ready: undefined }),
      outcome: () => undefined,
      lifecycle: (event) => void written.push(event),
    };
    const kinds: string[] = [];
    const reporter = new AlertReporter({
      report: (report) => {
        const orders = office.report(worker, report);
        return answers ? orders : Promise.reject(new Error('killed'));
      },
      policies: inForce,
      audit,
      metrics: { alert: (kind) => kinds.push(kind) },
      logger,
      everyMs: 60_000,
    });
    const refuse = (): unknown => reporter.audit.outcome({ uid: '', ready: undefined }, statement(), refused);
    return { reporter, written, kinds, refuse };
  }

  it('count together, and one of them writes the alert', async () => {
    const office = officeOf();
    const workers = [1, 2, 3].map((worker) => workerOf(office, worker));
    for (let round = 0; round < 3; round += 1)
      for (const { reporter, refuse } of workers) {
        refuse();
        await reporter.report();
      }
    expect(workers.flatMap(({ written }) => written)).toMatchObject([
      { kind: 'alert', alert: { rule: 'probing', observed: 3 }, policy: { name: 'crm', version: '1' } },
    ]);
    expect(workers.flatMap(({ kinds }) => kinds)).toEqual(['refusals']);
    await office.close();
  });

  it('hand over what one of them was told and did not confirm before it died', async () => {
    const office = officeOf();
    const dying = workerOf(office, 1, false);
    const other = workerOf(office, 2);
    other.refuse();
    await other.reporter.report();
    for (let n = 0; n < 3; n += 1) dying.refuse();
    await dying.reporter.report();
    expect(dying.written).toEqual([]);
    await other.reporter.report();
    expect(other.written).toEqual([]);
    office.gone(1);
    const next = workerOf(office, 1);
    await next.reporter.report();
    expect(next.written).toMatchObject([{ alert: { rule: 'probing', observed: 4 } }]);
    await next.reporter.close();
    office.gone(1);
    other.refuse();
    await other.reporter.report();
    expect(other.written).toEqual([]);
  });

  it('count what was under way when they stop', async () => {
    const office = officeOf();
    const { reporter, refuse, written } = workerOf(office, 1);
    for (let n = 0; n < 3; n += 1) refuse();
    await reporter.close();
    expect(written).toHaveLength(1);
  });

  it('pass on what the audit says of a statement, also when the counting breaks', () => {
    const wait = Promise.resolve();
    const broken: unknown[] = [];
    const tally = new AlertTally();
    tally.put(inForce.alerts);
    tally.add = () => {
      throw new Error('a bug');
    };
    const audit = watchedAudit(
      { intent: () => ({ uid: 'x', ready: undefined }), outcome: () => wait, lifecycle: () => undefined },
      tally,
      (error) => broken.push(error),
    );
    expect(audit.outcome({ uid: 'x', ready: undefined }, statement(), success)).toBe(wait);
    expect(broken).toHaveLength(1);
  });
});
