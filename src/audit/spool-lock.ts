/**
 * One writer per spool directory. The lock file names the process that holds it (spool-holder.ts), so that a lock left
 * behind by a crash does not keep the next process out. Of a holder in another container or on another machine that
 * shares the directory no process can be seen, so every holder also renews its lock: one that stays as it is was left
 * behind, and one that is renewed is in use.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf, ownLine } from './spool-holder.js';
import {
  ageMs,
  linked,
  look,
  remove,
  removeStale,
  renew,
  same,
  type Seen,
  withDraft,
} from './spool-lock-file.js';

const heldHere = new Set<string>();
const ATTEMPTS = 5;

export interface LockPace {
  readonly renewMs: number;
  /** So long a holder believes that it still has what it has renewed. Less than `watchMs`. */
  readonly trustMs: number;
  /** So long a taker looks at another's lock at least, */
  readonly watchMs: number;
  /** and so old it is when it is taken over. */
  readonly staleMs: number;
  readonly lookMs: number;
}

export const lockPace: LockPace = {
  renewMs: 1_000,
  trustMs: 2_500,
  watchMs: 3_000,
  staleMs: 10_000,
  lookMs: 250,
};

export interface SpoolLock {
  /** Throws when another process has, or may have had, the directory; makes the lock again where somebody has removed it. */
  hold(): void;
  /** As `hold`, but looks only when the last look is too long ago: for every write. */
  check(): void;
  release(): void;
}

/** Whoever gets this must never write again: another process may have gone on with the chain. */
export class SpoolLostError extends Error {
  override readonly name = 'SpoolLostError';

  constructor(directory: string) {
    super(
      `audit spool "${directory}" was taken by another process while this one stood still or its lock was removed: this one writes no more events; give each pgveil a spool directory of its own, or stop the other one, and start this one again`,
    );
  }
}

/** Whether its holder lives cannot be seen at once. */
export class HeldElsewhereError extends Error {
  override readonly name = 'HeldElsewhereError';
  readonly seen: Seen;
  readonly unrenewedMs: number;

  constructor(directory: string, seen: Seen, unrenewedMs: number) {
    super(`audit spool "${directory}" is locked by a process of another container or machine`);
    this.seen = seen;
    this.unrenewedMs = unrenewedMs;
  }
}

interface LockOptions {
  readonly pace?: LockPace;
  /** A lock of another container or machine whose holder is known to have ended. */
  readonly abandoned?: Seen | undefined;
}

/**
 * Takes the lock of a directory; where its holder may be in another container or on another machine it waits until it is
 * clear whether that one lives. Rejects with an error that says who has it.
 */
export async function waitForSpool(
  directory: string,
  onWait: (message: string) => void,
  pace = lockPace,
): Promise<SpoolLock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const began = performance.now();
  let first: Seen | undefined;
  let abandoned: Seen | undefined;
  for (;;) {
    try {
      return lockSpool(directory, { pace, abandoned });
    } catch (error) {
      if (!(error instanceof HeldElsewhereError)) throw error;
      const { seen, unrenewedMs, message } = error;
      if (first === undefined) {
        first = seen;
        const seconds = Math.ceil(pace.staleMs / 1000);
        onWait(
          `${message}; if that one has ended (the container or the machine was started again), pgveil goes on in at most ${seconds} s`,
        );
      }
      if (!same(seen, first)) throw inUseError(directory, 'a process of another container or machine');
      const watchedMs = performance.now() - began;
      // Its age alone could be that of a clock that was set; seen so long, a living holder has renewed it.
      const quiet = watchedMs >= pace.watchMs && Math.max(watchedMs, unrenewedMs) >= pace.staleMs;
      abandoned = quiet ? seen : undefined;
      if (!quiet) await sleep(pace.lookMs);
    }
  }
}

/** As `waitForSpool`, but throws where that one waits. */
export function lockSpool(directory: string, { pace = lockPace, abandoned }: LockOptions = {}): SpoolLock {
  const path = join(resolve(directory), 'lock');
  if (heldHere.has(path)) throw inUseError(directory, `process ${process.pid}`);
  const mine = ownLine();
  withDraft(path, mine, (draft) => take(directory, path, draft, abandoned));
  heldHere.add(path);
  let renewedAt = performance.now();
  let lookedAt = renewedAt;
  let lost: SpoolLostError | undefined;
  let released = false;

  const hold = (): void => {
    if (released) throw new Error('bug: the lock of a spool is held after its release');
    if (lost !== undefined) throw lost;
    const now = performance.now();
    let found = renew(path, mine);
    // Unseen for long enough, another one may have taken it, gone on with the chain and let it go.
    if (found === 'none' && now - lookedAt < pace.staleMs / 2) {
      lookedAt = now;
      withDraft(path, mine, (draft) => linked(draft, path));
      found = renew(path, mine);
      if (found === 'none')
        throw new Error(`the lock of audit spool "${directory}" is removed again and again`);
    }
    if (found !== 'mine') throw (lost = new SpoolLostError(directory));
    renewedAt = lookedAt = now;
  };
  const renewal = setInterval(() => {
    try {
      hold();
    } catch {
      // The next write finds the same, and is refused.
    }
  }, pace.renewMs).unref();

  return {
    hold,
    check: () => {
      // A sync may still run on what was written before.
      if (released) return;
      if (lost !== undefined || performance.now() - renewedAt >= pace.trustMs) hold();
    },
    release: () => {
      released = true;
      clearInterval(renewal);
      heldHere.delete(path);
      // Somebody else's is theirs; a directory that was removed took the lock with it.
      if (look(path)?.line === mine) remove(path);
    },
  };
}

function take(directory: string, path: string, draft: string, abandoned: Seen | undefined): void {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // INVARIANT(one-writer): link(2) makes the lock with all that stands in it, or not at all; a file that is made empty
    // and then filled looks in between as if nobody had it.
    if (linked(draft, path)) return;
    const seen = look(path);
    if (seen === undefined) continue;
    const holder = holderOf(seen.line);
    if (holder.kind === 'living') throw inUseError(directory, `process ${holder.pid}`);
    if (holder.kind === 'elsewhere' && (abandoned === undefined || !same(seen, abandoned))) {
      throw new HeldElsewhereError(directory, seen, ageMs(draft, seen));
    }
    removeAlone(path, draft, seen);
    if (linked(draft, path)) return;
  }
  throw new Error(
    `audit spool "${directory}" cannot be locked: other processes are taking it; start one alone`,
  );
}

/**
 * One process at a time: a second one that has found the same stale lock could move away the lock that has taken its place,
 * and a third one find none in that moment.
 */
function removeAlone(path: string, draft: string, stale: Seen): void {
  const turn = `${path}.taking`;
  if (!linked(draft, turn)) {
    const other = look(turn);
    // Whoever had its turn was killed in the middle of it.
    if (other !== undefined && hasEnded(other, draft)) remove(turn);
    return;
  }
  try {
    const now = look(path);
    if (now !== undefined && same(now, stale)) removeStale(path, stale);
  } finally {
    remove(turn);
  }
}

function hasEnded(taker: Seen, draft: string): boolean {
  const { kind } = holderOf(taker.line);
  return kind === 'ended' || (kind === 'elsewhere' && ageMs(draft, taker) >= lockPace.staleMs);
}

function inUseError(directory: string, who: string): Error {
  return new Error(
    `audit spool "${directory}" is in use by ${who}: each pgveil process needs a spool directory of its own; stop that process or set audit.spool`,
  );
}
