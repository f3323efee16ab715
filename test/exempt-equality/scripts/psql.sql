-- What psql itself sends: variables, \gset, \gexec, \gdesc, \crosstabview, \bind, \if, large objects (function calls), \watch.
\set who 'O''Neil'
SELECT :'who' AS quoted, :"who" IS NULL;
SELECT :'who' AS quoted;
SELECT 1 AS one, 'two' AS two \gset pre_
\echo :pre_one :pre_two
SELECT 1 AS one WHERE false \gset
SELECT v FROM generate_series(1, 2) v \gset
SELECT 'SELECT ' || v, 'SELECT 1 / ' || (v - 1) FROM generate_series(1, 2) v \gexec
SELECT 1::int AS a, 'x'::varchar(5) AS b, now() AS c, NULL AS d, ARRAY[1.5] AS e \gdesc
SELECT nope \gdesc
CREATE TABLE gd (a int) \gdesc
SELECT FROM generate_series(1, 1) \gdesc
SELECT $1::int + 1 \gdesc
SELECT 1 AS a, 'x' AS b \gx
SELECT 1 AS a \g (format=csv)
SELECT v % 3 AS r, v / 3 AS c, v FROM generate_series(0, 8) v \crosstabview
SELECT 1 \crosstabview
SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d UNION ALL SELECT 1, 2, 3, 4 \crosstabview a b c
\bind 5
SELECT $1::int + 1;
SELECT $1::int \bind 7 \g
SELECT $1::text, $2::int \bind 'it''s' x \g
\if true
SELECT 'taken';
\else
SELECT 'not taken';
\endif
\if :{?nope}
SELECT 'nope';
\elif 1
SELECT 'elif';
\endif
\echo :DBNAME :ENCODING :SQLSTATE :ROW_COUNT :ERROR
SELECT 1 / 0;
\echo :SQLSTATE :ERROR :LAST_ERROR_MESSAGE :LAST_ERROR_SQLSTATE :ROW_COUNT
SELECT v FROM generate_series(1, 5) v;
\echo :ROW_COUNT
\encoding
\encoding LATIN1
\encoding
SELECT chr(233);
\encoding UTF8
\encoding nope
\prompt
\p
\r
\errverbose
\set ECHO queries
SELECT 'echoed';
\set ECHO all
\set ECHO_HIDDEN noexec
\d pg_am
\set ECHO_HIDDEN off
\set ON_ERROR_STOP off
\t on
SELECT 1;
\t off
\a
SELECT 1, 2;
\a
\C 'A title'
SELECT 1;
\C
\H
SELECT '<b>' AS html;
\H
\f ';'
\pset format unaligned
SELECT 1, 2;
\pset format aligned
\pset fieldsep '|'
\pset numericlocale on
SELECT 1234567.89;
\pset numericlocale off
\pset expanded auto
SELECT 1 AS a;
\pset expanded off
\pset pager off
\timing off
\lo_list
SELECT lo_create(4242);
SELECT lo_put(4242, 0, '\x68656c6c6f');
SELECT lo_get(4242), lo_get(4242, 1, 2);
\lo_list
\lo_export 4242 /tmp/pgveil-equality-lo
\set QUIET on
\lo_import /tmp/pgveil-equality-lo 'imported'
\set QUIET off
SELECT count(*), (SELECT description FROM pg_description d JOIN pg_largeobject_metadata m ON m.oid = d.objoid WHERE d.classoid = 'pg_largeobject'::regclass LIMIT 1) FROM pg_largeobject_metadata;
\lo_unlink 4242
\lo_unlink 4242
BEGIN;
SELECT lo_create(4343);
SELECT lo_open(4343, 131072) AS fd \gset
SELECT lowrite(:fd, 'written'), lo_lseek(:fd, 0, 0), loread(:fd, 100), lo_tell(:fd), lo_truncate(:fd, 3), lo_close(:fd);
SELECT lo_get(4343);
SELECT lo_close(99);
ROLLBACK;
\lo_export 4343 /tmp/pgveil-equality-lo
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
\sv pg_catalog.pg_roles
\sf pg_catalog.nope
\h COMMIT
\drds
\dF english
\dFd simple
\dFp
\dL
\df pg_catalog.abs
\da pg_catalog.bit_xor
\dAc btree int4
\dAf btree int4
\dAo btree integer_ops
\dAp hash int4_ops
\do pg_catalog.&&
\dT pg_catalog.int4
\dc pg_catalog.utf8_to_win
\db
\nope
\d+
\dt *.*.*
\dn
SELECT current_database() = :'DBNAME', current_schema, current_schemas(true), session_user = current_user, version() = version(), pg_backend_pid() > 0, inet_client_port() > 0;
SHOW server_version_num;
SHOW server_encoding;
SHOW is_superuser;
SHOW in_hot_standby;
SET application_name = 'equality';
SHOW application_name;
SELECT application_name, backend_type, state FROM pg_stat_activity WHERE pid = pg_backend_pid();
SET SESSION AUTHORIZATION DEFAULT;
SELECT setting, source FROM pg_settings WHERE name IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'extra_float_digits', 'search_path', 'standard_conforming_strings', 'statement_timeout') ORDER BY name;
SELECT name, setting FROM pg_file_settings WHERE false;
