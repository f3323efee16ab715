/**
 * How many connections there may be: in all, from one address, of one user. It counts and says no; it knows no sockets
 * and no messages. Several workers ask one counter, so an answer may be a promise.
 *
 * A user's places are taken once the log-in is proved, as the server does it (CheckMyDatabase and InitializeSessionUserId
 * in src/backend/utils/init): otherwise anybody could use them up who knows the name.
 */
import type { SessionErrorCode } from '../errors/catalog.js';

export interface PlaceLimits {
  readonly connections: number;
  /** Undefined: no limit. */
  readonly connectionsPerUser: number | undefined;
  readonly connectionsPerAddress: number | undefined;
}

export type PlaceRefusal = Extract<
  SessionErrorCode,
  | 'too-many-connections'
  | 'too-many-connections-of-user'
  | 'too-many-connections-of-address'
  | 'connections-uncounted'
>;

export type PlaceAnswer =
  { readonly ok: true; leave(): void } | { readonly ok: false; readonly code: PlaceRefusal };

/** Whose place it is: a connection before its log-in, or the user who has logged in over it. */
export type PlaceClaim = { readonly address: string } | { readonly user: string };

export interface Places {
  /** FAIL-CLOSED: when nobody can count, the answer is no. Never rejects. */
  take(claim: PlaceClaim): PlaceAnswer | Promise<PlaceAnswer>;
}

/** The counts themselves. */
export class CountedPlaces implements Places {
  private readonly limits: PlaceLimits;
  private total = 0;
  private readonly addresses = new Map<string, number>();
  private readonly users = new Map<string, number>();

  constructor(limits: PlaceLimits) {
    this.limits = limits;
  }

  take(claim: PlaceClaim): PlaceAnswer {
    const { connections, connectionsPerUser, connectionsPerAddress } = this.limits;
    if ('user' in claim)
      return this.count(this.users, claim.user, connectionsPerUser)
        ? { ok: true, leave: once(() => uncount(this.users, claim.user)) }
        : { ok: false, code: 'too-many-connections-of-user' };
    if (this.total >= connections) return { ok: false, code: 'too-many-connections' };
    if (!this.count(this.addresses, claim.address, connectionsPerAddress))
      return { ok: false, code: 'too-many-connections-of-address' };
    this.total++;
    const leave = once(() => {
      this.total--;
      uncount(this.addresses, claim.address);
    });
    return { ok: true, leave };
  }

  private count(counts: Map<string, number>, name: string, limit = Infinity): boolean {
    const count = counts.get(name) ?? 0;
    if (count >= limit) return false;
    counts.set(name, count + 1);
    return true;
  }
}

/** The places of one session. */
export class HeldPlaces {
  private readonly places: Places;
  private leaves: (() => void)[] = [];
  private gone = false;

  constructor(places: Places) {
    this.places = places;
  }

  take(claim: PlaceClaim): PlaceAnswer | Promise<PlaceAnswer> {
    const answer = this.places.take(claim);
    return answer instanceof Promise ? answer.then((one) => this.keep(one)) : this.keep(answer);
  }

  /** The session has ended; a place that is granted later is left at once. */
  leave(): void {
    this.gone = true;
    for (const leave of this.leaves.splice(0)) leave();
  }

  private keep(answer: PlaceAnswer): PlaceAnswer {
    if (!answer.ok) return answer;
    if (this.gone) answer.leave();
    else this.leaves.push(() => answer.leave());
    return answer;
  }
}

/** What a client is told, in the server's words (PostgreSQL 18, src/backend/utils/init and storage/lmgr/proc.c). */
export function placeMessage(code: PlaceRefusal, user: string): string {
  switch (code) {
    case 'too-many-connections':
      return 'sorry, too many clients already';
    case 'too-many-connections-of-user':
      return `too many connections for role "${user}"`;
    case 'too-many-connections-of-address':
      return 'too many connections from this address';
    case 'connections-uncounted':
      return 'the connections cannot be counted at present';
  }
}

function uncount(counts: Map<string, number>, name: string): void {
  const count = (counts.get(name) ?? 0) - 1;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
