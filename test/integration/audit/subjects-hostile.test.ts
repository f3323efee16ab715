/** Results whose rows stop, are withheld, come in binary or without being planned anew: who is in the event then. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { subjectHmac } from '../../../src/audit/subject-hmac.js';
import { passwords } from '../../support/databases.js';
import { startProxy, type AuditedEvent, type Proxy } from '../../support/proxy.js';
import { RawClient } from '../limits/raw-client.js';

/** The key's type, what it is there, and what its HMAC is made of. */
const typed = [
  ['int8', '9007199254740993', '9007199254740993'],
  ['numeric', '-00120.0500', '-120.05'],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['bytea', '\\x00FF41', '\\x00ff41'],
  ['bpchar(6)', 'k 1', 'k 1'],
  ['varchar', 'ö\\', 'ö\\'],
] as const;
const tableOf = (type: string): string => `keyed_${type.replace(/\W/g, '')}`;

const odd = `
  CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE people (login text PRIMARY KEY, mail text);
  CREATE TABLE visits (id int PRIMARY KEY, login varchar(20), what text);
  CREATE TABLE any_case_names (login text COLLATE any_case);
  CREATE TABLE any_case_visits (id int PRIMARY KEY, login text COLLATE any_case, what text);
  CREATE TABLE timed_people (at timestamptz PRIMARY KEY, mail text);
  CREATE TABLE addressed (ip inet PRIMARY KEY, mail text);
  CREATE TABLE fractions (key numeric PRIMARY KEY, mail text);
  INSERT INTO people VALUES ('7', 'seven'), ('8', 'eight'), ('ann', 'small'), ('ANN', 'big');
  INSERT INTO visits VALUES (1, '7', 'shop'), (2, '8', 'bank');
  INSERT INTO any_case_names VALUES ('Ann');
  INSERT INTO any_case_visits VALUES (1, 'ANN', 'shop');
  INSERT INTO timed_people VALUES ('2026-01-01T00:00:00Z', 'new year');
  INSERT INTO fractions VALUES (1.4, 'more');
  INSERT INTO addressed VALUES ('10.0.0.1', 'ten');`;
/** What such keys say: texts are followed through joins, and where equal keys differ nothing is said. */
const texts: readonly (readonly [sql: string, keys: (string | true)[] | null])[] = [
  ["SELECT p.login, v.what FROM people p JOIN visits v ON v.login = p.login WHERE p.login = '7'", ['7']],
  ['SELECT people.login, what FROM people LEFT JOIN visits v USING (login) WHERE v.id = 1', ['7']],
  ["SELECT login FROM people WHERE login IN (SELECT login FROM visits) AND login = '8'", ['8']],
  ["SELECT p.login, q.mail FROM people p, people q WHERE p.mail = 'small' AND q.mail = 'big'", ['ann', true]],
  [
    "SELECT p.login, q.mail FROM people p, any_case_names n, people q WHERE p.login = n.login AND n.login = q.login AND p.mail = 'small' AND q.mail = 'big'",
    ['ann', true],
  ],
  [
    "SELECT p.login, q.mail FROM people p, (SELECT login FROM any_case_names UNION SELECT login FROM people WHERE false) n, people q WHERE p.login = n.login AND n.login = q.login AND p.mail = 'small' AND q.mail = 'big'",
    ['ann', true],
  ],
  [
    'SELECT c.id, f.mail FROM customers c JOIN (SELECT key::int AS key, mail FROM fractions) f ON f.key = c.id',
    ['1', true],
  ],
  ['SELECT login, what FROM any_case_visits', null],
  ['SELECT login, count(*) FROM any_case_visits GROUP BY login', null],
  ['SELECT at, mail FROM timed_people', null],
  ['SELECT ip, mail FROM addressed', ['10.0.0.1']],
  ['SELECT ip::text, mail FROM addressed', null],
];

/** Under its tag the keys of each event, where there may be more; null where the event names nobody. */
const expected: Readonly<Record<string, readonly ((string | true)[] | null)[]>> = {
  ...Object.fromEntries(
    typed.flatMap(([type, , key]) => ['binary', 'text', 'copy'].map((way) => [`${way} ${type}`, [[key]]])),
  ),
  'at the row limit': [['1', '2']],
  'withheld copy': [['1', '2']],
  'at the cap': [['1', '2']],
  'beyond the cap': [['1', '2', true]],
  'two in one Query': [['1'], ['3']],
  'before the error': [['1']],
  'the error': [null],
  'skipped behind it': [null],
  'prepared, policy reloaded': [['2'], ['2']],
  'failed behind rows': [['1', true]],
  cancelled: [['1', true]],
  ...Object.fromEntries(texts.map(([, keys], index) => [`text ${index}`, [keys]])),
  'only observed': [['5']],
  'observed refusal': [null],
};

/** Without consent, whose customers have keys of one type. */
const policy = `version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
labels:
  identity.name: [public.customers.first_name]
  payment.card: [public.payments.card_number]
subjects:
  public.customers: { key: id }
  public.payments: { key: customer_id }
  public.people: { key: login }
  public.visits: { key: login }
  public.any_case_visits: { key: login }
  public.timed_people: { key: at }
  public.addressed: { key: ip }
  public.fractions: { key: key }
${typed.map(([type]) => `  public.${tableOf(type)}: { key: id }`).join('\n')}
purposes:
  support: { legal_basis: contract }
roles:
  support:
    purposes: [support]
    limits: { rows_per_statement: 2 }
    masks: { payment.card: deny, '*': redact }
    owner: privacy@example.com
    review_by: 2099-06-30
sessions:
  - { user: crm_admin, exempt: true }
  - { user: crm_support, role: support }
`;
const folder = mkdtempSync(join(tmpdir(), 'pgveil-hostile-subjects-'));
const policyFile = join(folder, 'policy.yaml');
let proxy: Proxy;
let events: readonly AuditedEvent[];
let key: Buffer;

async function reload(edit: (text: string) => string): Promise<void> {
  writeFileSync(policyFile, edit(readFileSync(policyFile, 'utf8')));
  expect(await proxy.app.reload()).toEqual([]);
}

beforeAll(async () => {
  writeFileSync(policyFile, policy);
  proxy = await startProxy(15, {
    policies: folder,
    flags: () => ({ 'audit.subjects.limit': '2' }),
    setup: async (db) => {
      await db.query(odd, 'crm_admin');
      for (const [type, value] of typed) {
        const table = tableOf(type);
        await db.query(`CREATE TABLE ${table} (id ${type} PRIMARY KEY)`, 'crm_admin');
        await db.query(`INSERT INTO ${table} VALUES ('${value}')`, 'crm_admin');
        await db.query(`GRANT SELECT ON ${table} TO crm_support`, 'crm_admin');
      }
    },
  });
  const client = await proxy.connect('crm_support');
  const run = (tag: string, sql: string, more: object = {}): Promise<unknown> =>
    client.query({ ...more, text: `${sql} /*actor='${tag}'*/` } as pg.QueryConfig);
  for (const [type] of typed) {
    const sql = `SELECT id FROM ${tableOf(type)}`;
    await run(`binary ${type}`, sql, { binary: true, values: [] });
    await run(`text ${type}`, sql);
    await run(`copy ${type}`, `COPY (${sql}) TO STDOUT (FORMAT binary)`);
  }
  await expect(run('at the row limit', 'SELECT id FROM customers ORDER BY id')).rejects.toThrow('pgveil');
  await expect(
    run('withheld copy', 'COPY (SELECT id FROM customers ORDER BY id) TO STDOUT'),
  ).rejects.toThrow();
  await run('at the cap', 'SELECT id FROM customers WHERE id < 3 ORDER BY id');
  await run(
    'beyond the cap',
    'SELECT a.id, b.id, c.id FROM customers a, customers b, customers c WHERE a.id = 1 AND b.id = 2 AND c.id = 3',
  );
  await run(
    'two in one Query',
    'SELECT id FROM customers WHERE id = 1; SELECT id FROM customers WHERE id = 3',
  );
  const again = { name: 'again', values: [2] };
  const prepared = 'SELECT id FROM customers WHERE id = $1';
  await run('prepared, policy reloaded', prepared, again);
  // The rest is without a limit.
  await reload((text) => text.replace('    limits: { rows_per_statement: 2 }\n', ''));
  await run('prepared, policy reloaded', prepared, again);
  for (const [index, [sql]] of texts.entries()) await run(`text ${index}`, sql);
  const raw = await RawClient.connect(proxy.app.ports.proxy, {
    user: 'crm_support',
    database: proxy.db.name,
    password: passwords.crm_support,
  });
  const of = (tag: string, sql: string): string => `${sql} /*actor='${tag}'*/`;
  await raw
    .extended(of('before the error', 'SELECT id FROM customers WHERE id = 1'), { sync: false })
    .extended(of('the error', 'SELECT id / 0 AS x, id FROM customers WHERE id = 2'), { sync: false })
    .extended(of('skipped behind it', 'SELECT id FROM customers WHERE id = 3'), { sync: true })
    .answer();
  const wide = "repeat('x', 100000)";
  await expect(
    run('failed behind rows', `SELECT id, ${wide}, 1 / (id - 2) FROM customers`),
  ).rejects.toThrow();
  const slow = run(
    'cancelled',
    `SELECT id, ${wide}, (SELECT count(*) FROM generate_series(1, CASE id WHEN 1 THEN 1 ELSE 1000000000 END)) FROM customers WHERE id < 3`,
  );
  await Promise.all([expect(slow).rejects.toThrow('cancel'), cancelled()]);
  await reload((text) => text.replace('mode: enforce', 'mode: observe'));
  await run('only observed', 'SELECT id, first_name FROM customers WHERE id = 5');
  await run('observed refusal', 'SELECT customer_id, length(card_number) FROM payments');
  await run('last', 'SELECT 1');
  key = readFileSync(join(proxy.spool, 'subject.key'));
  // The spool ships behind the statements.
  events = await vi.waitFor(
    async () => {
      const shipped = await proxy.events();
      expect(shipped.some((event) => tagOf(event) === 'last')).toBe(true);
      return shipped;
    },
    { timeout: 10_000, interval: 20 },
  );
});

/** As soon as the server runs it. */
async function cancelled(): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await proxy.db.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND state = 'active' AND pid <> pg_backend_pid() AND query_start < clock_timestamp() - interval '100 ms'",
      );
      expect(rows).toHaveLength(1);
    },
    { timeout: 5_000, interval: 20 },
  );
}

afterAll(async () => {
  await proxy.stop();
  rmSync(folder, { recursive: true, force: true });
});

function tagOf({ unmapped }: AuditedEvent): string | undefined {
  return (unmapped['tags'] as { actor?: string } | undefined)?.actor;
}

it.each(Object.entries(expected))('%s: %j', (tag, keys) => {
  const own = events.filter((event) => tagOf(event) === tag);
  const found = own.map(
    ({ unmapped }) => unmapped['subjects'] as { hmacs: string[]; truncated: boolean } | null,
  );
  expect(found.map((one) => one && [...one.hmacs, ...(one.truncated ? [true] : [])])).toEqual(
    keys.map((one) => one && one.map((each) => each === true || subjectHmac(key, each))),
  );
});
