/**
 * Takes out of errors and notices what may carry a row's value (DESIGN 5.6). `Failing row contains (…)` prints a raw
 * row, `invalid input syntax for type integer: "…"` a column's text. It knows SQLSTATE classes, no statements.
 */
import { toByteString } from '../wire/byte-string.js';
import { encodeFrame, openFrame } from '../wire/codec.js';
import { backendTypes } from '../wire/message-types.js';
import { type ErrorField, errorResponse } from '../wire/messages/error-response.js';

/**
 * Classes (PostgreSQL manual, appendix A) whose messages were reviewed and hold names and fixed words only. Messages
 * of 42 may quote the statement's own text, which the client wrote.
 * FAIL-CLOSED: every other class gets a text of ours.
 */
const REVIEWED_CLASSES: ReadonlySet<string> = new Set([
  '00',
  '01',
  '02',
  '08',
  '0A',
  '25',
  '26',
  '28',
  '2D',
  '34',
  '3B',
  '3D',
  '3F',
  '40',
  '42',
  '53',
  '54',
  '55',
  '57',
]);

/** Codes of reviewed classes whose message can hold a value nevertheless. */
const UNREVIEWED_CODES: ReadonlySet<string> = new Set(['01004']); // string_data_right_truncation

/**
 * Codes that functions also raise about the text they are given: to_tsquery and jsonpath 42601, casts to regclass,
 * regtype and the like the others. Of the client's own statement they come with a position in it.
 */
const CODES_WITH_POSITION: ReadonlySet<string> = new Set([
  '42601',
  '42602',
  '42622',
  '42703',
  '42704',
  '42725',
  '42883',
  '42939',
  '42P01',
  '42P02',
]);

/** Severity and SQLSTATE. */
const KEPT_FIELDS: ReadonlySet<string> = new Set(['S', 'V', 'C']);

/** The names of objects: schema, table, column, data type, constraint. RAISE can put any text there. */
const NAME_FIELDS: ReadonlySet<string> = new Set(['s', 't', 'c', 'd', 'n']);

/** What happened, by SQLSTATE class, for those whose messages are replaced. */
const TEXT_BY_CLASS: Readonly<Record<string, string>> = {
  '21': 'cardinality violation',
  '22': 'data exception',
  '23': 'integrity constraint violation',
  '38': 'external routine exception',
  '39': 'external routine invocation exception',
  '44': 'the row violates a check option',
  P0: 'error raised by a function',
};

const TEXT_BY_CODE: Readonly<Record<string, string>> = {
  '21000': 'a subquery or command produced more rows than allowed',
  '22001': 'value too long for its type',
  '22003': 'numeric value out of range',
  '22007': 'invalid date or time format',
  '22008': 'date or time field out of range',
  '22012': 'division by zero',
  '22021': 'invalid byte sequence for the encoding',
  '22023': 'invalid parameter value',
  '22P02': 'invalid input syntax for a type',
  '22P03': 'invalid binary format for a type',
  '22P04': 'malformed COPY data',
  '23502': 'null value violates a not-null constraint',
  '23503': 'a foreign key constraint is violated',
  '23505': 'a duplicate key value violates a unique constraint',
  '23514': 'a check constraint is violated',
  '23P01': 'an exclusion constraint is violated',
  '40001': 'could not serialize access',
  '40P01': 'deadlock detected',
  '42501': 'permission denied',
  '54001': 'stack depth limit exceeded',
  '55P03': 'could not obtain a lock',
  '57014': 'canceling statement',
};

/** An ErrorResponse or NoticeResponse frame without values, of the same type. */
export function scrubError(frame: Buffer): Buffer {
  const { fields } = errorResponse.decode(openFrame(frame, 'error-response'));
  const code = fields.find(([letter]) => letter === 'C')?.[1] ?? 'XX000';
  const isNotice = frame[0] === backendTypes['notice-response'];
  const raised = isRaised(fields);
  const reviewed = isReviewed(code, isNotice) && !raised && !isFromInside(fields, code);
  const kept: ErrorField[] = [];
  for (const field of fields) {
    if (field[0] === 'M')
      kept.push(['M', reviewed ? field[1] : toByteString(`pgveil: ${replacement(code, isNotice)}`)]);
    else if (KEPT_FIELDS.has(field[0]) || (!raised && NAME_FIELDS.has(field[0]))) kept.push(field);
  }
  return encodeFrame(frame[0]!, errorResponse, { kind: 'error-response', fields: kept });
}

function isReviewed(code: string, isNotice: boolean): boolean {
  // RAISE NOTICE says 00000, RAISE WARNING 01000, unless told otherwise: their text is a function's own, so data.
  if (isNotice && (code === '00000' || code === '01000')) return false;
  return REVIEWED_CLASSES.has(code.slice(0, 2)) && !UNREVIEWED_CODES.has(code);
}

/** RAISE may use any SQLSTATE, so the source file of the error tells: those of the procedural languages. */
function isRaised(fields: readonly ErrorField[]): boolean {
  const file = fields.find(([letter]) => letter === 'F')?.[1] ?? '';
  return /^(pl_|plperl|plpy|pltcl|plv8)/.test(file);
}

/**
 * Raised while a function, a trigger or a foreign server worked for the statement: a context says so, or an internal
 * query, and a statement that a function makes up can hold any value as a name.
 */
function isFromInside(fields: readonly ErrorField[], code: string): boolean {
  const has = (letter: string): boolean => fields.some(([one]) => one === letter);
  return has('W') || has('q') || has('p') || (CODES_WITH_POSITION.has(code) && !has('P'));
}

function replacement(code: string, isNotice: boolean): string {
  const text = TEXT_BY_CODE[code] ?? TEXT_BY_CLASS[code.slice(0, 2)];
  if (text !== undefined) return `${text}; the text is withheld because it may carry a value`;
  return `${isNotice ? 'notice' : 'error'} text withheld because it may carry a value`;
}
