/** One short string for everything that a plan depends on besides the text. */
import { createHash } from 'node:crypto';
import type { EnforceContext, SessionFacts } from './types.js';

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
  ];
  const epoch = createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 22);
  memo.set(session, { context, epoch });
  return epoch;
}
