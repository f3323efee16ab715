/** Runs random statements against two databases that differ only in what the policy hides, and compares all that comes back. */
import { Refused, type Governed } from '../support/governed.js';
import { Random } from './random.js';
import { StatementGenerator } from './statements.js';

export interface Leak {
  readonly seed: number;
  readonly sql: string;
  readonly first: string;
  readonly second: string;
}

export interface SoakResult {
  readonly statements: number;
  readonly rows: number;
  readonly errors: number;
  readonly refused: number;
  readonly leaks: readonly Leak[];
}

/** One statement on one database, in a transaction that is rolled back, as one string. */
async function observe(crm: Governed, role: 'support' | 'marketing', sql: string): Promise<string> {
  await crm.raw('BEGIN', role);
  try {
    const result = await crm.run(sql, crm.session(role), undefined, 'array');
    const rows = result.rows.map((row) => JSON.stringify(row));
    // RETURNING has no order of its own, and rows lie elsewhere where hidden columns were updated.
    if (!sql.includes('ORDER BY')) rows.sort();
    return JSON.stringify({ rows, count: result.rowCount });
  } catch (error) {
    if (error instanceof Refused) return JSON.stringify({ refused: error.message });
    // DETAIL prints the failing row; the session drops it (guard/errors.ts), which has tests of its own.
    const { code, message } = error as Record<string, unknown>;
    return JSON.stringify({ code, message });
  } finally {
    await crm.raw('ROLLBACK', role);
  }
}

/** Each statement has a seed of its own, counted up from the first. */
export async function soak(
  pair: readonly [Governed, Governed],
  role: 'support' | 'marketing',
  options: {
    readonly seed: number;
    readonly statements: number;
    readonly onProgress?: (done: number) => void;
  },
): Promise<SoakResult> {
  let rows = 0;
  let errors = 0;
  let refused = 0;
  const leaks: Leak[] = [];
  for (let i = 0; i < options.statements; i += 1) {
    const seed = options.seed + i;
    const sql = new StatementGenerator(new Random(seed)).statement();
    const [first, second] = await Promise.all([observe(pair[0], role, sql), observe(pair[1], role, sql)]);
    if (first !== second) leaks.push({ seed, sql, first, second });
    if (first.startsWith('{"refused"')) refused += 1;
    else if (first.startsWith('{"rows"')) rows += 1;
    else errors += 1;
    if (i % 500 === 499) options.onProgress?.(i + 1);
  }
  return { statements: options.statements, rows, errors, refused, leaks };
}
