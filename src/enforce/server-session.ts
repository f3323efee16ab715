/**
 * What needs a server session of one's own: it stays there behind its transaction. Behind a pooler in transaction mode the
 * next transaction runs on another one, and the next client finds what was left (PgBouncer manual, "SQL feature map for
 * pooling modes"). Whatever ends with the transaction is no matter here.
 */
import type { DeclareCursorStmt, FuncCall, Node, VariableSetStmt } from '@pgsql/types';
import { walk, type Visit } from '../sql/walk.js';
import { refuse } from './refusals.js';
import { constantText } from './settings.js';
import type { Refusal } from './types.js';

/** PgBouncer gives each client its own values of these back (its manual, "SET/RESET"). */
const tracked: ReadonlySet<string> = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'standard_conforming_strings',
  'timezone',
]);

/** Of no meaning to results: drivers set these unasked, whatever the pooler. */
const harmless: ReadonlySet<string> = new Set(['jit']);

/** CURSOR_OPT_HOLD in src/include/nodes/parsenodes.h. */
const HOLD = 0x20;

/** pg_advisory_unlock_all passes: pools of drivers send it, and a governed session has no such lock to lose. */
const sessionLocks: ReadonlySet<string> = new Set([
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_advisory_unlock',
  'pg_advisory_unlock_shared',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
]);

interface Need {
  readonly what: string;
  readonly hint: string;
}

/** Why the statement may not run on a server session that is shared; undefined: it may. */
export function serverSessionNeed(node: Node): Refusal | undefined {
  let need: Need | undefined;
  walk(node, {
    enter(visit) {
      need ??= needOf(visit);
      return undefined;
    },
  });
  if (need === undefined) return undefined;
  return refuse('server-session', {
    message: `${need.what} needs a server session of its own`,
    detail: 'a pooler in transaction mode shares the server session with other clients (upstream.pooler)',
    hint: need.hint,
    rule: 'pgveil:server-session',
  });
}

function needOf({ kind, body }: Visit): Need | undefined {
  switch (kind) {
    case 'VariableSetStmt':
      return setting(body);
    case 'PrepareStmt':
      return prepared('PREPARE', body);
    case 'ExecuteStmt':
      return prepared('EXECUTE', body);
    case 'DeallocateStmt':
      // Of all: what the session has prepared by messages is forgotten too.
      return prepared('DEALLOCATE', body);
    case 'DeclareCursorStmt':
      return ((body as DeclareCursorStmt).options ?? 0) & HOLD
        ? {
            what: 'a cursor WITH HOLD',
            hint: 'declare it without WITH HOLD, and read it within its transaction',
          }
        : undefined;
    case 'FuncCall':
      return called(body);
    default:
      return undefined;
  }
}

function prepared(what: string, { name }: { readonly name?: string }): Need | undefined {
  if (what === 'DEALLOCATE' && name === undefined) return undefined;
  return {
    what,
    hint: 'let the driver prepare it with the messages Parse and Bind, or send the statement itself',
  };
}

function setting({ kind, is_local: local, name = '', args = [] }: VariableSetStmt): Need | undefined {
  if (local === true || kind === 'VAR_RESET_ALL') return undefined;
  if (kind === 'VAR_SET_MULTI')
    return name.toLowerCase() === 'transaction'
      ? undefined
      : { what: 'SET SESSION CHARACTERISTICS', hint: 'send SET TRANSACTION behind each BEGIN' };
  return lasting(name, args[0] === undefined ? undefined : constantText(args[0]));
}

function called({ funcname = [], args = [] }: FuncCall): Need | undefined {
  const last = funcname.at(-1);
  const name = last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
  if (sessionLocks.has(name))
    return { what: name, hint: 'use pg_advisory_xact_lock, which ends with the transaction' };
  if (name !== 'set_config') return undefined;
  const [which, value, local] = args;
  const isLocal = local !== undefined && 'A_Const' in local && local.A_Const.boolval?.boolval === true;
  if (isLocal) return undefined;
  // FAIL-CLOSED: a name that is no constant may be any.
  return lasting(
    (which === undefined ? undefined : constantText(which)) ?? '',
    value === undefined ? undefined : constantText(value),
  );
}

/** Set for the session. Claims are the proxy's, and the server gets no copy (settings.ts). */
function lasting(written: string, value: string | undefined): Need | undefined {
  const name = written.toLowerCase();
  if (tracked.has(name) || harmless.has(name) || name.startsWith('pgveil.')) return undefined;
  // From PostgreSQL 12 on its default 1 and all above it mean the same (manual, extra_float_digits).
  if (name === 'extra_float_digits' && ['1', '2', '3'].includes(value ?? '')) return undefined;
  return {
    what: `the setting "${name}"`,
    hint: 'send SET LOCAL behind BEGIN, or have the DBA set it for the role with ALTER ROLE … SET',
  };
}
