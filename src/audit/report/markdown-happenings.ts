/** What happened beside statements, and what the log lacks or had to repair, as tables. */
import type { Report } from './schema.js';
import { code, codeOrNone, codes, leftOut, many, table, type Section } from './markdown-text.js';

export function guardTrips({ guard_trips: { total, first } }: Report): Section {
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

export function failedLogins({ failed_logins: listed, other_failed_logins: others }: Report): Section {
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

export function alerts({ alerts: { total, first } }: Report): Section {
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

export function gaps({ drops, recoveries, trims, interrupted }: Report): Section {
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
    notes('Old events deleted as configured', trims),
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
