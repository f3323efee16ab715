/** One audit event on one short line: the demo's own form of audit/format.ts, cut to the terminal's width. */
import type { AuditEvent } from '../../audit/ocsf.js';
import type { Colours } from '../io.js';

/** SPEC 6's action ids in one word each. */
const ACTIONS: Readonly<Record<number, string>> = { 1: 'allowed', 2: 'denied', 3: 'observed', 4: 'modified' };

/** `width` cuts the statement, so that a terminal shows one line an event; without it nothing is cut. */
export function eventLine(event: AuditEvent, colours: Colours, width?: number): string {
  const { role, purpose, rows } = event.unmapped;
  const action = ACTIONS[event.action_id] ?? '?';
  const who = role === null ? '-' : purpose === null || purpose === role ? role : `${role}/${purpose}`;
  const what = event.query_info.query_string === '' ? event.activity_name : event.query_info.query_string;
  const end =
    event.status_code === null
      ? rows === null || event.query_info.query_string === ''
        ? ''
        : `${rows} ${rows === 1 ? 'row' : 'rows'}`
      : event.status_code;
  const head = [
    new Date(event.time).toISOString().slice(11, 19),
    printable(event.actor.user.name).padEnd(13),
    printable(who).padEnd(9),
  ].join('  ');
  const tail = end === '' ? '' : `  ${end}`;
  const room = width === undefined ? Infinity : Math.max(20, width - head.length - 12 - tail.length);
  return `${head}  ${painted(action, colours)}  ${cut(printable(what), room)}${colours.dim(tail)}`;
}

function painted(action: string, colours: Colours): string {
  const padded = action.padEnd(8);
  if (action === 'denied') return colours.red(padded);
  if (action === 'modified') return colours.yellow(padded);
  return colours.green(padded);
}

/** A user chooses the name and the text of a statement; control characters in them must not reach a terminal. */
function printable(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd')
    .trim();
}

function cut(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}
