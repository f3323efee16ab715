-- Notices of every level, DO blocks, PL/pgSQL and what they print.
SET client_min_messages = debug5;
RESET client_min_messages;
SET client_min_messages = log;
DO $$ BEGIN RAISE DEBUG 'a debug'; RAISE LOG 'a log'; RAISE INFO 'an info'; RAISE NOTICE 'a notice'; RAISE WARNING 'a warning'; END $$;
SET client_min_messages = warning;
DO $$ BEGIN RAISE DEBUG 'a debug'; RAISE LOG 'a log'; RAISE INFO 'an info'; RAISE NOTICE 'a notice'; RAISE WARNING 'a warning'; END $$;
SET client_min_messages = error;
DO $$ BEGIN RAISE NOTICE 'a notice'; RAISE WARNING 'a warning'; RAISE INFO 'info comes always'; END $$;
RESET client_min_messages;
DO $$ BEGIN RAISE NOTICE 'with %', 42 USING DETAIL = 'the detail', HINT = 'the hint', ERRCODE = '01234'; END $$;
\set VERBOSITY verbose
DO $$ BEGIN RAISE NOTICE 'with %', 42 USING DETAIL = 'the detail', HINT = 'the hint', ERRCODE = '01234', TABLE = 't', COLUMN = 'c'; END $$;
\set VERBOSITY default
DO $$ BEGIN FOR i IN 1..200 LOOP RAISE NOTICE 'line % %', i, repeat('x', i); END LOOP; END $$;
DO $$ BEGIN RAISE NOTICE '%', repeat('ü', 20000); END $$;
DO $$ BEGIN RAISE NOTICE ''; RAISE NOTICE '%%'; RAISE NOTICE E'two\nlines'; END $$;
CREATE TABLE IF NOT EXISTS t (a int);
CREATE TABLE IF NOT EXISTS t (a int);
DROP TABLE IF EXISTS nope, t;
CREATE TABLE t (a serial PRIMARY KEY, b text UNIQUE);
TRUNCATE t RESTART IDENTITY CASCADE;
CREATE TABLE u (a int REFERENCES t);
TRUNCATE t CASCADE;
DROP TABLE t CASCADE;
DROP TABLE u;
CREATE SCHEMA s; CREATE TABLE s.a (x int); CREATE VIEW s.v AS SELECT * FROM s.a; CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
DROP SCHEMA s;
DROP SCHEMA s CASCADE;
COMMIT;
ROLLBACK;
BEGIN; BEGIN; COMMIT;
SELECT 'x' AS a, 'y' AS a;
CREATE VIEW dv AS SELECT 1 AS one;
CREATE OR REPLACE VIEW dv AS SELECT 1 AS one, 2 AS two;
CREATE OR REPLACE VIEW dv AS SELECT 'x' AS one;
DROP VIEW dv;
GRANT SELECT ON pg_class TO public;
REVOKE INSERT ON pg_class FROM public;
CREATE FUNCTION noisy(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE 'noisy called with %', n;
  IF n > 2 THEN RAISE EXCEPTION 'too many: %', n USING HINT = 'fewer'; END IF;
  RETURN n * 2;
END $$;
SELECT noisy(1);
SELECT noisy(v) FROM generate_series(1, 2) v;
SELECT noisy(v) FROM generate_series(1, 5) v;
SELECT noisy(NULL);
SELECT noisy('x');
CREATE FUNCTION outer_call() RETURNS int LANGUAGE plpgsql AS $$
DECLARE r int; msg text; det text; ctx text; st text;
BEGIN
  BEGIN
    r := noisy(9);
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS msg = MESSAGE_TEXT, det = PG_EXCEPTION_HINT, st = RETURNED_SQLSTATE, ctx = PG_EXCEPTION_CONTEXT;
    RAISE NOTICE 'caught [%] [%] [%] [%]', st, msg, det, ctx;
  END;
  BEGIN
    PERFORM 1 / 0;
  EXCEPTION
    WHEN division_by_zero THEN RAISE NOTICE 'zero %', SQLERRM;
    WHEN OTHERS THEN RAISE;
  END;
  RETURN noisy(1) + noisy(2);
END $$;
SELECT outer_call();
CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF n = 0 THEN RAISE EXCEPTION 'bottom'; END IF; RETURN deep(n - 1); END $$;
SELECT deep(3);
CREATE FUNCTION endless() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN endless(); END $$;
SET max_stack_depth = '100kB';
DO $$ BEGIN PERFORM endless(); EXCEPTION WHEN statement_too_complex THEN RAISE NOTICE 'stack: %', SQLSTATE; END $$;
RESET max_stack_depth;
CREATE PROCEDURE proc(INOUT a int, b text DEFAULT 'dflt') LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'proc % %', a, b; a := a + 1; END $$;
CALL proc(1);
CALL proc(1, 'x');
CALL proc();
CALL proc('x');
SELECT proc(1);
CALL noisy(1);
CREATE TABLE logt (id serial, what text);
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..4 LOOP INSERT INTO logt (what) VALUES ('row ' || i); IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF; END LOOP; END $$;
CALL commits();
SELECT * FROM logt ORDER BY id;
BEGIN;
CALL commits();
ROLLBACK;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % % %', TG_NAME, TG_WHEN, TG_OP, COALESCE(NEW, OLD); IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; NEW.what := upper(NEW.what); RETURN NEW; END $$;
CREATE TRIGGER a_row BEFORE INSERT OR UPDATE OR DELETE ON logt FOR EACH ROW EXECUTE FUNCTION trg();
CREATE FUNCTION trs() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM newrows; RAISE NOTICE 'statement saw %', n; RETURN NULL; END $$;
CREATE TRIGGER a_statement AFTER INSERT ON logt REFERENCING NEW TABLE AS newrows FOR EACH STATEMENT EXECUTE FUNCTION trs();
INSERT INTO logt (what) VALUES ('a'), ('b') RETURNING *;
UPDATE logt SET what = 'c' WHERE what = 'A' RETURNING what;
DELETE FROM logt WHERE what = 'B';
INSERT INTO logt (what) SELECT 'n' FROM generate_series(1, 0);
CREATE CONSTRAINT TRIGGER deferred_one AFTER UPDATE ON logt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trg();
BEGIN;
UPDATE logt SET what = 'later';
SELECT 'before commit';
COMMIT;
ALTER TABLE logt DISABLE TRIGGER ALL;
INSERT INTO logt (what) VALUES ('quiet');
DROP TABLE logt CASCADE;
DO $$
DECLARE
  c CURSOR FOR SELECT generate_series(1, 3) AS n;
  r record; arr int[] := '{1,2,3}'; total int := 0; x int;
BEGIN
  FOR r IN c LOOP total := total + r.n; END LOOP;
  FOREACH x IN ARRAY arr LOOP total := total + x; CONTINUE WHEN x = 2; END LOOP;
  <<outer>> WHILE true LOOP total := total + 1; EXIT outer WHEN total > 15; END LOOP;
  CASE total WHEN 16 THEN RAISE NOTICE 'sixteen'; ELSE RAISE NOTICE 'other %', total; END CASE;
  FOR r IN EXECUTE 'SELECT $1 + v AS s FROM generate_series(1, 2) v' USING total LOOP RAISE NOTICE 's %', r.s; END LOOP;
  GET DIAGNOSTICS x = ROW_COUNT;
  RAISE NOTICE 'done % % %', total, x, FOUND;
END $$;
DO $$ DECLARE x int; BEGIN SELECT 1 INTO STRICT x WHERE false; END $$;
DO $$ DECLARE x int; BEGIN SELECT v INTO STRICT x FROM generate_series(1, 2) v; END $$;
DO $$ BEGIN CASE 5 WHEN 1 THEN NULL; END CASE; END $$;
DO $$ DECLARE c refcursor; BEGIN FETCH c INTO c; END $$;
DO $$ DECLARE x CONSTANT int := 1; BEGIN x := 2; END $$;
CREATE FUNCTION rows_of(n int) RETURNS TABLE (a int, b text) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT v, 'r' || v FROM generate_series(1, n) v; a := 99; b := 'last'; RETURN NEXT; END $$;
SELECT * FROM rows_of(2);
SELECT rows_of(1);
CREATE FUNCTION outs(IN a int, OUT b int, OUT c text) LANGUAGE sql AS 'SELECT a + 1, ''c''';
SELECT outs(1), (outs(1)).b;
SELECT * FROM outs(1);
CREATE FUNCTION variadic_sum(VARIADIC v int[]) RETURNS bigint LANGUAGE sql AS 'SELECT sum(x) FROM unnest(v) x';
SELECT variadic_sum(1, 2, 3), variadic_sum(VARIADIC ARRAY[4, 5]);
SELECT variadic_sum();
CREATE FUNCTION named(a int, b int DEFAULT 10, c int DEFAULT 100) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT a + b + c';
SELECT named(1), named(1, c => 0), named(a := 1, b := 2), named(1, 2, NULL);
SELECT named(b => 1);
SELECT named(1, d => 1);
CREATE FUNCTION poly(anyelement) RETURNS anyarray LANGUAGE sql AS 'SELECT ARRAY[$1, $1]';
SELECT poly(1), poly('x'::text), poly(ROW(1, 2));
SELECT poly('x');
CREATE FUNCTION body_sql(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a * 2; END;
SELECT body_sql(21);
SELECT proname, pronargs, prosrc IS NOT NULL FROM pg_proc WHERE proname IN ('poly', 'named', 'outs') ORDER BY 1;
SELECT pg_get_functiondef('named'::regproc);
\df named
\sf named
DROP FUNCTION noisy(int), outer_call(), deep(int), endless(), trg(), trs(), rows_of(int), outs(int), variadic_sum(int[]), named(int, int, int), poly(anyelement), body_sql(int);
DROP PROCEDURE proc(int, text);
DROP PROCEDURE commits();
