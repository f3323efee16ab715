/** The policy section of the report in Markdown. */
import type { Report } from './schema.js';
import { code, many, table } from './markdown-text.js';

type Policies = Report['policies'];
type Change = Policies['changes'][number];

export function policySection({ policies }: Report): readonly string[] {
  const { versions, timeline, changes, kept, more } = policies;
  if (versions.length === 0) return ['## Policies in force', 'No event of the period names a policy.'];
  return [
    '## Policies in force',
    table(
      ['in force from', 'policy', 'version', 'loaded by'],
      timeline.map((one) => [
        one.time ?? 'before the period',
        code(one.name),
        code(one.version),
        one.before_period ? '-' : many(one.instances, 'chain'),
      ]),
    ),
    table(
      ['policy', 'version', 'first event', 'last event', 'loads', 'statements', 'rules'],
      versions.map((one) => [
        code(one.name),
        code(one.version),
        one.first ?? '-',
        one.last ?? '-',
        one.loads,
        one.statements,
        one.rules ?? 'not in the log',
      ]),
    ),
    more ? 'There were more versions or loads than are listed.' : '',
    ...changes.flatMap(changeText),
    kept.total === 0
      ? ''
      : `Changes that could not be used, so that the policy in force was kept: ${kept.total}.\n\n${table(
          ['time', 'chain', 'what'],
          kept.first.map((one) => [one.time, code(one.instance), code(one.detail)]),
        )}`,
  ];
}

function changeText(change: Change): readonly string[] {
  const { from, to, comparable, added, removed, changed, not_listed: notListed } = change;
  const title = `### From ${code(from.version)} to ${code(to.version)}`;
  if (!comparable) {
    return [
      title,
      'What differs is not known: the log holds no load of one of the two that tells its rules.',
    ];
  }
  const rows = [
    ...added.map((one) => ['added', code(one.path), '-', code(one.text)]),
    ...removed.map((one) => ['removed', code(one.path), code(one.text), '-']),
    ...changed.map((one) => ['changed', code(one.path), code(one.from), code(one.to)]),
  ];
  if (rows.length === 0) {
    return [title, 'No rule differs: the key of a mask or the keys of tokens were changed.'];
  }
  return [
    title,
    table(['', 'rule', 'before', 'after'], rows),
    notListed === 0 ? '' : `${notListed} more differences are not listed.`,
  ];
}
