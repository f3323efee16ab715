/**
 * Which message texts of the server hold names and fixed words only, kept as data after reading PostgreSQL's source
 * (src/backend, 15 to 18) by class. It knows messages, no sessions.
 */

/** Fields of an ErrorResponse by letter. */
export type Fields = ReadonlyMap<string, string>;

/**
 * Classes (PostgreSQL manual, appendix A) whose messages hold names and fixed words only. Messages of 42 may quote the
 * statement's own text, which the client wrote.
 * FAIL-CLOSED: a message of another class is kept only if it is one of the texts or templates below.
 */
const REVIEWED_CLASSES: ReadonlySet<string> = new Set([
  '02', '25', '26', '28', '2D', '34', '3B', '3D', '3F', '40', '42', '53', '55', '57',
]); // prettier-ignore

/**
 * Codes that functions also raise about the text they are given: to_tsquery and jsonpath 42601, casts to regclass,
 * regtype and the like the others, extract() 0A000. Of the client's own statement they come with a position in it.
 */
const CODES_WITH_POSITION: ReadonlySet<string> = new Set([
  '0A000', '42601', '42602', '42622', '42703', '42704', '42725', '42883', '42939', '42P01', '42P02',
]); // prettier-ignore

/** Whole messages without a single variable part, so they tell no more than their code. */
const FIXED: ReadonlySet<string> = new Set([
  'a negative number raised to a non-integer power yields a complex result',
  'bigint out of range',
  'cached plan must not change result type',
  'cannot take logarithm of a negative number',
  'cannot take logarithm of zero',
  'cannot take square root of a negative number',
  'canceling statement due to lock timeout',
  'canceling statement due to statement timeout',
  'canceling statement due to user request',
  'could not obtain lock on row',
  'could not serialize access due to concurrent delete',
  'could not serialize access due to concurrent update',
  'could not serialize access due to read/write dependencies among transactions',
  'date out of range',
  'deadlock detected',
  'division by zero',
  'integer out of range',
  'interval out of range',
  'invalid memory alloc request size',
  'lower bound of range must be less than or equal to upper bound of range',
  'malformed array literal',
  'more than one row returned by a subquery used as an expression',
  'negative substring length not allowed',
  'numeric field overflow',
  'ON CONFLICT DO UPDATE command cannot affect row a second time',
  'smallint out of range',
  'stack depth limit exceeded',
  'timestamp out of range',
  'value overflows numeric format',
  'value out of range: overflow',
  'value out of range: underflow',
  'zero raised to a negative power is undefined',
]);

/** Messages that the error's own name fields make up in full; those fields are kept anyway. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  '23502': ['null value in column "{c}" of relation "{t}" violates not-null constraint'],
  '23503': ['insert or update on table "{t}" violates foreign key constraint "{n}"'],
  '23505': ['duplicate key value violates unique constraint "{n}"'],
  '23514': [
    'new row for relation "{t}" violates check constraint "{n}"',
    'value for domain {d} violates check constraint "{n}"',
  ],
  '23P01': ['conflicting key value violates exclusion constraint "{n}"'],
};

/** Names of two tables and a constraint (ri_ReportViolation in ri_triggers.c); one table stands in no field. */
const FOREIGN_KEY =
  /^update or delete on table "[^"]+" violates (?:foreign key|RESTRICT setting of foreign key) constraint "[^"]+" on table "[^"]+"$/;

/** What a message begins with and may keep; behind it stands the value. */
const BEGINNINGS: Readonly<Record<string, RegExp>> = {
  '22001': /^value too long for type (?:character varying|character|bit varying)\(\d+\)$/,
  '22007':
    /^invalid input syntax for type (?:date|time|interval|timestamp|(?:time|timestamp) with(?:out)? time zone)(?=: "|$)/,
  '22008': /^date\/time field value out of range(?=: "|$)/,
  '22P02':
    /^invalid input syntax for type (?:bigint|boolean|box|bytea|cidr|circle|double precision|inet|integer|json|jsonb|jsonpath|line|lseg|macaddr|money|numeric|oid|path|pg_lsn|point|polygon|real|smallint|tid|uuid|xid|xml)(?=: "|$)/,
  '22003':
    /^(?:value|"[^"]*" is) out of range for type (?:bigint|double precision|integer|numeric|oid|real|smallint)$/,
};

/** Hints without a variable part. */
const HINTS: ReadonlySet<string> = new Set([
  'Could not choose a best candidate function. You might need to add explicit type casts.',
  'Could not choose a best candidate operator. You might need to add explicit type casts.',
  'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
  'No function matches the given name and argument types. You might need to add explicit type casts.',
  'No operator matches the given name and argument type. You might need to add an explicit type cast.',
  'No operator matches the given name and argument types. You might need to add explicit type casts.',
  'See server log for query details.',
  'You will need to rewrite or cast the expression.',
]);

/**
 * The message as it may be shown, or undefined when it may carry a value.
 * @param inside - it was raised while a function, a trigger or a foreign server worked for the statement
 */
export function keptMessage(fields: Fields, inside: boolean): string | undefined {
  const message = fields.get('M') ?? '';
  const code = fields.get('C') ?? '';
  if (FIXED.has(message)) return message;
  if (TEMPLATES[code]?.some((template) => filled(template, fields) === message) === true) return message;
  const beginning = BEGINNINGS[code]?.exec(message)?.[0];
  if (FOREIGN_KEY.test(message) && code === '23503') return message;
  // What stands in quotation marks is the value.
  if (beginning !== undefined && !beginning.includes('"')) return beginning;
  if (inside) return undefined;
  if (code === '0A000') return fields.has('P') || /^[A-Za-z ,/-]+$/.test(message) ? message : undefined;
  // About the messages of the client itself; foreign servers use other codes of the class.
  if (code === '08P01') return message;
  if (!REVIEWED_CLASSES.has(code.slice(0, 2))) return undefined;
  return CODES_WITH_POSITION.has(code) && !fields.has('P') ? undefined : message;
}

export function keptHint(hint: string | undefined): string | undefined {
  return hint !== undefined && HINTS.has(hint) ? hint : undefined;
}

function filled(template: string, fields: Fields): string {
  return template.replace(/\{(\w)\}/g, (_all, letter: string) => fields.get(letter) ?? '\0');
}
