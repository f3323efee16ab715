/**
 * SHOW, and the queries that read or change settings and nothing else: `SELECT set_config(…)`,
 * `SELECT current_setting('pgveil.role')`, and both in one. What the session claims is answered from what the proxy follows, since the
 * server's copy of it decides nothing and any function there may change it.
 */
import type { FuncCall, Node, SelectStmt } from '@pgsql/types';
import { call, identifier, literal, textLiteral } from '../policy/sql-text.js';
import { fromBytes } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { afterStatement } from './claims.js';
import {
  constantText,
  decideSetConfig,
  mayShow,
  refused,
  takesAnyValue,
  type SettingOutcome,
} from './settings.js';
import type { SessionFacts, SettingChange } from './types.js';

/** Decides on SHOW. */
export function decideShow(name: string | undefined, session: SessionFacts): SettingOutcome {
  const setting = (name ?? 'all').toLowerCase();
  const claimed = claimText(setting, session);
  if (claimed !== undefined)
    return { ok: true, effect: undefined, sql: sqlText(`${textLiteral(claimed)} AS ${identifier(setting)}`) };
  return mayShow(setting) ? { ok: true, effect: undefined } : refused(setting);
}

/** Undefined: the query is of another kind, and is decided as any query. */
export function decideSettingsQuery(query: SelectStmt, session: SessionFacts): SettingOutcome | undefined {
  const calls = loneCalls(query);
  if (calls === undefined) return undefined;
  if (calls.some(({ name }) => name === 'set_config')) return setConfigs(calls, session);
  const shown = calls.map(({ name, values, output }) => {
    const [setting, missing] = values;
    const plain = name === 'current_setting' && (values.length === 1 || isBoolean(missing));
    const text = plain && typeof setting === 'string' ? claimText(setting.toLowerCase(), session) : undefined;
    return text === undefined ? undefined : `${textLiteral(text)} AS ${identifier(output)}`;
  });
  if (shown.some((one) => one === undefined)) return undefined;
  return { ok: true, effect: undefined, sql: sqlText(shown.join(', ')) };
}

/** Of a call: a constant, the number of a parameter, or neither. */
type Value = string | boolean | { readonly parameter: number } | undefined;

interface LoneCall {
  readonly name: string;
  readonly values: readonly Value[];
  readonly output: string;
}

function setConfigs(calls: readonly LoneCall[], before: SessionFacts): SettingOutcome | undefined {
  let session = before;
  const changes: SettingChange[] = [];
  const targets: string[] = [];
  for (const { name: called, values, output } of calls) {
    if (called === 'current_setting') {
      const read = settingRead(values, session);
      if (read === undefined) return undefined;
      targets.push(`${read} AS ${identifier(output)}`);
      continue;
    }
    const [name, value, local] = values;
    // FAIL-CLOSED: what is no constant is not known here; the list of functions has no set_config.
    if (values.length !== 3 || typeof name !== 'string' || typeof local !== 'boolean') return undefined;
    if (typeof value === 'object' && takesAnyValue(name)) {
      const sql = call('set_config', literal(name), `$${value.parameter}`, String(local));
      targets.push(`${sql} AS ${identifier(output)}`);
      continue;
    }
    if (typeof value !== 'string') return undefined;
    const outcome = decideSetConfig(name, value, local, session);
    if (!outcome.ok) return outcome;
    if (outcome.change !== undefined) {
      changes.push(outcome.change);
      // The server evaluates a target list from left to right.
      session = afterStatement(session, { kind: 'set', changes: [outcome.change] });
    }
    // INVARIANT(claims-stay): on a server session that is shared, only the answer is given.
    const kept = session.standing?.sharedServer === true && !local && claimText(name.toLowerCase(), session);
    const sql =
      typeof kept === 'string'
        ? textLiteral(value)
        : call('set_config', literal(name), literal(value), String(local));
    targets.push(`${sql} AS ${identifier(output)}`);
  }
  return {
    ok: true,
    effect: changes.length === 0 ? undefined : { kind: 'set', changes },
    sql: sqlText(targets.join(', ')),
  };
}

/** The call of current_setting beside set_config, as it stands after the calls before it; undefined: not a constant. */
function settingRead(
  [setting, missing, ...more]: readonly Value[],
  session: SessionFacts,
): string | undefined {
  if (typeof setting !== 'string' || more.length > 0) return undefined;
  if (missing !== undefined && typeof missing !== 'boolean') return undefined;
  const claimed = claimText(setting.toLowerCase(), session);
  if (claimed !== undefined) return textLiteral(claimed);
  return call('current_setting', literal(setting), ...(missing === undefined ? [] : [String(missing)]));
}

/** Fields of a SelectStmt that a bare target list has. */
const PLAIN_SELECT: ReadonlySet<string> = new Set([
  'targetList',
  'limitOption',
  'op',
  'groupDistinct',
  'all',
]);
const PLAIN_CALL: ReadonlySet<string> = new Set(['funcname', 'args', 'funcformat', 'location']);
const NAMES: ReadonlySet<string> = new Set(['set_config', 'current_setting']);

/** The calls of a query that consists of such calls alone. */
function loneCalls(query: SelectStmt): readonly LoneCall[] | undefined {
  if (Object.entries(query).some(([key, value]) => value !== undefined && !PLAIN_SELECT.has(key)))
    return undefined;
  const calls: LoneCall[] = [];
  for (const target of query.targetList ?? []) {
    const found = 'ResTarget' in target ? loneCall(target.ResTarget.val, target.ResTarget.name) : undefined;
    if (found === undefined) return undefined;
    calls.push(found);
  }
  return calls.length === 0 ? undefined : calls;
}

function loneCall(node: Node | undefined, output: string | undefined): LoneCall | undefined {
  if (node === undefined || !('FuncCall' in node)) return undefined;
  const { FuncCall: one } = node;
  if (Object.entries(one).some(([key, value]) => value !== undefined && !PLAIN_CALL.has(key)))
    return undefined;
  const name = functionName(one);
  if (name === undefined || !NAMES.has(name)) return undefined;
  return { name, values: (one.args ?? []).map(valueOf), output: output ?? name };
}

function functionName({ funcname }: FuncCall): string | undefined {
  const parts = (funcname ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : ''));
  const [schema, name] = parts.length === 1 ? ['pg_catalog', parts[0]] : parts;
  return parts.length <= 2 && schema === 'pg_catalog' ? name : undefined;
}

function valueOf(node: Node): Value {
  if ('ParamRef' in node)
    return node.ParamRef.number === undefined ? undefined : { parameter: node.ParamRef.number };
  const boolean = 'A_Const' in node ? node.A_Const.boolval : undefined;
  if (boolean !== undefined) return boolean.boolval === true;
  return constantText(node);
}

function isBoolean(value: Value): boolean {
  return typeof value === 'boolean';
}

/** What SHOW says of a claim; undefined for every other setting. */
function claimText(setting: string, { role, purpose, actor, standing }: SessionFacts): string | undefined {
  const { claims } = standing?.rule ?? {};
  const raw = claims?.by.kind === 'settings' ? standing?.settings.current : undefined;
  switch (setting) {
    case 'pgveil.role':
      return raw?.role ?? role;
    case 'pgveil.purpose':
      return purpose === '' ? (raw?.purpose ?? '') : purpose;
    case 'pgveil.actor':
      return raw === undefined ? actorText(actor) : (raw.actor ?? '');
    default:
      return undefined;
  }
}

function actorText(actor: ReadonlyMap<string, string>): string {
  return actor.size === 0 ? '' : JSON.stringify(Object.fromEntries(actor));
}

function sqlText(targets: string): ByteString {
  return fromBytes(Buffer.from(`SELECT ${targets}`));
}
