// How the programs beside this file say what works: one line of JSON for each feature, in the order of ../features.ts.
import { readFileSync } from 'node:fs';

const { env } = process;
export const governed = env.PGVEIL_ROLE === 'governed';
export const encrypted = env.PGSSLMODE === 'verify-full';
/** For drivers that are told everything; those that read PG* themselves need none of it but the certificate. */
export const login = {
  host: env.PGHOST,
  port: Number(env.PGPORT),
  user: env.PGUSER,
  password: env.PGPASSWORD,
  database: env.PGDATABASE,
};
/** As node:tls takes it. The name is verified because nothing turns that off. */
export const ssl = encrypted
  ? { ca: readFileSync(env.PGSSLROOTCERT, 'utf8'), rejectUnauthorized: true }
  : false;

/** PostgreSQL has TLS without an SSLRequest since 17. */
export const knowsDirectTls = Number(env.PGVEIL_SERVER_MAJOR) >= 17;

class NotAvailable extends Error {}

/** Ends a feature that the driver, or this setting, does not have. */
export function notAvailable(why) {
  throw new NotAvailable(why);
}

/** Tries one feature and says what came of it; the program goes on either way. */
export async function feature(name, work) {
  const say = (result, why) => process.stdout.write(`${JSON.stringify({ feature: name, result, why })}\n`);
  let clock;
  const late = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error('no answer within 15 s')), 15_000);
  });
  try {
    await Promise.race([work(), late]);
    say('ok');
  } catch (error) {
    if (error instanceof NotAvailable) say('n/a', error.message);
    else say('fail', reasonOf(error));
  } finally {
    clearTimeout(clock);
  }
}

function reasonOf(error) {
  const code = sqlState(error);
  return (
    `${code === undefined ? '' : `${code} `}${error?.message ?? String(error)}`.slice(0, 600) ||
    'an error without words'
  );
}

/** The server's SQLSTATE, wherever the library put it: Prisma has codes of its own, and keeps the server's in what caused them. */
export function sqlState(error, depth = 0) {
  if (!error || depth > 6) return undefined;
  const { originalCode, code, meta } = error;
  const inner = [meta?.driverAdapterError, error.cause, error.original, error.driverError];
  return (
    originalCode ??
    inner.map((one) => sqlState(one, depth + 1)).find((one) => one !== undefined) ??
    (/^[0-9A-Z]{5}$/.test(code ?? '') ? code : undefined)
  );
}

export function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

/** Fails unless the work fails with that SQLSTATE; returns the error. */
export async function refused(state, work, what = 'a statement') {
  let outcome;
  try {
    outcome = await work();
  } catch (error) {
    equal(sqlState(error) ?? error?.message, state, `the SQLSTATE of ${what}`);
    return error;
  }
  throw new Error(`${what} was expected to fail with ${state} and answered ${JSON.stringify(outcome)}`);
}

/** Something that fails without a cancel's help only after a long time, and that this login may run. */
export const slow = governed
  ? 'SELECT count(*) FROM generate_series(1, 200000) a, generate_series(1, 200000) b'
  : 'SELECT pg_sleep(30)';

/** What the policy of this login shows of customers.email: fixtures/crm.sql through policies/crm.yaml. */
export const emails = governed
  ? [
      [1, 'a***@example.com'],
      [3, 'c***@example.org'],
    ]
  : [
      [1, 'ada.canary1@example.com'],
      [2, 'bob.canary2@example.com'],
      [3, 'cleo.canary3@example.org'],
      [4, 'dmitri.canary4@example.net'],
      [5, 'eve.canary5@example.com'],
      [6, 'finn.canary6@example.com'],
    ];

export const parameterSql = (mark) =>
  `SELECT ${mark(1)}::int AS i, ${mark(2)}::text AS t, ${mark(3)}::text AS n, ${mark(4)}::bool AS b, ${mark(5)}::numeric AS d,
          ${mark(6)}::timestamptz AS ts, ${mark(7)}::int[] AS a, ${mark(8)}::jsonb AS j, ${mark(9)}::bytea AS y`;

export const parameterValues = [
  -42,
  `it's "quoted" \\ — ünï 🐘 $1 ? :x`,
  null,
  true,
  '12345678901234567890.123456789',
  new Date('2026-02-03T04:05:06.789Z'),
  [1, 2, 3],
  { k: ['v\'"', 1] },
  Buffer.from([0, 1, 255, 92]),
];

/** Compares the row that parameterSql answers, as node's drivers parse it, with what was sent. */
export function sameParameters(row) {
  const [i, t, n, b, d, ts, a, j, y] = parameterValues;
  equal(
    [row.i, row.t, row.n, row.b, String(row.d), new Date(row.ts).toISOString(), row.a, row.j],
    [i, t, n, b, d, ts.toISOString(), a, j],
    'the parameters, sent and returned',
  );
  equal(Buffer.from(row.y).toString('hex'), y.toString('hex'), 'a bytea parameter');
}
