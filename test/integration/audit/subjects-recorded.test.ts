import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import { subjectHmac } from '../../../src/audit/subject-hmac.js';
import { findingOf } from '../../../src/audit/subject/finding.js';
import { startProxy, type AuditedEvent, type Proxy } from '../../support/proxy.js';

/** Keys of the customers in a result; `and more` where others may be in it. */
type Found = readonly string[] | 'not attributable';
type Case = readonly [
  sql: string,
  found: Found,
  more?: (pg.QueryConfig & { binary?: boolean; rows?: number }) | undefined,
];

/** Beside the sample CRM: other keys, and a function and an operator that read. */
const setup = `
  CREATE DOMAIN number_of_person AS int;
  CREATE TABLE moved (id int PRIMARY KEY, ref int, key int GENERATED ALWAYS AS (ref) STORED, mail text);
  CREATE TABLE numbered (id number_of_person PRIMARY KEY, mail text);
  INSERT INTO moved (id, ref, mail) VALUES (1, 3, 'three');
  INSERT INTO numbered VALUES (4, 'four');
  INSERT INTO tickets VALUES (50, 3, 'US', 'x');
  CREATE FUNCTION peek(integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT first_name FROM customers WHERE id = $1';
  CREATE OPERATOR ### (RIGHTARG = integer, FUNCTION = peek);
`;
const policy = readFileSync('policies/crm.yaml', 'utf8').replace(
  /^subjects:.*$/m,
  `functions: ["public.peek(integer)"]
subjects:
  public.moved: { key: key }
  public.numbered: { key: id }`,
);

/** Keys stand in the rows, and nobody else's data is in them. */
const attributed: readonly Case[] = [
  ['SELECT id, first_name FROM customers WHERE id < 3 ORDER BY id', ['1', '2']],
  ['SELECT id FROM customers WHERE id < 0', []],
  ['SELECT * FROM customers WHERE id = 2', ['2']],
  ['TABLE customers ORDER BY id LIMIT 2', ['1', '2']],
  ['SELECT c.first_name, c.id::text AS key FROM customers c WHERE c.id = 3', ['3']],
  ['SELECT id::bigint, id::numeric, CAST(id AS varchar) FROM customers WHERE id = 3', ['3']],
  ['SELECT DISTINCT ON (region) region, id FROM customers ORDER BY region, id', ['1', '3']],
  ['SELECT customer_id, count(*), max(total) FROM orders WHERE customer_id = 1 GROUP BY customer_id', ['1']],
  [
    'SELECT c.id, c.email, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = 1',
    ['1'],
  ],
  [
    'SELECT c.id, o.total FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.id IN (1, 2)',
    ['1', '2'],
  ],
  [
    'SELECT o.customer_id, i.line FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.customer_id = 1',
    ['1'],
  ],
  ['SELECT s.key FROM (SELECT id AS key, region FROM customers) s WHERE s.key = 2', ['2']],
  ['WITH t AS (SELECT * FROM customers WHERE id = 2) SELECT email, id FROM t', ['2']],
  [
    'SELECT id FROM customers WHERE id = 1 UNION ALL SELECT customer_id FROM orders WHERE customer_id = 2',
    ['1', '2'],
  ],
  ['SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE customer_id = 1)', ['1']],
  [
    'SELECT id FROM customers c WHERE id = 1 AND EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id)',
    ['1'],
  ],
  [
    'SELECT id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c WHERE id = 1',
    ['1'],
  ],
  ['SELECT id, full_name FROM customer_directory WHERE id = 1', ['1']],
  [
    'WITH t AS (SELECT * FROM customers) SELECT o.customer_id, t.email FROM orders o JOIN t ON t.id = o.customer_id WHERE o.customer_id = 1',
    ['1'],
  ],
  [
    'SELECT o.customer_id, t.email FROM orders o JOIN (SELECT * FROM customers UNION ALL SELECT * FROM customers) t ON t.id = o.customer_id WHERE o.customer_id = 1',
    ['1'],
  ],
  ['SELECT customer_id, customer_email FROM order_overview WHERE customer_id = 1', ['1']],
  ['UPDATE customers SET region = region WHERE id = 2 RETURNING *', ['2']],
  ["INSERT INTO tickets VALUES (900, 3, 'EU', 'x') RETURNING customer_id", ['3']],
  ['DELETE FROM tickets WHERE id = 900 RETURNING *', ['3']],
  ['COPY (SELECT first_name, id FROM customers WHERE id < 3 ORDER BY id) TO STDOUT', ['1', '2']],
  ['COPY (SELECT region, id FROM customers WHERE id < 3) TO STDOUT (FORMAT csv, HEADER)', ['1', '2']],
  [
    "COPY (SELECT region, id FROM customers WHERE id < 3) TO STDOUT (FORMAT csv, DELIMITER ';', FORCE_QUOTE *)",
    ['1', '2'],
  ],
  ['COPY (SELECT region, id FROM customers WHERE id < 3) TO STDOUT (FORMAT binary)', ['1', '2']],
  ['COPY customers (region, id) TO STDOUT', ['1', '2', '3', '4', '6']],
  [
    'SELECT id, region, id::int8, id::numeric FROM customers WHERE id < 3',
    ['1', '2'],
    { text: '', binary: true },
  ],
  ['SELECT id FROM customers WHERE id < $1', ['1', '2'], { text: '', values: [3] }],
  ['SELECT id, first_name FROM customers WHERE id < 3 GROUP BY id', ['1', '2']],
  ["SELECT repeat('x', 3000000) AS wide, id FROM customers WHERE id = 2", ['2']],
  [
    'SELECT a.id, b.id, b.email FROM customers a JOIN customers b ON b.id = a.id + 1 WHERE a.id = 1',
    ['1', '2'],
  ],
  ['SELECT * FROM orders JOIN tickets USING (customer_id) WHERE customer_id = 1', ['1']],
  [
    'SELECT c.id, z.total FROM customers c LEFT JOIN LATERAL (SELECT o.total FROM orders o WHERE o.customer_id = c.id) z ON true WHERE c.id = 1',
    ['1'],
  ],
  [
    'SELECT z.key, c.email FROM customers c CROSS JOIN LATERAL (SELECT c.id AS key) z LEFT JOIN orders o ON o.customer_id = z.key WHERE c.id = 1',
    ['1'],
  ],
  ['SELECT id FROM numbered', ['4'], { text: '', binary: true }],
  [
    'MERGE INTO tickets t USING (SELECT id, region FROM customers WHERE id = 3) c ON c.id = t.customer_id AND t.id = 50 WHEN MATCHED THEN UPDATE SET region = c.region RETURNING *',
    ['3'],
  ],
  [
    'UPDATE tickets t SET region = t.region FROM customers c WHERE c.id = t.customer_id AND t.id = 50 RETURNING *',
    ['3'],
  ],
];

/** A key stands in the rows, and the data of others is or may be beside it. */
const incomplete: readonly Case[] = [
  ['SELECT a.id, b.email FROM customers a JOIN customers b ON b.id = a.id + 1 WHERE a.id = 1', ['1']],
  ['SELECT id, (SELECT max(first_name) FROM customers) FROM customers WHERE id = 1', ['1']],
  ['SELECT id FROM customers WHERE id = 1 AND EXISTS (SELECT FROM customers WHERE id = 2)', ['1']],
  ['SELECT * FROM (SELECT id, lead(first_name) OVER (ORDER BY id) FROM customers) s WHERE id = 1', ['1']],
  [
    'WITH t AS (SELECT id, first_name FROM customers) SELECT a.id, b.first_name FROM t a, t b WHERE a.id = 1 AND b.id = 2',
    ['1'],
  ],
  [
    'WITH x AS (SELECT id, first_name FROM customers), t AS (SELECT * FROM x) SELECT a.id, b.first_name FROM t a, t b WHERE a.id = 1 AND b.id = 2',
    ['1'],
  ],
  [
    'WITH t AS (SELECT id, first_name FROM customers) SELECT id, n FROM (SELECT id, lead(first_name) OVER (ORDER BY id) n FROM t) s WHERE id = 1',
    ['1'],
  ],
  ['SELECT id FROM customers WHERE id = 1 EXCEPT SELECT id FROM customers WHERE id = 2', ['1']],
  ['SELECT customer_id, max(total) FROM orders WHERE customer_id = 1 GROUP BY ROLLUP (customer_id)', ['1']],
  [
    'SELECT o.customer_id, c.first_name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND c.id = 1 WHERE c.id < 3',
    ['1'],
  ],
  [
    'UPDATE customers SET notes = (SELECT first_name FROM customers WHERE id = 2) WHERE id = 1 RETURNING id, notes',
    ['1'],
  ],
  // What compares a value that is passed in decides nothing about the row that it is from.
  ...[
    'NOT EXISTS (SELECT FROM (SELECT b.id AS y) z WHERE z.y = a.id)',
    'NOT EXISTS (WITH z AS (SELECT b.id AS y) SELECT FROM z WHERE z.y = a.id)',
    'a.id NOT IN (SELECT b.id)',
  ].map(
    (condition) =>
      [
        `SELECT a.id, b.first_name FROM customers a, customers b WHERE a.id = 1 AND b.id = 2 AND ${condition}`,
        ['1'],
      ] as const,
  ),
  [
    'SELECT a.id, b.first_name FROM customers a CROSS JOIN customers b LEFT JOIN LATERAL (SELECT b.id AS y) z ON z.y = a.id WHERE a.id = 1 AND b.id = 2',
    ['1'],
  ],
  ['SELECT a.id, b.full_name FROM customers a, customer_directory b WHERE a.id = 1 AND b.id = 2', ['1']],
  // What LATERAL passes on is not in each row in which the passing row is.
  [
    'SELECT b.id, z.y, a.first_name FROM customers b, customers a LEFT JOIN LATERAL (SELECT a.id AS y) z ON a.id = 3 WHERE b.id = 1 AND a.id = 2',
    ['1'],
  ],
  [
    'SELECT b.id, s.y, a.first_name FROM customers b, customers a LEFT JOIN LATERAL (SELECT z.y FROM (SELECT a.id::bigint AS y) z) s ON a.id = 3 WHERE b.id = 1 AND a.id = 2',
    ['1'],
  ],
  [
    'SELECT b.id, z.y, a.first_name FROM customers b, customers a, LATERAL (SELECT a.id AS y) z FULL JOIN (SELECT 0 AS n) n ON n.n = z.y WHERE b.id = 1 AND a.id = 2 AND z.y IS NULL',
    ['1'],
  ],
  [
    'SELECT b.id, z.y, a.first_name FROM customers b, customers a, LATERAL (SELECT a.id AS y GROUP BY ROLLUP (a.id)) z WHERE b.id = 1 AND a.id = 2 AND z.y IS NULL',
    ['1'],
  ],
  [
    'SELECT z.y, a.first_name FROM customers a, LATERAL (SELECT a.id AS y UNION ALL SELECT b.id FROM customers b WHERE b.id = 1) z WHERE a.id = 2 AND z.y = 1',
    ['1'],
  ],
  [
    'SELECT c.id, a.first_name FROM customers a, customers c, LATERAL (SELECT a.id AS y UNION ALL SELECT b.id FROM customers b WHERE b.id = 1) z WHERE z.y = c.id AND a.id = 2 AND c.id = 1',
    ['1'],
  ],
  ['SELECT id, peek(2) FROM customers WHERE id = 1', ['1']],
  ['SELECT id, ### 2 FROM customers WHERE id = 1', ['1']],
  ['UPDATE moved SET ref = 4 WHERE id = 1 RETURNING key, mail', ['4']],
  // Whose order it is told, and not whose it has become.
  [
    'UPDATE order_items i SET order_id = 12, line = 7 FROM orders o WHERE o.id = i.order_id AND i.order_id = 11 AND o.id = 11 RETURNING o.customer_id, i.line',
    ['2'],
  ],
  // Somebody was written who was not shown.
  [
    'WITH w AS (UPDATE tickets SET region = region WHERE customer_id < 3 RETURNING customer_id) SELECT customer_id FROM w WHERE customer_id = 1',
    ['1'],
  ],
];

/** No row says whose it is. */
const unattributed: readonly Case[] = [
  ['SELECT first_name FROM customers WHERE id = 2', 'not attributable'],
  ['SELECT id + 0 FROM customers WHERE id = 2', 'not attributable'],
  ["SELECT id::text || '' FROM customers WHERE id = 2", 'not attributable'],
  ['SELECT coalesce(id) FROM customers WHERE id = 2', 'not attributable'],
  ['SELECT (SELECT id FROM customers WHERE id = 2)', 'not attributable'],
  ['SELECT first_name FROM customers ORDER BY id LIMIT 1', 'not attributable'],
  ['SELECT max(first_name) FROM customers GROUP BY id', 'not attributable'],
  ['SELECT array_agg(id) FROM customers', 'not attributable'],
  ['SELECT count(*) FROM customers', 'not attributable'],
  ["SELECT json_build_object('id', id) FROM customers WHERE id = 2", 'not attributable'],
  ['SELECT customers FROM customers WHERE id = 2', 'not attributable'],
  ['SELECT id::varchar(1) FROM customers WHERE id = 2', 'not attributable'],
  ['SELECT id::real FROM customers WHERE id = 2', 'not attributable'],
  [
    'SELECT 1 AS id, first_name FROM customers WHERE id = 2 UNION ALL SELECT id, first_name FROM customers WHERE id = 0',
    'not attributable',
  ],
  // In the third row it is 5, and no key.
  [
    'WITH RECURSIVE t(x, y, z, n) AS (SELECT id, id, 5, 1 FROM customers WHERE id = 1 UNION ALL SELECT y, z, z, n + 1 FROM t WHERE n < 3) SELECT x FROM t',
    'not attributable',
  ],
  [
    'SELECT id FROM (SELECT id FROM customers WHERE id = 1) c FULL JOIN (SELECT 77 AS id) o USING (id)',
    'not attributable',
  ],
  ['SELECT i.line FROM order_items i', 'not attributable'],
  ['DELETE FROM tickets WHERE id = 1 RETURNING new.customer_id, old.region', 'not attributable'],
  ["COPY (SELECT id FROM customers WHERE id = 2) TO STDOUT (NULL '2')", 'not attributable'],
  ['COPY (SELECT first_name FROM customers WHERE id = 2) TO STDOUT', 'not attributable'],
  ['EXPLAIN SELECT id FROM customers WHERE id = 2', 'not attributable'],
];

const nobodys: readonly Case[] = [['SELECT name FROM products', 'not attributable']];

const cases = [...attributed, ...incomplete, ...unattributed, ...nobodys];
const folder = mkdtempSync(join(tmpdir(), 'pgveil-recorded-subjects-'));
let proxy: Proxy;
let events: readonly AuditedEvent[];
let byTag: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
let names: ReadonlyMap<string, string>;
const failures = new Map<string, string>();

async function run(client: pg.Client, tag: number | string, [sql, , more]: Case): Promise<void> {
  const text = `${sql} /*actor='${tag}'*/`;
  await client.query({ ...more, text } as pg.QueryConfig).catch((error: unknown) => {
    failures.set(String(tag), String(error));
  });
}

beforeAll(async () => {
  writeFileSync(join(folder, 'policy.yaml'), policy);
  proxy = await startProxy(18, {
    policies: folder,
    setup: async (db) => {
      await db.query(setup, 'crm_admin');
    },
  });
  const client = await proxy.connect('crm_support');
  for (const [index, one] of cases.entries()) await run(client, index, one);
  for (const [tag, sql, more] of [
    ['begin', 'BEGIN'],
    ['declare', 'DECLARE c SCROLL CURSOR FOR SELECT first_name, id FROM customers ORDER BY id'],
    ['fetch', 'FETCH 2 FROM c'],
    ['back', 'FETCH BACKWARD 1 FROM c'],
    ['scrolled', 'FETCH ABSOLUTE 3 FROM c'],
    ['move', 'MOVE BACKWARD 2 FROM c'],
    ['declare-binary', 'DECLARE b BINARY CURSOR FOR SELECT id FROM customers ORDER BY id'],
    ['fetch-binary', 'FETCH 2 FROM b'],
    ['fetch-extended', 'FETCH 1 FROM b', { text: '', values: [] }],
    ['fetch-extended-binary', 'FETCH 1 FROM c', { text: '', binary: true }],
    ['commit', 'COMMIT'],
    ['prepare', 'PREPARE p AS SELECT id FROM customers WHERE id = $1'],
    ['execute', 'EXECUTE p(3)'],
    ['execute-binary', 'EXECUTE p(3)', { text: '', binary: true }],
    [
      'written',
      'WITH w AS (UPDATE tickets SET region = region WHERE customer_id = 2 RETURNING customer_id) SELECT customer_id FROM w WHERE false',
    ],
    ['failing', 'SELECT id, 1 / (id - 2) FROM customers WHERE id = 2'],
  ] as readonly (readonly [string, string, Case[2]?])[])
    await run(client, tag, [sql, [], more]);
  await run(client, 'pieces', ['SELECT id FROM customers ORDER BY id', [], { text: '', rows: 2 }]);
  await run(client, 'last', ['SELECT 1', []]);
  const key = readFileSync(join(proxy.spool, 'subject.key'));
  names = new Map(Array.from({ length: 100 }, (_, id) => [subjectHmac(key, String(id)), String(id)]));
  // The spool ships behind the statements.
  events = await vi.waitFor(
    async () => {
      const shipped = await proxy.events();
      expect(shipped.some(({ unmapped }) => (unmapped['tags'] as { actor?: string }).actor === 'last')).toBe(
        true,
      );
      return shipped;
    },
    { timeout: 10_000, interval: 20 },
  );
  byTag = new Map(
    events.flatMap(({ unmapped }) => {
      const { actor } = (unmapped['tags'] ?? {}) as { actor?: string };
      return actor === undefined ? [] : [[actor, unmapped]];
    }),
  );
});

afterAll(async () => {
  await proxy.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Subjects {
  readonly hmacs: readonly string[];
  readonly truncated: boolean;
}

function found(tag: string): { keys: Found; truncated: boolean } {
  expect(failures.get(tag)).toBeUndefined();
  const subjects = byTag.get(tag)!['subjects'] as Subjects | null;
  if (subjects === null) return { keys: 'not attributable', truncated: false };
  const keys = subjects.hmacs.map((hmac) => names.get(hmac) ?? 'somebody else');
  return { keys: keys.sort(), truncated: subjects.truncated };
}

describe('the subjects of a result', () => {
  it.each(cases.map((one, index) => [one[0], one[1], index] as const))('%s: %j', (_, keys, index) => {
    const truncated = index >= attributed.length && index < attributed.length + incomplete.length;
    expect(found(String(index))).toEqual({ keys, truncated });
    const reached = byTag.get(String(index))!['subject_tables'] as string[];
    expect(reached.length > 0).toBe(!nobodys.includes(cases[index]!));
  });

  it.each([
    ['declare', []],
    ['fetch', ['1', '2']],
    ['back', ['1']],
    ['scrolled', ['3']],
    ['fetch-binary', ['1', '2']],
    ['fetch-extended', ['3']],
    ['fetch-extended-binary', ['2']],
    ['execute', ['3']],
    ['execute-binary', ['3']],
  ])('of %s are those of its own rows', (tag, keys) => {
    expect(found(tag)).toEqual({ keys, truncated: false });
  });

  it('of a portal that is read in pieces are those of each piece', () => {
    const pieces = events.filter(
      ({ unmapped }) => (unmapped['tags'] as { actor?: string }).actor === 'pieces',
    );
    const keys = pieces.map(({ unmapped }) =>
      (unmapped['subjects'] as Subjects).hmacs.map((hmac) => names.get(hmac)),
    );
    expect(keys).toEqual([['1', '2'], ['3', '4'], ['6']]);
  });

  it('are nobody where the statement failed, for failing tells of somebody', () => {
    expect(failures.get('failing')).toBeDefined();
    expect(byTag.get('failing')!['subjects']).toBeNull();
  });

  it('are not said to be nobody where MOVE tells how many rows there are', () => {
    expect(failures.get('move')).toBeUndefined();
    expect(byTag.get('move')!['subjects']).toBeNull();
  });

  it('may be anybody where WITH has written and no row came', () => {
    const event = events.find(({ unmapped }) => (unmapped['tags'] as { actor?: string }).actor === 'written');
    expect(event?.unmapped['subjects']).toBeNull();
    expect(findingOf(event as unknown as AuditEvent, new Set(['anybody']))).toMatchObject({
      doubt: 'written',
    });
  });

  it('are made with a key that its owner alone can read', () => {
    expect(statSync(join(proxy.spool, 'subject.key')).mode & 0o777).toBe(0o600);
  });
});
