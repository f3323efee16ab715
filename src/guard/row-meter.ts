/**
 * Counts the rows of one statement against the limits of its role, and says why no more may follow. It knows policies'
 * numbers and the hour's window; what stops the statement is the session's.
 */
import type { Refusal } from '../enforce/types.js';
import { errorCatalog } from '../errors/catalog.js';
import type { RowAllowance } from './row-allowance.js';

/** As a policy's role states them; undefined: no limit. */
export interface RowLimits {
  readonly rowsPerStatement: number | undefined;
  readonly rowsPerHour: number | undefined;
}

export interface RowMeterOptions {
  readonly limits: RowLimits;
  readonly role: string;
  readonly window: RowAllowance;
  readonly now: () => number;
  /** Rows that earlier fetches of the same cursor or portal have shown. */
  readonly shownBefore: number;
}

export class RowMeter {
  /** Rows let through. */
  delivered = 0;
  /** Why a row was kept back; every later one is too. */
  refusal: Refusal | undefined;
  private readonly options: RowMeterOptions;

  constructor(options: RowMeterOptions) {
    this.options = options;
  }

  /** INVARIANT(row-limits): asked for each row before it may go to the client. 'wait': again after `more`. */
  admit(): boolean | 'wait' {
    if (this.refusal !== undefined) return false;
    const { limits, role, window, now, shownBefore } = this.options;
    if (limits.rowsPerStatement !== undefined && shownBefore + this.delivered >= limits.rowsPerStatement) {
      this.refusal = statementLimit(role, limits.rowsPerStatement);
      return false;
    }
    // Counted where only statements are limited too, so that a policy that limits the hour takes effect at once.
    const taken = window.take(limits.rowsPerHour, now());
    if (taken === true) this.delivered++;
    else if (!taken) this.refusal = hourRefusal(limits.rowsPerHour ?? 0, role, window, now());
    return taken;
  }

  /** Never rejects. */
  more(): Promise<void> {
    return this.options.window.more(this.options.limits.rowsPerHour);
  }

  /** The server has given as many rows as it was asked for, and the hour has moved on meanwhile: it is not asked again. */
  stopIfAsked(): void {
    const { limits, role, window, now } = this.options;
    if (this.delivered < this.ask) return;
    this.refusal ??= hourRefusal(limits.rowsPerHour ?? 0, role, window, now());
  }

  /** How many rows the server may be asked for: one more than may be shown tells that there are more. */
  get ask(): number {
    const { limits, shownBefore } = this.options;
    const statement = Math.max(0, (limits.rowsPerStatement ?? Infinity) - shownBefore);
    return Math.min(statement, limits.rowsPerHour ?? Infinity) + 1;
  }
}

/** Nothing is left of the hour, so a statement that only reads need not run. */
export function hourLimit(
  { rowsPerHour }: RowLimits,
  role: string,
  window: RowAllowance,
  now: number,
): Refusal | undefined {
  if (rowsPerHour === undefined || !window.spent(rowsPerHour, now)) return undefined;
  return hourRefusal(rowsPerHour, role, window, now);
}

function hourRefusal(rowsPerHour: number, role: string, window: RowAllowance, now: number): Refusal {
  const freesAt = window.freesAt(now);
  if (freesAt === undefined) return uncounted(role);
  const again = new Date(freesAt).toISOString().slice(0, 16).replace('T', ' ');
  return {
    code: 'row-limit',
    sqlstate: errorCatalog['row-limit'].sqlstate,
    message: 'no more rows may be shown in this hour',
    detail: `the policy shows the role "${role}" ${rowsPerHour} rows an hour (limits.rows_per_hour), over all connections of a user`,
    hint: `more rows are shown from ${again} UTC on; select fewer rows, or ask the policy's owner for a higher limit`,
    rule: `roles.${role}.limits.rows_per_hour`,
  };
}

/** FAIL-CLOSED: rows that nobody counts are not shown. */
function uncounted(role: string): Refusal {
  return {
    code: 'row-limit',
    sqlstate: errorCatalog['row-limit'].sqlstate,
    message: 'the rows cannot be counted at present',
    detail: `the policy limits the rows of the role "${role}", and the process that counts them for all workers does not answer`,
    hint: "retry; if it stays, the proxy's log says why",
    rule: `roles.${role}.limits`,
  };
}

function statementLimit(role: string, limit: number): Refusal {
  return {
    code: 'row-limit',
    sqlstate: errorCatalog['row-limit'].sqlstate,
    message: 'the statement would show more rows than allowed',
    detail: `the policy shows the role "${role}" ${limit} rows in one statement (limits.rows_per_statement); all fetches of a cursor count together`,
    hint: "narrow the statement with WHERE or LIMIT, or ask the policy's owner for a higher limit",
    rule: `roles.${role}.limits.rows_per_statement`,
  };
}
