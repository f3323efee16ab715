import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTests } from '../../../src/cli/policy-test/load.js';
import { alertTestProblems, runAlertTests } from '../../../src/cli/policy-test/run-alerts.js';
import { formatProblem } from '../../../src/policy/problems.js';
import { inTemporaryDirectory } from '../audit/samples.js';
import { loadText } from '../policy/support.js';

const sample = readFileSync('policies/crm.yaml', 'utf8').replace(
  'contact.email: email_partial\n',
  'contact.email: { mask: email_partial, where: equality }\n',
);
const rules = `version: 1
alerts:
  many: { kind: subjects, window: 1h, over: 20 }
  bulk: { kind: volume, window: 1h, at_least: 100, times: 10 }
  probing: { kind: refusals, window: 10m, over: 2 }
  guessing: { kind: equality_lookups, window: 10m, over: 5 }
  together: { kind: refusals, window: 24h, over: 3, per: login }
  night: { kind: hours, roles: [support], outside: 'Mon-Fri 07:00-19:00 Europe/Berlin' }
`;

function loaded(alerts: string) {
  const outcome = loadText(sample, alerts);
  if (!outcome.ok) throw new Error(outcome.problems.map(formatProblem).join('\n'));
  return outcome.set;
}

/** Problems of a test file with this text, as `line:column: …`. */
async function problemsOf(text: string): Promise<string[]> {
  const found: string[] = [];
  await inTemporaryDirectory((folder) => {
    const file = join(folder, 'x.test.yaml');
    writeFileSync(file, text);
    const { alertTests, problems } = readTests([file]);
    const all = [...problems, ...alertTestProblems(alertTests, loaded(rules).content)];
    found.push(...all.map((one) => formatProblem(one).slice(file.length + 1)));
  });
  return found;
}

/** What a test of these accesses finds. */
async function findingsOf(accesses: string, expected: string): Promise<readonly string[]> {
  let found: readonly string[] = [];
  await inTemporaryDirectory((folder) => {
    const file = join(folder, 'x.test.yaml');
    writeFileSync(
      file,
      `alerts: [{ name: x, as: { role: support }, accesses: ${accesses}, expect: ${expected} }]`,
    );
    const { alertTests, problems } = readTests([file]);
    expect(problems.map(formatProblem)).toEqual([]);
    const set = loaded(rules);
    found = runAlertTests(alertTests, set.alerts, () => undefined).flatMap(({ findings }) => findings);
  });
  return found;
}

describe('the example of the docs', () => {
  it('holds for the sample policy', () => {
    const { alertTests, problems } = readTests(['docs/alerts.example.test.yaml']);
    const set = loaded(readFileSync('docs/alerts.example.yaml', 'utf8'));
    expect([...problems, ...alertTestProblems(alertTests, set.content)].map(formatProblem)).toEqual([]);
    const results = runAlertTests(alertTests, set.alerts, () => undefined);
    expect(results.filter(({ findings }) => findings.length > 0)).toEqual([]);
    // Each of its rules is shown to fire.
    const fired = alertTests.flatMap(({ entry }) => entry.value.expect);
    expect([...new Set(fired)].sort()).toEqual(set.alerts.map(({ name }) => name).sort());
  });
});

describe('a test of alert rules', () => {
  it.each([
    ['the people 1 to 20 again are nobody new', '{ subjects: 20, repeat: 3, every: 1m }', '[]'],
    ['one more is too many', '{ subjects: 20, repeat: 1, every: 1m }, { subjects: 20-21 }', '[many]'],
    ['people stand in rows', '{ subjects: 100 }', '[many, bulk]'],
    ['unless the rows are told', '{ subjects: 100, rows: 99 }', '[many]'],
    ['look-ups', '{ lookups: 6 }', '[guessing]'],
    ['each window has its alert', '{ refused: 3, repeat: 2, every: 10m }', '[probing, together, probing]'],
    [
      'roles and names are of one login',
      '{ refused: 2 }, { refused: 2, as: { role: marketing, actor: { name: ann } } }',
      '[together]',
    ],
    [
      'logins are not one, and an exempt one counts',
      '{ refused: 2 }, { refused: 2, as: { user: crm_admin } }',
      '[]',
    ],
    [
      'the order in the file is not that of time',
      '{ refused: 2 }, { at: 2026-03-02T10:30, refused: 1 }, { at: 2026-03-02T10:05, refused: 1 }',
      '[probing, together]',
    ],
    [
      'failed log-ins are of a name and of an address',
      '{ failed_logins: 3, address: 10.0.0.1, as: { user: ann } }, { failed_logins: 1, address: 10.0.0.1, as: { user: ben } }',
      '[probing, probing, together]',
    ],
    ['failed log-ins are no access, at whatever hour', '{ at: 2026-03-02T03:00, failed_logins: 2 }', '[]'],
    ['outside the hours without a row', '{ at: 2026-03-02T06:59+01:00 }', '[night]'],
    ['and inside', '{ at: 2026-03-02T07:00+01:00 }', '[]'],
  ])('%s', async (_, accesses, expected) => {
    const timed = accesses.replace(/\{ (?!at:|role:|user:|name:)/g, '{ at: 2026-03-02T10:00, ');
    expect(await findingsOf(`[${timed}]`, expected)).toEqual([]);
  });

  it('finds what is missing, and what nobody expected, once for each', async () => {
    expect(await findingsOf('[{ at: 2026-03-02T10:00, refused: 3 }]', '[probing, probing, many]')).toEqual([
      'expected the alert "probing", which did not come',
      'expected the alert "many", which did not come',
    ]);
    expect(await findingsOf('[{ at: 2026-03-02T10:00, subjects: 21 }]', '[]')).toEqual([
      'not expected: alert "many": 21 data subjects in 65 minutes, more than 20 (policy_test, support; window from 2026-03-02T09:00:00.000Z)',
    ]);
  });
});

describe('a mistake names its place and the fix', () => {
  const test = (access: string, more = 'as: { role: support }, expect: []'): string =>
    `alerts:\n  - { name: x, ${more},\n      accesses: [{ ${access} }] }\n`;
  it.each([
    [
      test('at: yesterday'),
      '3:24: error: "alerts.0.accesses.0.at": is no time (yesterday); write for example',
    ],
    [test('at: 2026-02-30T10:00'), '3:24: error: "alerts.0.accesses.0.at": is no time'],
    [test('at: 2026-03-02T10:00, row: 3'), '3:42: error: unknown key "row"'],
    [test('at: 2026-03-02T10:00, subjects: 9-3'), '3:52: error: "alerts.0.accesses.0.subjects": is no range'],
    [test('at: 2026-03-02T10:00, refused: -1'), '3:51: error: "alerts.0.accesses.0.refused": is below 0'],
    [
      test('at: 2026-03-02T10:00, failed_logins: 3, rows: 1'),
      '3:18: error: "alerts.0.accesses.0": log-ins that failed have run nothing',
    ],
    [
      test('at: 2026-03-02T10:00, rows: 3, address: 10.0.0.1'),
      '3:18: error: "alerts.0.accesses.0": address: is where failed_logins: came from',
    ],
    [
      test('at: 2026-03-02T10:00, repeat: 3'),
      '3:18: error: "alerts.0.accesses.0": repeat: and every: belong',
    ],
    [
      test('at: 2026-03-02T10:00', 'expect: []'),
      '3:18: error: "alerts.0.accesses.0": does not say who it is',
    ],
    [
      test('at: 2026-03-02T10:00, subjects: 3', 'as: { user: crm_admin }, expect: []'),
      '3:52: error: "alerts.0.accesses.0.subjects": is not known of an exempt session',
    ],
    [
      test('at: 2026-03-02T10:00', 'as: { role: support }, expect: [mani]'),
      '2:48: error: the policy has no alert rule "mani" (mani); did you mean "many"?',
    ],
    [test('at: 2026-03-02T10:00, as: { role: sales }'), '3:54: error: there is no role "sales" (sales); '],
    ['alerts: []\n', '1:9: error: "alerts": lists no test'],
    ['{}\n', '1:1: error: the file: holds no test'],
  ])('%j', async (text, problem) => {
    const [first = ''] = await problemsOf(text);
    expect(first).toContain(problem);
  });
});
