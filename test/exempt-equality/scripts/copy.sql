-- COPY in both directions, each format, each failure, and what follows in the session.
CREATE TABLE c (id int PRIMARY KEY, t text, n numeric(6,2), b bool DEFAULT true, j jsonb);
COPY c (id, t) FROM STDIN;
1	one
2	two\twith tab
3	\N
4	back\\slash
5	new\nline
\.
SELECT * FROM c ORDER BY id;
COPY c TO STDOUT;
COPY c (t, id) TO STDOUT (FORMAT csv, HEADER);
COPY c TO STDOUT (FORMAT csv, DELIMITER ';', QUOTE '''', NULL 'nil', FORCE_QUOTE *);
COPY (SELECT id, t FROM c WHERE id < 3 ORDER BY id) TO STDOUT WITH (DELIMITER '|', NULL '-');
COPY c TO STDOUT BINARY;
COPY (SELECT 1::int4, 'x'::text, NULL::int, 1.5::numeric, true, '2024-01-01'::date) TO STDOUT (FORMAT binary);
COPY c FROM STDIN (FORMAT csv);
10,ten,1.5,t,"{""a"": 1}"
11,"quoted, comma",,f,
12,"two
lines",2,,
\.
SELECT * FROM c WHERE id >= 10 ORDER BY id;
COPY c (id, t) FROM STDIN (FORMAT csv, HEADER, DELIMITER ';', NULL 'nil');
id;t
20;twenty
21;nil
\.
COPY c (id, t) FROM STDIN (FORMAT csv, HEADER match);
id,wrong
22,x
\.
COPY c (id, t) FROM STDIN;
30	thirty
x	bad integer
31	never
\.
SELECT count(*) FROM c WHERE id >= 30;
COPY c (id, t) FROM STDIN;
1	duplicate key
\.
COPY c (id, t) FROM STDIN;
40
\.
COPY c (id, t) FROM STDIN;
40	a	b
\.
COPY c (id, t) FROM STDIN;
\.
COPY c (id, nope) FROM STDIN;
COPY nope FROM STDIN;
COPY c (id, id) FROM STDIN;
COPY c FROM STDIN (FORMAT csv, QUOTE 'xx');
COPY c FROM STDIN (FORMAT binary, DELIMITER ',');
COPY c (id, n) FROM STDIN;
50	12345678.9
\.
COPY c (id, b) FROM STDIN;
51	maybe
\.
COPY c (id, j) FROM STDIN;
52	{"a":
\.
COPY c (id, t) FROM STDIN WHERE id % 2 = 0;
60	even
61	odd
62	even
\.
SELECT id FROM c WHERE id >= 60 ORDER BY id;
COPY c (id, t) FROM STDIN (FORMAT csv);
70,"unterminated
\.
BEGIN;
COPY c (id, t) FROM STDIN;
80	in transaction
\.
SELECT count(*) FROM c WHERE id = 80;
COPY c (id, t) FROM STDIN;
81	fine
80	duplicate
\.
SELECT 1;
ROLLBACK;
SELECT count(*) FROM c WHERE id >= 80;
BEGIN;
SAVEPOINT s;
COPY c (id, t) FROM STDIN;
1	dup
\.
ROLLBACK TO s;
COPY c (id, t) FROM STDIN;
82	after savepoint
\.
COMMIT;
SELECT id FROM c WHERE id >= 80;
COPY c (id, t) FROM STDIN (FREEZE);
90	x
\.
COPY c (id, t) FROM STDIN (ENCODING 'LATIN1');
91	ascii
\.
COPY c (id, t) FROM STDIN (ENCODING 'nope');
COPY c (id, t) FROM STDIN (FORCE_NOT_NULL (t), FORMAT csv);
92,
\.
COPY c (id, t) FROM STDIN (FORCE_NULL (t), FORMAT csv);
93,""
\.
SELECT id, t IS NULL FROM c WHERE id IN (92, 93) ORDER BY id;
COPY c (id, t) FROM STDIN (ON_ERROR ignore);
94	ok
x	bad
\.
COPY c (id, t) FROM STDIN (DEFAULT 'D');
95	D
\.
COPY c TO '/no/such/folder/file';
COPY c FROM '/no/such/file';
COPY c FROM PROGRAM 'false';
COPY c TO PROGRAM 'exit 3';
COPY (SELECT 1 / (2 - v) FROM generate_series(1, 5) v) TO STDOUT;
COPY (INSERT INTO c (id, t) VALUES (100, 'returned') RETURNING id, t) TO STDOUT;
COPY (DELETE FROM c WHERE id = 100) TO STDOUT;
COPY (SELECT v, repeat('x', v) FROM generate_series(1, 300) v) TO STDOUT;
COPY (SELECT 'ü', E'\u2028', '日本語', '🙂') TO STDOUT;
COPY (SELECT) TO STDOUT;
COPY (SELECT FROM generate_series(1, 3)) TO STDOUT;
COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT csv, HEADER);
CREATE VIEW cv AS SELECT id, t FROM c;
COPY cv TO STDOUT;
COPY cv FROM STDIN;
CREATE FUNCTION cvi() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO c (id, t) VALUES (NEW.id, upper(NEW.t)); RAISE NOTICE 'stored %', NEW.id; RETURN NEW; END $$;
CREATE TRIGGER i INSTEAD OF INSERT ON cv FOR EACH ROW EXECUTE FUNCTION cvi();
COPY cv FROM STDIN;
200	loud
201	louder
\.
SELECT * FROM c WHERE id >= 200 ORDER BY id;
\copy c (id, t) TO STDOUT
\copy (SELECT id FROM c ORDER BY id LIMIT 3) TO STDOUT WITH (FORMAT csv)
\copy nope TO STDOUT
\copy c (id, t) FROM STDIN
300	through psql
301	again
\.
\copy c (id, t) FROM STDIN WITH (FORMAT csv)
302,csv
bad,csv
\.
SELECT count(*) FROM c;
SELECT 1 \; COPY (SELECT 2) TO STDOUT \; SELECT 3;
COPY (SELECT 1) TO STDOUT \; SELECT 1 / 0 \; COPY (SELECT 3) TO STDOUT;
COPY c (id, t) FROM STDIN \; COPY c (id, t) FROM STDIN \; SELECT count(*) FROM c WHERE id >= 400;
400	first
\.
401	second
\.
COPY c (id, t) FROM STDIN \; SELECT 'not reached';
400	duplicate
\.
CREATE TABLE gen (id int GENERATED ALWAYS AS IDENTITY, d int GENERATED ALWAYS AS (1 + 1) STORED, t text);
COPY gen (t) FROM STDIN;
a
b
\.
COPY gen (d) FROM STDIN;
COPY gen TO STDOUT;
COPY gen (id, t) FROM STDIN;
77	given
\.
COPY gen TO STDOUT (FORMAT csv);
CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
COPY parts FROM STDIN;
1	a
5	b
\.
COPY parts FROM STDIN;
99	no partition
\.
COPY parts TO STDOUT;
COPY parts_1 TO STDOUT;
COPY (SELECT * FROM parts) TO STDOUT;
ALTER TABLE c ENABLE ROW LEVEL SECURITY;
COPY (TABLE c ORDER BY id LIMIT 2) TO STDOUT;
SELECT count(*), sum(length(t)) FROM c;
TRUNCATE c;
INSERT INTO c (id, t) SELECT v, md5(v::text) FROM generate_series(1, 20000) v;
COPY c (id, t) TO STDOUT;
DROP TABLE c CASCADE;
DROP TABLE gen, parts;
DROP FUNCTION cvi();
