/** The report as Markdown, for people. Says what the JSON says; only the list of data subjects stands in the JSON alone. */
import type { Report } from './schema.js';
import { exposureSection } from './markdown-exposure.js';
import { policySection } from './markdown-policies.js';
import { code, codeOrNone, codes, many, table } from './markdown-text.js';

/** Ends with a line break. */
export function markdownReport(report: Report): string {
  const sections = [
    heading(report),
    inShort(report),
    sources(report),
    integrity(report),
    accesses(report),
    actors(report),
    refusals(report),
    guardTrips(report),
    failedLogins(report),
    policySection(report),
    consent(report),
    alerts(report),
    gaps(report),
    exposureSection(report),
  ];
  return `${sections.map((parts) => parts.filter((part) => part !== '').join('\n\n')).join('\n\n')}\n`;
}

type Section = readonly string[];

function heading({ period, source, filter, schema }: Report): Section {
  const only = [
    ...(filter.actor === null ? [] : [`the actor ${code(filter.actor)}`]),
    ...(filter.role === null ? [] : [`the role ${code(filter.role)}`]),
  ];
  return [
    '# Audit report',
    [
      `- Period: from ${period.since ?? 'the first event'} to before ${period.until ?? 'the end of the log'} (UTC)`,
      `- Source: ${code(source.name)}`,
      `- Counted: ${only.length === 0 ? 'everybody' : `only ${only.join(' in ')}`}`,
      `- Format: ${schema}`,
    ].join('\n'),
  ];
}

function inShort(report: Report): Section {
  const { statements, events, exposure, drops, integrity: checked } = report;
  return [
    '## In short',
    [
      `- ${many(statements.statements, 'statement')}: ${statements.succeeded} succeeded, ${statements.failed} failed, ${statements.interrupted} interrupted, ${statements.refused} refused`,
      `- ${many(exposure.subjects.distinct, 'data subject')} ${exposure.subjects.capped ? 'or more ' : ''}known to be in results; ${many(exposure.unattributed.statements, 'statement')} returned data of subjects that are not all known`,
      `- ${many(report.guard_trips.total, 'guard trip')}, ${many(report.alerts.total, 'alert')}, ${many(sumOf(report.failed_logins.map(({ attempts }) => attempts)) + report.other_failed_logins, 'failed log-in')}`,
      `- ${many(drops.lost_events, 'event')} lost, ${many(report.source.unreadable.total, 'unreadable place')} in the log, ${many(events.copies, 'copy', 'copies')} left out`,
      `- Integrity: ${resultText[checked.result]}`,
    ].join('\n'),
  ];
}

const resultText = {
  intact: 'every event read is as it was recorded and signed, and none is missing between them',
  'intact-unsigned':
    'every event read has the hash it was recorded with, and none is missing between them; signatures were NOT verified',
  problems: 'NOT intact',
  'not-verifiable': 'NOT verified: no event was read',
} as const satisfies Record<Report['integrity']['result'], string>;

function sources({ source, events }: Report): Section {
  const { read, copies, distinct, ...kinds } = events;
  return [
    '## Period and sources',
    `${many(read, 'event')} read, ${copies} of them copies (delivery is at least once), so ${distinct} events:`,
    table(['kind of event', 'events'], Object.entries(kinds)),
    source.chains.length === 0
      ? 'No event lies in the period.'
      : table(
          ['chain', 'first', 'last', 'events', 'first event', 'last event'],
          source.chains.map((one) => [
            code(one.instance),
            one.first_sequence,
            one.last_sequence,
            one.events,
            one.first,
            one.last,
          ]),
        ),
    source.unreadable.total === 0
      ? ''
      : `${many(source.unreadable.total, 'place')} of the log could not be read, so that events may be missing here:\n\n${table(
          ['place', 'what'],
          source.unreadable.first.map((one) => [code(one.place), code(one.what)]),
        )}`,
  ];
}

function integrity({ integrity: { result, notes, chains, problems } }: Report): Section {
  return [
    '## Integrity',
    `Result: ${resultText[result]}.`,
    notes.map((one) => `- ${code(one)}`).join('\n'),
    chains.length === 0
      ? ''
      : table(
          ['chain', 'from', 'to', 'events', 'begins', 'signed up to'],
          chains.map((one) => [
            code(one.instance),
            one.first_sequence,
            one.last_sequence,
            one.events,
            beginningText[one.beginning],
            one.signed_up_to ?? '-',
          ]),
        ),
    problems.total === 0
      ? ''
      : `${many(problems.total, 'problem')}:\n\n${table(
          ['kind', 'place', 'what', 'means'],
          problems.first.map((one) => [
            code(one.kind),
            code(one.place),
            code(one.problem),
            code(one.meaning),
          ]),
        )}`,
    leftOut(problems.total, problems.first.length),
  ];
}

const beginningText = {
  start: 'with its first event',
  trimmed: 'behind events that were deleted as configured: these are not verified',
  shipped: 'behind segments that were deleted once shipped: these are not verified',
  window: 'where the period begins',
  unproven: 'late, and nothing says why',
} as const satisfies Record<Report['integrity']['chains'][number]['beginning'], string>;

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

function accesses({ accesses: listed, other_accesses: others, statements }: Report): Section {
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

function actors({ actors: listed, other_actors: others, statements }: Report): Section {
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

function refusals({ refusals: listed, other_refusals: others, statements }: Report): Section {
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

function guardTrips({ guard_trips: { total, first } }: Report): Section {
  return [
    '## Guard trips',
    total === 0
      ? 'None.'
      : `A guard trip is a bug of pgveil: a masked column stood in a result, and the connection was cut before its first row.`,
    total === 0
      ? ''
      : table(
          ['time', 'actor', 'role', 'address', 'what'],
          first.map((one) => [
            one.time,
            code(one.actor),
            codeOrNone(one.role),
            code(one.address),
            code(one.detail),
          ]),
        ),
    leftOut(total, first.length),
  ];
}

function failedLogins({ failed_logins: listed, other_failed_logins: others }: Report): Section {
  if (listed.length === 0) return ['## Failed log-ins', 'None.'];
  return [
    '## Failed log-ins',
    table(
      ['user', 'SQLSTATE', 'reason', 'attempts', 'addresses', 'first', 'last'],
      listed.map((one) => [
        code(one.user),
        code(one.sqlstate),
        code(one.reason),
        one.attempts,
        codes(one.addresses),
        one.first,
        one.last,
      ]),
    ),
    others === 0 ? '' : `${many(others, 'attempt')} more, of other users or for other reasons.`,
  ];
}

function consent({ consent: listed, other_consent: others }: Report): Section {
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

function alerts({ alerts: { total, first } }: Report): Section {
  if (total === 0) return ['## Alerts', 'None.'];
  return [
    '## Alerts',
    table(
      ['time', 'rule', 'kind', 'actor', 'role', 'observed', 'threshold', 'what'],
      first.map((one) => [
        one.time,
        code(one.rule),
        code(one.kind),
        code(one.actor),
        codeOrNone(one.role),
        one.observed ?? '-',
        one.threshold ?? '-',
        code(one.detail),
      ]),
    ),
    leftOut(total, first.length),
  ];
}

function gaps({ drops, recoveries, trims, interrupted }: Report): Section {
  const notes = (title: string, { total, first }: Report['trims']): string =>
    total === 0
      ? `${title}: none.`
      : `${title}: ${total}.\n\n${table(
          ['time', 'chain', 'what'],
          first.map((one) => [one.time, code(one.instance), code(one.detail)]),
        )}`;
  return [
    '## Lost events, recoveries, interrupted statements',
    drops.total === 0
      ? 'Lost events: none.'
      : `Lost events: ${drops.lost_events}.\n\n${table(
          ['time', 'chain', 'events', 'from', 'to', 'reason'],
          drops.first.map((one) => [
            one.time,
            code(one.instance),
            one.events,
            one.since ?? '-',
            one.until ?? '-',
            code(one.reason),
          ]),
        )}`,
    leftOut(drops.total, drops.first.length),
    notes('Recoveries after a crash', recoveries),
    leftOut(recoveries.total, recoveries.first.length),
    notes('Old events deleted from the stream as configured', trims),
    leftOut(trims.total, trims.first.length),
    interrupted.total === 0
      ? 'Interrupted statements: none.'
      : `Interrupted statements: ${interrupted.total}. The proxy stopped before their end was known; they may have returned rows.\n\n${table(
          ['time', 'actor', 'role', 'statement', 'tables'],
          interrupted.first.map((one) => [
            one.time,
            code(one.actor),
            codeOrNone(one.role),
            code(one.statement),
            codes({ names: one.tables, more: false }),
          ]),
        )}`,
    leftOut(interrupted.total, interrupted.first.length),
  ];
}

function leftOut(total: number, listed: number): string {
  return total > listed ? `${total - listed} more are not listed.` : '';
}

function sumOf(figures: readonly number[]): number {
  return figures.reduce((sum, each) => sum + each, 0);
}
