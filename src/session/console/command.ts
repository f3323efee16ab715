/**
 * What a client may say to the console, and how it is read. Besides the commands themselves there is what drivers and
 * pools send unasked, which is answered so that they work; it does nothing, and it is no SQL.
 */
import { ownSettings } from './parameters.js';
import { splitStatements, type Token } from './tokens.js';

export type Topic = 'stats' | 'totals' | 'clients' | 'policies' | 'config' | 'version' | 'help';

export type Command =
  | { readonly kind: 'show'; readonly topic: Topic }
  | { readonly kind: 'reload' }
  | { readonly kind: 'begin' | 'commit' | 'rollback'; readonly tag: string }
  /** SHOW of a setting that drivers ask for. */
  | { readonly kind: 'setting'; readonly name: string; readonly value: string }
  /** SELECT 1 and its like, with which pools try a connection. */
  | { readonly kind: 'constant'; readonly column: string; readonly value: string }
  /** A driver's look at pg_type: there are no types but text, which all of them know. */
  | { readonly kind: 'types' }
  /** Answered, and nothing done. */
  | { readonly kind: 'nothing'; readonly tag: string }
  /** Undefined: all. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined; readonly tag: string };

export interface Statement {
  readonly command: Command;
  readonly source: string;
}

export interface Misread {
  readonly sqlstate: string;
  readonly message: string;
  readonly hint: string;
}

export type Read =
  | { readonly ok: true; readonly statements: readonly Statement[] }
  | { readonly ok: false; readonly error: Misread };

export const COMMANDS =
  'SHOW STATS, SHOW TOTALS, SHOW CLIENTS, SHOW POLICIES, SHOW CONFIG, SHOW VERSION, SHOW HELP, RELOAD';

/** Bounds what one text may have gathered in memory. */
const MAX_STATEMENTS = 100;

const TOPICS: ReadonlySet<string> = new Set<Topic>([
  'stats',
  'totals',
  'clients',
  'policies',
  'config',
  'version',
  'help',
]);

/** Settings that drivers set at the start of a session. What they would change does not occur in the console. */
const HARMLESS_SETTINGS: ReadonlySet<string> = new Set([
  'application_name',
  'bytea_output',
  'client_min_messages',
  'datestyle',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'row_security',
  'search_path',
  'statement_timeout',
  'time zone',
  'timezone',
  'transaction_timeout',
]);

export function readCommands(text: string): Read {
  const cut = splitStatements(text);
  if (cut === undefined) return misread('a quoted text or a comment has no end');
  if (cut.length > MAX_STATEMENTS)
    return misread(`more than ${MAX_STATEMENTS} commands in one text`, '54000', 'send fewer at a time');
  const statements: Statement[] = [];
  for (const { tokens, source } of cut) {
    const command = readCommand(tokens);
    if ('sqlstate' in command) return { ok: false, error: command };
    statements.push({ command, source });
  }
  return { ok: true, statements };
}

function misread(message: string, sqlstate = '42601', hint = commandsHint): Read {
  return { ok: false, error: { sqlstate, message, hint } };
}

const commandsHint = `the commands are ${COMMANDS}`;
const unknown: Misread = {
  sqlstate: '42601',
  message: 'this is no command of the console, which runs no SQL',
  hint: commandsHint,
};

function readCommand(tokens: readonly Token[]): Command | Misread {
  const words = tokens.map(({ kind, text }) => (kind === 'string' ? "''" : text)).join(' ');
  const [first, ...rest] = words.split(' ');
  switch (first) {
    case 'show':
      return readShow(rest.join(' '));
    case 'reload':
      return rest.length === 0 ? { kind: 'reload' } : unknown;
    case 'begin':
      return { kind: 'begin', tag: 'BEGIN' };
    case 'start':
      return rest[0] === 'transaction' ? { kind: 'begin', tag: 'START TRANSACTION' } : unknown;
    case 'commit':
    case 'end':
      return /^(work|transaction|and no chain| )*$/.test(rest.join(' '))
        ? { kind: 'commit', tag: 'COMMIT' }
        : unknown;
    case 'rollback':
    case 'abort':
      return /^(work|transaction|and no chain| )*$/.test(rest.join(' '))
        ? { kind: 'rollback', tag: 'ROLLBACK' }
        : unknown;
    case 'set':
      return readSet(tokens);
    case 'reset':
      return { kind: 'nothing', tag: 'RESET' };
    case 'discard':
      if (words === 'discard all') return { kind: 'deallocate', name: undefined, tag: 'DISCARD ALL' };
      return /^discard (plans|sequences|temp|temporary)$/.test(words)
        ? { kind: 'nothing', tag: words.toUpperCase().replace(/TEMPORARY$/, 'TEMP') }
        : unknown;
    case 'deallocate':
      return readDeallocate(tokens);
    case 'close':
      return words === 'close all' ? { kind: 'nothing', tag: 'CLOSE CURSOR ALL' } : unknown;
    case 'unlisten':
      return words === 'unlisten *' ? { kind: 'nothing', tag: 'UNLISTEN' } : unknown;
    case 'select':
      return readSelect(rest.join(' '));
    default:
      return unknown;
  }
}

function readShow(what: string): Command | Misread {
  if (TOPICS.has(what)) return { kind: 'show', topic: what as Topic };
  const name = what === 'transaction isolation level' ? 'transaction_isolation' : what;
  const value = ownSettings.get(name);
  if (value !== undefined) return { kind: 'setting', name, value };
  return { ...unknown, message: 'the console shows nothing of this name' };
}

function readSelect(what: string): Command | Misread {
  if (/^\d{1,9}$/.test(what)) return { kind: 'constant', column: '?column?', value: what };
  if (/^(pg_catalog \. )?version \( \)$/.test(what))
    return { kind: 'constant', column: 'version', value: ownSettings.get('server_version') ?? '' };
  if (/^(pg_catalog \. )?pg_advisory_unlock_all \( \)$/.test(what))
    return { kind: 'constant', column: 'pg_advisory_unlock_all', value: '' };
  if (/ from (pg_catalog \. )?pg_type( |$)/.test(what)) return { kind: 'types' };
  return unknown;
}

function readDeallocate(tokens: readonly Token[]): Command | Misread {
  const names = tokens.slice(tokens[1]?.text === 'prepare' && tokens.length > 2 ? 2 : 1);
  const [name] = names;
  if (names.length !== 1 || name?.kind !== 'word') return unknown;
  return name.text === 'all'
    ? { kind: 'deallocate', name: undefined, tag: 'DEALLOCATE ALL' }
    : { kind: 'deallocate', name: name.text, tag: 'DEALLOCATE' };
}

function readSet(tokens: readonly Token[]): Command | Misread {
  const scoped = ['session', 'local'].includes(tokens[1]?.text ?? '') && tokens.length > 3;
  const rest = tokens.slice(scoped ? 2 : 1);
  const nothing: Command = { kind: 'nothing', tag: 'SET' };
  const at = rest.map(({ text }) => text);
  if (at[0] === 'transaction' || (at[0] === 'characteristics' && at[1] === 'as')) return nothing;
  const name = at[0] === 'time' && at[1] === 'zone' ? 'time zone' : (at[0] ?? '');
  if (HARMLESS_SETTINGS.has(name)) return nothing;
  const isSet = at[1] === '=' || at[1] === 'to';
  if (name === 'client_encoding' && isSet && /^(utf-?8|unicode)$/i.test(at[2] ?? '')) return nothing;
  if (name === 'names' && /^(utf-?8|unicode)$/i.test(at[1] ?? '')) return nothing;
  if (name === 'standard_conforming_strings' && isSet && /^(on|true|1)$/i.test(at[2] ?? '')) return nothing;
  return {
    sqlstate: '42704',
    message: 'the console has no such setting',
    hint: 'change pgveil.yaml or the policies, then RELOAD or restart; SHOW CONFIG tells what is in force',
  };
}
