/**
 * Takes out of errors and notices what may carry a row's value (DESIGN 5.6). `Failing row contains (…)` prints a raw
 * row, `invalid input syntax for type integer: "…"` a column's text. What may be kept stands in reviewed-errors.ts.
 */
import { toByteString } from '../wire/byte-string.js';
import { encodeFrame, openFrame } from '../wire/codec.js';
import { type ErrorField, errorResponse } from '../wire/messages/error-response.js';
import { type Fields, keptHint, keptMessage } from './reviewed-errors.js';

/** Severity and SQLSTATE. */
const KEPT_FIELDS: ReadonlySet<string> = new Set(['S', 'V', 'C']);

/** The names of objects: schema, table, column, data type, constraint. RAISE can put any text there. */
const NAME_FIELDS: ReadonlySet<string> = new Set(['s', 't', 'c', 'd', 'n']);

/** Severities that say how a statement was carried out; client_min_messages of a login may ask for them. */
const INTERNAL = /^(?:LOG|DEBUG\d?)$/;

/** Of procedural languages: whatever begins with pl, save the planner's own files. */
const FOREIGN_FILES = /^(?:pl(?!an(?:agg|cache|cat|main|ner)\.c|aceholder\.c)|Exception|Backend)/;

/** What happened, by SQLSTATE class, for those whose messages are replaced. */
const TEXT_BY_CLASS: Readonly<Record<string, string>> = {
  '0A': 'feature not supported',
  '21': 'cardinality violation',
  '22': 'data exception',
  '23': 'integrity constraint violation',
  '38': 'external routine exception',
  '39': 'external routine invocation exception',
  '44': 'the row violates a check option',
  '54': 'a limit of the server is exceeded',
  P0: 'error raised by a function',
};

const TEXT_BY_CODE: Readonly<Record<string, string>> = {
  '21000': 'a subquery or command produced more rows than allowed',
  '22001': 'value too long for its type',
  '22003': 'numeric value out of range',
  '22007': 'invalid date or time format',
  '22008': 'date or time field out of range',
  '22012': 'division by zero',
  '2201B': 'invalid regular expression',
  '22021': 'invalid byte sequence for the encoding',
  '22023': 'invalid parameter value',
  '2202E': 'wrong number of array subscripts',
  '22032': 'invalid JSON text',
  '22P02': 'invalid input syntax for a type',
  '22P03': 'invalid binary format for a type',
  '22P04': 'malformed COPY data',
  '2200M': 'invalid XML document',
  '2200N': 'invalid XML content',
  '23502': 'null value violates a not-null constraint',
  '23503': 'a foreign key constraint is violated',
  '23505': 'a duplicate key value violates a unique constraint',
  '23514': 'a check constraint is violated',
  '23P01': 'an exclusion constraint is violated',
  '40001': 'could not serialize access',
  '40P01': 'deadlock detected',
  '42501': 'permission denied',
  '42704': 'an object does not exist',
  '42883': 'a function or operator does not exist',
  '42P01': 'a relation does not exist',
  '54001': 'stack depth limit exceeded',
  '55P03': 'could not obtain a lock',
  '57014': 'canceling statement',
};

/** Where the server's position, in characters from 1, stands in what the client wrote; undefined: nowhere. */
export type PositionMap = (position: number) => number | undefined;

/** An ErrorResponse frame without values. */
export function scrubError(frame: Buffer, positions?: PositionMap): Buffer {
  const all = decoded(frame);
  const inside = isInside(all);
  const message = isRaised(all) ? undefined : keptMessage(all, inside);
  return encoded(frame, all, message ?? withheld(all.get('C') ?? 'XX000'), positions);
}

/**
 * A NoticeResponse frame without values, or undefined for one that goes nowhere: whether a function or a trigger has
 * something to say may depend on what it read, and without its text it says nothing else.
 */
export function scrubNotice(frame: Buffer): Buffer | undefined {
  const all = decoded(frame);
  if (isRaised(all) || isInside(all) || INTERNAL.test(all.get('V') ?? all.get('S') ?? '')) return undefined;
  const message = keptMessage(all, false);
  return message === undefined ? undefined : encoded(frame, all, message, undefined);
}

function decoded(frame: Buffer): Fields {
  return new Map(errorResponse.decode(openFrame(frame, 'error-response')).fields);
}

function encoded(frame: Buffer, all: Fields, message: string, positions: PositionMap | undefined): Buffer {
  const raised = isRaised(all);
  const fields: ErrorField[] = [];
  for (const [letter, value] of all) {
    if (letter === 'M') fields.push(['M', message]);
    else if (KEPT_FIELDS.has(letter) || (!raised && NAME_FIELDS.has(letter))) fields.push([letter, value]);
  }
  const hint = raised ? undefined : keptHint(all.get('H'));
  if (hint !== undefined) fields.push(['H', hint]);
  const position = raised || isInside(all) ? undefined : positions?.(Number(all.get('P') ?? NaN));
  if (position !== undefined) fields.push(['P', String(position)]);
  // Notices have the same layout; the type byte tells which it is.
  return encodeFrame(frame[0]!, errorResponse, { kind: 'error-response', fields });
}

/**
 * RAISE may use any SQLSTATE, message and name, so the source file of the error tells: those of the server itself end in
 * .c, and those of the procedural languages are known. A pooler's own errors have none, and no names either.
 */
function isRaised(fields: Fields): boolean {
  const file = fields.get('F');
  return file !== undefined && (!file.endsWith('.c') || FOREIGN_FILES.test(file));
}

/** A context says so, or an internal query: a statement that a function makes up can hold any value as a name. */
function isInside(fields: Fields): boolean {
  return fields.has('W') || fields.has('q') || fields.has('p');
}

function withheld(code: string): string {
  const text = TEXT_BY_CODE[code] ?? TEXT_BY_CLASS[code.slice(0, 2)] ?? 'the server reports an error';
  return toByteString(`pgveil: ${text}; the text is withheld because it may carry a value`);
}
