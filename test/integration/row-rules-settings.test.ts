/**
 * Conditions that a policy writes mean the same whatever a session sets. A client chooses its time zone (up to a week away
 * from any other), the order of days and months, and how values are written: each of these would let it move a boundary.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openParser } from '../../src/sql/parse.js';
import { boundPolicy, crmPolicy, governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const rules: readonly (readonly [string, readonly number[]])[] = [
  ["at >= '2026-02-01'", [1, 4]],
  ["at < '2026-02-01 00:00'", [2]],
  ["at >= '2026-02-01T01:30:00+01'", [1, 4]],
  ["at >= '2026-02-01'::timestamptz", [1, 4]],
  ["at >= '2026-02-01'::date", [1, 4]],
  ["at BETWEEN '2026-02-01' AND '2026-02-28'", [1]],
  ["date_trunc('month', at) = '2026-02-01'", [1]],
  ["date_part('month', at) = 2", [1]],
  ["date_part('day', at + '1 month'::interval) = 28", [2]],
  ["age(at, '2026-01-01') > '1 month'::interval", [1, 2, 4]],
  ['at = plain', [1, 2, 4]],
  ['day <= at', [1, 2, 4]],
  ["COALESCE(at, '2026-02-01') >= '2026-02-01'", [1, 3, 4]],
  ["CASE WHEN id > 1 THEN at ELSE '2027-01-01' END >= '2026-02-01'", [1, 4]],
  ['until >= now()', [1, 4]],
  ['at >= {actor.since}', [1, 4]],
  ['at >= {actor.since}::timestamptz', [1, 4]],
  ['day >= {actor.since}', [1, 4]],
  ["day = '2026-03-02'", [4]],
  ["day + 1 = '2026-03-03'", [4]],
];

const refused = [
  'at::text = plain::text',
  "day::text LIKE '2026%'",
  "('x' || at) LIKE 'x2026%'",
  "date_trunc('day', at)::text = 'x'",
  'every::text = weight::text',
  "at >= 'today'",
  "day = '02/03/2026'",
  "day = 'now'::date",
  "at > now() - '-1 day 2 hours'::interval",
  "at > now() - '30 days'",
];

/** One copy of the table for each condition, v0 and on. */
const setup = `
  CREATE TABLE visits (
    id int PRIMARY KEY, day date, at timestamptz, plain timestamp, every interval, weight float8, until date
  );
  INSERT INTO visits VALUES
    (1, '2026-02-01', '2026-02-01 00:30Z', '2026-02-01 00:30', '1 day', 1.25, CURRENT_DATE + 30),
    (2, '2026-01-02', '2026-01-31 23:30Z', '2026-01-31 23:30', '-1 day +02:00', 1.5, CURRENT_DATE - 2),
    (3, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, '2026-03-02', '2026-03-02 12:00Z', '2026-03-02 12:00', '40 days', 17, CURRENT_DATE + 60);
  ${rules.map((_, index) => `CREATE TABLE v${index} AS TABLE visits;`).join('\n')}
  GRANT ALL ON ALL TABLES IN SCHEMA public TO crm_support, crm_marketing;
`;

const policyWith = (conditions: Readonly<Record<string, string>>): string => {
  const rows = Object.entries(conditions).map(
    ([table, sql]) => `      public.${table}: ${JSON.stringify(sql)}\n`,
  );
  return crmPolicy.replace(
    '"*": redact }\n  marketing:',
    `"*": redact }\n    rows:\n${rows.join('')}  marketing:`,
  );
};

const settings = [
  "SET timezone = 'UTC'",
  "SET timezone = '<x>-167'",
  "SET timezone = '<x>+167'",
  'SET TIME ZONE -13',
  "SET TIME ZONE INTERVAL '+14:00' HOUR TO MINUTE",
  "SET datestyle = 'German, DMY'",
  "SET datestyle = 'SQL, MDY'",
  "SET datestyle = 'Postgres, YMD'",
  "SET intervalstyle = 'sql_standard'",
  "SET intervalstyle = 'iso_8601'",
  'SET extra_float_digits = -15',
];

describe.each(postgresVersions)('conditions and settings on PostgreSQL %i', (version) => {
  let one: Governed;
  beforeAll(async () => {
    const conditions = Object.fromEntries(rules.map(([sql], index) => [`v${index}`, sql]));
    one = await governed(version, {
      policy: policyWith({ ...conditions, visits: 'at >= {actor.since}' }),
      setup,
    });
  });
  afterAll(() => one.close());

  const seen = async (table: string, since: string): Promise<unknown> => {
    const session = one.session('support', { actor: new Map([['since', since]]) });
    return (await one.run(`SELECT id FROM ${table} ORDER BY id`, session)).rows.map(
      (row: { id: unknown }) => row.id,
    );
  };

  test.each(settings)('%s moves no boundary', async (set) => {
    const session = one.session('support');
    await one.run(set, session);
    const found: [string, unknown][] = [];
    for (const [index, [sql]] of rules.entries()) found.push([sql, await seen(`v${index}`, '2026-02-01')]);
    await one.run('RESET timezone; RESET datestyle; RESET intervalstyle; RESET extra_float_digits', session);
    expect(found).toEqual(rules);
  });

  test.each(refused)('the policy is refused where settings would decide: %s', async (rows) => {
    const parser = await openParser();
    try {
      expect(() => boundPolicy(policyWith({ visits: rows }), one.catalog, parser)).toThrow('bad-condition');
    } finally {
      await parser.close();
    }
  });

  test.each(['today', '02/03/2026', 'epoch', '1 Feb 2026'])(
    'an attribute that settings would decide about shows no rows: %s',
    async (since) => {
      expect(await seen('visits', since)).toEqual([]);
    },
  );
});
