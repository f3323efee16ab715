/**
 * The hour's rows where several workers show them: each takes some on lease from the primary (row-ledger.ts), shows
 * them, and gives back what is left when its statements end. It knows neither processes nor sessions.
 */
import type { RowAllowance, RowAllowances } from './row-allowance.js';

export interface LeaseRequest {
  readonly user: string;
  readonly role: string;
  /** Undefined: rows are only counted. */
  readonly limit: number | undefined;
  /** Rows shown since the last request. */
  readonly used: number;
}

/** `rows` 0: nothing is left until `freesAt`. */
export interface Lease {
  readonly rows: number;
  readonly freesAt: number;
}

export interface RowsSettled {
  readonly user: string;
  readonly role: string;
  readonly used: number;
}

export interface RowLender {
  /** May reject. What was leased before and is not used is given back by asking. */
  lease(request: LeaseRequest, patienceMs: number): Promise<Lease>;
  /** Nothing is under way: all that was leased and not used is given back. */
  settle(settled: RowsSettled): void;
}

const PATIENCE_MS = 5_000;

class LeasedRows implements RowAllowance {
  private readonly lender: RowLender;
  private readonly who: { readonly user: string; readonly role: string };
  private left = 0;
  /** Under which limit the rows that are left were lent. */
  private leasedUnder = Infinity;
  /** No answer came, which does not mean that nothing was lent. */
  private unheard = false;
  private used = 0;
  private statements = 0;
  private asking: Promise<void> | undefined;
  /** What the last answer was, where it was no; `until` undefined: there was none. */
  private refused: { readonly limit: number | undefined; readonly until: number | undefined } | undefined;
  /** Nobody has been told of it yet. */
  private untold = false;

  constructor(lender: RowLender, user: string, role: string) {
    this.lender = lender;
    this.who = { user, role };
  }

  get idle(): boolean {
    return this.statements === 0 && this.asking === undefined;
  }

  spent(limit: number, now: number): boolean {
    const { refused } = this;
    return this.left === 0 && refused?.limit === limit && now < (refused.until ?? 0);
  }

  take(limit: number | undefined, now: number): boolean | 'wait' {
    // Rows lent under a higher limit, before a reload, are none of this statement's: it asks for its own.
    if (this.left > 0 && (limit ?? Infinity) >= this.leasedUnder) {
      this.left--;
      this.used++;
      return true;
    }
    // FAIL-CLOSED: whatever the answer was, or without one, the row that asked is not shown.
    if (this.untold || (limit !== undefined && this.spent(limit, now))) {
      this.untold = false;
      return false;
    }
    return 'wait';
  }

  more(limit: number | undefined): Promise<void> {
    this.asking ??= this.ask(limit).finally(() => {
      this.asking = undefined;
      this.giveBack();
    });
    return this.asking;
  }

  freesAt(): number | undefined {
    return this.refused?.until;
  }

  begin(): void {
    // What a statement did not stay to hear concerns no other.
    if (this.idle) this.untold = false;
    this.statements++;
  }

  end(): void {
    this.statements--;
    this.giveBack();
  }

  private async ask(limit: number | undefined): Promise<void> {
    const { used } = this;
    this.used = 0;
    this.left = 0;
    try {
      const { rows, freesAt } = await this.lender.lease({ ...this.who, limit, used }, PATIENCE_MS);
      this.left = rows;
      this.leasedUnder = limit ?? Infinity;
      this.unheard = false;
      this.refused = rows > 0 ? undefined : { limit, until: freesAt };
    } catch {
      this.unheard = true;
      this.refused = { limit, until: undefined };
    }
    this.untold = this.refused !== undefined;
  }

  private giveBack(): void {
    if (!this.idle || (this.left === 0 && this.used === 0 && !this.unheard)) return;
    this.lender.settle({ ...this.who, used: this.used });
    this.unheard = false;
    this.left = 0;
    this.used = 0;
  }
}

/** Windows kept before those without a statement are forgotten. */
const KEPT = 1_000;

export function leasedRows(lender: RowLender, now: () => number = Date.now): RowAllowances {
  const all = new Map<string, LeasedRows>();
  return {
    now,
    of(user, role) {
      const key = JSON.stringify([user, role]);
      const known = all.get(key);
      if (known !== undefined) return known;
      if (all.size >= KEPT) for (const [name, one] of all) if (one.idle) all.delete(name);
      const made = new LeasedRows(lender, user, role);
      all.set(key, made);
      return made;
    },
  };
}
