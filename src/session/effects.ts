/**
 * What statements do to the session: names that come and go, the search path, transactions. Announced when a
 * statement is sent, carried out when the server has completed it. It knows effects, not texts.
 */
import type { PlanFacts, Refusal, SessionEffect } from '../enforce/types.js';
import { toByteString } from '../wire/byte-string.js';
import type { NameChange } from './name-table.js';
import type { Portal, Prepared } from './prepared.js';
import { refusals } from './refusals.js';
import type { SessionState } from './session-state.js';
import type { StatementRun } from './statement-run.js';

/** The facts a statement stands for, or why it may not run. */
export type SourceOutcome =
  { readonly ok: true; readonly facts: PlanFacts } | { readonly ok: false; readonly refusal: Refusal };

/** EXECUTE and FETCH read what their prepared statement or cursor reads. */
export function sourceOf(facts: PlanFacts, state: SessionState, epoch: string): SourceOutcome {
  const { effect } = facts;
  if (effect?.kind === 'execute') {
    // FAIL-CLOSED: a name that this session has not prepared may stand for anything.
    const prepared = state.statements.expected(toByteString(effect.name));
    if (prepared?.facts === undefined) return { ok: false, refusal: refusals.unknownPrepared() };
    if (prepared.epoch !== epoch) return { ok: false, refusal: refusals.stalePrepared() };
    return { ok: true, facts: { ...prepared.facts, command: facts.command } };
  }
  if (effect?.kind === 'fetch') {
    const portal = state.portals.expected(toByteString(effect.name));
    if (portal?.prepared.facts === undefined) return { ok: false, refusal: refusals.unknownPortal() };
    if (portal.prepared.epoch !== epoch && portal.transaction !== state.transaction)
      return { ok: false, refusal: refusals.stalePortal() };
    return { ok: true, facts: { ...portal.prepared.facts, command: facts.command } };
  }
  return { ok: true, facts };
}

/** What the statement reads is known only when answers under way have come. */
export function awaitsNames(effect: SessionEffect | undefined, state: SessionState): boolean {
  if (effect?.kind === 'execute') return state.statements.unsettled(toByteString(effect.name), state.batch);
  return effect?.kind === 'fetch' && state.portals.unsettled(toByteString(effect.name), state.batch);
}

export interface AnnouncedChanges {
  readonly statementChange: NameChange<Prepared> | undefined;
  readonly portalChange: NameChange<Portal> | undefined;
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
      statementChange = state.statements.announce(toByteString(effect.name), prepared, state.batch);
      break;
    case 'deallocate':
      statementChange = state.statements.announce(wireName(effect.name), undefined, state.batch);
      break;
    case 'declare-cursor':
      portalChange = state.portals.announce(
        toByteString(effect.name),
        { prepared, transaction: state.transaction, declared: true },
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
    case 'set-search-path':
    case 'transaction':
    case undefined:
      break;
  }
  if (changesPath(effect)) state.unsettledPath++;
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
  if (run.poison === undefined && changesPath(effect)) state.unsettledPath--;
  if (!done || effect === undefined || run.poison !== undefined) return;
  if (effect.kind === 'set-search-path') state.path.set(effect.path, effect.local);
  else if (effect.kind === 'discard-all') {
    state.path.set(undefined, false);
    state.path.commit();
  } else if (effect.kind === 'transaction') settleTransaction(effect, state, tag);
}

function settleTransaction(
  effect: Extract<SessionEffect, { kind: 'transaction' }>,
  state: SessionState,
  tag: string,
): void {
  switch (effect.what) {
    case 'begin':
      break;
    case 'commit':
      // COMMIT of a failed transaction answers ROLLBACK (EndTransactionBlock in xact.c).
      if (tag === 'ROLLBACK') state.path.rollback();
      else state.path.commit();
      state.transaction++;
      state.failed = false;
      break;
    case 'rollback':
      state.path.rollback();
      state.transaction++;
      state.failed = false;
      break;
    case 'savepoint':
      state.path.savepoint(effect.name);
      break;
    case 'release':
      state.path.release(effect.name);
      break;
    case 'rollback-to':
      state.path.rollbackTo(effect.name);
      state.failed = false;
      break;
  }
}

/** Names in statements are text, those in messages the bytes of it. */
function wireName(name: string | undefined): string | undefined {
  return name === undefined ? undefined : toByteString(name);
}

function changesPath(effect: SessionEffect | undefined): boolean {
  return effect?.kind === 'set-search-path' || effect?.kind === 'discard-all';
}
