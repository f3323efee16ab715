/** SET, RESET and SHOW for governed sessions: a short list of settings that change neither names, nor logs, nor plans' text. */
import type { Node, VariableSetStmt } from '@pgsql/types';
import type { Refusal, SessionEffect } from './types.js';
import { refuse } from './refusals.js';

/** Any value will do. */
const free = new Set([
  'application_name',
  'bytea_output',
  'datestyle',
  'deadlock_timeout',
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
  'lock_timeout',
  'statement_timeout',
  'timezone',
  'transaction_deferrable',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_timeout',
  'xmloption',
]);

/**
 * Only these values: the lexer and the wire rest on them, or lower levels would print other people's rows. LOG ranks below
 * NOTICE for a client (manual, client_min_messages): it would show statements as we rewrote them, mask keys included.
 */
const fixed: Readonly<Record<string, readonly string[]>> = {
  client_encoding: ['utf8', 'utf-8', 'unicode'],
  client_min_messages: ['notice', 'warning', 'error'],
  standard_conforming_strings: ['on', 'true', 'yes', '1'],
  row_security: ['on', 'true', 'yes', '1'],
};

const shown = new Set([
  'in_hot_standby',
  'integer_datetimes',
  'is_superuser',
  'lc_collate',
  'lc_ctype',
  'lc_messages',
  'max_identifier_length',
  'search_path',
  'server_encoding',
  'server_version',
  'server_version_num',
  'session_authorization',
]);

export type SettingOutcome =
  | { readonly ok: true; readonly effect: SessionEffect | undefined }
  | { readonly ok: false; readonly refusal: Refusal };

/** Decides on SET and RESET. */
export function decideSet(statement: VariableSetStmt, sessionUser: string): SettingOutcome {
  const kind = statement.kind ?? 'VAR_SET_VALUE';
  const local = statement.is_local === true;
  if (kind === 'VAR_RESET_ALL') {
    return { ok: true, effect: { kind: 'set-search-path', path: undefined, local: false } };
  }
  const name = (statement.name ?? '').toLowerCase();
  if (kind === 'VAR_SET_MULTI') {
    // SET TRANSACTION and SET SESSION CHARACTERISTICS; TRANSACTION SNAPSHOT would read another session's view.
    return name === 'transaction' || name === 'session characteristics'
      ? { ok: true, effect: undefined }
      : refused(name);
  }
  if (kind === 'VAR_SET_CURRENT') return refused(name);
  const back = kind === 'VAR_SET_DEFAULT' || kind === 'VAR_RESET';
  if (name === 'search_path') return decideSearchPath(statement, back, local, sessionUser);
  if (free.has(name)) return { ok: true, effect: undefined };
  const allowed = fixed[name];
  if (allowed === undefined) return refused(name);
  if (back) return { ok: true, effect: undefined };
  const values = (statement.args ?? []).map(constantText);
  const value = values.length === 1 ? values[0]?.toLowerCase() : undefined;
  return value !== undefined && allowed.includes(value) ? { ok: true, effect: undefined } : refused(name);
}

/** Decides on SHOW. */
export function decideShow(name: string | undefined): SettingOutcome {
  const setting = (name ?? 'all').toLowerCase();
  const known = shown.has(setting) || free.has(setting) || fixed[setting] !== undefined;
  return known ? { ok: true, effect: undefined } : refused(setting);
}

function decideSearchPath(
  statement: VariableSetStmt,
  back: boolean,
  local: boolean,
  sessionUser: string,
): SettingOutcome {
  if (back) return { ok: true, effect: { kind: 'set-search-path', path: undefined, local } };
  const path: string[] = [];
  for (const argument of statement.args ?? []) {
    const text = constantText(argument);
    if (text === undefined) return refused('search_path');
    path.push(text === '$user' ? sessionUser : text);
  }
  return { ok: true, effect: { kind: 'set-search-path', path, local } };
}

/** The text of a SET argument; numbers as written. Undefined for anything that is not a plain constant. */
function constantText(node: Node): string | undefined {
  if ('TypeCast' in node) return undefined;
  if (!('A_Const' in node)) return undefined;
  const constant = node.A_Const;
  if (constant.sval !== undefined) return constant.sval.sval ?? '';
  if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
  if (constant.fval !== undefined) return constant.fval.fval ?? '';
  if (constant.boolval !== undefined) return constant.boolval.boolval === true ? 'true' : 'false';
  return undefined;
}

function refused(name: string): SettingOutcome {
  return {
    ok: false,
    refusal: refuse('setting-not-allowed', {
      message: 'this setting is not open to governed sessions',
      detail: `setting ${name === '' ? '(unnamed)' : `"${name}"`}`,
      hint: 'leave it out, or ask the DBA to set it for the role with ALTER ROLE … SET',
      rule: 'pgveil:settings',
    }),
  };
}
