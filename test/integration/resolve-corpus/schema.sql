-- Loaded on top of the CRM for the resolution oracle: same-named tables in several schemas, partitions, inheritance,
-- views over views, quoted and mixed-case names, a composite column, a function that shares its name with a column.
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE SCHEMA "Mixed Case";
CREATE TABLE a.customers (id integer PRIMARY KEY, email text, a_only text);
CREATE TABLE b.customers (id integer PRIMARY KEY, email text, b_only text);
CREATE TABLE b.only_b (id integer, customer_id integer, note text);
CREATE TABLE a.t (id integer, x integer, y text);
CREATE TABLE b.t (id integer, x integer, z text);
CREATE TABLE public.t (id bigint, x integer, w text);
CREATE TABLE "Mixed Case"."Customers" ("Id" integer, "E-Mail" text, "only" text, "select" integer);
CREATE TABLE "Mixed Case"."we""ird" ("a""b" integer, "ü" text);
CREATE TABLE public."Orders" ("Id" integer, total numeric);
CREATE TABLE public.pg_class_like (relname text, relkind text);
CREATE TABLE a.pg_class (oid integer, relname text);
CREATE TABLE a.events (id integer, at date NOT NULL, payload jsonb) PARTITION BY RANGE (at);
CREATE TABLE a.events_2025 PARTITION OF a.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE a.events_2026 PARTITION OF a.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE a.person (id integer, name text);
CREATE TABLE a.employee (salary integer) INHERITS (a.person);
CREATE TYPE a.address AS (street text, city text);
CREATE TABLE a.located (id integer, addr a.address, tags text[], email text);
CREATE TABLE a.dropped (id integer, gone text, kept text);
ALTER TABLE a.dropped DROP COLUMN gone;
CREATE VIEW a.v AS SELECT id, email FROM public.customers;
CREATE VIEW b.v AS SELECT v.id, v.email, o.total FROM a.v v LEFT JOIN public.orders o ON o.customer_id = v.id;
CREATE VIEW a.pairs AS SELECT l.email AS l_email, r.email AS r_email FROM a.v l JOIN a.v r ON l.id < r.id;
CREATE VIEW a.renamed (number, address) AS SELECT id, email FROM public.customers;
CREATE VIEW a.united AS SELECT email FROM public.customers UNION ALL SELECT email FROM public.leads;
CREATE VIEW a.counted AS SELECT email, count(*) AS n FROM public.customers GROUP BY email;
CREATE VIEW a.newest AS SELECT DISTINCT ON (region) region, email FROM public.customers ORDER BY region, id DESC;
CREATE VIEW a.topped AS SELECT c.email FROM (SELECT email FROM public.customers LIMIT 3) c;
CREATE VIEW a.derived AS SELECT s.email, s.id FROM (SELECT c.id, c.email FROM public.customers c) s WHERE s.id > 0;
CREATE MATERIALIZED VIEW a.stored AS SELECT id, email FROM public.customers;
CREATE RECURSIVE VIEW a.tree (id, boss) AS
  SELECT id, id FROM public.customers WHERE id = 1
  UNION ALL SELECT c.id, t.id FROM public.customers c JOIN tree t ON c.id = t.id + 1;
CREATE FUNCTION public.two_rows() RETURNS TABLE (id integer, label text) LANGUAGE sql AS 'SELECT 1, ''one''::text';
CREATE FUNCTION public.shout(public.customers) RETURNS text LANGUAGE sql AS 'SELECT upper($1.first_name)';
