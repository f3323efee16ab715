/** One line per audit event, for people. Pure; knows nothing of where events come from. */
import { createColors } from 'picocolors';
import type { AuditEvent } from './ocsf.js';

export interface FormatOptions {
  readonly color: boolean;
}

const QUERY_CHARS = 160;

/** time, user, role/purpose, action, rows, tables, masked columns, query. */
export function formatEvent(event: AuditEvent, options: FormatOptions): string {
  const paint = createColors(options.color);
  const { unmapped } = event;
  const who = [printable(event.actor.user.name), roleText(event)].filter((part) => part !== '').join(' ');
  const masked = Object.entries(unmapped.columns).flatMap(([column, shown]) =>
    shown === 'clear' ? [] : [`${column} ${shown}`],
  );
  const parts = [
    paint.dim(new Date(event.time).toISOString()),
    paint.bold(who === '' ? '-' : who),
    actionText(event, paint),
    unmapped.rows === null ? '' : `${unmapped.rows} ${unmapped.rows === 1 ? 'row' : 'rows'}`,
    unmapped.tables.join(', '),
    masked.length === 0 ? '' : paint.yellow(`[${masked.join(', ')}]`),
    event.status_detail === null ? '' : `(${printable(event.status_detail)})`,
    paint.dim(shortened(printable(event.query_info.query_string).replace(/\s+/g, ' ').trim())),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function roleText(event: AuditEvent): string {
  const { role, purpose } = event.unmapped;
  if (role === null) return '';
  return printable(purpose === null ? role : `${role}/${purpose}`);
}

function actionText(event: AuditEvent, paint: ReturnType<typeof createColors>): string {
  const name = printable(event.activity_name);
  if (event.status === 'Interrupted') return paint.red(`${name} interrupted`);
  if (event.action_id === 2) return paint.red(`${name} denied${codeText(event)}`);
  if (event.status === 'Failure') return paint.red(`${name} failed${codeText(event)}`);
  if (event.action_id === 4) return paint.yellow(`${name} rewritten`);
  if (event.action_id === 3) return paint.cyan(`${name} observed`);
  return paint.green(`${name} allowed`);
}

function codeText(event: AuditEvent): string {
  return event.status_code === null ? '' : ` ${printable(event.status_code)}`;
}

/** A user name may hold escape sequences, and a terminal would obey them. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
}

function shortened(text: string): string {
  return text.length <= QUERY_CHARS ? text : `${text.slice(0, QUERY_CHARS - 1)}…`;
}
