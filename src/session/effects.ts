/**
 * What statements do to the session: names that come and go, settings, transactions. Announced when a
 * statement is sent, carried out when the server has completed it. It knows effects, not texts.
 */
import { afterEffect } from '../enforce/session-settings.js';
import type { PlanFacts, Refusal, SessionEffect } from '../enforce/types.js';
import { toByteString } from '../wire/byte-string.js';
import type { NameChange } from './name-table.js';
import type { Portal, Prepared } from './prepared.js';
import { refusals } from './refusals.js';
import type { SessionState } from './session-state.js';
import type { StatementRun } from './statement-run.js';

/** The facts a statement stands for, or why it may not run. `of`: the prepared statement or cursor that it reads. */
export type SourceOutcome =
  | { readonly ok: true; readonly facts: PlanFacts; readonly of?: Prepared | Portal }
  | { readonly ok: false; readonly refusal: Refusal };

/** EXECUTE and FETCH read what their prepared statement or cursor reads. */
export function sourceOf(
  facts: PlanFacts,
  state: SessionState,
  stance: Pick<Prepared, 'epoch' | 'acting'>,
): SourceOutcome {
  const { effect } = facts;
  const { epoch } = stance;
  if (effect?.kind === 'execute') {
    // FAIL-CLOSED: a name that this session has not prepared may stand for anything.
    const prepared = state.statements.expected(toByteString(effect.name));
    if (prepared?.facts === undefined) return { ok: false, refusal: refusals.unknownPrepared() };
    if (prepared.epoch !== epoch) return { ok: false, refusal: refusals.stalePrepared() };
    if (!isPreparable(prepared)) return { ok: false, refusal: refusals.notPreparable() };
    const refusal = cursorProblem(prepared.facts.cursors, state, stance);
    if (refusal !== undefined) return { ok: false, refusal };
    return { ok: true, facts: { ...prepared.facts, command: facts.command }, of: prepared };
  }
  if (effect?.kind === 'fetch') {
    const portal = state.portals.expected(toByteString(effect.name));
    if (portal?.prepared.facts === undefined) return { ok: false, refusal: refusals.unknownPortal() };
    const refusal = cursorProblem([effect.name], state, stance);
    if (refusal !== undefined) return { ok: false, refusal };
    return { ok: true, facts: { ...portal.prepared.facts, command: facts.command }, of: portal };
  }
  // PREPARE names the cursor, and EXECUTE writes through it.
  if (effect?.kind === 'prepare') return { ok: true, facts };
  const refusal = cursorProblem(facts.cursors, state, stance);
  return refusal === undefined ? { ok: true, facts } : { ok: false, refusal };
}

/**
 * INVARIANT(cursors-stay): a cursor that was opened under another role, purpose or actor is not read on, and no row of it
 * is written: its rows may be withheld now.
 */
function cursorProblem(
  names: readonly string[] | undefined,
  state: SessionState,
  { epoch, acting }: Pick<Prepared, 'epoch' | 'acting'>,
): Refusal | undefined {
  for (const name of names ?? []) {
    const portal = state.portals.expected(toByteString(name));
    if (portal === undefined) return refusals.unknownPortal();
    // FAIL-CLOSED: FETCH would run what EXECUTE, FETCH or a SET stands for, and only Execute follows that.
    if (portal.prepared.facts?.effect !== undefined) return refusals.unreadablePortal();
    if (portal.prepared.acting !== acting) return refusals.foreignPortal();
    if (portal.prepared.epoch !== epoch && portal.transaction !== state.transaction)
      return refusals.stalePortal();
  }
  return undefined;
}

/** PreparableStmt of gram.y, as the planner names their kinds. */
const PREPARABLE: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/**
 * INVARIANT(execute-runs-queries): Parse takes any statement, and the server's EXECUTE runs it. What a FETCH, a COPY, a
 * DEALLOCATE or a SET would do there is not followed, so EXECUTE runs only what PREPARE could have prepared.
 */
function isPreparable({ parse, command, facts }: Prepared): boolean {
  return parse === undefined || (PREPARABLE.has(command) && facts?.effect === undefined);
}

/** What the statement reads is known only when answers under way have come. */
export function awaitsNames({ effect, cursors = [] }: PlanFacts, state: SessionState): boolean {
  const { statements, portals, batch } = state;
  if (cursors.some((name) => portals.unsettled(toByteString(name), batch))) return true;
  if (effect?.kind === 'execute') return statements.unsettled(toByteString(effect.name), batch);
  return effect?.kind === 'fetch' && portals.unsettled(toByteString(effect.name), batch);
}

export interface AnnouncedChanges {
  readonly statementChange: NameChange<Prepared> | undefined;
  readonly portalChange: NameChange<Portal> | undefined;
}

/**
 * INVARIANT(portals-read-one): the server keeps the rest of what a suspended portal has read (FillPortalStore in
 * src/backend/tcop/pquery.c), though the name in its EXECUTE or FETCH may stand for something else by now.
 */
export function readsOn(portal: Portal, source: Prepared | Portal | undefined): Refusal | undefined {
  if (source === undefined) return undefined;
  portal.reads ??= source;
  return portal.reads === source ? undefined : refusals.replacedSource();
}

/**
 * INVARIANT(made-by-sql): Bind and Execute take what PREPARE and DECLARE have made, and then run the query in it: it
 * changes no names, and its rows count.
 */
function madeBySql(prepared: Prepared, command: 'EXECUTE' | 'FETCH'): Prepared {
  const { facts } = prepared;
  return {
    ...prepared,
    command,
    facts: facts === undefined ? undefined : { ...facts, command, effect: undefined },
  };
}

/** Call when the statement is sent. */
export function announceEffect(
  effect: SessionEffect | undefined,
  prepared: Prepared,
  state: SessionState,
): AnnouncedChanges {
  let statementChange: NameChange<Prepared> | undefined;
  let portalChange: NameChange<Portal> | undefined;
  switch (effect?.kind) {
    case 'prepare':
      statementChange = state.statements.announce(
        toByteString(effect.name),
        madeBySql(prepared, 'EXECUTE'),
        state.batch,
      );
      break;
    case 'deallocate':
      statementChange = state.statements.announce(wireName(effect.name), undefined, state.batch);
      break;
    case 'declare-cursor':
      portalChange = state.portals.announce(
        toByteString(effect.name),
        { prepared: madeBySql(prepared, 'FETCH'), transaction: state.transaction, declared: true },
        state.batch,
      );
      break;
    case 'close-cursor':
      portalChange = state.portals.announce(wireName(effect.name), undefined, state.batch);
      break;
    case 'discard-all':
      statementChange = state.statements.announce(undefined, undefined, state.batch);
      portalChange = state.portals.announce(undefined, undefined, state.batch);
      break;
    case 'execute':
    case 'fetch':
    case 'set':
    case 'transaction':
    case undefined:
      break;
  }
  count(effect, state, 1);
  return { statementChange, portalChange };
}

/** Call once when its answer has come, or was skipped. `tag` is CommandComplete's. */
export function settleEffect(run: StatementRun, state: SessionState, tag: string | undefined): void {
  const effect = run.facts?.effect;
  const done = tag !== undefined;
  if (run.statementChange !== undefined)
    if (done) state.statements.confirm(run.statementChange);
    else state.statements.withdraw(run.statementChange);
  if (run.portalChange !== undefined)
    if (done) state.portals.confirm(run.portalChange);
    else state.portals.withdraw(run.portalChange);
  // A refused statement was announced as nothing.
  if (run.poison !== undefined) return;
  count(effect, state, -1);
  if (!done || effect === undefined) return;
  // COMMIT of a failed transaction answers ROLLBACK (EndTransactionBlock in xact.c).
  state.settings = afterEffect(state.settings, effect, tag === 'ROLLBACK');
  if (effect.kind !== 'transaction') return;
  if (effect.what === 'commit' || effect.what === 'rollback') state.transaction++;
  if (effect.what !== 'begin' && effect.what !== 'savepoint' && effect.what !== 'release')
    state.failed = false;
}

/** Errors that come before a statement has done anything to names. */
const NOT_RUN: ReadonlySet<string> = new Set([
  '25001', // PreventInTransactionBlock in xact.c
  '25P02', // in a failed transaction
  '42P03', // a cursor of that name exists
  '42P05', // a prepared statement of that name exists
]);

/**
 * INVARIANT(names-in-doubt): the statement under way has failed. The last of a Query is committed before the server tells
 * of its end (exec_simple_query in src/backend/tcop/postgres.c), and names that it made or took away stay so when the
 * commit fails. What they mean is not known then, so the session knows them no more.
 */
export function doubtEffect(run: StatementRun, state: SessionState, sqlstate: string): void {
  if (NOT_RUN.has(sqlstate)) return;
  if (run.statementChange !== undefined) state.statements.doubt(run.statementChange);
  if (run.portalChange !== undefined) state.portals.doubt(run.portalChange);
}

/** Names in statements are text, those in messages the bytes of it. */
function wireName(name: string | undefined): string | undefined {
  return name === undefined ? undefined : toByteString(name);
}

/** Statements on their way whose answers change settings. */
function count(effect: SessionEffect | undefined, state: SessionState, by: 1 | -1): void {
  if (effect?.kind === 'set' || effect?.kind === 'discard-all') state.settingsUnderWay += by;
  else if (effect?.kind === 'transaction') state.transactionsUnderWay += by;
}
