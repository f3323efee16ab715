/**
 * The one count of the hour's rows over several workers, in the primary. It lends rows out in portions; what is lent
 * counts as shown until it is given back, so that all workers together never show more than the limit. It knows
 * workers by their numbers alone.
 */
import type { Lease, LeaseRequest, RowsSettled } from './leased-rows.js';
import { RowWindow } from './row-windows.js';

/** So that a statement of a million rows asks some hundred times. */
const PORTION = 4_096;
/** How long a request may wait for rows that another worker holds and may give back. */
const PATIENCE_MS = 2_000;

interface Waiting {
  readonly worker: number;
  readonly request: LeaseRequest;
  readonly done: (lease: Lease) => void;
  readonly timer: NodeJS.Timeout;
}

interface Account {
  readonly window: RowWindow;
  /** By worker. */
  readonly lent: Map<number, number>;
  readonly waiting: Set<Waiting>;
}

export class RowLedger {
  private readonly workers: number;
  private readonly now: () => number;
  private readonly patienceMs: number;
  private readonly accounts = new Map<string, Account>();

  constructor(workers: number, now: () => number = Date.now, patienceMs = PATIENCE_MS) {
    this.workers = workers;
    this.now = now;
    this.patienceMs = patienceMs;
  }

  /** INVARIANT(row-limits): shown and lent together never exceed the limit. */
  lease(worker: number, request: LeaseRequest): Promise<Lease> {
    const account = this.of(request);
    this.book(account, worker, request.used);
    this.forgetWaiting(account, worker);
    const lease = this.tryLease(account, worker, request.limit);
    this.serve(account);
    if (lease !== undefined) return Promise.resolve(lease);
    return new Promise((done) => {
      const timer = setTimeout(() => this.answer(account, waiting, this.none(account)), this.patienceMs);
      const waiting: Waiting = { worker, request, done, timer };
      account.waiting.add(waiting);
    });
  }

  settle(worker: number, settled: RowsSettled): void {
    const account = this.of(settled);
    this.book(account, worker, settled.used);
    this.forgetWaiting(account, worker);
    this.serve(account);
  }

  /** What a worker held when it ended may have been shown. */
  gone(worker: number): void {
    for (const account of this.accounts.values()) {
      this.book(account, worker, account.lent.get(worker) ?? 0);
      this.forgetWaiting(account, worker);
      this.serve(account);
    }
  }

  private book(account: Account, worker: number, used: number): void {
    account.lent.delete(worker);
    account.window.add(this.now(), used);
  }

  /** The worker has asked anew, has given back or has gone: it waits for an earlier answer no more. */
  private forgetWaiting(account: Account, worker: number): void {
    for (const one of account.waiting)
      if (one.worker === worker) this.answer(account, one, { rows: 0, freesAt: this.now() });
  }

  /** Undefined: others hold what is left. */
  private tryLease(account: Account, worker: number, limit: number | undefined): Lease | undefined {
    const now = this.now();
    const shown = account.window.shown(now);
    const room = (limit ?? Infinity) - shown - sum(account.lent);
    if (room > 0) {
      // Less and less towards the limit, so that no worker sits on rows that another could show.
      const fair = Math.max(1, Math.floor(room / (2 * this.workers)));
      const rows = Math.min(PORTION, fair);
      account.lent.set(worker, rows);
      return { rows, freesAt: now };
    }
    return limit === undefined || shown >= limit ? this.none(account) : undefined;
  }

  private none(account: Account): Lease {
    return { rows: 0, freesAt: account.window.freesAt(this.now()) };
  }

  private serve(account: Account): void {
    for (const one of account.waiting) {
      const lease = this.tryLease(account, one.worker, one.request.limit);
      if (lease !== undefined) this.answer(account, one, lease);
    }
  }

  private answer(account: Account, one: Waiting, lease: Lease): void {
    clearTimeout(one.timer);
    account.waiting.delete(one);
    one.done(lease);
  }

  private of({ user, role }: { readonly user: string; readonly role: string }): Account {
    const key = JSON.stringify([user, role]);
    const known = this.accounts.get(key);
    if (known !== undefined) return known;
    if (this.accounts.size >= KEPT_ACCOUNTS) this.forgetEmpty();
    const account: Account = { window: new RowWindow(), lent: new Map(), waiting: new Set() };
    this.accounts.set(key, account);
    return account;
  }

  private forgetEmpty(): void {
    for (const [key, { window, lent, waiting }] of this.accounts)
      if (lent.size === 0 && waiting.size === 0 && window.shown(this.now()) === 0) this.accounts.delete(key);
  }
}

const KEPT_ACCOUNTS = 1_000;

function sum(lent: ReadonlyMap<number, number>): number {
  let total = 0;
  for (const rows of lent.values()) total += rows;
  return total;
}
