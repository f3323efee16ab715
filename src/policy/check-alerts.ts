/** What can be checked of `alerts:` without a database: that the roles exist, and that each rule can fire. */
import type { AlertEntry } from './alert-schema.js';
import type { PolicyContent } from './content.js';
import type { RoleEntry } from './document.js';
import { problemAt } from './problems.js';
import { suggest } from './suggest.js';
import type { PolicyProblem } from './types.js';
import { isWholeWeek, parseWeekHours } from './week-hours.js';

export function checkAlerts(content: PolicyContent): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const [, alert] of content.alerts) {
    (alert.value.roles ?? []).forEach((name, at, all) => {
      const twice = all.indexOf(name) !== at;
      if (content.roles.has(name) && !twice) return;
      problems.push(
        problemAt(alert, ['roles', at], {
          code: twice ? 'duplicate-key' : 'unknown-role',
          message: twice ? `the role "${name}" is listed twice` : `there is no role "${name}"`,
          fix: twice ? 'keep one of the two' : suggest(name, content.roles.keys(), 'role'),
        }),
      );
    });
    const never = whyNever(alert.value, content);
    if (never === undefined) continue;
    const { below, ...text } = never;
    problems.push(problemAt(alert, below, { code: 'rule-never-fires', ...text, key: below.length === 0 }));
  }
  return problems;
}

interface Never {
  readonly below: readonly string[];
  readonly message: string;
  readonly fix: string;
}

function whyNever(alert: AlertEntry, content: PolicyContent): Never | undefined {
  const concerned = alert.roles ?? [...content.roles.keys()];
  const roles = concerned.flatMap((name) => content.roles.get(name)?.value ?? []);
  switch (alert.kind) {
    case 'volume':
    case 'refusals':
      return undefined;
    case 'subjects':
      return content.subjects.size > 0
        ? undefined
        : {
            below: [],
            message: 'no table has a data subject, so none can be counted',
            fix: 'add subjects: with the tables whose rows belong to a person, or remove the rule',
          };
    case 'equality_lookups':
      return roles.length < concerned.length || roles.some(comparesReal)
        ? undefined
        : {
            below: [],
            message:
              'no role that it concerns has a mask with where: equality, so there is nothing to look up',
            fix: 'remove the rule, or its roles:',
          };
    case 'hours': {
      const read = parseWeekHours(alert.outside);
      return read.ok && isWholeWeek(read.hours)
        ? {
            below: ['outside'],
            message: 'the hours are the whole week, so nobody is ever outside',
            fix: 'write the hours in which the role works, or remove the rule',
          }
        : undefined;
    }
  }
}

function comparesReal({ masks }: RoleEntry): boolean {
  return Object.values(masks ?? {}).some((use) => typeof use !== 'string' && use.where === 'equality');
}
