/**
 * The settings that the proxy follows itself, through transactions and savepoints: the search_path that statements are
 * planned with, and what the session claims to be. It mirrors how guc.c treats any setting (AtEOXact_GUC), for statements
 * that the planner understands; what the server holds under these names decides nothing.
 *
 * Plain immutable data, so that the planner can run ahead through the statements of one text while the session follows
 * what the server has completed, with the same rules.
 */
import type { SearchPath } from '../resolve/types.js';
import type { SessionEffect, SettingChange } from './types.js';

/** What a verified token says (docs/policies.md, Sessions). */
export interface TokenClaims {
  readonly role: string;
  readonly purpose: string | undefined;
  readonly actor: ReadonlyMap<string, string>;
  /** Milliseconds since 1970; valid from the first to before the second. */
  readonly notBefore: number;
  readonly expiresAt: number;
}

/** As the client gave them; '' and undefined are no claim. */
export interface ClaimValues {
  readonly role?: string | undefined;
  readonly purpose?: string | undefined;
  /** JSON text. */
  readonly actor?: string | undefined;
  readonly token?: TokenClaims | undefined;
}

export interface SettingValues extends ClaimValues {
  readonly path: SearchPath;
}

interface Level {
  readonly session: SettingValues;
  /** Of SET LOCAL; it ends with the transaction. */
  readonly local: Partial<SettingValues>;
}

interface Savepoint extends Level {
  readonly name: string | undefined;
}

export interface SessionSettings extends Level {
  /** What RESET goes back to. */
  readonly login: SettingValues;
  /** What ROLLBACK goes back to. */
  readonly committed: SettingValues;
  readonly savepoints: readonly Savepoint[];
  readonly current: SettingValues;
}

const nothing: Partial<SettingValues> = {};

export function loginSettings(login: SettingValues): SessionSettings {
  return { login, committed: login, session: login, local: nothing, savepoints: [], current: login };
}

/** The end of the transaction, or going back to a savepoint, may change `current`. */
export function isDirty(settings: SessionSettings): boolean {
  return settings.local !== nothing || settings.session !== settings.committed;
}

/** The settings once the server has completed a statement. `rolledBack`: it answered COMMIT with ROLLBACK. */
export function afterEffect(
  settings: SessionSettings,
  effect: SessionEffect | undefined,
  rolledBack = false,
): SessionSettings {
  switch (effect?.kind) {
    case 'set':
      return effect.changes.reduce(change, settings);
    case 'discard-all':
      return loginSettings(settings.login);
    case 'transaction':
      switch (effect.what) {
        case 'begin':
          return settings;
        case 'commit':
          return rolledBack ? afterRollback(settings) : afterCommit(settings);
        case 'rollback':
          return afterRollback(settings);
        case 'savepoint': {
          const { session, local } = settings;
          return { ...settings, savepoints: [...settings.savepoints, { name: effect.name, session, local }] };
        }
        case 'release':
          // The savepoint and all after it are forgotten, their settings stay.
          return { ...settings, savepoints: settings.savepoints.slice(0, indexOf(settings, effect.name)) };
        case 'rollback-to':
          return backTo(settings, effect.name);
      }
    // eslint-disable-next-line no-fallthrough -- the inner switch is exhaustive
    default:
      return settings;
  }
}

/** The transaction has ended well: what SET LOCAL set is gone, what SET set stays. */
export function afterCommit(settings: SessionSettings): SessionSettings {
  if (!isDirty(settings) && settings.savepoints.length === 0) return settings;
  const { login, session } = settings;
  return { login, committed: session, session, local: nothing, savepoints: [], current: session };
}

/** The transaction was rolled back, by the client or by an error. */
export function afterRollback(settings: SessionSettings): SessionSettings {
  if (!isDirty(settings) && settings.savepoints.length === 0) return settings;
  const { login, committed } = settings;
  return { login, committed, session: committed, local: nothing, savepoints: [], current: committed };
}

function change(settings: SessionSettings, one: SettingChange): SessionSettings {
  if (one.setting === 'all') return withLevel(settings, settings.login, nothing);
  const { session, local } = settings;
  const value = one.value ?? settings.login[one.setting];
  const set = { [one.setting]: value } as Partial<SettingValues>;
  if (one.local) return withLevel(settings, session, { ...local, ...set });
  const rest = Object.entries(local).filter(([name]) => name !== one.setting);
  return withLevel(settings, { ...session, ...set }, rest.length === 0 ? nothing : Object.fromEntries(rest));
}

/** The savepoint itself stays. */
function backTo(settings: SessionSettings, name: string | undefined): SessionSettings {
  const index = indexOf(settings, name);
  const savepoint = settings.savepoints[index];
  if (savepoint === undefined) return settings;
  const back = withLevel(settings, savepoint.session, savepoint.local);
  return { ...back, savepoints: settings.savepoints.slice(0, index + 1) };
}

function withLevel(
  settings: SessionSettings,
  session: SettingValues,
  local: Partial<SettingValues>,
): SessionSettings {
  return { ...settings, session, local, current: local === nothing ? session : { ...session, ...local } };
}

function indexOf({ savepoints }: SessionSettings, name: string | undefined): number {
  if (name === undefined) return Math.max(0, savepoints.length - 1);
  const index = savepoints.findLastIndex((savepoint) => savepoint.name === name);
  return index < 0 ? savepoints.length : index;
}
