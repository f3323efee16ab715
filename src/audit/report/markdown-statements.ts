/** What statements did, as tables: by role and purpose, by actor, refused, based on consent. */
import type { Report } from './schema.js';
import { code, codeOrNone, codes, many, table, type Section } from './markdown-text.js';

const OUTCOMES = ['statements', 'succeeded', 'failed', 'interrupted', 'refused', 'rows'] as const;
const SUBJECTS = ['subjects', 'truncated', 'not attributed'] as const;

type Sums = NonNullable<Report['other_actors']>;

function sums(one: Omit<Sums, 'groups'>): number[] {
  const { statements, succeeded, failed, interrupted, refused, rows, subjects, truncated, unattributed } =
    one;
  return [statements, succeeded, failed, interrupted, refused, rows, subjects, truncated, unattributed];
}

/** The row of those that are not told one by one. */
function restRow(others: Report['other_actors'], before: number): (string | number)[][] {
  if (others === null) return [];
  const name = others.groups === null ? '(others)' : `(${others.groups} others)`;
  return [[name, ...Array.from({ length: before - 1 }, () => ''), ...sums(others)]];
}

const SUBJECTS_EXPLAINED =
  '`subjects` are distinct; `truncated` and `not attributed` count statements whose data subjects are not all known.';

export function accesses({ accesses: listed, other_accesses: others, statements }: Report): Section {
  const rows = listed.map((one) => [
    one.role === null && one.exempt ? '(exempt log-in)' : codeOrNone(one.role),
    codeOrNone(one.purpose),
    codeOrNone(one.legal_basis),
    ...sums(one),
  ]);
  const columns = listed.flatMap((one) => {
    const who = [one.role, one.purpose, one.legal_basis].map(codeOrNone).join(' / ');
    return (['clear', 'masked', 'denied'] as const).flatMap((shown) =>
      one.columns[shown].map((column) => [who, code(column.column), shown, column.statements, column.rows]),
    );
  });
  const more = listed.some((one) => one.columns.more) ? 'There were more columns than are listed.' : '';
  return [
    '## Accesses by role, purpose and legal basis',
    table(
      ['role', 'purpose', 'legal basis', ...OUTCOMES, ...SUBJECTS],
      [...rows, ...restRow(others, 3), ['**all**', '', '', ...sums(statements)]],
    ),
    `${SUBJECTS_EXPLAINED} ${many(statements.observed, 'statement')} ran unmasked because the policy only observes; their columns count as clear.`,
    columns.length === 0
      ? ''
      : `Columns of protected tables that statements read:\n\n${table(
          ['role / purpose / legal basis', 'column', 'shown', 'statements', 'rows'],
          columns,
        )}`,
    more,
  ];
}

export function actors({ actors: listed, other_actors: others, statements }: Report): Section {
  const rows = listed.map((one) => [code(one.actor), ...sums(one)]);
  return [
    '## Actors',
    table(
      ['actor', ...OUTCOMES, ...SUBJECTS],
      [...rows, ...restRow(others, 1), ['**all**', ...sums(statements)]],
    ),
    listed.length === 0
      ? ''
      : table(
          ['actor', 'first', 'last', 'addresses', 'applications (as they name themselves)'],
          listed.map((one) => [
            code(one.actor),
            one.first,
            one.last,
            codes(one.addresses),
            codes(one.applications),
          ]),
        ),
  ];
}

export function refusals({ refusals: listed, other_refusals: others, statements }: Report): Section {
  if (statements.refused === 0) return ['## Refusals', 'None.'];
  return [
    '## Refusals',
    table(
      ['rule', 'reason', 'SQLSTATE', 'statements', 'actors', 'roles', 'first', 'last'],
      listed.map((one) => [
        code(one.rule),
        code(one.reason),
        code(one.sqlstate),
        one.statements,
        codes(one.actors),
        codes(one.roles),
        one.first,
        one.last,
      ]),
    ),
    others === 0 ? '' : `${many(others, 'refusal')} more, under other rules and reasons.`,
  ];
}

export function consent({ consent: listed, other_consent: others }: Report): Section {
  if (listed.length === 0) return ['## Accesses based on consent', 'None.'];
  return [
    '## Accesses based on consent',
    'Statements that showed only rows of people whose consent, as it was recorded then, allowed it.',
    table(
      [
        'role',
        'purpose',
        'legal basis',
        'consent',
        'source',
        'rule',
        'says',
        'policy',
        'first',
        'last',
        ...OUTCOMES,
        ...SUBJECTS,
      ],
      [
        ...listed.map((one) => [
          codeOrNone(one.role),
          codeOrNone(one.purpose),
          codeOrNone(one.legal_basis),
          code(one.consent),
          code(one.source),
          code(one.rule),
          one.rule_text === null ? 'not in the log' : code(one.rule_text),
          `${code(one.policy.name)} ${code(one.policy.version)}`,
          one.first,
          one.last,
          ...sums(one),
        ]),
        ...restRow(others, 10),
      ],
    ),
  ];
}
