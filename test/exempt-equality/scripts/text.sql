-- Text: quoting, escapes, functions, patterns, encodings, bytea, full text, and their errors.
SELECT 'it''s', E'tab\there', E'nl\nhere', E'back\\slash', U&'d\0061t\+000061', U&'d!0061t' UESCAPE '!', $$dollar 'quoted'$$, $tag$with $$ inside$tag$;
SELECT 'a'
  'b';
SELECT 'a' 'b';
SELECT E'\x41\102\u0043\U00000044';
SELECT E'\u0000';
SELECT E'\xff';
SELECT U&'\d800';
SELECT U&'\zzzz';
SELECT 'unterminated
';
SELECT "no such column";
SELECT $1;
SELECT 'ünïcödé', '日本語', '🙂', length('🙂'), octet_length('🙂'), char_length('日本語'), bit_length('ab');
SELECT upper('straße'), lower('ÀÉ'), initcap('hello wORLD foo-bar'), reverse('abc日本');
SELECT substring('abcdef' from 2 for 3), substring('abcdef' from 0 for 3), substr('abcdef', -1, 4), substring('abc' from 2), left('abc', 2), left('abc', -1), right('abc', 2), right('abc', -1);
SELECT substring('abc' from 1 for -1);
SELECT substring('foobar' from 'o(.)b'), substring('foobar' similar '%#"o_b#"%' escape '#'), position('b' in 'abc'), strpos('abc', 'z');
SELECT overlay('Txxxxas' placing 'hom' from 2 for 4), translate('12345', '143', 'ax'), replace('abcabc', 'b', 'xx'), repeat('ab', 3), repeat('x', -1);
SELECT trim('  x  '), ltrim('xxabc', 'x'), rtrim('abcxx', 'x'), btrim('xyabcyx', 'xy'), trim(both 'x' from 'xxaxx'), trim(leading from '  a');
SELECT lpad('5', 3, '0'), rpad('5', 3, 'ab'), lpad('hello', 2), lpad('x', 5, '');
SELECT split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), split_part('abc', ',', 1), string_to_array('a,b,,c', ','), string_to_array('a,b,,c', ',', ''), array_to_string(ARRAY['a', NULL, 'c'], ',', '*');
SELECT split_part('a,b', ',', 0);
SELECT concat('a', NULL, 1, true), concat_ws(',', 'a', NULL, 'b'), format('%s %I %L %%', 'x', 'a b', 'it''s'), format('%2$s %1$s', 'a', 'b'), format('%-5s|%5s|', 'a', 'b'), format('%L', NULL);
SELECT format('%s');
SELECT format('%z', 1);
SELECT quote_ident('a b'), quote_ident('abc'), quote_ident('select'), quote_literal('it''s'), quote_literal(E'a\\b'), quote_nullable(NULL);
SELECT ascii('a'), ascii('é'), chr(65), chr(233), chr(128578);
SELECT chr(0);
SELECT chr(-1);
SELECT chr(55296);
SELECT md5('hello'), md5(''), sha256('hello'), encode(sha512('a'), 'hex'), crc32('abc');
SELECT encode('\x001122ff', 'hex'), encode('\x001122ff', 'base64'), encode('\x001122ff', 'escape'), decode('AAECAw==', 'base64'), decode('001122', 'hex');
SELECT decode('zz', 'hex');
SELECT decode('a', 'base64');
SELECT decode('a', 'nope');
SELECT '\xDEADBEEF'::bytea, 'abc\000def'::bytea, '\x'::bytea, length('\x1234'::bytea), get_byte('\x1234', 1), set_byte('\x1234', 0, 255), get_bit('\x01', 0), substring('\x112233'::bytea from 2 for 1), '\x01'::bytea || '\x02';
SET bytea_output = escape;
SELECT '\xDEADBEEF00'::bytea, '\x616263'::bytea;
RESET bytea_output;
SELECT '\xZZ'::bytea;
SELECT '\x123'::bytea;
SELECT get_byte('\x12', 5);
SELECT 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'a%c' LIKE 'a\%c', 'abc' NOT LIKE 'x%', 'ABC' ILIKE 'abc', 'a_c' LIKE 'a#_c' ESCAPE '#', 'abc' ~~ 'abc';
SELECT 'abc' LIKE 'abc\';
SELECT 'a' LIKE 'a' ESCAPE 'xx';
SELECT 'abc' SIMILAR TO '(a|b)bc', 'abc' SIMILAR TO 'b%';
SELECT 'abc' ~ '^a.c$', 'ABC' ~* 'b', 'abc' !~ 'z', 'abc' !~* 'B';
SELECT 'abc' ~ '(';
SELECT 'abc' ~ '[z-a]';
SELECT regexp_replace('foobarbaz', 'b..', 'X'), regexp_replace('foobarbaz', 'b..', 'X', 'g'), regexp_replace('foobar', '(o+)(b)', '\2\1'), regexp_match('foobarbequebaz', '(bar)(beque)'), regexp_split_to_array('the quick fox', '\s+');
SELECT regexp_matches('foobarbequebazilbarfbonk', '(b[^b]+)(b[^b]+)', 'g');
SELECT regexp_split_to_table('a1b2c', '\d');
SELECT regexp_count('abcabc', 'b'), regexp_instr('abcabc', 'c', 1, 2), regexp_substr('abcabc', 'b.'), regexp_like('abc', 'B', 'i');
SELECT regexp_replace('a', 'a', 'b', 'z');
SELECT string_agg(v, ',' ORDER BY v DESC), array_agg(v ORDER BY v), min(v), max(v) FROM (VALUES ('b'), ('a'), (NULL), ('c')) t(v);
SELECT 'a' < 'B', 'a' < 'b', 'a' = 'a ', 'a'::char(3) = 'a', 'a'::char(3) || 'b', length('a  '::char(5)), 'abc'::varchar(2), 'abc'::char(2), 'abcdef'::"char", 'abc'::name;
SELECT 'a' COLLATE "C" < 'B' COLLATE "C", 'ä' COLLATE "C" > 'z';
SELECT 'a' COLLATE "C" < 'B' COLLATE "POSIX";
SELECT 'a' COLLATE "nope";
SELECT 1 COLLATE "C";
CREATE TEMP TABLE strings (id int, v varchar(5), c char(4), t text);
INSERT INTO strings VALUES (1, 'abcde', 'ab', 'text'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'ü', 'ü', E'line\nbreak\ttab');
INSERT INTO strings VALUES (5, 'abcdef', 'a', 'b');
INSERT INTO strings VALUES (5, 'abcde   ', 'abcd  ', 'b');
INSERT INTO strings VALUES (6, 'a', 'abcde', 'b');
SELECT *, length(v), length(c), octet_length(c) FROM strings ORDER BY id;
\pset null '<null>'
SELECT * FROM strings ORDER BY id;
\x on
SELECT * FROM strings ORDER BY id;
\x off
\pset format unaligned
SELECT * FROM strings ORDER BY id;
\pset format csv
SELECT * FROM strings ORDER BY id;
\pset format html
SELECT * FROM strings ORDER BY id;
\pset format latex
SELECT * FROM strings ORDER BY id;
\pset format asciidoc
SELECT * FROM strings ORDER BY id;
\pset format wrapped
\pset columns 40
SELECT repeat('word ', 20) AS long, 'x' AS short;
\pset format aligned
\pset columns 0
\pset border 2
\pset linestyle unicode
SELECT * FROM strings ORDER BY id;
\pset linestyle ascii
\pset border 1
\pset footer off
SELECT 1;
\pset footer on
\pset tuples_only on
SELECT 1;
\pset tuples_only off
\pset null ''
SELECT to_tsvector('english', 'The quick brown foxes jumped'), to_tsquery('english', 'fox & jump'), to_tsvector('english', 'a fat cat') @@ to_tsquery('english', 'cat');
SELECT plainto_tsquery('english', 'the fat cats'), phraseto_tsquery('english', 'fat cat'), websearch_to_tsquery('english', '"fat cat" or -rat');
SELECT to_tsquery('english', 'fat cat');
SELECT ts_headline('english', 'The most common type of search is', to_tsquery('english', 'search')), ts_rank(to_tsvector('fat cat'), to_tsquery('cat')), setweight('a:1'::tsvector, 'A'), strip('a:1 b:2'::tsvector), numnode('a & b'::tsquery), 'a:1'::tsvector || 'b:2'::tsvector;
SELECT to_tsvector('nope', 'x');
SELECT ts_debug('english', 'fat');
SET client_encoding = 'LATIN1';
SHOW client_encoding;
SELECT convert_to('é', 'UTF8'), 'x' AS y;
SELECT chr(233) AS e_acute;
SELECT chr(8364) AS euro;
SELECT chr(26085) AS nihon;
SET client_encoding = 'SQL_ASCII';
SELECT chr(233);
SET client_encoding = 'nope';
SET client_encoding = 'UTF8';
SELECT convert('\xe9', 'LATIN1', 'UTF8'), convert_from('\xe9', 'LATIN1');
SELECT convert_from('\xff', 'UTF8');
SELECT convert_from('\xff', 'NOPE');
SET standard_conforming_strings = off;
SELECT 'a\nb', 'a\\b', 'it\'s';
SET escape_string_warning = on;
SELECT 'a\nb';
SET standard_conforming_strings = on;
SELECT 'a\nb';
RESET escape_string_warning;
SELECT normalize('é', NFD) = 'é', 'é' IS NORMALIZED, unistr('\0041\+000042');
SELECT unistr('\zz');
SELECT string_to_table('a,b', ','), starts_with('abc', 'ab'), 'abc' ^@ 'ab';
SELECT to_ascii('x', 'LATIN1');
SELECT parse_ident('a.b."C d"'), parse_ident('a..b');
SELECT overlay('abc' placing 'x' from 0);
SELECT length(repeat('a', 1100000000));
SELECT length(repeat('a', 1000000)), md5(repeat('ü', 500000));
SELECT xmlelement(name foo, xmlattributes('a' AS bar), 'content'), xmlforest(1 AS a, 2 AS b), xmlconcat('<a/>'::xml, '<b/>'::xml);
SELECT '<a>'::xml;
SELECT xmlparse(document '<a/>');
SELECT xpath('/a/b/text()', '<a><b>x</b></a>');
SELECT table_to_xml('strings', true, false, '');
SELECT query_to_xml('SELECT 1 AS x', false, false, '');
DROP TABLE strings;
