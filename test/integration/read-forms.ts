/** Tables, views and statements for the reads of read-forms.test.ts: every form that a derived table could break. */
import { crmPolicy } from '../support/governed.js';

/** Loaded into the real database and into the masked copy alike. */
export const readSetup = `
  CREATE TABLE visits (
    id integer NOT NULL, region text NOT NULL, customer_id integer NOT NULL, remark text, visited_at date NOT NULL,
    PRIMARY KEY (id, region)
  ) PARTITION BY LIST (region);
  CREATE TABLE visits_eu PARTITION OF visits FOR VALUES IN ('EU');
  CREATE TABLE visits_us PARTITION OF visits FOR VALUES IN ('US') PARTITION BY RANGE (id);
  CREATE TABLE visits_us_old PARTITION OF visits_us FOR VALUES FROM (0) TO (4);
  CREATE TABLE visits_us_new PARTITION OF visits_us DEFAULT;
  INSERT INTO visits VALUES (1, 'EU', 1, 'canary-visit-1', '2026-01-01'), (2, 'EU', 2, 'canary-visit-2', '2026-01-02'),
    (3, 'US', 3, 'canary-visit-3', '2025-01-03'), (4, 'US', 4, 'canary-visit-4', '2026-01-04'), (5, 'EU', 5, NULL, '2026-01-05');
  CREATE TABLE births (id integer, customer_id integer, born date) PARTITION BY RANGE (born);
  CREATE TABLE births_1980 PARTITION OF births FOR VALUES FROM ('1980-01-01') TO ('1990-01-01');
  CREATE TABLE letters (id integer PRIMARY KEY, customer_id integer NOT NULL, body text);
  CREATE TABLE emails (reply_to text) INHERITS (letters);
  INSERT INTO letters VALUES (1, 1, 'canary-letter-1'), (2, 2, 'canary-letter-2');
  INSERT INTO emails VALUES (3, 3, 'canary-letter-3', 'canary-reply-3'), (4, 1, 'canary-letter-4', NULL);
  CREATE TABLE measures (id integer PRIMARY KEY, customer_id integer NOT NULL, raw json, spot point, doc xml, remark text);
  INSERT INTO measures VALUES (1, 1, '{"a": 1}', '(1,2)', '<a/>', 'canary-measure-1'), (2, 3, '{"a": 2}', '(3,4)', '<b/>', NULL);
  CREATE SCHEMA other;
  CREATE TABLE other.customers (id integer PRIMARY KEY, email text, note text);
  INSERT INTO other.customers VALUES (1, 'other-1', 'x'), (2, 'other-2', 'y');
  CREATE VIEW v_plain AS SELECT id, first_name, email, notes FROM customers;
  CREATE VIEW v_nested AS SELECT id, upper(email) AS loud, first_name FROM v_plain WHERE id < 5;
  CREATE VIEW v_barrier WITH (security_barrier) AS SELECT id, email FROM customers WHERE region = 'EU';
  CREATE VIEW v_invoker WITH (security_invoker) AS SELECT id, phone FROM customers;
  CREATE VIEW v_checked AS SELECT id, email, region FROM customers WHERE region = 'EU' WITH CHECK OPTION;
  CREATE VIEW v_columns (nr, mail) AS SELECT id, email FROM customers;
  CREATE VIEW v_join AS SELECT o.id, o.total, c.email, c.id AS cid FROM orders o JOIN customers c ON c.id = o.customer_id;
  CREATE VIEW v_visits AS SELECT id, customer_id, remark FROM visits;
  CREATE VIEW v_union AS SELECT id, email::text AS contact FROM customers UNION ALL SELECT id, phone::text FROM customers;
  CREATE VIEW v_newest AS SELECT id, email FROM customers ORDER BY id LIMIT 2;
  CREATE VIEW v_case AS SELECT id, CASE WHEN region = 'EU' THEN email::text ELSE phone::text END AS contact FROM customers;
  CREATE MATERIALIZED VIEW m_people AS SELECT id, first_name, email, region FROM customers;
  CREATE MATERIALIZED VIEW m_regions AS SELECT region, count(*) AS people FROM customers GROUP BY region;
  GRANT USAGE ON SCHEMA other TO PUBLIC;
  GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO PUBLIC;
`;

export const readPolicy = crmPolicy
  .replace(
    'public.tickets.subject]',
    'public.tickets.subject, public.visits.remark, public.letters.body, public.emails.reply_to, public.measures.remark, public.births.born]',
  )
  .replace(
    'public.tickets: { key: customer_id }',
    `public.tickets: { key: customer_id }
  public.visits: { key: customer_id }
  public.letters: { key: customer_id }
  public.measures: { key: customer_id }
  public.births: { key: customer_id }`,
  );

export const readTables = [
  'customers',
  'leads',
  'orders',
  'order_items',
  'payments',
  'tickets',
  'visits',
  'emails',
  'measures',
] as const;

/** By what they try. Each gives rows in a definite order. */
export const readForms: Readonly<Record<string, readonly string[]>> = {
  'GROUP BY a key': [
    'SELECT id, email, region FROM customers GROUP BY id ORDER BY id',
    'SELECT c.id, c.email FROM customers c GROUP BY 1 ORDER BY 1',
    'SELECT c.email, c.id FROM customers c GROUP BY 2 ORDER BY 2',
    'SELECT c.id AS nr, c.email FROM customers c GROUP BY nr ORDER BY nr',
    'SELECT c.*, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id',
    'SELECT c.id, c.first_name, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id',
    'SELECT o.id, o.status, sum(i.quantity) FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id HAVING o.total > 1 ORDER BY o.placed_at, o.id',
    'SELECT o.id, c.first_name FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY o.id, c.id ORDER BY o.id, c.email',
    'SELECT date_trunc($$year$$, c.created_at), c.id, c.email FROM customers c GROUP BY date_trunc($$year$$, c.created_at), c.id ORDER BY c.id',
    'SELECT i.order_id, i.line, i.quantity FROM order_items i GROUP BY i.line, i.order_id ORDER BY 1, 2',
    'SELECT id, email FROM customers GROUP BY (id) ORDER BY id',
    'SELECT id, email FROM customers GROUP BY DISTINCT id ORDER BY id',
    'SELECT id, (SELECT max(o.total) FROM orders o WHERE o.customer_id = c.id AND c.region IS NOT NULL) FROM customers c GROUP BY id ORDER BY id',
    'SELECT c.nr, c.vorname FROM customers c (nr, vorname) GROUP BY c.nr ORDER BY 1',
    'SELECT id, email, row_number() OVER (ORDER BY first_name) FROM customers GROUP BY id ORDER BY id',
    'SELECT DISTINCT ON (region) region, id FROM customers GROUP BY id ORDER BY region, id',
    'SELECT c FROM customers c GROUP BY c.id ORDER BY c.id',
    'SELECT c.id, (c).email FROM customers c GROUP BY c.id ORDER BY c.id',
    'SELECT to_jsonb(c) FROM customers c GROUP BY c.id ORDER BY c.id',
    'SELECT id, email, grouping(id) FROM customers GROUP BY id, ROLLUP (region) ORDER BY id, region NULLS FIRST',
    'SELECT id, email, region FROM customers GROUP BY id, CUBE (region) ORDER BY id, region NULLS FIRST',
    'SELECT region, count(*), sum(id) FROM customers GROUP BY GROUPING SETS ((region), ()) ORDER BY 1 NULLS FIRST',
    'SELECT m.id, m.remark, count(*) FROM measures m GROUP BY m.id ORDER BY m.id',
    'SELECT m.id, json_agg(m.raw) FROM measures m GROUP BY m.id ORDER BY m.id',
    'SELECT id, email FROM (SELECT id, email FROM customers GROUP BY id) s ORDER BY id',
    'SELECT s.id, s.email FROM (SELECT * FROM customers) s GROUP BY s.id',
    'SELECT id, email FROM customers GROUP BY region',
    'SELECT n.id, n.first_name FROM v_plain n GROUP BY n.id',
    'SELECT c.id, o.id, o.total FROM customers c JOIN orders o ON c.id = o.customer_id GROUP BY c.id, o.id ORDER BY 1, 2',
    'SELECT id, count(*) FROM customers JOIN (SELECT customer_id AS id FROM orders) o USING (id) GROUP BY id, region ORDER BY id',
    'SELECT id, region FROM customers JOIN (SELECT customer_id AS id FROM orders) o USING (id) GROUP BY id ORDER BY id',
    'SELECT region, array_agg(id ORDER BY id) FILTER (WHERE id > 1) FROM customers GROUP BY region ORDER BY 1',
  ],
  'whole rows': [
    'SELECT c FROM customers c ORDER BY c.id',
    'SELECT customers FROM customers ORDER BY id',
    'SELECT c.* FROM customers c ORDER BY c.id',
    'SELECT (c).* FROM customers c ORDER BY c.id',
    'SELECT (c).email, (c).id FROM customers c ORDER BY (c).id',
    'SELECT email(c), id(c) FROM customers c ORDER BY id(c)',
    'SELECT email(customers) FROM customers ORDER BY id',
    'SELECT c.id, upper(email(c)) FROM customers c WHERE region(c) = $$EU$$ ORDER BY 1',
    'SELECT c::text FROM customers c ORDER BY c.id',
    'SELECT ROW(c.*)::customers FROM customers c ORDER BY c.id',
    'SELECT (ROW(c.*)::customers).email FROM customers c ORDER BY c.id',
    'SELECT ROW(c.*, 1) FROM customers c ORDER BY c.id',
    'SELECT to_json(c), row_to_json(c), to_jsonb(c) FROM customers c ORDER BY c.id',
    'SELECT to_json(c.*) FROM customers c ORDER BY c.id',
    'SELECT row_to_json(x) FROM (SELECT id, email FROM customers) x ORDER BY x.id',
    'SELECT json_agg(c ORDER BY c.id) FROM customers c',
    'SELECT json_agg(x) FROM (SELECT id, email FROM customers ORDER BY id) x',
    'SELECT jsonb_build_object($$c$$, c) FROM customers c ORDER BY c.id',
    'SELECT c IS NULL, c IS NOT NULL FROM customers c ORDER BY c.id',
    'SELECT count(c), count(c.*), count(DISTINCT c) FROM customers c',
    'SELECT a.id FROM customers a JOIN customers b ON a = b ORDER BY 1',
    'SELECT a.id, b.id FROM customers a JOIN customers b ON a < b ORDER BY 1, 2',
    'SELECT (array_agg(c ORDER BY c.id))[1].email FROM customers c',
    'SELECT array_agg(c ORDER BY c.id) FROM customers c',
    'SELECT (max(o.total), min(o.id)) FROM orders o',
    'SELECT id FROM customers WHERE (id, region) = (1, $$EU$$)',
    'SELECT id FROM customers WHERE (id, region) IN (SELECT id, region FROM customers) ORDER BY id',
    'SELECT c FROM products p LEFT JOIN customers c ON c.id = p.id + 2 ORDER BY p.id',
    'SELECT c IS NULL, to_json(c), c::text FROM products p LEFT JOIN customers c ON c.id = p.id + 2 ORDER BY p.id',
    'SELECT (c).email, c.email FROM products p LEFT JOIN customers c ON c.id = p.id + 2 ORDER BY p.id',
    'SELECT count(c), json_agg(c ORDER BY p.id) FROM products p LEFT JOIN customers c ON c.id = p.id + 2',
    'SELECT o, c FROM orders o FULL JOIN customers c ON c.id = o.customer_id ORDER BY o.id, c.id',
    'SELECT coalesce(c, NULL::customers) FROM customers c ORDER BY c.id',
    'SELECT CASE WHEN c.id = 1 THEN c END FROM customers c ORDER BY c.id',
    'SELECT NULL::customers',
    'SELECT (NULL::customers).email',
    'SELECT (json_populate_record(NULL::customers, to_json(c))).first_name FROM customers c ORDER BY c.id',
    'SELECT j.email FROM customers c, json_populate_record(NULL::customers, row_to_json(c)) j ORDER BY j.id',
    'SELECT s.c, (s.c).id FROM (SELECT c FROM customers c) s ORDER BY (s.c).id',
    'WITH w AS (SELECT c FROM customers c) SELECT (c).first_name, to_json(c) FROM w ORDER BY (c).id',
    'SELECT v FROM v_plain v ORDER BY v.id',
    'SELECT (SELECT c FROM customers c WHERE c.id = 1)',
    'SELECT ((SELECT c FROM customers c WHERE c.id = 1)).email',
    'SELECT ARRAY(SELECT c FROM customers c ORDER BY c.id)',
    'SELECT x.email FROM unnest(ARRAY(SELECT c FROM customers c ORDER BY c.id)) x ORDER BY x.id',
    'SELECT c.tail FROM (SELECT c, 1 AS tail FROM customers c WHERE id = 1) c',
    'SELECT lag(c) OVER (ORDER BY c.id) FROM customers c ORDER BY c.id',
    'SELECT DISTINCT c FROM customers c ORDER BY c',
    'SELECT jsonb_agg(to_jsonb(c) - $$notes$$ ORDER BY c.id) FROM customers c',
    'SELECT v.region, v FROM visits v ORDER BY v.id',
    'SELECT e, e::letters FROM emails e ORDER BY e.id',
  ],
  'names with a schema': [
    'SELECT public.customers.email FROM public.customers ORDER BY public.customers.id',
    'SELECT public.customers.* FROM public.customers ORDER BY id',
    'SELECT public.customers.email FROM customers WHERE public.customers.id = 1',
    'SELECT public.customers.email, other.customers.email FROM public.customers JOIN other.customers ON public.customers.id = other.customers.id ORDER BY public.customers.id',
    'SELECT public.customers.*, other.customers.* FROM public.customers, other.customers ORDER BY public.customers.id, other.customers.id',
    'SELECT * FROM public.customers, other.customers ORDER BY public.customers.id, other.customers.id',
    'SELECT public.customers.id FROM public.customers WHERE EXISTS (SELECT FROM other.customers WHERE other.customers.id = public.customers.id) ORDER BY 1',
    'SELECT other.customers.id, (SELECT public.customers.first_name FROM public.customers WHERE public.customers.id = other.customers.id) FROM other.customers ORDER BY 1',
    'SELECT public.customers FROM public.customers ORDER BY public.customers.id',
    'SELECT public.customers.first_name, note FROM public.customers JOIN other.customers USING (id) ORDER BY id',
    'SELECT public.customers.id, count(*) FROM public.customers, other.customers GROUP BY public.customers.id ORDER BY 1',
    'SELECT public.customers.id, public.customers.region FROM public.customers, other.customers GROUP BY public.customers.id ORDER BY 1',
    'SELECT to_json(public.customers.*) FROM public.customers, other.customers WHERE other.customers.id = 1 ORDER BY public.customers.id',
  ],
  'ONLY, partitions, children': [
    'SELECT * FROM ONLY customers ORDER BY id',
    'SELECT * FROM ONLY (customers) ORDER BY id',
    'SELECT * FROM customers * ORDER BY id',
    'SELECT * FROM ONLY customers AS c (a, b) ORDER BY a',
    'TABLE customers ORDER BY id',
    'TABLE ONLY customers',
    'SELECT * FROM visits ORDER BY id',
    'SELECT * FROM visits_eu ORDER BY id',
    'SELECT * FROM visits_us ORDER BY id',
    'SELECT * FROM visits_us_new ORDER BY id',
    'SELECT * FROM ONLY visits',
    'SELECT v.id, v.remark, c.first_name FROM visits v JOIN customers c ON c.id = v.customer_id ORDER BY v.id',
    'SELECT id, remark FROM visits WHERE region = $$US$$ AND visited_at > $$2026-01-01$$ ORDER BY id',
    'SELECT id, region, remark FROM visits GROUP BY id, region ORDER BY id',
    'SELECT * FROM letters ORDER BY id',
    'SELECT * FROM ONLY letters ORDER BY id',
    'SELECT * FROM emails ORDER BY id',
    'SELECT l.id, l.tableoid::regclass FROM letters l ORDER BY l.id',
    'SELECT tableoid::regclass::text, * FROM visits ORDER BY id',
    'SELECT v.tableoid::regclass, count(*) FROM visits v GROUP BY 1 ORDER BY 1',
    'SELECT p.relname, v.id FROM visits v JOIN pg_class p ON p.oid = v.tableoid ORDER BY v.id',
    'SELECT c.tableoid::regclass AS t, c.* FROM customers c ORDER BY c.id',
    'SELECT id FROM letters WHERE tableoid = $$emails$$::regclass ORDER BY id',
    'SELECT v.*, v.tableoid::regclass FROM visits AS v (a, b) ORDER BY a',

    'SELECT c.*, o.*, o.tableoid::regclass FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY c.id, o.id',
    'SELECT *, o.tableoid::regclass FROM customers c, orders o WHERE o.customer_id = c.id ORDER BY c.id, o.id',
    'SELECT o.tableoid FROM products p LEFT JOIN orders o ON o.id = p.id WHERE o.tableoid IS NULL',
    'SELECT ctid, xmin FROM products WHERE false',
  ],
  views: [
    'SELECT * FROM v_plain ORDER BY id',
    'SELECT * FROM v_barrier ORDER BY id',
    'SELECT * FROM v_invoker ORDER BY id',
    'SELECT * FROM v_checked ORDER BY id',
    'SELECT * FROM v_columns ORDER BY nr',
    'SELECT * FROM v_join ORDER BY id',
    'SELECT * FROM v_visits ORDER BY id',
    'SELECT * FROM m_people ORDER BY id',
    'SELECT p.email, m.email FROM v_plain p JOIN m_people m USING (id) ORDER BY id',
    'SELECT v.mail, count(*) FROM v_columns v GROUP BY v.mail ORDER BY 1',
    'SELECT id FROM v_plain WHERE first_name = $$Ada$$',
  ],
  'queries of queries': [
    'SELECT id, email FROM customers UNION SELECT id, status FROM orders ORDER BY 1, 2',
    'SELECT id FROM customers INTERSECT SELECT customer_id FROM orders ORDER BY 1',
    'SELECT id FROM customers EXCEPT ALL SELECT customer_id FROM orders ORDER BY 1',
    'SELECT DISTINCT ON (c.region) c.region, c.email FROM customers c ORDER BY c.region, c.id DESC',
    'SELECT id, rank() OVER w, lag(email) OVER w FROM customers WINDOW w AS (PARTITION BY region ORDER BY id) ORDER BY id',
    'SELECT id, sum(total) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM orders ORDER BY id',
    'SELECT c.id, x.total FROM customers c CROSS JOIN LATERAL (SELECT total FROM orders o WHERE o.customer_id = c.id ORDER BY total DESC LIMIT 1) x ORDER BY 1',
    'SELECT c.id, x.* FROM customers c LEFT JOIN LATERAL (SELECT email AS mine, o.id AS oid FROM orders o WHERE o.customer_id = c.id) x ON true ORDER BY 1, 3',
    'WITH RECURSIVE t (n, email) AS (SELECT id, email FROM customers WHERE id = 1 UNION ALL SELECT c.id, c.email FROM t JOIN customers c ON c.id = t.n + 1) SELECT * FROM t ORDER BY n',
    'WITH RECURSIVE t AS (SELECT id FROM customers WHERE id = 1 UNION ALL SELECT c.id FROM t JOIN customers c ON c.id > t.id) SEARCH DEPTH FIRST BY id SET o CYCLE id SET looped USING path SELECT id FROM t ORDER BY o, id',
    'WITH a AS NOT MATERIALIZED (SELECT * FROM customers), b AS MATERIALIZED (SELECT id FROM a) SELECT a.email FROM a JOIN b USING (id) ORDER BY a.id',
    'SELECT * FROM (VALUES (1, $$a$$), (3, $$b$$)) v (id, x) JOIN customers USING (id) ORDER BY id',
    'VALUES ((SELECT count(*) FROM customers), (SELECT max(email) FROM customers))',
    'SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY(SELECT id FROM customers ORDER BY id))) AS r (a, b) ORDER BY a',
    'SELECT c.id, x.ord, x.part FROM customers c, string_to_table(c.email, $$@$$) WITH ORDINALITY AS x (part, ord) ORDER BY 1, 2',
    'SELECT c.id, k FROM customers c, jsonb_object_keys(c.profile) k ORDER BY 1, 2',
    'SELECT c.id, x.* FROM customers c, xmltable($$/r/e$$ PASSING xmlelement(name r, xmlelement(name e, c.email)) COLUMNS e text PATH $$text()$$) x ORDER BY 1',
    'SELECT FROM customers',
    'SELECT count(*) FROM (SELECT FROM customers) s',
    'SELECT id FROM customers ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY',
    'SELECT region FROM customers ORDER BY region FETCH FIRST 1 ROWS WITH TIES',
    'SELECT id FROM customers ORDER BY email COLLATE "C" DESC NULLS LAST, id',
    'SELECT c.id, o.id FROM customers c NATURAL JOIN (SELECT customer_id AS id, total FROM orders) o2 JOIN orders o ON o.customer_id = c.id ORDER BY 1, 2',
    'SELECT * FROM customers a JOIN customers b USING (id) AS j ORDER BY j.id',
    'SELECT j.* FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j ORDER BY 1, 14',
    'SELECT (SELECT email FROM customers c WHERE c.id = o.customer_id) FROM orders o ORDER BY o.id',
    'SELECT id, email IN (SELECT email FROM customers), id = ANY (SELECT customer_id FROM orders) FROM customers ORDER BY id',
    'SELECT ARRAY(SELECT email FROM customers ORDER BY id)',
    'SELECT string_agg(email, $$,$$ ORDER BY id), mode() WITHIN GROUP (ORDER BY region) FROM customers',
    'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM orders',
    'SELECT extract(year FROM birth_date), overlay(email PLACING $$x$$ FROM 1), position($$@$$ IN email), trim(both FROM first_name) FROM customers ORDER BY id',
  ],
};

/** On PostgreSQL 17 and later. */
export const newForms = [
  "SELECT c.id, j.* FROM customers c, JSON_TABLE(to_jsonb(c), '$' COLUMNS (email text PATH '$.email', nr FOR ORDINALITY)) j ORDER BY 1",
  'SELECT any_value(region), id FROM customers GROUP BY id ORDER BY id',
  "SELECT JSON_OBJECT('m': email), JSON_ARRAY(id, email), JSON_VALUE(to_jsonb(c), '$.id') FROM customers c ORDER BY id",
] as const;

/** Refused, with what the message says. */
export const refusedForms: readonly (readonly [sql: string, message: RegExp])[] = [
  ['SELECT customers.id FROM public.customers, other.customers', /ambiguous|two tables/],
  ['SELECT m.id, m.raw FROM measures m GROUP BY m.id', /column "raw" of type json, which has no equality/],
  ['SELECT m.id, m.spot FROM measures m GROUP BY m.id', /"spot" of type point/],
  ['SELECT ctid FROM customers', /system column "ctid"/],
  ['SELECT xmin, * FROM orders', /system column "xmin"/],
  ['SELECT id FROM orders WHERE cmax = $$0$$', /system column "cmax"/],
  ['SELECT tableoid FROM births', /system column "tableoid"/],
  ['SELECT count(*) FROM births_1980', /partition "public.births_1980" is not open/],
  ['INSERT INTO births_1980 VALUES (1, 1, $$1980-01-01$$)', /partition "public.births_1980" is not open/],
  ['SELECT c, c.tableoid FROM customers c', /beside its whole row/],
  ['SELECT c.tableoid FROM customers c NATURAL JOIN orders', /beside NATURAL JOIN/],
  ['SELECT *, c.tableoid FROM customers c JOIN orders o USING (id)', /over this FROM/],
  ['SELECT id, email FROM customers GROUP BY ROLLUP (id)', /key inside GROUPING SETS/],
];
