/**
 * Runs tests of alert rules: the proxy's own judge is given what the test says was done, at the times that it says. It
 * needs no database and reads no clock.
 */
import { alertText } from '../../audit/alerts/alert-text.js';
import type { ActorCounts, Alert } from '../../audit/alerts/alert.js';
import { AlertJudge } from '../../audit/alerts/judge.js';
import type { AlertRule } from '../../policy/alert-rules.js';
import { windowMs } from '../../policy/alert-schema.js';
import type { PolicyContent } from '../../policy/content.js';
import { problemAt } from '../../policy/problems.js';
import { suggest } from '../../policy/suggest.js';
import type { PolicyProblem } from '../../policy/types.js';
import type { CaseResult } from '../output/junit.js';
import { accessTime, subjectRange, type AlertAccess } from './alert-cases.js';
import type { LocatedAlertTest } from './load.js';

const MINUTE_MS = 60_000;
const TEST_USER = 'policy_test';
const TEST_ADDRESS = '127.0.0.1';

/** Rules and roles that the policy does not have: a test about them would say nothing. */
export function alertTestProblems(
  tests: readonly LocatedAlertTest[],
  content: Pick<PolicyContent, 'alerts' | 'roles'>,
): PolicyProblem[] {
  return tests.flatMap(({ entry }) => {
    const { as: everybody, accesses, expect } = entry.value;
    const named = [
      { role: everybody?.role, below: ['as', 'role'] },
      ...accesses.map((one, index) => ({ role: one.as?.role, below: ['accesses', index, 'as', 'role'] })),
    ];
    return [
      ...named.flatMap(({ role, below }) =>
        role === undefined || content.roles.has(role)
          ? []
          : problemAt(entry, below, {
              code: 'unknown-role',
              message: `there is no role "${role}"`,
              fix: suggest(role, content.roles.keys(), 'role'),
            }),
      ),
      ...expect.flatMap((rule, index) =>
        content.alerts.has(rule)
          ? []
          : problemAt(entry, ['expect', index], {
              code: 'unknown-alert',
              message: `the policy has no alert rule "${rule}"`,
              fix: suggest(rule, content.alerts.keys(), 'alert rule'),
            }),
      ),
    ];
  });
}

export function runAlertTests(
  tests: readonly LocatedAlertTest[],
  rules: readonly AlertRule[],
  report: (result: CaseResult) => void,
): CaseResult[] {
  return tests.map(({ entry, place }) => {
    const started = performance.now();
    const findings = findingsOf(entry.value.expect, alertsOf(entry.value, rules));
    const { file, line } = place;
    const result = { file, line, name: entry.value.name, durationMs: performance.now() - started, findings };
    report(result);
    return result;
  });
}

function alertsOf(
  { as: everybody, accesses }: LocatedAlertTest['entry']['value'],
  rules: readonly AlertRule[],
): Alert[] {
  const judge = new AlertJudge();
  judge.put(rules);
  return accesses
    .flatMap((one) => {
      const done = countsOf(one, one.as ?? everybody);
      const every = windowMs(one.every ?? '') ?? 0;
      const first = accessTime(one.at) ?? 0;
      return Array.from({ length: one.repeat ?? 1 }, (_, index) => ({ at: first + index * every, done }));
    })
    .sort((a, b) => a.at - b.at)
    .flatMap(({ at, done }) => judge.add(done(at), at));
}

function countsOf(access: AlertAccess, who: AlertAccess['as']): (at: number) => ActorCounts[] {
  const { failed_logins: failed, address } = access;
  if (failed === undefined) {
    const done = statementsOf(access, who);
    return (at) => [{ ...done, minutes: new Map([[Math.floor(at / MINUTE_MS), 1]]) }];
  }
  const logins = {
    role: undefined,
    name: undefined,
    unproven: true,
    rows: 0,
    refusals: failed,
    lookups: 0,
    minutes: new Map<number, number>(),
    subjects: new Set<string>(),
    moreSubjects: 0,
  };
  return () => [
    { ...logins, user: who?.user ?? TEST_USER },
    { ...logins, user: '', address: address ?? TEST_ADDRESS },
  ];
}

function statementsOf(access: AlertAccess, who: AlertAccess['as']): Omit<ActorCounts, 'minutes'> {
  const subjects = peopleOf(access.subjects);
  return {
    user: who?.user ?? TEST_USER,
    role: who?.role,
    name: who?.actor?.name,
    // Each of them stood in a row.
    rows: access.rows ?? subjects.size,
    refusals: access.refused ?? 0,
    lookups: access.lookups ?? 0,
    subjects,
    moreSubjects: 0,
  };
}

function peopleOf(subjects: AlertAccess['subjects']): Set<string> {
  const range = typeof subjects === 'string' ? subjectRange(subjects) : { from: 1, to: subjects ?? 0 };
  const { from, to } = range ?? { from: 1, to: 0 };
  return new Set(Array.from({ length: to - from + 1 }, (_, index) => String(from + index)));
}

function findingsOf(expected: readonly string[], alerts: readonly Alert[]): string[] {
  const missing = [...expected];
  const unexpected = alerts.filter(({ rule }) => {
    const at = missing.indexOf(rule);
    if (at >= 0) missing.splice(at, 1);
    return at < 0;
  });
  return [
    ...missing.map((rule) => `expected the alert "${rule}", which did not come`),
    ...unexpected.map((one) => `not expected: ${alertText(one)} (${whoAndWhen(one)})`),
  ];
}

function whoAndWhen({ actor, window }: Alert): string {
  const { user, role, name, address } = actor;
  const who = [address ?? user, role, name].filter((part) => part !== undefined).join(', ');
  return `${who}; window from ${new Date(window.since).toISOString()}`;
}
