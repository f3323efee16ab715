/**
 * Where the rows of an hour are counted, as the meter of a statement sees it: in this process (row-windows.ts), or over
 * several (leased-rows.ts), where a row may have to wait for an answer.
 */

/** One user's rows in one role. */
export interface RowAllowance {
  /** As far as is known here, nothing is left of the hour. */
  spent(limit: number, now: number): boolean;
  /** Counts one row if it may be shown. 'wait': ask again after `more`. Without a limit rows are counted too. */
  take(limit: number | undefined, now: number): boolean | 'wait';
  /** Never rejects. */
  more(limit: number | undefined): Promise<void>;
  /** When rows may be shown again; undefined: they cannot be counted at present. */
  freesAt(now: number): number | undefined;
  /** A statement begins to be counted, or has ended. Each beginning has its end. */
  begin(): void;
  end(): void;
}

export interface RowAllowances {
  readonly now: () => number;
  of(user: string, role: string): RowAllowance;
}
