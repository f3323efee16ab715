/** Writes in WITH queries, and several in one statement: each is guarded by itself, and what they return is masked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refused, type Governed } from '../support/governed.js';
import { versionsOfLongTests } from '../support/servers.js';

import { judgesWrites, startWriteWorlds, type WriteWorlds } from '../support/write-worlds.js';

/** Each gives, and leaves, what it would over tables that hold what the role sees. */
const statements = [
  'WITH d AS (DELETE FROM calls c RETURNING c) SELECT d.*, (c).body, (c).minutes FROM d ORDER BY 3',
  'WITH d AS (DELETE FROM calls c RETURNING (c).body, (SELECT c), (SELECT (q.c).body FROM (SELECT c) q)) SELECT * FROM d',
  'WITH d AS (DELETE FROM calls RETURNING to_jsonb(calls) AS j, row_to_json(calls)::text, calls::text) SELECT * FROM d',
  "UPDATE tickets SET region = 'x' RETURNING tickets, tickets IS NULL, (tickets).subject",
  "INSERT INTO calls VALUES (1, 1, 'new') RETURNING customer_id, (calls).minutes",
  'WITH d AS (DELETE FROM tickets RETURNING 1) SELECT count(*) FROM d',
  'WITH d AS (DELETE FROM tickets RETURNING *) SELECT * FROM d',
  'WITH d (a, b) AS (DELETE FROM tickets RETURNING subject, customer_id) SELECT a, length(a), b FROM d ORDER BY b',
  "WITH u AS (UPDATE customers SET region = 'x' RETURNING id) SELECT count(*) FROM u",
  "WITH u AS (UPDATE customers SET region = 'x' WHERE notes LIKE '%canary%' RETURNING id) SELECT * FROM u",
  "WITH u AS (UPDATE customers SET region = 'x' WHERE notes::int > 0 RETURNING id) SELECT * FROM u",
  'WITH d AS (DELETE FROM calls WHERE 1 / (length(body) - 13) > 5 RETURNING *) SELECT * FROM d',
  'WITH d AS (DELETE FROM calls WHERE 1 / (minutes - 7) > 5 RETURNING customer_id) SELECT * FROM d',
  'WITH u AS (UPDATE customers SET region = notes || email RETURNING *) SELECT id, region, notes FROM u',
  'WITH u AS (UPDATE calls SET minutes = 1 RETURNING customer_id, body) SELECT c.id FROM u JOIN customers c ON c.notes = u.body AND c.id <> u.customer_id ORDER BY 1',
  'WITH u AS (UPDATE calls SET minutes = 1 RETURNING customer_id, body) SELECT u.body, k.minutes, k.body FROM u JOIN calls k USING (customer_id) ORDER BY k.minutes',
  'WITH d AS (DELETE FROM calls RETURNING body) SELECT body::int FROM d',
  'WITH d AS (DELETE FROM calls RETURNING body) SELECT 1 / (length(body) - 13) FROM d',
  'WITH d AS (DELETE FROM calls RETURNING minutes) SELECT 1 / (minutes - 7) FROM d ORDER BY 1',
  'WITH d AS (DELETE FROM calls RETURNING 1 / (minutes - 7) AS q) SELECT q FROM d ORDER BY 1',
  'WITH i AS (INSERT INTO app_log (message) SELECT notes FROM customers RETURNING message) SELECT * FROM i',
  'WITH d AS (DELETE FROM calls RETURNING *), i AS (INSERT INTO app_log (message) SELECT body FROM d RETURNING message) SELECT (SELECT count(*) FROM d), message FROM i',
  'WITH i AS (INSERT INTO calls SELECT id, 1, notes FROM customers WHERE notes IS NOT NULL RETURNING customer_id, body) SELECT * FROM i ORDER BY 1',
  'WITH d AS (DELETE FROM tickets RETURNING customer_id, subject) UPDATE customers c SET region = d.subject FROM d WHERE d.customer_id = c.id RETURNING c.id, c.region, c.email',
  'WITH d AS (DELETE FROM tickets RETURNING customer_id, subject) DELETE FROM calls k USING d WHERE d.customer_id = k.customer_id AND k.body <> d.subject RETURNING *',
  'WITH d AS (DELETE FROM tickets RETURNING customer_id, subject) INSERT INTO calls SELECT customer_id, 99, subject FROM d RETURNING *',
  'WITH i AS (DELETE FROM order_items RETURNING *), o AS (DELETE FROM orders USING i WHERE orders.id = i.order_id RETURNING orders.id, total) SELECT count(*), sum(o.total) FROM o',
  "WITH a AS (UPDATE calls SET minutes = minutes + 1 RETURNING minutes), b AS (UPDATE tickets SET region = 'b' RETURNING region, subject) SELECT (SELECT sum(minutes) FROM a), b.* FROM b",
  "WITH a AS (UPDATE customers SET region = 'a' WHERE id = 1 RETURNING region) UPDATE customers SET first_name = email WHERE id = 3 RETURNING first_name, (SELECT region FROM a)",
  'WITH a AS (UPDATE calls SET minutes = 0 RETURNING customer_id), b AS (SELECT * FROM calls) SELECT sum(b.minutes), count(a.*) FROM b LEFT JOIN a USING (customer_id)',
  'WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 6), d AS (DELETE FROM calls USING n WHERE calls.customer_id = n.id RETURNING n.id, body) SELECT * FROM d',
  'WITH s AS (SELECT id, notes FROM customers), u AS (UPDATE calls c SET minutes = length(s.notes) FROM s WHERE s.id = c.customer_id AND s.notes = c.body RETURNING c.*) SELECT * FROM u',
  'WITH t AS (SELECT max(subject) AS m FROM tickets) UPDATE calls SET minutes = CASE WHEN body = (SELECT m FROM t) THEN 1 ELSE 2 END RETURNING customer_id, minutes',
  'WITH tickets AS (SELECT 7 AS id) DELETE FROM tickets USING tickets AS t WHERE tickets.id < t.id RETURNING t.id, tickets.subject',
  'WITH u AS (UPDATE calls SET minutes = 1 RETURNING calls.*) SELECT u, u::text, to_jsonb(u) FROM u',
  "WITH u AS (UPDATE calls SET minutes = 1 WHERE EXISTS (SELECT FROM customers x WHERE x.id = customer_id AND x.email LIKE body || '%') RETURNING *) SELECT count(*) FROM u",
  'WITH d AS (DELETE FROM calls RETURNING body, minutes) SELECT body, sum(minutes) FROM d GROUP BY body ORDER BY 2',
  'INSERT INTO app_log (message) WITH s AS (SELECT notes FROM customers) SELECT notes FROM s RETURNING message',
  'WITH d AS (DELETE FROM tickets WHERE customer_id = 1) UPDATE calls SET minutes = (SELECT count(*) FROM tickets)',
  "WITH u AS (UPDATE calls SET body = '***' RETURNING *) SELECT * FROM u",
  'WITH m AS (UPDATE products SET price = 0 RETURNING id), d AS (DELETE FROM calls RETURNING body) SELECT * FROM m, d ORDER BY 1, 2',
] as const;

/** Compared between two databases only: the outcome depends on a key, or on which of two writes comes first. */
const attacks = [
  "WITH i AS (INSERT INTO customers (id, first_name, last_name) VALUES (5, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = customers.notes RETURNING id, region) SELECT count(*), max(region) FROM i",
  "WITH i AS (INSERT INTO customers (id, first_name, last_name) VALUES (5, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = 'r' WHERE 1 / (length(customers.notes) - 23) > 5 RETURNING id) SELECT * FROM i",
  'WITH i AS (INSERT INTO customers (id, first_name, last_name) SELECT id, notes, email FROM customers ON CONFLICT (id) DO UPDATE SET region = EXCLUDED.first_name, notes = EXCLUDED.first_name RETURNING *) SELECT id, region, notes FROM i ORDER BY id',
  'WITH a AS (UPDATE calls SET minutes = 1 WHERE customer_id = 1 RETURNING body), b AS (UPDATE calls SET minutes = length(body) WHERE customer_id = 1 RETURNING minutes) SELECT * FROM a, b',
  'WITH a AS (UPDATE calls SET minutes = 1 RETURNING body), b AS (DELETE FROM calls RETURNING minutes) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)',
  "WITH a AS (UPDATE customers SET email = 'z@z.zz' WHERE id = 1 RETURNING email) SELECT a.email, c.email FROM a, customers c",
  "WITH i AS (INSERT INTO customers (id, first_name, last_name, notes) SELECT 3000 + id, 'a', 'b', notes FROM customers RETURNING *) SELECT id, notes FROM i",
  'PREPARE launder AS WITH d AS (DELETE FROM calls RETURNING body) INSERT INTO app_log (message) SELECT body FROM d; EXECUTE launder; DEALLOCATE launder',
] as const;

const refused = [
  [
    'a whole row in a condition',
    "WITH d AS (DELETE FROM calls c WHERE c::text LIKE '%canary%' RETURNING 1) SELECT * FROM d",
  ],
  ['a whole row in SET', 'WITH u AS (UPDATE calls c SET body = (c).body RETURNING 1) SELECT * FROM u'],
  ['the columns of a row in a row', 'WITH d AS (DELETE FROM calls c RETURNING ROW(c.*)) SELECT * FROM d'],
  [
    'a star in a subquery',
    'WITH d AS (DELETE FROM calls RETURNING (SELECT q.body FROM (SELECT calls.*) q)) SELECT * FROM d',
  ],
  ['a denied column', 'WITH d AS (DELETE FROM payments RETURNING *) SELECT amount FROM d'],
  [
    'a value computed from its own mask',
    "WITH u AS (UPDATE calls SET body = body || '!' RETURNING 1) SELECT * FROM u",
  ],
  [
    'system columns of filtered rows',
    'WITH d AS (DELETE FROM calls RETURNING ctid, body) SELECT body FROM d',
  ],
  ['the consents', 'WITH d AS (DELETE FROM consents RETURNING *) SELECT count(*) FROM d'],
  [
    'a bare name beside a function',
    'WITH d AS (DELETE FROM calls WHERE (SELECT body FROM unnest(ARRAY[1]) g) IS NULL RETURNING 1) SELECT * FROM d',
  ],
  [
    'one refused write of two',
    'WITH a AS (DELETE FROM calls RETURNING 1), b AS (DELETE FROM consents RETURNING 1) SELECT * FROM a, b',
  ],
] as const;

describe.each(versionsOfLongTests)('writes in WITH on PostgreSQL %i', (version) => {
  let plain: Governed;
  let worlds: WriteWorlds;
  beforeAll(async () => {
    worlds = await startWriteWorlds(version);
    plain = worlds.plain;
  });
  afterAll(() => worlds.stop());

  judgesWrites(() => worlds, statements, attacks);

  it.each(refused)('refuses %s: %s', async (_name, sql) => {
    await expect(plain.run(sql, plain.session('support'))).rejects.toBeInstanceOf(Refused);
  });
});
