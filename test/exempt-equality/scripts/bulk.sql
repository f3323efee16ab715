-- Sizes: many rows, wide rows, long values, many columns, long statements.
SELECT v, md5(v::text) FROM generate_series(1, 50000) v;
SELECT repeat('0123456789', 200000) AS two_megabytes;
SELECT string_agg(repeat('x', v), ',') FROM generate_series(1, 1500) v;
SELECT encode(decode(repeat('00ff', 100000), 'hex'), 'base64');
SELECT array_agg(v) FROM generate_series(1, 50000) v;
SELECT v AS "a column with a rather long name that is cut after sixty-three bytes, as names are" FROM generate_series(1, 3) v;
SELECT format('SELECT %s', string_agg(format('%s AS c%s', v, v), ', ')) FROM generate_series(1, 1600) v \gexec
SELECT format('SELECT %s', string_agg(format('%s AS c%s', v, v), ', ')) FROM generate_series(1, 1700) v \gexec
SELECT format('SELECT ''%s''::text = ''x''', repeat('y', 900000)) \gexec
SELECT format('SELECT %s', string_agg('1', '+')) FROM generate_series(1, 3000) v \gexec
SELECT format('SELECT count(*) FROM (VALUES %s) t(x)', string_agg(format('(%s)', v), ',')) FROM generate_series(1, 20000) v \gexec
SELECT format('SELECT %s 1 %s', repeat('(', 400), repeat(')', 400)) \gexec
SELECT format('SELECT 1 IN (%s)', string_agg(v::text, ',')) FROM generate_series(1, 5000) v \gexec
CREATE TABLE wide AS SELECT repeat(chr(65 + v % 26), 3000) AS a, repeat('z', v * 100) AS b, v FROM generate_series(1, 200) v;
SELECT * FROM wide ORDER BY v;
SELECT NULL AS n, '' AS e, v FROM generate_series(1, 1000) v;
SELECT FROM generate_series(1, 5);
DROP TABLE wide;
