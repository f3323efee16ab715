import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { watchPolicies } from '../../../src/policy/reload.js';
import { loadText, problemLines } from './support.js';

const base = `version: 1
unlabelled: clear
unlisted_tables: allow
labels: { mail: [public.t.email] }
purposes: { p: { legal_basis: contract } }
roles: { r: { purposes: [p], masks: { mail: redact } } }
sessions: [{ user: a, role: r }]
`;

describe('a bad policy is refused with its place and the fix', () => {
  it.each([
    [
      'lables: {}',
      'labels: { mail: [public.t.email] }',
      'p1.yaml:4:1: error: unknown key "lables" (lables); did you mean "labels"?',
    ],
    [
      'sessions: [{ user: a, role: r, may: [r] }]',
      'sessions: [{ user: a, role: r }]',
      'p1.yaml:7:37: error: "sessions.0.may": the session does not say how a role is claimed',
    ],
    ...(
      [
        ['role: r, may: [r], claims: settings', 'a session has a role of its own or claims one'],
        ['claims: settings', 'the session does not say which roles may be claimed'],
        ['may: [], claims: settings', 'lists no role'],
        ['may: [rr], claims: settings', 'there is no role "rr" (rr); did you mean "r"?'],
        ['may: [r, r], claims: settings', 'the role "r" is listed twice'],
        ['may: [r], claims: setings', 'claims'],
        ['may: [r], claims: settings, purpose: p', 'the purpose is claimed together with the role'],
        ['exempt: true, may: [r], claims: settings', 'an exempt session acts in no role'],
        ['may: [r], claims: { token: { jwks: nowhere.json, issuer: i } }', 'audience'],
        [
          'may: [r], claims: { token: { jwks: nowhere.json, issuer: i, audience: a } }',
          'the key set cannot be read (ENOENT) (nowhere.json); correct its path or its rights',
        ],
        [
          'may: [r], claims: { token: { jwks: "https://sso.test/keys", issuer: i, audience: a } }',
          'the key set is an address, and pgveil fetches none',
        ],
      ] as const
    ).map(([claim, expected]) => [
      `sessions: [{ user: a, ${claim} }]`,
      'sessions: [{ user: a, role: r }]',
      expected,
    ]),
    [
      'sessions: [{ user: a, role: rr }]',
      'sessions: [{ user: a, role: r }]',
      'p1.yaml:7:29: error: there is no role "rr" (rr); did you mean "r"?',
    ],
    [
      'sessions: [{ user: a, role: r }, { user: a, exempt: true }]',
      'sessions: [{ user: a, role: r }]',
      'p1.yaml:7:34: error: the session at p1.yaml:7:12 matches everything that this one does',
    ],
    [
      'sessions: [{ address: 10.0.0.0/33, role: r }]',
      'sessions: [{ user: a, role: r }]',
      'p1.yaml:7:23: error: not an address or network (10.0.0.0/33); write for example',
    ],
    [
      'masks: { mail: { mask: clear, where: equality } }',
      'masks: { mail: redact }',
      '"clear" and "deny" mask nothing (equality); remove where:',
    ],
    ['limits: { rows_per_hour: 0 }', 'masks: { mail: redact }', 'lets no row through'],
    ['limits: {}', 'masks: { mail: redact }', 'limits nothing'],
    [
      'masks: { mial: redact }',
      'masks: { mail: redact }',
      'p1.yaml:6:39: error: there is no label "mial", so this mask can never apply (mial); did you mean "mail"?',
    ],
    [
      'masks: { mail: redcat }',
      'masks: { mail: redact }',
      'p1.yaml:6:45: error: there is no mask "redcat" (redcat); did you mean "redact"?',
    ],
    ['purposes: [q]', 'purposes: [p]', 'p1.yaml:6:26: error: there is no purpose "q"'],
    [
      'unlabelled: claer',
      'unlabelled: clear',
      'p1.yaml:2:13: error: "unlabelled" has no such choice (claer); did you mean "clear"?',
    ],
    ['', 'unlisted_tables: allow', 'error: "unlisted_tables" must be stated'],
    [
      'labels: { mail: [public.t.email], mail: [] }',
      'labels: { mail: [public.t.email] }',
      'p1.yaml:4:35: error: the key stands twice in one map',
    ],
    ['labels: [', 'labels: { mail: [public.t.email] }', 'not valid YAML'],
    [
      'purposes: { p: { legal_basis: consent } }',
      'purposes: { p: { legal_basis: contract } }',
      'add consent: or when:',
    ],
    [
      'purposes: { p: { legal_basis: consent, consent: m } }',
      'purposes: { p: { legal_basis: contract } }',
      'does not say where consent is recorded',
    ],
  ])('%s', (after, before, expected) => {
    expect(base).toContain(before);
    const outcome = loadText(base.replace(before, after));
    expect(outcome.ok).toBe(false);
    expect(problemLines(outcome).join('\n')).toContain(expected);
  });

  it.each([
    ['{ kind: emial }', 'did you mean "email"?'],
    [
      '{ kind: partial, keep_frist: 1 }',
      'unknown key "keep_frist" in "masks.m" (keep_frist); did you mean "keep_first"?',
    ],
    ['{ kind: partial, with: "**" }', 'must be one character'],
    ['{ kind: regex, pattern: "(", replace: x }', 'the pattern is no valid regular expression'],
    ['{ kind: regex, pattern: "(?=a)", replace: x }', 'look-around'],
    [
      '{ kind: hash, key: { env: PGVEIL_ABSENT } }',
      'p1.yaml:8:32: error: the environment variable PGVEIL_ABSENT is not set',
    ],
    ['{ kind: hash, key: { file: /nonexistent } }', 'the key file cannot be read (ENOENT)'],
  ])('mask %s', (mask, expected) => {
    expect(problemLines(loadText(`${base}masks: { m: ${mask} }\n`)).join('\n')).toContain(expected);
  });
});

describe('alerts', () => {
  const problemsOf = (rule: string, policy = base): string =>
    problemLines(loadText(`${policy}alerts: { a: ${rule} }\n`)).join('\n');

  it.each([
    ['{ kind: volume, window: 1h, at_least: 100, times: 10 }'],
    ['{ kind: refusals, window: 10m, over: 20, roles: [r], per: login, severity: high }'],
    ['{ kind: hours, roles: [r], outside: "Mon-Fri 07:00-19:00, Sat 09:00-13:00 Europe/Berlin" }'],
  ])('takes %s', (rule) => {
    expect(problemsOf(rule)).toBe('');
  });

  it.each([
    ['{ kind: refusal, window: 10m, over: 20 }', 'did you mean "refusals"?'],
    [
      '{ kind: refusals, window: 10m, ovr: 20 }',
      'unknown key "ovr" in "alerts.a" (ovr); did you mean "over"?',
    ],
    ['{ kind: refusals, over: 20 }', '"alerts.a.window" is missing'],
    [
      '{ kind: refusals, window: 10s, over: 20 }',
      'p1.yaml:8:40: error: "alerts.a.window": is no window (10s); write',
    ],
    ['{ kind: refusals, window: 48h, over: 20 }', 'is not between 1m and 24h (48h)'],
    ['{ kind: volume, window: 5m, at_least: 100, times: 10 }', 'is not between 10m and 24h (5m)'],
    ['{ kind: volume, window: 1h, at_least: 100, times: 0.5 }', 'a usual window would be unusual'],
    ['{ kind: refusals, window: 10m, over: -1 }', 'is below 0 (-1); write 0 for an alert at the first one'],
    ['{ kind: refusals, window: 10m, over: 1.5 }', 'is no whole number'],
    ['{ kind: refusals, window: 10m, over: 1, roles: [] }', 'lists no role'],
    ['{ kind: refusals, window: 10m, over: 1, roles: [s] }', 'p1.yaml:8:62: error: there is no role "s" (s)'],
    ['{ kind: refusals, window: 10m, over: 1, roles: [r, r] }', 'the role "r" is listed twice'],
    ['{ kind: hours, outside: "Mon 07:00-19:00 UTC" }', '"alerts.a.roles" is missing'],
    ['{ kind: hours, roles: [r], outside: "Mon-Fri 07:00-19:00" }', 'names no time zone'],
    [
      '{ kind: hours, roles: [r], outside: "Mon-Fri 07:00-19:00 Europe/Berln" }',
      'a time zone that is not known',
    ],
    ['{ kind: hours, roles: [r], outside: "Mon-Fri 07:00-19:00 +01:00" }', 'a time zone that is not known'],
    ['{ kind: hours, roles: [r], outside: "Mo-Fr 07:00-19:00 UTC" }', 'names a day that is none of Mon, Tue'],
    ['{ kind: hours, roles: [r], outside: "Mon 7-19 UTC" }', 'is not days and hours'],
    ['{ kind: hours, roles: [r], outside: "Mon 07:00-25:00 UTC" }', 'a time of day that does not exist'],
    ['{ kind: hours, roles: [r], outside: "Mon 07:00-07:00 UTC" }', 'end when they begin'],
    [
      '{ kind: hours, roles: [r], outside: "Mon-Sun 06:00-22:00, Mon-Sun 22:00-06:00 UTC" }',
      'the hours are the whole week, so nobody is ever outside',
    ],
    ['{ kind: subjects, window: 1h, over: 500 }', 'no table has a data subject, so none can be counted'],
    [
      '{ kind: equality_lookups, window: 1h, over: 5 }',
      'p1.yaml:8:11: error: no role that it concerns has a mask with where: equality',
    ],
  ])('refuses %s', (rule, expected) => {
    expect(problemsOf(rule)).toContain(expected);
  });

  it('counts look-ups and subjects where there are any', () => {
    const policy = `${base.replace('mail: redact', 'mail: { mask: redact, where: equality }')}subjects: { public.t: { key: id } }\n`;
    expect(problemsOf('{ kind: equality_lookups, window: 1h, over: 5 }', policy)).toBe('');
    expect(problemsOf('{ kind: subjects, window: 1h, over: 5 }', policy)).toBe('');
  });
});

describe('merging', () => {
  it('joins files and names both places of what stands twice', () => {
    const other = 'version: 1\nmasks: { m: { kind: "null" } }\n';
    expect(loadText(base, other).ok).toBe(true);
    expect(problemLines(loadText(base, `${other}unlabelled: deny\n`))).toEqual([
      'p2.yaml:3:1: error: "unlabelled" stands here and at p1.yaml:2:1 (unlabelled); keep one of the two',
    ]);
  });

  it('has a version that follows the content and not its layout', () => {
    const version = (text: string): string => {
      const outcome = loadText(text);
      return outcome.ok ? outcome.set.version : '';
    };
    expect(version(`# a comment\n${base}`)).toBe(version(base));
    expect(version(base.replace('redact', 'deny'))).not.toBe(version(base));
  });
});

describe('sessions', () => {
  const outcome = loadText(
    base.replace(
      'sessions: [{ user: a, role: r }]',
      `sessions: [{ user: a, address: 10.0.0.0/8, exempt: true, audit: connections }, { user: a, address: ['2001:db8::/32'], role: r }, { user: '*', database: crm, role: r }]`,
    ),
  );
  if (!outcome.ok) throw new Error(problemLines(outcome).join('\n'));
  const { set } = outcome;
  it.each([
    ['a', 'x', '10.1.2.3', { exempt: true, audit: 'connections' }],
    ['a', 'x', '::ffff:10.1.2.3', { exempt: true }],
    ['a', 'x', '2001:db8::7', { exempt: false, role: 'r', purpose: 'p' }],
    ['a', 'crm', '11.1.2.3', { role: 'r' }],
    ['b', 'crm', '', { role: 'r' }],
    ['b', 'x', '10.1.2.3', undefined],
    ['A', 'x', '10.1.2.3', undefined],
    ['a', 'x', 'not an address', undefined],
  ])('%s %s %s', (user, database, address, expected) => {
    const rule = set.matchSession({ user, database, address });
    if (expected === undefined) expect(rule).toBeUndefined();
    else expect(rule).toMatchObject(expected);
  });
});

it('says once that the policy files changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-policies-'));
  let changes = 0;
  const watch = watchPolicies(folder, () => changes++, { debounceMs: 30, pollMs: 60 });
  writeFileSync(join(folder, 'a.yaml'), base);
  writeFileSync(join(folder, 'b.txt'), 'not a policy');
  await expect.poll(() => changes, { timeout: 5_000 }).toBe(1);
  watch.close();
  rmSync(folder, { recursive: true });
});
