/** The report as Markdown, for people. Says what the JSON says; only the list of data subjects stands in the JSON alone. */
import type { Report } from './schema.js';
import { exposureSection } from './markdown-exposure.js';
import { alerts, failedLogins, gaps, guardTrips } from './markdown-happenings.js';
import { policySection } from './markdown-policies.js';
import { accesses, actors, consent, refusals } from './markdown-statements.js';
import { code, leftOut, many, table, type Section } from './markdown-text.js';

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

function sumOf(figures: readonly number[]): number {
  return figures.reduce((sum, each) => sum + each, 0);
}
