/** One short string for everything that a plan depends on besides the text. */
import { createHash } from 'node:crypto';
import type { EnforceContext, SessionFacts, Standing } from './types.js';

const memo = new WeakMap<SessionFacts, { readonly context: EnforceContext; readonly epoch: string }>();

/** Equal for sessions of equal role, purpose, attributes and search_path under the same policy and catalog. */
export function epochOf(session: SessionFacts, context: EnforceContext): string {
  const known = memo.get(session);
  if (known?.context.policy === context.policy && known.context.catalog === context.catalog)
    return known.epoch;
  const { role, purpose, user, database, searchPath } = session;
  const facts = [
    context.policy.version,
    context.catalog.version,
    user,
    database,
    role,
    purpose,
    [...session.actor].sort(),
    searchPath,
    // What SHOW says, and what may be claimed next. A token's text is not among it.
    session.standing?.rule?.claims === undefined ? '' : claimFacts(session.standing),
  ];
  const epoch = createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 22);
  memo.set(session, { context, epoch });
  return epoch;
}

function claimFacts({ gap, rule, settings }: Standing): unknown {
  const { role, purpose, actor } = settings.current;
  const may = [...(rule?.claims?.may ?? [])];
  return [gap, rule?.claims?.by.kind, may, role, purpose, actor];
}

const claimMemo = new WeakMap<SessionFacts, string>();

/** Equal for the same role, purpose and attributes: what is open under one may not be read on under another. */
export function actingKey(session: SessionFacts): string {
  let key = claimMemo.get(session);
  if (key === undefined) {
    key = JSON.stringify([session.role, session.purpose, [...session.actor].sort()]);
    claimMemo.set(session, key);
  }
  return key;
}
