/**
 * SET and RESET for governed sessions: a short list of settings that change neither names, nor logs, nor plans' text, and
 * the session's claims (SPEC 3).
 */
import type { Node, VariableSetStmt } from '@pgsql/types';
import { fromBytes } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { claimProblem, claimRefused, tokenProblem } from './claims.js';
import { refuse } from './refusals.js';
import { parseSearchPath } from './search-path.js';
import type { Refusal, SessionEffect, SessionFacts, SettingChange } from './types.js';

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
  // asyncpg turns it off around its questions to the catalogs, and applications for short statements.
  'jit',
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
  // Off makes an error of what a policy of the server's would filter; it never shows more (manual, row_security).
  row_security: ['on', 'true', 'yes', '1', 'off', 'false', 'no', '0'],
  synchronize_seqscans: ['off', 'false', 'no', '0'],
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
  | {
      readonly ok: true;
      readonly effect: SessionEffect | undefined;
      /** What is sent instead of the statement; undefined: the statement itself. */
      readonly sql?: ByteString | undefined;
    }
  | {
      readonly ok: false;
      readonly refusal: Refusal;
      /** Refused until this token is verified. */
      readonly awaitsToken?: string | undefined;
    };

/** The outcome for one setting. */
export type ChangeOutcome =
  { readonly ok: true; readonly change: SettingChange | undefined } | Extract<SettingOutcome, { ok: false }>;

const CLAIM_PREFIX = 'pgveil.';

/** Decides on SET and RESET. */
export function decideSet(statement: VariableSetStmt, session: SessionFacts): SettingOutcome {
  const kind = statement.kind ?? 'VAR_SET_VALUE';
  const local = statement.is_local === true;
  if (kind === 'VAR_RESET_ALL') return { ok: true, effect: { kind: 'set', changes: [{ setting: 'all' }] } };
  // GUC names are case-insensitive (guc_name_compare), quoted ones too.
  const name = (statement.name ?? '').toLowerCase();
  if (kind === 'VAR_SET_MULTI') {
    // SET TRANSACTION and SET SESSION CHARACTERISTICS; TRANSACTION SNAPSHOT would read another session's view.
    return name === 'transaction' || name === 'session characteristics'
      ? { ok: true, effect: undefined }
      : refused(name);
  }
  if (kind === 'VAR_SET_CURRENT') return refused(name);
  const back = kind === 'VAR_SET_DEFAULT' || kind === 'VAR_RESET';
  const values = back ? undefined : (statement.args ?? []).map(constantText);
  const outcome = decideChange(name, values, local, session);
  if (!outcome.ok) return outcome;
  const effect: SessionEffect | undefined =
    outcome.change === undefined ? undefined : { kind: 'set', changes: [outcome.change] };
  // INVARIANT(token-stays): the token itself never goes to the server, where it could be read back.
  // INVARIANT(claims-stay): nor does a claim to a server session that is another client's in the next transaction.
  const shared = session.standing?.sharedServer === true && !local && name.startsWith(CLAIM_PREFIX);
  const sql = name === 'pgveil.token' || shared ? blankSetting(name, back, local) : undefined;
  return { ok: true, effect, sql };
}

/** Decides on `set_config(name, value, local)` with constants. */
export function decideSetConfig(
  name: string,
  value: string,
  local: boolean,
  session: SessionFacts,
): ChangeOutcome {
  const setting = name.toLowerCase();
  if (setting === 'pgveil.token')
    return unclaimable('a token cannot be given to set_config', "send SET pgveil.token = '<JWT>'");
  if (setting === 'search_path') {
    const path = parseSearchPath(value, session.user);
    return path === undefined
      ? refused(setting)
      : { ok: true, change: { setting: 'path', value: path, local } };
  }
  return decideChange(setting, [value], local, session);
}

/** @param values - undefined: back to the default; an undefined value is no plain constant */
function decideChange(
  name: string,
  values: readonly (string | undefined)[] | undefined,
  local: boolean,
  session: SessionFacts,
): ChangeOutcome {
  if (name === 'search_path') return decideSearchPath(values, local, session.user);
  if (name.startsWith(CLAIM_PREFIX))
    return decideClaim(name.slice(CLAIM_PREFIX.length), values, local, session);
  if (free.has(name)) return { ok: true, change: undefined };
  const allowed = fixed[name];
  if (allowed === undefined) return refused(name);
  if (values === undefined) return { ok: true, change: undefined };
  const value = values.length === 1 ? values[0]?.toLowerCase() : undefined;
  return value !== undefined && allowed.includes(value) ? { ok: true, change: undefined } : refused(name);
}

function decideClaim(
  setting: string,
  values: readonly (string | undefined)[] | undefined,
  local: boolean,
  { standing }: SessionFacts,
): ChangeOutcome {
  if (setting !== 'role' && setting !== 'purpose' && setting !== 'actor' && setting !== 'token')
    return refused(CLAIM_PREFIX + setting);
  const claims = standing?.rule?.claims;
  if (standing === undefined || claims === undefined)
    return unclaimable(
      'this session claims nothing: its role is fixed',
      'connect as a login whose entry in sessions: has may: and claims:',
    );
  const byToken = claims.by.kind === 'token';
  if (byToken !== (setting === 'token'))
    return byToken
      ? unclaimable('this session claims by token', "send SET pgveil.token = '<JWT>'")
      : unclaimable('this session claims by settings', 'send SET pgveil.role and SET pgveil.purpose');
  if (values === undefined) return { ok: true, change: { setting, value: undefined, local } };
  // FAIL-CLOSED: a claim that outlives its transaction would be that of the next client of the pool.
  if (claims.pooled === true && !local)
    return unclaimable(
      'the connection is pooled, so a claim holds for one transaction',
      `send SET LOCAL pgveil.${setting} = '…' behind BEGIN`,
    );
  const value = values.length === 1 ? values[0] : undefined;
  if (value === undefined)
    return unclaimable('the value is not one constant', `write SET pgveil.${setting} = '…'`);
  if (setting === 'token') return decideToken(value, local, standing, claims);
  const problem = claimProblem(claims, setting, value, standing.settings.current);
  return problem === undefined
    ? { ok: true, change: { setting, value, local } }
    : { ok: false, refusal: problem };
}

/** One text may bring so many tokens; more would only keep the proxy busy. */
const MAX_TOKENS = 4;

function decideToken(
  token: string,
  local: boolean,
  { tokens }: NonNullable<SessionFacts['standing']>,
  claims: Parameters<typeof tokenProblem>[0],
): ChangeOutcome {
  if (token === '') return { ok: true, change: { setting: 'token', value: undefined, local } };
  const outcome = tokens.get(token);
  if (outcome === undefined) {
    const refusal = claimRefused(
      'the token could not be verified',
      `one text may bring up to ${MAX_TOKENS} tokens`,
      'send the token in a text of its own',
    );
    return { ok: false, refusal, ...(tokens.size < MAX_TOKENS ? { awaitsToken: token } : {}) };
  }
  if (!outcome.ok)
    return {
      ok: false,
      refusal: claimRefused(
        'the token is not valid',
        outcome.reason,
        'send a token of the issuer, for the audience and within the time that the policy asks for',
      ),
    };
  const problem = tokenProblem(claims, outcome.claims.role, outcome.claims.purpose);
  return problem === undefined
    ? { ok: true, change: { setting: 'token', value: outcome.claims, local } }
    : { ok: false, refusal: problem };
}

/** @param name - one of the claims, so that it needs no quotes */
function blankSetting(name: string, back: boolean, local: boolean): ByteString {
  const sql = back ? `RESET ${name}` : `SET ${local ? 'LOCAL ' : ''}${name} = ''`;
  return fromBytes(Buffer.from(sql));
}

function decideSearchPath(
  values: readonly (string | undefined)[] | undefined,
  local: boolean,
  sessionUser: string,
): ChangeOutcome {
  if (values === undefined) return { ok: true, change: { setting: 'path', value: undefined, local } };
  const path: string[] = [];
  for (const text of values) {
    if (text === undefined) return refused('search_path');
    path.push(text === '$user' ? sessionUser : text);
  }
  return { ok: true, change: { setting: 'path', value: path, local } };
}

/** Settings whose value need not be known, so that it may be a parameter. */
export function takesAnyValue(setting: string): boolean {
  return free.has(setting.toLowerCase());
}

/** Settings that SHOW may show, beside the session's claims. */
export function mayShow(setting: string): boolean {
  return shown.has(setting) || free.has(setting) || fixed[setting] !== undefined;
}

/** The text of a SET argument; numbers as written. Undefined for anything that is not a plain constant. */
export function constantText(node: Node): string | undefined {
  if ('TypeCast' in node) return undefined;
  if (!('A_Const' in node)) return undefined;
  const constant = node.A_Const;
  if (constant.sval !== undefined) return constant.sval.sval ?? '';
  if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
  if (constant.fval !== undefined) return constant.fval.fval ?? '';
  if (constant.boolval !== undefined) return constant.boolval.boolval === true ? 'true' : 'false';
  return undefined;
}

function unclaimable(detail: string, hint: string): Extract<SettingOutcome, { ok: false }> {
  return { ok: false, refusal: claimRefused('this claim is not open to this session', detail, hint) };
}

/** The refusal of a setting that is not on the list. */
export function refused(name: string): Extract<SettingOutcome, { ok: false }> {
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
