/** The answer of `audit subject` for people. Pure. */
import type {
  Access,
  Accessor,
  PossibleAccess,
  RefusedAccess,
  Span,
  SubjectAnswer,
} from '../../audit/subject/answer.js';
import type { Doubt } from '../../audit/subject/finding.js';
import type { Colours } from '../io.js';

const doubts: Readonly<Record<Doubt, string>> = {
  incomplete: 'returned more subjects than were recorded, or rows whose subjects have no key in the result',
  'no-key':
    "returned rows from subjects' tables without anybody's key (aggregates, results without the key column)",
  written: "wrote rows of subjects' tables; whose is not recorded",
  interrupted: 'was interrupted; what it had returned by then is not known',
  unread: 'ran although the policy refuses it (mode: observe); what it read is not known',
  exempt: 'ran in a session that the policy does not govern; what it read is not known',
  'exempt-session': 'sessions that the policy does not govern; it may not record their statements',
  lost: 'events that could not be kept, or whose place in the spool was damaged',
};

const STATEMENT_CHARS = 300;

export function subjectAnswerText(answer: SubjectAnswer, paint: Colours): string {
  const { coverage, attributed, possible, refused } = answer;
  const lines = [
    `${number(coverage.events_read)} events of ${answer.source}${periodText(answer)} were read` +
      (coverage.first_event === null
        ? ''
        : `; they lie between ${coverage.first_event} and ${coverage.last_event}`),
    ...coverageWarnings(answer).map((line) => paint.yellow(line)),
    '',
    heading(paint, 'Accesses to data of this subject', attributed, 'none recorded'),
    ...attributed.flatMap((one) => accessLines(one, paint)),
    '',
    heading(paint, 'Possible accesses: this subject may be among them', possible, 'none'),
    ...possible.flatMap((one) => possibleLines(one, paint)),
    '',
    heading(paint, "Refused statements on subjects' tables", refused, 'none'),
    ...refused.flatMap((one) => refusedLines(one, paint)),
  ];
  if (coverage.refused_unread > 0)
    lines.push(
      `  ${number(coverage.refused_unread)} more were refused before it was known what they would have read`,
    );
  return `${lines.join('\n')}\n`;
}

function periodText({ since, until }: SubjectAnswer): string {
  return (since === null ? '' : ` from ${since}`) + (until === null ? '' : ` until ${until}`);
}

function coverageWarnings({ since, coverage }: SubjectAnswer): string[] {
  const {
    unreadable,
    begins_late: late,
    other_key: otherKey,
    first_event: first,
    grouped_together: together,
  } = coverage;
  return [
    ...(unreadable.count === 0
      ? []
      : [
          `${number(unreadable.count)} places cannot be read, so the answer may not be complete; run "pgveil audit verify":`,
          ...unreadable.places.map((place) => `  ${printable(place)}`),
        ]),
    ...(otherKey === 0
      ? []
      : [
          `${number(otherKey)} events name data subjects with another key than the one given, so the answer is not complete; ask again with that key (--key-file)`,
        ]),
    ...late.map(
      ({ instance, sequence }) =>
        `the log of "${printable(instance)}" begins with its event ${number(sequence)}: what came before is not there; "pgveil audit verify" says whether it was trimmed`,
    ),
    ...(since !== null && first !== null && first > since ? [`no event is older than ${first}`] : []),
    ...(together === 0
      ? []
      : [`${number(together)} events had more kinds than are listed; they stand under "(various)"`]),
  ];
}

function heading(paint: Colours, title: string, groups: readonly Span[], none: string): string {
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  return paint.bold(`${title}: ${count === 0 ? none : number(count)}`);
}

function accessLines(access: Access, paint: Colours): string[] {
  const { columns } = access;
  const observed = access.decision === 'observed' ? ' (mode observe: nothing was masked)' : '';
  return [
    spanLine(access, paint),
    `    ${whoText(access)}`,
    `    seen clear: ${list(columns.clear)}; masked: ${list(columns.masked)}${observed}`,
    ...(access.status === 'Success' ? [] : [`    the statement ended as: ${access.status.toLowerCase()}`]),
    `    ${paint.dim(shortened(access.statement))}`,
    `    from ${list(access.addresses)}; policy ${list(access.policies)}; first event ${access.first_event.uid}, ${access.first_event.place}`,
  ];
}

function possibleLines(one: PossibleAccess, paint: Colours): string[] {
  const lines = [spanLine(one, paint), `    ${doubts[one.reason]}`];
  if (one.reason === 'lost') return lines;
  lines.push(`    ${whoText(one)}`);
  if (one.reason === 'exempt-session') return lines;
  const more = one.statements - one.examples.length;
  lines.push(
    `    ${number(one.rows)} rows; tables: ${one.tables.length === 0 ? 'not known' : list(one.tables)}`,
    ...one.examples.map((text) => `    ${paint.dim(shortened(text))}`),
    ...(more > 0 ? [`    and ${number(more)} other statements`] : []),
  );
  return lines;
}

function refusedLines(one: RefusedAccess, paint: Colours): string[] {
  return [
    spanLine(one, paint),
    `    ${whoText(one)}`,
    `    ${one.sqlstate ?? ''} ${printable(one.reason ?? '')} (${list(one.rules)})`,
    `    ${paint.dim(shortened(one.statement))}`,
  ];
}

function spanLine({ count, first, last }: Span, paint: Colours): string {
  return `  ${paint.cyan(`${number(count)} ×`)} ${first}${last === first ? '' : ` to ${last}`}`;
}

function whoText({ user, claimed_actor: actor, role, purpose, legal_basis: basis }: Accessor): string {
  const parts = [
    `user ${printable(user)}`,
    ...(actor === null ? [] : [`saying that it acts for "${printable(actor)}"`]),
    role === null ? 'no role' : `role ${printable(role)}`,
    ...(purpose === null ? [] : [`purpose ${printable(purpose)}`]),
    ...(basis === null ? [] : [`legal basis ${printable(basis)}`]),
  ];
  return parts.join(', ');
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? 'none' : texts.map(printable).join(', ');
}

function shortened(text: string): string {
  const line = printable(text).replace(/\s+/g, ' ').trim();
  return line.length <= STATEMENT_CHARS ? line : `${line.slice(0, STATEMENT_CHARS - 1)}…`;
}

/** A name may hold escape sequences, and a terminal would obey them. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
