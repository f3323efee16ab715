/**
 * FOR UPDATE and its kin over guarded relations.
 *
 * PostgreSQL pushes a locking clause on a subquery down to every table in it (transformLockingClause, analyze.c), the
 * consents among them. So the clause moves: an inner one locks the protected relation alone, and what stays outside
 * names the other tables.
 */
import type { LockingClause, LockClauseStrength, LockWaitPolicy, SelectStmt } from '@pgsql/types';
import type { QueryLevel, RelationUse, ResolvedStatement, TokenSpan } from '../resolve/types.js';
import type { LexedText } from '../sql/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';

export interface LockingRewrite {
  readonly edits: readonly Edit[];
  /** Locking text for the derived table of a use, by use id. */
  readonly inner: ReadonlyMap<number, readonly string[]>;
  readonly intend: (tree: IntendedTree) => void;
}

export type LockingOutcome =
  | { readonly ok: true; readonly rewrite: LockingRewrite }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

const strengths: Readonly<Record<LockClauseStrength, string>> = {
  LCS_NONE: '',
  LCS_FORKEYSHARE: 'FOR KEY SHARE',
  LCS_FORSHARE: 'FOR SHARE',
  LCS_FORNOKEYUPDATE: 'FOR NO KEY UPDATE',
  LCS_FORUPDATE: 'FOR UPDATE',
};
const waits: Readonly<Record<LockWaitPolicy, string>> = {
  LockWaitBlock: '',
  LockWaitSkip: ' SKIP LOCKED',
  LockWaitError: ' NOWAIT',
};

const none: LockingRewrite = { edits: [], inner: new Map(), intend: () => undefined };

/** Moves the locks of every query level that names guarded relations. `guarded` holds their use ids. */
export function rewriteLocking(resolved: ResolvedStatement, guarded: ReadonlySet<number>): LockingOutcome {
  const locking = resolved.levels.filter((level) => (level.select?.lockingClause ?? []).length > 0);
  if (locking.length === 0) return { ok: true, rewrite: none };
  const affected = locking.filter((level) => reaches(resolved, level, guarded));
  if (affected.length === 0) return { ok: true, rewrite: none };
  const hint = 'lock rows in the outermost query, and name the tables with FOR UPDATE OF';
  if (affected.length > 1 || locking.length > 1) {
    return { ok: false, reason: 'row locks on masked tables in more than one query', hint };
  }
  return rewriteLevel(resolved, affected[0]!, guarded, hint);
}

/** True when a guarded relation stands in this level or in a query below it. */
function reaches(resolved: ResolvedStatement, level: QueryLevel, guarded: ReadonlySet<number>): boolean {
  return resolved.relations.some((use) => guarded.has(use.id) && isWithin(resolved, use.level, level.id));
}

function isWithin(resolved: ResolvedStatement, inner: number, outer: number): boolean {
  for (let at: number | undefined = inner; at !== undefined; at = resolved.levels[at]?.parent) {
    if (at === outer) return true;
  }
  return false;
}

function rewriteLevel(
  resolved: ResolvedStatement,
  level: QueryLevel,
  guarded: ReadonlySet<number>,
  hint: string,
): LockingOutcome {
  const select = level.select!;
  const clauses = lockingClauses(select);
  const spans = clauseSpans(resolved, clauses.length);
  if (spans === undefined) {
    return { ok: false, reason: 'a row lock on a masked table inside a nested query', hint };
  }
  const deeper = resolved.relations.some(
    (use) => guarded.has(use.id) && use.level !== level.id && isWithin(resolved, use.level, level.id),
  );
  const inner = new Map<number, string[]>();
  const edits: Edit[] = [];
  const kept: { readonly index: number; readonly names: readonly string[] }[] = [];
  for (const [index, clause] of clauses.entries()) {
    const named = (clause.lockedRels ?? []).flatMap((node) =>
      'RangeVar' in node && node.RangeVar.relname !== undefined ? [node.RangeVar.relname] : [],
    );
    const targets = named.length === 0 ? level.uses : level.uses.filter((use) => named.includes(nameOf(use)));
    // FAIL-CLOSED: a lock that also reaches into a subquery would be pushed down to the consents there.
    if (deeper && (named.length === 0 || targets.length < named.length)) {
      return { ok: false, reason: 'a row lock that reaches a masked table through a subquery', hint };
    }
    const text = `${strengths[clause.strength ?? 'LCS_NONE']}${waits[clause.waitPolicy ?? 'LockWaitBlock']}`;
    for (const use of targets) {
      if (guarded.has(use.id)) inner.set(use.id, [...(inner.get(use.id) ?? []), text]);
    }
    if (!targets.some((use) => guarded.has(use.id))) {
      kept.push({ index, names: named });
      continue;
    }
    const guardedNames = new Set(targets.filter((use) => guarded.has(use.id)).map(nameOf));
    const rest =
      named.length === 0
        ? level.uses.filter((use) => !guarded.has(use.id)).map(nameOf)
        : named.filter((name) => !guardedNames.has(name));
    const span = spans[index]!;
    edits.push({ ...span, pieces: rest.length === 0 ? [] : [toByteString(lockText(clause, rest))] });
    if (rest.length > 0) kept.push({ index, names: rest });
  }
  const intend = (tree: IntendedTree): void => {
    const copy = tree.of(select);
    copy.lockingClause = kept.map(({ index, names }) => {
      const tagged = tree.of(select.lockingClause![index]!) as { LockingClause: LockingClause };
      if (names.length > 0) {
        tagged.LockingClause.lockedRels = names.map((relname) => ({
          RangeVar: { relname, inh: true, relpersistence: 'p' },
        }));
      }
      return tagged;
    });
    if (copy.lockingClause.length === 0) delete copy.lockingClause;
  };
  return { ok: true, rewrite: { edits, inner, intend } };
}

function lockText(clause: LockingClause, names: readonly string[]): string {
  const of = names.map(identifier).join(', ');
  return `${strengths[clause.strength ?? 'LCS_NONE']} OF ${of}${waits[clause.waitPolicy ?? 'LockWaitBlock']}`;
}

function lockingClauses(select: SelectStmt): readonly LockingClause[] {
  return (select.lockingClause ?? []).flatMap((node) =>
    'LockingClause' in node ? [node.LockingClause] : [],
  );
}

function nameOf(use: RelationUse): string {
  return use.alias ?? use.relation.name;
}

/**
 * Where the locking clauses of the outermost query stand: `FOR` outside every bracket, followed by a strength.
 * Undefined when their number differs from the tree's, so when they belong to a nested query.
 */
function clauseSpans(resolved: ResolvedStatement, count: number): readonly TokenSpan[] | undefined {
  const { lexed, firstToken, endToken } = resolved.statement;
  const spans: TokenSpan[] = [];
  let depth = 0;
  let open: number | undefined;
  const close = (end: number): void => {
    if (open !== undefined) spans.push({ first: open, end });
    open = undefined;
  };
  for (let i = firstToken; i < endToken; i += 1) {
    const word = wordAt(lexed, i);
    if (word === '(' || word === '[') depth += 1;
    else if (word === ')' || word === ']') depth -= 1;
    if (depth !== 0) continue;
    if (word === 'for' && isStrength(wordAt(lexed, i + 1))) {
      close(i);
      open = i;
    } else if (open !== undefined && (word === 'limit' || word === 'offset' || word === 'fetch')) {
      close(i);
    }
  }
  close(endToken);
  return spans.length === count ? spans : undefined;
}

function isStrength(word: string): boolean {
  return word === 'update' || word === 'share' || word === 'no' || word === 'key';
}

function wordAt(lexed: LexedText, token: number): string {
  if (token >= lexed.tokens.length) return '';
  const kind = lexed.tokens.kind(token);
  if (kind !== 'identifier' && kind !== 'punctuation') return '';
  return lexed.text.slice(lexed.tokens.start(token), lexed.tokens.end(token)).toLowerCase();
}
