/** What one step of the soak sends: a statement by one of the protocols, or a short conversation, inside a transaction or not. */
import { errorOracle } from './error-oracles.js';
import { Queries } from './queries.js';
import type { Random } from './random.js';
import { readForm, statisticsOracle } from './read-forms.js';
import { write } from './writes.js';

export type Step =
  | { readonly kind: 'simple'; readonly sql: string }
  | {
      readonly kind: 'extended';
      readonly sql: string;
      readonly parameters: readonly string[];
      readonly binary: boolean;
      /** 0 for all rows at once. */
      readonly maxRows: number;
    };

export interface Script {
  readonly steps: readonly Step[];
  /** The rows have one possible order. Those of RETURNING do not: hidden updates move rows. */
  readonly ordered: boolean;
  /** Rolled back at the end. */
  readonly transaction: boolean;
}

export function randomScript(random: Random): Script {
  const queries = new Queries(random);
  const roll = random.next();
  if (roll < 0.45) return single(random, queries.query(2), false);
  if (roll < 0.57) {
    const sql = errorOracle(random);
    return single(random, sql, !sql.startsWith('SELECT'));
  }
  if (roll < 0.74) return single(random, readForm(queries), false);
  if (roll < 0.9) return single(random, write(queries), true);
  return conversation(random, queries);
}

/** A statement that fails in the planner where a withheld value comes near it, and by no choice of plan. */
export function statisticsScript(random: Random): Script {
  return single(random, statisticsOracle(new Queries(random)), false);
}

function single(random: Random, sql: string, transaction: boolean): Script {
  const ordered = sql.includes('ORDER BY') && !sql.includes('RETURNING');
  return { steps: [step(random, sql)], ordered, transaction: transaction || / FOR [A-Z]/.test(sql) };
}

function step(random: Random, sql: string): Step {
  if (random.chance(0.5)) return { kind: 'simple', sql };
  const parameters: string[] = [];
  // Some literals become parameters, as a driver would send them.
  const text = sql.replace(/'(?:EU|US|a|canary|\*\*\*)'(?!::)/g, (literal) => {
    if (!random.chance(0.5)) return literal;
    parameters.push(literal.slice(1, -1));
    return `$${parameters.length}::text`;
  });
  const maxRows = random.chance(0.1) ? 1 + random.below(3) : 0;
  return { kind: 'extended', sql: text, parameters, binary: random.chance(0.3), maxRows };
}

function conversation(random: Random, queries: Queries): Script {
  const simple = (...sql: string[]): Step[] => sql.map((each) => ({ kind: 'simple', sql: each }));
  const query = queries.query(1);
  const steps = random.pick([
    () => [
      ...simple(`DECLARE soak ${random.pick(['', 'SCROLL ', 'NO SCROLL '])}CURSOR FOR ${query}`),
      ...simple(
        `FETCH ${random.pick(['2', 'ALL', 'FORWARD 3'])} FROM soak`,
        `MOVE ${random.pick(['1', 'FORWARD ALL'])} FROM soak`,
        'FETCH NEXT FROM soak',
        'CLOSE soak',
      ),
    ],
    () => simple(`PREPARE soak AS ${query}`, 'EXECUTE soak', 'EXECUTE soak', 'DEALLOCATE soak'),
    () =>
      simple(`COPY (${query}) TO STDOUT ${random.pick(['', 'WITH (FORMAT csv)', 'WITH (FORMAT binary)'])}`),
    () => simple(`COPY ${random.pick(['customers', 'orders', 'customers (id, email, notes)'])} TO STDOUT`),
    () => simple('SAVEPOINT s', write(queries), 'ROLLBACK TO s', query, write(queries), query),
    () => simple(`${query}; ${queries.query(1)}`),
    () => [step(random, write(queries)), step(random, query), step(random, write(queries))],
  ])();
  return { steps, ordered: false, transaction: true };
}
