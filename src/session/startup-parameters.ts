/**
 * Which parameters of a StartupMessage a governed session may bring, and what goes upstream in their place.
 * It knows names and PostgreSQL's `options` syntax; it knows no packets, and of policies only what may be claimed.
 */
import { claimProblem } from '../enforce/claims.js';
import type { ClaimValues } from '../enforce/session-settings.js';
import type { SessionErrorCode } from '../errors/catalog.js';
import type { ClaimRule } from '../policy/types.js';
import { isProtocolOption } from './negotiation.js';

export interface StartupProblem {
  readonly code: SessionErrorCode;
  /** Without `pgveil: `; never a parameter's value. */
  readonly message: string;
}

export interface GovernedStartup {
  readonly parameters: ReadonlyMap<string, string>;
  /** Of pgveil.role and its like. */
  readonly claims: ClaimValues;
}

export type StartupOutcome =
  | { readonly ok: true; readonly startup: GovernedStartup }
  | { readonly ok: false; readonly problem: StartupProblem };

/** Settings that cannot change what a statement means to the planner, or that the proxy reads back after log-in. */
const ALLOWED_SETTINGS: ReadonlySet<string> = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'timezone',
  'intervalstyle',
  'extra_float_digits',
  'geqo',
  'jit',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'search_path',
  'standard_conforming_strings',
]);

/** Spellings that pg_char_to_encoding (src/common/encnames.c) takes for UTF8: it drops all but letters and digits. */
function isUtf8(value: string): boolean {
  const clean = value.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
  return clean === 'utf8' || clean === 'unicode';
}

/** Setting names are case-insensitive in ASCII (guc_name_compare). */
function settingName(name: string): string {
  return name.toLowerCase();
}

/** @param parameters - the pairs in the order of the packet, duplicates included */
export function governStartup(
  parameters: readonly (readonly [string, string])[],
  rule?: ClaimRule,
): StartupOutcome {
  const claims = new Map<string, string>();
  const upstream = new Map<string, string>();
  const seen = new Set<string>();
  for (const [name, value] of parameters) {
    if (isProtocolOption(name)) continue;
    // The server takes the last of two, another reader might take the first.
    const folded = settingName(name);
    if (seen.has(folded))
      return refused('startup-setting-invalid', `startup parameter "${shown(name)}" is given twice`);
    seen.add(folded);
    if (folded === 'user' || folded === 'database') {
      if (name !== folded) return notAllowed(name);
      upstream.set(name, value);
    } else if (folded === 'replication') {
      if (!/^(f|fa|fal|fals|false|n|no|of|off|0)$/i.test(value))
        return refused('replication-not-allowed', 'a governed session cannot start replication');
    } else if (folded === 'options') {
      const problem = checkOptions(value, rule, claims);
      if (problem !== undefined) return { ok: false, problem };
      upstream.set('options', value);
    } else {
      const problem = checkSetting(name, value, rule, claims);
      if (problem !== undefined) return { ok: false, problem };
      upstream.set(name, value);
    }
  }
  // INVARIANT(utf8-session): the lexer reads UTF-8, so the server must read the same; its default may be another.
  if (!seen.has('client_encoding')) upstream.set('client_encoding', 'UTF8');
  // INVARIANT(standard-strings): from the startup packet it is what RESET and DISCARD ALL go back to, whatever ALTER ROLE
  // or the server's configuration say (PGC_S_CLIENT in src/include/utils/guc.h).
  if (!seen.has('standard_conforming_strings')) upstream.set('standard_conforming_strings', 'on');
  const problem = claimsProblem(claims, rule);
  if (problem !== undefined) return { ok: false, problem };
  return { ok: true, startup: { parameters: upstream, claims: Object.fromEntries(claims) } };
}

const CLAIM = /^pgveil\.(role|purpose|actor)$/;

/** Role first, because it says which purposes there are. */
function claimsProblem(
  claims: ReadonlyMap<string, string>,
  rule: ClaimRule | undefined,
): StartupProblem | undefined {
  if (rule === undefined) return undefined;
  const current = { role: claims.get('role') };
  for (const name of ['role', 'purpose', 'actor'] as const) {
    const refusal = claimProblem(rule, name, claims.get(name) ?? '', current);
    if (refusal !== undefined)
      return { code: 'startup-setting-not-allowed', message: `${refusal.message}: ${refusal.detail}` };
  }
  return undefined;
}

function checkSetting(
  name: string,
  value: string,
  rule: ClaimRule | undefined,
  claims: Map<string, string>,
): StartupProblem | undefined {
  const folded = settingName(name);
  const claim = CLAIM.exec(folded)?.[1];
  if (claim !== undefined && rule?.pooled === true)
    return {
      code: 'startup-setting-not-allowed',
      message: 'this session is pooled, so it claims with SET LOCAL in each transaction',
    };
  if (claim !== undefined && rule?.by.kind === 'settings') {
    // The server takes the last of two.
    if (claims.has(claim))
      return { code: 'startup-setting-invalid', message: `startup setting "${folded}" is given twice` };
    claims.set(claim, value);
    return undefined;
  }
  if (folded.startsWith('pgveil.') && rule?.by.kind === 'token')
    return {
      code: 'startup-setting-not-allowed',
      message: 'this session claims by token, which is sent with SET pgveil.token after the log-in',
    };
  // FAIL-CLOSED: a setting that is not on the list may change what SQL means, or what a role may do.
  if (!ALLOWED_SETTINGS.has(folded)) return notAllowed(name).problem;
  if (folded === 'client_encoding' && !isUtf8(value))
    return { code: 'client-encoding-not-utf8', message: 'a governed session must use client_encoding UTF8' };
  if (folded === 'standard_conforming_strings' && !/^(on|true|yes|1)$/i.test(value))
    return {
      code: 'startup-setting-not-allowed',
      message: 'a governed session must have standard_conforming_strings on',
    };
  return undefined;
}

/** `-c name=value` and `--name=value`, cut into words as pg_split_opts (src/backend/utils/init/postinit.c) does. */
function checkOptions(
  options: string,
  rule: ClaimRule | undefined,
  claims: Map<string, string>,
): StartupProblem | undefined {
  const words = splitOptions(options);
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    let setting: string | undefined;
    if (word === '-c') setting = words[++index];
    else if (word.startsWith('-c')) setting = word.slice(2);
    else if (word.startsWith('--')) setting = word.slice(2);
    const equals = setting?.indexOf('=') ?? -1;
    if (setting === undefined || equals <= 0)
      return {
        code: 'startup-setting-not-allowed',
        message: 'startup "options" of a governed session may only hold "-c name=value" and "--name=value"',
      };
    // ParseLongOption turns - into _ in names.
    const problem = checkSetting(
      setting.slice(0, equals).replaceAll('-', '_'),
      setting.slice(equals + 1),
      rule,
      claims,
    );
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  for (let index = 0; index < options.length; index++) {
    const char = options[index]!;
    if (/[ \t\n\r\f\v]/.test(char)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
      continue;
    }
    inWord = true;
    // A backslash takes the next character as it is; at the end it stands for nothing.
    if (char === '\\') word += options[++index] ?? '';
    else word += char;
  }
  if (inWord) words.push(word);
  return words;
}

function refused(code: SessionErrorCode, message: string): { ok: false; problem: StartupProblem } {
  return { ok: false, problem: { code, message } };
}

function notAllowed(name: string): { ok: false; problem: StartupProblem } {
  return refused(
    'startup-setting-not-allowed',
    `startup parameter "${shown(name)}" cannot be set by a governed session`,
  );
}

/** A name that came from the wire, short and printable. */
function shown(name: string): string {
  return name.slice(0, 63).replace(/[^\x20-\x7e]/g, '?');
}
