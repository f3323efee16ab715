/** Refusals that the session makes itself, because they depend on its state and not on the statement alone. */
import { emptyFacts } from '../enforce/empty-facts.js';
import type { Plan, QueryPlan, Planner, Refusal, RefusalCode } from '../enforce/types.js';
import { errorCatalog } from '../errors/catalog.js';

function refusal(
  code: RefusalCode,
  message: string,
  detail: string,
  sqlstate?: string,
  hint?: string,
): Refusal {
  const entry = errorCatalog[code];
  return {
    code,
    sqlstate: sqlstate ?? entry.sqlstate,
    message,
    detail,
    hint: hint ?? entry.recovery,
    rule: `pgveil.${code}`,
  };
}

export const refusals = {
  unknownPrepared: () =>
    refusal(
      'unknown-prepared-statement',
      'this prepared statement does not exist',
      'the session has not prepared a statement of this name',
    ),
  duplicatePrepared: () =>
    refusal(
      'unknown-prepared-statement',
      'a prepared statement of this name already exists',
      'each name stands for one statement until it is closed',
      // duplicate_prepared_statement
      '42P05',
      'close it first, or choose another name',
    ),
  notPreparable: () =>
    refusal(
      'unknown-prepared-statement',
      'EXECUTE cannot run this prepared statement',
      'it runs SELECT, VALUES, INSERT, UPDATE, DELETE and MERGE, as PREPARE takes them',
      undefined,
      'run it with the Bind and Execute messages that it was prepared for, or send its text',
    ),
  stalePrepared: () =>
    refusal(
      'unknown-prepared-statement',
      'this prepared statement was made under another role, purpose, policy or catalog',
      'EXECUTE would run it with the protection of that time',
    ),
  unknownPortal: () =>
    refusal(
      'unknown-prepared-statement',
      'this cursor or portal does not exist',
      'the session has not opened one of this name',
      '34000',
      'declare the cursor again',
    ),
  stalePortal: () =>
    refusal(
      'unknown-prepared-statement',
      'this cursor was declared under an earlier policy or catalog',
      'FETCH would show rows with the protection of that time',
      '34000',
      'declare the cursor again',
    ),
  foreignPortal: () =>
    refusal(
      'unknown-prepared-statement',
      'this cursor was opened under another role, purpose or actor',
      'nothing that was opened before a change of the claim is read on behind it',
      '34000',
      'declare the cursor again',
    ),
  unreadablePortal: () =>
    refusal(
      'unknown-prepared-statement',
      'FETCH does not read from this portal',
      'it was bound to EXECUTE, FETCH, SET or another statement that is not a query itself',
      '34000',
      'read it with the Execute message, or declare a cursor',
    ),
  replacedSource: () =>
    refusal(
      'unknown-prepared-statement',
      'what this portal reads has been closed or made again',
      'the rest of its rows belongs to the prepared statement or cursor of that time',
      '34000',
      'bind the statement again',
    ),
  ownName: () =>
    refusal(
      'statement-not-allowed',
      'this name is reserved',
      'prepared statements and cursors whose names begin with "pgveil_" are made by the proxy alone',
      // reserved_name
      '42939',
      'choose another name',
    ),
  mixedLimits: () =>
    refusal(
      'row-limit',
      'a text that changes the role cannot be counted against row limits',
      'one of its roles has limits on the rows that it is shown',
      undefined,
      'send the change of the role in a text of its own',
    ),
  functionCall: (): Refusal => ({
    code: 'function-not-allowed',
    sqlstate: errorCatalog['function-call-not-allowed'].sqlstate,
    message: 'the fast-path function call is not allowed',
    detail: 'a FunctionCall message names a function by number and cannot be checked',
    hint: errorCatalog['function-call-not-allowed'].recovery,
    rule: 'pgveil.function-call-not-allowed',
  }),
  tooLarge: (limit: number) =>
    refusal(
      'statement-too-large',
      `the statement is longer than ${limit} bytes`,
      'limits.statement_bytes bounds the text of one message',
    ),
  preparedFull: () =>
    refusal(
      'statement-too-large',
      'the prepared statements of this session take too much memory',
      'each session may keep a bounded amount of text',
      '53200',
      'close prepared statements that are not needed any more',
    ),
  catalogStale: () =>
    refusal(
      'catalog-stale',
      'the catalog of this database is not ready',
      'without it no statement can be checked',
    ),
  auditUnavailable: () =>
    refusal(
      'audit-unavailable',
      'the audit log cannot take events',
      'audit.durability is strict, so the statement has not run',
    ),
};

/** A plan that refuses a text without a look at it. `sql` undefined: not even the text is there. */
export function refusedPlan(planner: Planner, sql: Uint8Array | undefined, why: Refusal): QueryPlan {
  const seen = sql === undefined ? undefined : planner.describe(sql);
  const plan: Plan = { kind: 'refuse', refusal: why, facts: emptyFacts(seen?.command ?? 'UNKNOWN') };
  return {
    plans: [plan],
    auditText: seen?.auditText ?? '',
    shapeId: seen?.shapeId ?? '',
    tags: seen?.tags ?? {},
    cache: 'miss',
    epoch: '',
  };
}
