/**
 * The leak catalogue, first part: statements of a clever insider, run against two databases that differ only in what the
 * policy hides. Whatever comes back (rows, error text, row count) must be the same on both, or the statement is refused.
 * The errors here are the server's own, not yet scrubbed by the session: enforcement must not rest on the scrubber.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { otherPeople, otherSecrets } from '../support/hidden.js';

/** Answered, and equally on both databases. */
const answered = [
  // Conditions on hidden values: the error message or its absence is the oracle.
  'SELECT id FROM customers WHERE notes::int > 0',
  'SELECT id FROM customers WHERE 1 / (length(notes) - 13) > 0',
  'SELECT id FROM customers WHERE 1 / (extract(year FROM birth_date)::int - 1969) IS NULL',
  "SELECT id FROM customers WHERE CASE WHEN last_name = 'Secretname5' THEN 1/0 ELSE 1 END = 1",
  "SELECT id FROM customers WHERE (notes || 'x')::jsonb IS NOT NULL",
  'SELECT id FROM customers ORDER BY notes, id',
  'SELECT id FROM customers ORDER BY email DESC, id',
  'SELECT notes, count(*) FROM customers GROUP BY notes ORDER BY 1',
  'SELECT count(DISTINCT notes), count(DISTINCT email), min(notes), max(profile::text) FROM customers',
  'SELECT DISTINCT notes FROM customers',
  'SELECT string_agg(email, $$,$$ ORDER BY id) FROM customers',
  "SELECT id FROM customers WHERE email LIKE '%canary%'",
  "SELECT id FROM customers WHERE email ~ 'zzz'",
  'SELECT id FROM customers WHERE profile ? \'social\' OR profile @> \'{"tier": "gold"}\'',
  "SELECT profile->'social'->>'handle', profile #>> '{tier}' FROM customers ORDER BY id",
  'SELECT a.id, b.id FROM customers a JOIN customers b ON a.notes = b.notes ORDER BY 1, 2',
  'SELECT a.id FROM customers a JOIN customers b USING (email) ORDER BY 1',
  'SELECT * FROM customers a NATURAL JOIN customers b ORDER BY 1',
  'SELECT id FROM customers WHERE (id, notes) IN (SELECT id, notes FROM customers) ORDER BY id',
  'SELECT (SELECT string_agg(notes, $$,$$) FROM customers)',
  'SELECT ARRAY(SELECT email::text FROM customers ORDER BY id)',
  'SELECT id FROM customers c WHERE c::text LIKE $$%canary%$$ OR c::text LIKE $$%zzzz%$$',
  'SELECT c::text FROM customers c ORDER BY id',
  'SELECT customers FROM customers ORDER BY id',
  'SELECT to_jsonb(c), row_to_json(c), hstore FROM customers c, (SELECT 1 AS hstore) h ORDER BY id',
  'SELECT jsonb_agg(c ORDER BY id) FROM customers c',
  'SELECT (c).notes, (c).email FROM customers c ORDER BY id',
  'SELECT count(c), count(c.*) FROM customers c',
  'EXPLAIN SELECT * FROM customers',
  'SELECT email(c), notes(c) FROM customers c ORDER BY c.id',
  'SELECT ROW(c.*)::public.customers FROM customers c ORDER BY id',
  'WITH x AS MATERIALIZED (SELECT * FROM customers) SELECT * FROM x WHERE notes::int = 1',
  'WITH RECURSIVE x AS (SELECT id, notes FROM customers UNION ALL SELECT id + 100, notes FROM x WHERE id < 100) SELECT * FROM x ORDER BY 1',
  'SELECT * FROM (SELECT * FROM customers OFFSET 0) s WHERE notes::int = 1',
  'SELECT s.* FROM products p LEFT JOIN customers s ON s.notes::int = p.id',
  'SELECT p.id, s.id FROM products p LEFT JOIN customers s ON s.id = p.id AND 1 / (length(s.notes) - 23) = 0 ORDER BY 1',
  'SELECT p.id, s.id, s.notes FROM customers s RIGHT JOIN products p ON p.id = s.id ORDER BY 1',
  'SELECT o.id, c.id FROM orders o FULL JOIN customers c ON c.id = o.customer_id ORDER BY 1, 2',
  'SELECT x.* FROM products p, LATERAL (SELECT notes FROM customers c WHERE c.id = p.id) x ORDER BY 1',
  'SELECT id, first_value(notes) OVER (ORDER BY email), lag(phone) OVER (ORDER BY id) FROM customers ORDER BY id',
  'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY birth_date) FROM customers',
  'SELECT region, grouping(region), count(*) FROM customers GROUP BY ROLLUP (region) ORDER BY 1',
  'SELECT width_bucket(extract(year FROM birth_date), 1900, 2100, 200) FROM customers ORDER BY 1',
  'SELECT id FROM customers UNION ALL SELECT total::int FROM orders ORDER BY 1',
  'SELECT id FROM customers EXCEPT SELECT customer_id FROM orders ORDER BY 1',
  'SELECT max(total), sum(total), count(*) FROM orders',
  'SELECT id FROM orders WHERE 1 / total > 0 ORDER BY id',
  "SELECT id FROM orders WHERE status = 'secret' OR 1 / (total - 59) > 1000",
  'SELECT id FROM orders WHERE id = 11 AND status::int = 1',
  'SELECT id FROM orders WHERE id IN (10, 11, 13) AND 1 / total IS NOT NULL ORDER BY id',
  'SELECT o.status::int FROM orders o WHERE o.id = 11',
  'SELECT * FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.total / (o.total - 29.90) > 0 ORDER BY 1, 2',
  'SELECT amount, id FROM payments ORDER BY id',
  // A denied column that is only joined by: it is NULL in the derived table.
  'SELECT a.id FROM payments a JOIN payments b USING (card_number)',
  'SELECT subject FROM tickets ORDER BY subject',
  'TABLE customers ORDER BY id',
  'SELECT * FROM ONLY customers ORDER BY id',
  'SELECT * FROM customers * ORDER BY id',
  'SELECT public.customers.notes FROM public.customers ORDER BY id',
  'SELECT customers.* FROM customers, products ORDER BY customers.id, products.id',
  'VALUES ((SELECT max(notes) FROM customers))',
  'SELECT CASE WHEN EXISTS (SELECT FROM customers WHERE notes LIKE $$canary-note-1%$$) THEN 1 ELSE 0 END',
  'SELECT id FROM customers ORDER BY region, notes FETCH FIRST 1 ROW WITH TIES',
  'SELECT generate_series(1, length(notes)) FROM customers WHERE id = 1',
  'SELECT unnest(string_to_array(notes, $$ $$)) FROM customers',
  'SELECT set_bit(sha256(convert_to(notes, $$UTF8$$)), 0, 1) FROM customers ORDER BY id',
  'COPY customers TO STDOUT',
  'COPY customers (id, notes, email) TO STDOUT WITH (FORMAT csv, HEADER)',
  'COPY (SELECT * FROM customers ORDER BY id) TO STDOUT',
  'SELECT reltuples, relpages FROM pg_class WHERE relname IN ($$customers$$, $$leads$$)',
  'SELECT c.reltuples FROM pg_catalog.pg_class AS c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = $$orders$$',
  'SELECT id FROM customers WHERE id = 5 FOR UPDATE',
  'SELECT id FROM customers WHERE notes LIKE $$%4711%$$ FOR SHARE NOWAIT',
  'SELECT * FROM (SELECT * FROM customers) s FOR UPDATE',
  'INSERT INTO app_log (message) SELECT email || notes FROM customers ORDER BY id RETURNING message',
  'UPDATE app_log SET message = (SELECT max(notes) FROM customers) RETURNING message',
  'DELETE FROM app_log USING customers c WHERE app_log.message = c.notes RETURNING message',
  // Names that shadow, conditions that fail, and values taken apart in other ways.
  'WITH customers AS (SELECT * FROM customers) SELECT * FROM customers ORDER BY id',
  'WITH RECURSIVE a AS (SELECT notes FROM customers), customers AS (SELECT 1 AS notes) SELECT * FROM a',
  'WITH customers AS (SELECT 5 AS id) SELECT (SELECT max(notes) FROM public.customers), (SELECT id FROM customers)',
  '(WITH customers AS (SELECT 1 AS id) SELECT id FROM customers) UNION ALL SELECT id FROM customers ORDER BY 1',
  'WITH "CUSTOMERS" AS (SELECT 1 AS id) SELECT * FROM CUSTOMERS ORDER BY id',
  'SELECT id, CASE WHEN total = 59 THEN 1/0 ELSE 1 END FROM orders WHERE id <> 11 ORDER BY id',
  "SELECT sum(1/(total-58)) FILTER (WHERE status = 'open') FROM orders",
  'SELECT id FROM orders ORDER BY 1/(total - 58), id',
  "SELECT id FROM orders WHERE status > 'paid' AND status::int = 0",
  "SELECT id FROM orders WHERE status = 'secret' AND 1/0 = 1",
  "SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.region = 'YY' WHERE c.id IS NULL ORDER BY 1",
  "SELECT p.id FROM products p LEFT JOIN orders o ON o.id = p.id + 9 AND o.status = 'open' WHERE o.status IS NULL ORDER BY 1",
  "SELECT o.id FROM orders o FULL JOIN products p ON p.id = o.id - 9 WHERE o.status = 'open' ORDER BY 1",
  "SELECT a.id FROM orders a WHERE a.id NOT IN (SELECT b.id FROM orders b WHERE b.status = 'secret') ORDER BY 1",
  'SELECT id FROM tickets WHERE id IN (1, 2, 3) AND region::int > 0',
  'SELECT * FROM customers c, json_to_record(to_json(c)) AS x(notes text, email text) ORDER BY c.id',
  'SELECT x.* FROM customers c, LATERAL jsonb_each_text(to_jsonb(c)) x ORDER BY c.id, 1',
  'SELECT * FROM json_populate_recordset(NULL::customers, (SELECT json_agg(c) FROM customers c)) ORDER BY id',
  'SELECT xmlelement(name a, xmlattributes(c.email AS e), c.notes) FROM customers c ORDER BY c.id',
  'SELECT pg_column_size(c), pg_column_size(c.notes), pg_column_size(c.email) FROM customers c ORDER BY id',
  'SELECT hashtext(email), octet_length(notes), md5(c::text) FROM customers c ORDER BY id',
  "SELECT rank('m') WITHIN GROUP (ORDER BY notes) FROM customers",
  "SELECT id FROM customers WHERE (email, notes) > ('m', 'x') ORDER BY 1",
  'SELECT id FROM customers WHERE email >= ALL (SELECT email FROM customers WHERE email IS NOT NULL) ORDER BY 1',
  "SELECT (birth_date, birth_date) OVERLAPS (date '1985-02-01', date '1985-03-01') FROM customers ORDER BY id",
  "SELECT count(*) FROM customers, LATERAL (SELECT customers.notes || '' AS z OFFSET 0) q WHERE z::int = 1",
  'COPY (SELECT c FROM customers c ORDER BY c.id) TO STDOUT',
  'SELECT id FROM customers WHERE first_name = $$Eve$$',
  'SELECT id, full_name FROM customer_directory WHERE id = 5',
] as const;

/** Answered for support; marketing needs a consent, and the policy does not say whose the leads are. */
const answeredToSupport = [
  'SELECT id, email, source FROM leads ORDER BY id',
  'SELECT id FROM leads WHERE 1 / (extract(year FROM created_at)::int - 2023) > 5',
] as const;

/** Refused outright. */
const refused = [
  'EXPLAIN ANALYZE SELECT * FROM customers WHERE notes LIKE $$c%$$',
  'DO $$ BEGIN RAISE NOTICE $x$%$x$, (SELECT max(notes) FROM customers); END $$',
  'CREATE TABLE loot AS SELECT * FROM customers',
  'CREATE TEMP TABLE loot AS SELECT * FROM customers',
  'SELECT * INTO loot FROM customers',
  'CREATE VIEW peek AS SELECT * FROM customers',
  'CREATE FUNCTION peek() RETURNS text LANGUAGE sql AS $$ SELECT max(notes) FROM customers $$',
  'TRUNCATE customers',
  'LOCK customers',
  'COPY customers TO $$/tmp/x$$',
  'COPY customers TO PROGRAM $$cat$$',
  'COPY (SELECT 1) TO PROGRAM $$cat$$',
  'COPY payments TO STDOUT',
  'SELECT card_number FROM payments',
  'SELECT * FROM payments',
  'SELECT p FROM payments p',
  'SELECT p::text FROM payments p',
  'SELECT count(card_number) FROM payments',
  'SELECT id FROM payments ORDER BY card_number',
  "SELECT id FROM payments WHERE card_number LIKE '4%'",
  'SELECT row_to_json(p) FROM payments p',
  'SELECT * FROM consents',
  'SELECT count(*) FROM consents',
  'SELECT * FROM region_counts',
  "SELECT query_to_xml('select * from customers', true, true, '')",
  "SELECT table_to_xml('customers', true, true, '')",
  "SELECT * FROM ts_stat('SELECT to_tsvector(notes) FROM public.customers')",
  "SELECT ts_rewrite('a'::tsquery, 'SELECT notes::tsquery, notes::tsquery FROM public.customers')",
  "SELECT pg_read_file('/etc/passwd')",
  "SELECT lo_import('/etc/passwd')",
  "SELECT set_config('search_path', 'ev' || 'il', false)",
  "SELECT pg_stat_get_live_tuples('customers'::regclass)",
  "SELECT pg_notify('x', (SELECT max(notes) FROM customers))",
  'SELECT current_query()',
  'SELECT current_query()',
  'SELECT * FROM pg_stats',
  "SELECT most_common_vals FROM pg_catalog.pg_stats WHERE tablename = 'customers'",
  'SELECT * FROM pg_statistic',
  'SELECT * FROM pg_stat_user_tables',
  'SELECT * FROM pg_locks',
  'SELECT * FROM pg_backend_memory_contexts',
  'SELECT * FROM pg_file_settings',
  'SELECT * FROM pg_locks',
  'SELECT * FROM pg_largeobject',
  'SELECT ctid, id FROM customers',
  'SELECT xmin FROM customers',
  'SELECT * FROM customers TABLESAMPLE SYSTEM (50) REPEATABLE (1)',
  'SET ROLE crm_admin',
  'SET SESSION AUTHORIZATION crm_admin',
  'SET debug_print_plan = on',
  'SET client_min_messages = debug5',
  'SET client_min_messages = log',
  'SELECT last_value FROM consents_id_seq',
  "EXECUTE p(query_to_xml('select * from customers', true, true, '')::text)",
  'SET log_statement = $$all$$',
  'SET standard_conforming_strings = off',
  "SET client_encoding = 'SJIS'",
  'SHOW ALL',
  'LISTEN x',
  'NOTIFY x',
  "PREPARE TRANSACTION 'x'",
  'DECLARE c CURSOR FOR SELECT card_number FROM payments',
  'CALL nothing()',
  'LOAD $$x$$',
  'VACUUM customers',
  'ANALYZE customers',
  'ALTER TABLE customers ADD x int',
  'GRANT ALL ON customers TO PUBLIC',
  "SELECT U&'\\0061' FROM customers",
] as const;

describe.each([18, 15] as const)('what an insider tries on PostgreSQL %i', (version) => {
  const pairs: Record<'support' | 'marketing', Governed[]> = { support: [], marketing: [] };
  beforeAll(async () => {
    const plain = await governed(version);
    pairs.support = [plain, await governed(version, { setup: otherSecrets })];
    pairs.marketing = [plain, await governed(version, { setup: otherSecrets + otherPeople })];
  });
  afterAll(async () => {
    const all = new Set([...pairs.support, ...pairs.marketing]);
    await Promise.all([...all].map((each) => each.close()));
  });

  const outcome = async (crm: Governed, sql: string, role: 'support' | 'marketing'): Promise<unknown> => {
    const session = crm.session(role);
    try {
      const result = await crm.run(sql, session);
      return { rows: result.rows, count: result.rowCount };
    } catch (error) {
      if (error instanceof Refused) return { refused: error.rule, message: error.message };
      const { code, message, detail, where } = error as Record<string, unknown>;
      return { code, message, detail, where };
    }
  };

  describe.each(['support', 'marketing'] as const)('as %s', (role) => {
    it.each(role === 'support' ? [...answered, ...answeredToSupport] : answered)(
      'learns nothing from: %s',
      async (sql) => {
        const [first, second] = await Promise.all(pairs[role].map((crm) => outcome(crm, sql, role)));
        expect(first).not.toHaveProperty('refused');
        expect(second).toEqual(first);
        const text = JSON.stringify(first);
        expect(text).not.toMatch(/canary-|[a-z]\.canary|@canary|Secretname5|-000000[1-6]|4111-1111|zzzz/);
      },
    );

    it.each(refused)('is refused: %s', async (sql) => {
      expect(await outcome(pairs[role][0]!, sql, role)).toHaveProperty('refused');
    });
  });
});
