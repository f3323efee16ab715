/** What each allowed kind of statement carries: a query or write inside, an effect on the session, or neither. */
import type { CopyStmt, Node, TransactionStmtKind } from '@pgsql/types';
import { dumpSetting } from './dump-setting.js';
import { refusedLock } from './lock-statement.js';
import { refusedExplain } from './explain.js';
import { refuse } from './refusals.js';
import { decideSet, type SettingOutcome } from './settings.js';
import { decideSettingsQuery, decideShow } from './show-settings.js';
import { statementRule } from './statement-kinds.js';
import type { ByteString } from '../sql/types.js';
import type { Refusal, SessionEffect, SessionFacts } from './types.js';

export type StatementParts =
  | {
      readonly ok: true;
      /** Relations, functions and columns have to be looked at. */
      readonly touchesData: boolean;
      /** The query or write itself, for statements that wrap one. */
      readonly body: Node | undefined;
      readonly effect: SessionEffect | undefined;
      readonly reusable: boolean;
      /** What is sent instead of the statement; undefined: the statement itself. */
      readonly sql?: ByteString | undefined;
    }
  | {
      readonly ok: false;
      readonly refusal: Refusal;
      readonly reusable: boolean;
      /** Refused until this token is verified. */
      readonly awaitsToken?: string | undefined;
    };

const transactions: Readonly<
  Record<TransactionStmtKind, Extract<SessionEffect, { kind: 'transaction' }>['what'] | undefined>
> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback-to',
  // Two-phase commit would hand the transaction to another session.
  TRANS_STMT_PREPARE: undefined,
  TRANS_STMT_COMMIT_PREPARED: undefined,
  TRANS_STMT_ROLLBACK_PREPARED: undefined,
};

/** Takes a statement apart. The kind must have a rule that does not refuse. */
export function readStatement(node: Node, session: SessionFacts): StatementParts {
  if ('SelectStmt' in node) {
    const dump = dumpSetting(node.SelectStmt);
    if (dump === 'other-literals') {
      return {
        ...notAllowed('set_config of a setting read from a table', 'pg_dump alone has use for it'),
        reusable: false,
      };
    }
    if (dump !== undefined) return setting({ ok: true, effect: undefined, sql: dump });
    const outcome = decideSettingsQuery(node.SelectStmt, session);
    return outcome === undefined ? data(node, undefined) : setting(outcome);
  }
  if ('InsertStmt' in node || 'UpdateStmt' in node) return data(node, undefined);
  if ('DeleteStmt' in node || 'MergeStmt' in node) return data(node, undefined);
  if ('TransactionStmt' in node) {
    const what = transactions[node.TransactionStmt.kind ?? 'TRANS_STMT_BEGIN'];
    if (what === undefined)
      return notAllowed('two-phase commit', 'it hands the transaction to other sessions');
    const name = node.TransactionStmt.savepoint_name;
    return plain({ kind: 'transaction', what, ...(name === undefined ? {} : { name }) });
  }
  if ('PrepareStmt' in node) {
    return wrapped(node.PrepareStmt.query, { kind: 'prepare', name: node.PrepareStmt.name ?? '' });
  }
  if ('ExplainStmt' in node) {
    const refusal = refusedExplain(node.ExplainStmt);
    return refusal === undefined
      ? data(node.ExplainStmt.query, undefined)
      : { ok: false, refusal, reusable: false };
  }
  if ('ExecuteStmt' in node) return data(undefined, { kind: 'execute', name: node.ExecuteStmt.name ?? '' });
  if ('DeallocateStmt' in node) return plain({ kind: 'deallocate', name: node.DeallocateStmt.name });
  if ('DeclareCursorStmt' in node) {
    const name = node.DeclareCursorStmt.portalname ?? '';
    return wrapped(node.DeclareCursorStmt.query, { kind: 'declare-cursor', name });
  }
  if ('FetchStmt' in node) return plain({ kind: 'fetch', name: node.FetchStmt.portalname ?? '' });
  if ('ClosePortalStmt' in node)
    return plain({ kind: 'close-cursor', name: node.ClosePortalStmt.portalname });
  if ('CopyStmt' in node) return copy(node.CopyStmt);
  if ('VariableSetStmt' in node) return setting(decideSet(node.VariableSetStmt, session));
  if ('VariableShowStmt' in node) return setting(decideShow(node.VariableShowStmt.name, session), true);
  if ('DiscardStmt' in node) {
    return plain(node.DiscardStmt.target === 'DISCARD_ALL' ? { kind: 'discard-all' } : undefined);
  }
  if ('ConstraintsSetStmt' in node || 'UnlistenStmt' in node) return plain(undefined);
  if ('LockStmt' in node) {
    const refusal = refusedLock(node.LockStmt);
    return refusal === undefined ? plain(undefined) : { ok: false, refusal, reusable: true };
  }
  // FAIL-CLOSED: a kind with a rule but without a reader here is a bug, and is refused as unknown.
  const kind = Object.keys(node)[0] ?? '';
  return notAllowed(statementRule(kind)?.command ?? kind, 'this version does not know the statement');
}

/** Where literals took part, the plan fits this text only. */
function setting(outcome: SettingOutcome, reusable = false): StatementParts {
  return outcome.ok
    ? { ...outcome, touchesData: false, body: undefined, reusable }
    : { ...outcome, reusable };
}

/** PREPARE and DECLARE wrap a query or write of the kinds that may also stand alone. */
function wrapped(query: Node | undefined, effect: SessionEffect): StatementParts {
  const rule = query === undefined ? undefined : statementRule(Object.keys(query)[0] ?? '');
  if (query === undefined || (rule?.rule !== 'query' && rule?.rule !== 'write')) {
    return notAllowed(
      rule?.command ?? 'this statement',
      'it may not be prepared or declared by governed sessions',
    );
  }
  return data(query, effect);
}

function copy(statement: CopyStmt): StatementParts {
  if (statement.is_program === true || statement.filename !== undefined) {
    return notAllowed("COPY with a server's file or program", 'only STDIN and STDOUT are open');
  }
  return data(statement.query, undefined);
}

function data(body: Node | undefined, effect: SessionEffect | undefined): StatementParts {
  return { ok: true, touchesData: true, body, effect, reusable: true };
}

function plain(effect: SessionEffect | undefined, reusable = true): StatementParts {
  return { ok: true, touchesData: false, body: undefined, effect, reusable };
}

function notAllowed(what: string, why: string): StatementParts {
  const refusal = refuse('statement-not-allowed', {
    message: `${what} is not open to governed sessions`,
    detail: why,
    hint: 'use an exempt session for it',
    rule: 'pgveil:statements',
  });
  return { ok: false, refusal, reusable: true };
}
