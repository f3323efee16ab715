/**
 * Who acts in a session: from its rule in the policy and what it has claimed to a role, a purpose and attributes.
 * Pure; verifying a token is the session station's work.
 */
import type { ClaimRule } from '../policy/types.js';
import { refuse } from './refusals.js';
import { afterEffect, type ClaimValues } from './session-settings.js';
import type { ClaimGap, Refusal, SessionEffect, SessionFacts, Standing } from './types.js';

/** Attributes of the actor take part in every plan's key, so they stay small. */
const MAX_ACTOR_CHARS = 8192;

const nobody: ReadonlyMap<string, string> = new Map();

interface Acting {
  readonly role: string;
  readonly purpose: string;
  readonly actor: ReadonlyMap<string, string>;
  readonly gap: ClaimGap | undefined;
}

/** FAIL-CLOSED: no role, so nothing is decided but refusals. */
function nobodyActs(gap: ClaimGap): Acting {
  return { role: '', purpose: '', actor: nobody, gap };
}

/** Who acts under these settings. */
function actingAs(rule: Standing['rule'], values: ClaimValues, now: number): Acting {
  if (rule?.claims === undefined) {
    return rule?.role === undefined
      ? nobodyActs('no-rule')
      : { role: rule.role, purpose: rule.purpose ?? '', actor: nobody, gap: undefined };
  }
  const { by, may } = rule.claims;
  if (by.kind === 'token') {
    const { token } = values;
    if (token === undefined) return nobodyActs('nothing-claimed');
    if (now < token.notBefore || now >= token.expiresAt) return nobodyActs('token-expired');
    return inRole(may, token.role, token.purpose, token.actor);
  }
  if (isNone(values.role)) return nobodyActs('nothing-claimed');
  const actor = isNone(values.actor) ? nobody : parseActor(values.actor);
  return actor === undefined
    ? nobodyActs('actor-unreadable')
    : inRole(may, values.role, values.purpose, actor);
}

function inRole(
  may: ClaimRule['may'],
  role: string,
  claimed: string | undefined,
  actor: ReadonlyMap<string, string>,
): Acting {
  const purposes = may.get(role);
  if (purposes === undefined) return nobodyActs('role-not-open');
  // A role with one purpose leaves no choice.
  const purpose = isNone(claimed) ? (purposes.length === 1 ? purposes[0] : undefined) : claimed;
  if (purpose === undefined) return nobodyActs('purpose-missing');
  return purposes.includes(purpose)
    ? { role, purpose, actor, gap: undefined }
    : nobodyActs('purpose-not-of-role');
}

function isNone(value: string | undefined): value is undefined | '' {
  return value === undefined || value === '';
}

/** The facts that follow from a session's standing. */
export function factsOf(
  login: Pick<SessionFacts, 'user' | 'database'>,
  standing: Omit<Standing, 'gap'>,
): SessionFacts {
  const { current } = standing.settings;
  const { role, purpose, actor, gap } = actingAs(standing.rule, current, standing.now);
  return {
    user: login.user,
    database: login.database,
    role,
    purpose,
    actor,
    searchPath: current.path,
    standing: { ...standing, gap },
  };
}

/** The same session once a statement has run: what it has set counts for those behind it. */
export function afterStatement(session: SessionFacts, effect: SessionEffect | undefined): SessionFacts {
  if (effect === undefined) return session;
  const { standing } = session;
  if (standing === undefined) return withPath(session, effect);
  const ends = effect.kind === 'transaction' && /^(?:commit|rollback)/.test(effect.what);
  const settings = afterEffect(standing.settings, effect, standing.failed);
  const failed = standing.failed && !ends;
  return settings === standing.settings && failed === standing.failed
    ? session
    : factsOf(session, { ...standing, settings, failed });
}

/** Without a live session behind it nothing but the search_path is followed. */
function withPath(session: SessionFacts, effect: SessionEffect): SessionFacts {
  if (effect.kind !== 'set') return session;
  const found = effect.changes.findLast(({ setting }) => setting === 'path');
  return found?.setting !== 'path' || found.value === undefined
    ? session
    : { ...session, searchPath: found.value };
}

/**
 * A JSON object of text, numbers and booleans as attributes by name; undefined for anything else. Null is an attribute
 * that is missing. The values stay text here and are typed by the column that they are compared with.
 */
export function parseActor(text: string): ReadonlyMap<string, string> | undefined {
  if (text.length > MAX_ACTOR_CHARS) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return attributesOf(value);
}

/** As parseActor, of a value that was parsed already. */
export function attributesOf(value: unknown): ReadonlyMap<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const attributes = new Map<string, string>();
  for (const [name, one] of Object.entries(value)) {
    if (one === null) continue;
    // A whole number that JavaScript cannot hold exactly would stand for another one.
    const exact = typeof one === 'number' && (!Number.isInteger(one) || Number.isSafeInteger(one));
    if (!exact && typeof one !== 'string' && typeof one !== 'boolean') return undefined;
    attributes.set(name, String(one));
  }
  return attributes;
}

/** Why a claim of one setting is refused; undefined: it is fine. An empty text takes the claim back. */
export function claimProblem(
  { may }: ClaimRule,
  name: 'role' | 'purpose' | 'actor',
  value: string,
  current: ClaimValues,
): Refusal | undefined {
  if (value === '') return undefined;
  if (name === 'actor')
    return parseActor(value) === undefined
      ? claimRefused(
          'pgveil.actor is not an object of attributes',
          'it must be JSON such as {"region": "EU"}, with text, numbers and booleans as values',
          'write SET pgveil.actor = \'{"name": "value"}\', and whole numbers beyond 2^53 as text',
          '22023',
        )
      : undefined;
  if (name === 'role')
    return may.has(value)
      ? undefined
      : claimRefused(
          'this session may not claim this role',
          `it may claim ${listed(may.keys())}`,
          'claim one of these, or have the role added to may: of the session in the policy',
        );
  const role = isNone(current.role) ? undefined : current.role;
  const purposes = (role === undefined ? undefined : may.get(role)) ?? [...may.values()].flat();
  return purposes.includes(value)
    ? undefined
    : claimRefused(
        role === undefined
          ? 'no role that this session may claim has this purpose'
          : 'the claimed role does not act for this purpose',
        `the purposes are ${listed(new Set(purposes))}`,
        role === undefined ? 'claim one of these' : 'claim one of these, or another role first',
      );
}

/** Why a verified token is refused all the same. */
export function tokenProblem(
  { may }: ClaimRule,
  role: string,
  purpose: string | undefined,
): Refusal | undefined {
  const { gap } = inRole(may, role, purpose, nobody);
  if (gap === undefined) return undefined;
  const purposes = may.get(role);
  return purposes === undefined
    ? claimRefused(
        'the token claims a role that this session may not have',
        `the session may claim ${listed(may.keys())}`,
        'have the role added to may: of the session in the policy, or the token issued for another role',
      )
    : claimRefused(
        gap === 'purpose-missing'
          ? 'the token claims a role with several purposes, and none of them'
          : 'the token claims a purpose that its role does not act for',
        `the purposes of the role are ${listed(purposes)}`,
        'have the token issued with pgveil_purpose',
      );
}

export function claimRefused(message: string, detail: string, hint: string, sqlstate?: string): Refusal {
  return refuse('claim-refused', {
    message,
    detail,
    hint,
    rule: 'pgveil:claims',
    ...(sqlstate === undefined ? {} : { sqlstate }),
  });
}

/** What a session that nobody acts in is told about a statement that needs somebody. */
export function claimMissing(gap: ClaimGap, rule: Standing['rule']): Refusal {
  const claims = rule?.claims;
  const token = claims?.by.kind === 'token';
  const words = (message: string, detail: string, hint: string): Refusal =>
    refuse('claim-missing', { message, detail, hint, rule: 'pgveil:claims' });
  const roles = listed(claims?.may.keys() ?? []);
  switch (gap) {
    case 'nothing-claimed':
      return token
        ? words(
            'this session has not said who acts',
            `its statements need a token that claims one of the roles ${roles}`,
            "send SET pgveil.token = '<JWT>' first",
          )
        : words(
            'this session has not said who acts',
            `its statements need a claim of one of the roles ${roles}`,
            "send SET pgveil.role = '<role>' first, and SET pgveil.purpose where the role has several",
          );
    case 'token-expired':
      return words(
        'the token of this session has expired',
        'an expired token is as no claim',
        "send SET pgveil.token = '<JWT>' with a new one",
      );
    case 'role-not-open':
      return words(
        'this session may no longer act in the role that it has claimed',
        `under the policy in force it may claim ${roles}`,
        token ? 'send a token for one of these' : 'claim one of these with SET pgveil.role',
      );
    case 'purpose-missing':
      return words(
        'this session has not said for which purpose it acts',
        'the claimed role has several purposes',
        token ? 'have the token issued with pgveil_purpose' : "send SET pgveil.purpose = '<purpose>' first",
      );
    case 'purpose-not-of-role':
      return words(
        'the claimed role does not act for the claimed purpose',
        'a change of role leaves the purpose as it was',
        token
          ? 'have the token issued for a purpose of its role'
          : 'send SET pgveil.purpose for the new role, or RESET pgveil.purpose where it has only one',
      );
    case 'actor-unreadable':
      return words(
        'the attributes of the actor cannot be read',
        'pgveil.actor must be a JSON object of text, numbers and booleans',
        'send SET pgveil.actor again',
      );
    case 'no-rule':
      return words(
        'the policy in force has no role for this session any more',
        'the policy was changed since the log-in',
        'connect again',
      );
  }
}

/** Names of the policy, which its author chose. */
function listed(names: Iterable<string>): string {
  return [...names].map((name) => `"${name}"`).join(', ');
}
