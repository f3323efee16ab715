/** What one event says about one data subject. It reads nothing and counts nothing. */
import { action, type AuditEvent } from '../ocsf.js';

/** Why an event may concern the subject though it does not name them. */
export type Doubt =
  /** Rows came whose subjects are not all recorded: beyond the limit, or of a relation whose key was not among them. */
  | 'incomplete'
  /** Rows came without any subject's key: an aggregate, a result without the key column. */
  | 'no-key'
  /** Rows of subjects' tables were written, and whose they are is not recorded. */
  | 'written'
  /** How it ended is not known: the proxy or the connection ended before it. */
  | 'interrupted'
  /** Refused by the policy and run all the same (`mode: observe`), before it was known what it reads. */
  | 'unread'
  /** A session that the policy does not govern: what it read is not known. */
  | 'exempt'
  /** Such a session itself: the policy may record its connections alone. */
  | 'exempt-session'
  /** Events that were made and not kept (audit.durability: relaxed), or whose place on the disk was damaged. */
  | 'lost';

export type Finding =
  | { readonly kind: 'seen' }
  | { readonly kind: 'possible'; readonly doubt: Doubt; readonly count: number }
  | { readonly kind: 'refused' }
  /** Refused before it was known what it would have read. */
  | { readonly kind: 'refused-unread' }
  | undefined;

/** OCSF activities that a statement which only writes has. */
const WRITES: ReadonlySet<string> = new Set(['Write', 'Update', 'Delete']);

/** A query may write in WITH, whatever rows it returns. Too many texts may look like it, FOR UPDATE among them. */
const WRITES_IN_WITH = /\bwith\b.*\b(?:insert|update|delete|merge)\b/is;

/** What the event of a statement, a session or pgveil itself means for the subject with these HMACs. */
export function findingOf(event: AuditEvent, hmacs: ReadonlySet<string>): Finding {
  const { unmapped, status } = event;
  const { subjects } = unmapped;
  if (subjects?.hmacs.some((hmac) => hmacs.has(hmac)) === true) return { kind: 'seen' };
  if (event.activity_name === 'Connect')
    return unmapped.exempt && status === 'Success' ? possible('exempt-session') : undefined;
  const lost = lostBy(event);
  if (lost > 0) return possible('lost', lost);
  const reached = unmapped.subject_tables.length > 0;
  if (event.action_id === action.observed && !reached && unmapped.rules.some(isOwnRule))
    return possible('unread');
  if (event.action_id === action.denied && status === 'Refused')
    return reached
      ? { kind: 'refused' }
      : unmapped.tables.length === 0
        ? { kind: 'refused-unread' }
        : undefined;
  if (event.activity_name === 'Disconnect' || !(reached || unmapped.exempt)) return undefined;
  if (status === 'Interrupted') return possible('interrupted');
  // A fast-path function call returns a value and no row.
  if (unmapped.rows === 0 && event.activity_name !== 'FUNCTION CALL')
    return status === 'Success' && subjects === null && WRITES_IN_WITH.test(event.query_info.query_string)
      ? possible('written')
      : undefined;
  if (unmapped.exempt) return possible('exempt');
  if (subjects === null) return possible(WRITES.has(event.activity_name) ? 'written' : 'no-key');
  return subjects.truncated ? possible('incomplete') : undefined;
}

/** Of pgveil's own rules, which a policy does not write: it did not understand the statement, or opens it to nobody. */
function isOwnRule(rule: string): boolean {
  return rule.startsWith('pgveil:');
}

function possible(doubt: Doubt, count = 1): Finding {
  return { kind: 'possible', doubt, count };
}

/** How many events it tells are gone; of a damaged place nobody knows how many stood there. */
function lostBy({ unmapped }: AuditEvent): number {
  const { dropped, recovered } = unmapped as {
    readonly dropped?: { readonly events?: unknown };
    readonly recovered?: { readonly damage?: unknown };
  };
  if (typeof dropped?.events === 'number') return dropped.events;
  return Array.isArray(recovered?.damage) ? recovered.damage.length : 0;
}
