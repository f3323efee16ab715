import { describe, expect, it } from 'vitest';
import { byteStringToText, fromBytes, toByteString, toBytes } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { statementShape } from '../../../src/sql/shape.js';
import { sqlcommenterTags } from '../../../src/sql/sqlcommenter.js';
import type { LexedText } from '../../../src/sql/types.js';

function lexed(text: string): LexedText {
  const outcome = lex(toByteString(text));
  if (!outcome.ok) throw new Error(outcome.problem.message);
  return outcome.lexed;
}

it('bytes and text convert without loss', () => {
  for (const text of ['abc', 'é', '漢字 😀', '']) {
    expect(byteStringToText(toByteString(text))).toBe(text);
    expect(fromBytes(toBytes(toByteString(text)))).toBe(toByteString(text));
  }
});

const shownAs = (text: string): string => statementShape(lexed(text)).auditText;
const idOf = (text: string): string => statementShape(lexed(text)).shapeId;

describe('the text of a statement in its event', () => {
  it('holds no literal in any form', () => {
    const literals = [
      "'CANARY'",
      "E'CANARY\\''",
      "N'CANARY'",
      '$$CANARY$$',
      '$x$CANARY$x$',
      "B'CANARY'",
      "X'CA'",
      "'a'\n'CANARY'",
      "'a'--CANARY\n'b'",
      '-4711',
      '+ 4711',
      '- .4711e-3',
      'TRUE',
    ];
    for (const literal of literals)
      expect(shownAs(`select ${literal}, 4711, 47.11 /*CANARY*/ --CANARY`)).toBe('select ?, ?, ?');
  });

  it('keeps names, parameters and the spacing as one blank', () => {
    expect(shownAs('  SELECT\n\t"É"."b" /* c */ FROM  é  WHERE a=$1;')).toBe(
      'SELECT "É"."b" FROM é WHERE a=$1;',
    );
  });

  it.each([
    ['SET app.name = canary', 'SET app.name = ?'],
    ['SET LOCAL search_path TO canary, "Canary", \'canary\'', 'SET LOCAL search_path TO ?'],
    ['set time zone canary', 'set time zone ?'],
    ['SET x TO DEFAULT', 'SET x TO DEFAULT'],
    ['SET ROLE admin', 'SET ROLE admin'],
    ['ALTER ROLE jo SET work_mem = canary', 'ALTER ROLE jo SET work_mem = ?'],
    [
      'CREATE FUNCTION f() RETURNS int SET a = canary AS $$canary$$',
      'CREATE FUNCTION f() RETURNS int SET a = ? AS ?',
    ],
    ['ALTER TABLE t ALTER c SET DEFAULT 7', 'ALTER TABLE t ALTER c SET DEFAULT ?'],
    ['UPDATE t SET a = b', 'UPDATE t SET a = b'],
    ['PREPARE canary (int) AS SELECT a FROM t WHERE b = 1', 'PREPARE ? (int) AS SELECT a FROM t WHERE b = ?'],
    ['PREPARE c AS WITH x AS (SELECT 1) SELECT a', 'PREPARE ? AS WITH x AS (SELECT ?) SELECT a'],
    ["EXECUTE canary('canary', 3)", 'EXECUTE ?(?, ?)'],
    ['EXPLAIN (ANALYZE, COSTS off) EXECUTE canary', 'EXPLAIN (ANALYZE, COSTS off) EXECUTE ?'],
    ['EXPLAIN ANALYZE EXECUTE canary', 'EXPLAIN ANALYZE EXECUTE ?'],
    ['CREATE TABLE t AS EXECUTE canary(1)', 'CREATE TABLE t AS EXECUTE ?(?)'],
    ['DEALLOCATE PREPARE canary; DEALLOCATE ALL', 'DEALLOCATE PREPARE ?; DEALLOCATE ALL'],
    ['DEALLOCATE prepare', 'DEALLOCATE ?'],
    ['DECLARE "c-1" CURSOR FOR SELECT a', 'DECLARE ? CURSOR FOR SELECT a'],
    ['FETCH -5 FROM canary', 'FETCH ? FROM ?'],
    ['MOVE canary; CLOSE canary; CLOSE ALL', 'MOVE ?; CLOSE ?; CLOSE ALL'],
    ['DELETE FROM t WHERE CURRENT OF canary', 'DELETE FROM t WHERE CURRENT OF ?'],
    ['SAVEPOINT canary; ROLLBACK TO SAVEPOINT canary', 'SAVEPOINT ?; ROLLBACK TO SAVEPOINT ?'],
    ['RELEASE savepoint; ROLLBACK', 'RELEASE ?; ROLLBACK'],
    ["LISTEN canary; NOTIFY canary, 'canary'; UNLISTEN *", 'LISTEN ?; NOTIFY ?, ?; UNLISTEN *'],
    ['SELECT a FROM t WHERE b = "Canary"', 'SELECT a FROM t WHERE b = ?'],
    ['SELECT a FROM t WHERE b in ("Canary", "c")', 'SELECT a FROM t WHERE b in (?, ...)'],
    ['INSERT INTO t ("a", "b") VALUES ("Canary", 1)', 'INSERT INTO t ("a", "b") VALUES (?, ?)'],
    [
      'SELECT a AS "Jo Canary" FROM t WHERE "a"."b" = "c"."d"',
      'SELECT a AS "?" FROM t WHERE "a"."b" = "c"."d"',
    ],
    ['SELECT x IS NOT TRUE, t.true, a AS false', 'SELECT x IS NOT TRUE, t.true, a AS false'],
    ['SELECT a - 1, (b)-2, end - 3, c[1]-4', 'SELECT a - ?, (b)-?, end - ?, c[?]-?'],
    ['SELECT 1 + -2 WHERE a = - 3 AND b BETWEEN -1 AND +1', 'SELECT ? + ? WHERE a = ? AND b BETWEEN ? AND ?'],
    ["COPY t FROM STDIN (DELIMITER 'c')", 'COPY t FROM STDIN (DELIMITER ?)'],
    ['DO LANGUAGE plpgsql $b$ canary $b$', 'DO LANGUAGE plpgsql ?'],
    [
      'INSERT INTO t VALUES (1, 2), (3, 4), (5, 6), (now(), 7)',
      'INSERT INTO t VALUES (?, ?), ..., (now(), ?)',
    ],
  ])('%s', (text, shown) => {
    expect(shownAs(text)).toBe(shown);
  });
});

describe('the uid of a statement', () => {
  const texts = [
    'SELECT a FROM t WHERE b IN (1, 2) AND c = 3;',
    "select A\nfrom t -- why\nwhere b in ('x') and c = -4.5",
    'SELECT a FROM T WHERE b IN ($1, $2, $3::int) AND c = $4',
    'SELECT "a" FROM "t" WHERE b IN (1::int, 2, 3, 4) AND c = TRUE',
  ];

  it.each(texts)('is one for %j and its like', (text) => {
    expect(idOf(text)).toMatch(/^[0-9a-f]{32}$/);
    if (!text.includes('1::int')) expect(idOf(text)).toBe(idOf(texts[0]!));
  });

  it.each([
    ['INSERT INTO t VALUES (1, 2)', 'INSERT INTO t VALUES (3, 4), (5, 6), (7, 8)'],
    ['SELECT ARRAY[1]', 'SELECT ARRAY[1, 2, 3]'],
    ['FETCH 5 FROM "c1"', 'FETCH 6 FROM c2'],
    ["SET x = 'a'", 'SET x = b, c'],
    ['PREPARE a AS SELECT 1', 'PREPARE b AS SELECT 2'],
  ])('is one for %j and %j', (one, other) => {
    expect(idOf(one)).toBe(idOf(other));
  });

  it.each([
    ['SELECT a FROM t WHERE b = 1', 'SELECT a FROM t WHERE d = 1'],
    ['SELECT "A" FROM t', 'SELECT a FROM t'],
    ['SELECT a - 1', 'SELECT a, -1'],
    ['SELECT f(1)', 'SELECT f(1, 2)'],
    ['SELECT a -1', 'SELECT a'],
    ['SELECT "select"', 'SELECT select'],
    ['SET x = 1', 'SET y = 1'],
  ])('is not one for %j and %j', (one, other) => {
    expect(idOf(one)).not.toBe(idOf(other));
  });
});

describe('sqlcommenterTags', () => {
  const tags = (comment: string): Record<string, string> =>
    Object.fromEntries(sqlcommenterTags(toByteString(comment)));

  it('reads URL-encoded pairs', () => {
    expect(tags("action='%2Fparam*d',controller='index' , actor='J%C3%B6rg\\'s'")).toEqual({
      action: '/param*d',
      controller: 'index',
      actor: "Jörg's",
    });
  });

  it('keeps the keys that the specification knows, each in its form', () => {
    const traceparent = '00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01';
    expect(
      tags(
        `customer='canary',__proto__='canary',constructor='canary',db_driver='pg%3A8',traceparent='${traceparent}',` +
          "tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7'",
      ),
    ).toEqual({ db_driver: 'pg:8', traceparent, tracestate: 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7' });
    expect(tags("traceparent='canary',tracestate='canary'")).toEqual({});
  });

  it.each([
    ['/polls/%25s', '/polls/%s'],
    ['^polls/%24', '^polls/$'],
    ['/customers/42/mail?name=canary#canary', '/customers/?/mail'],
    ['/users/jo%40example.com/9f0c1c1e-3f0a-4b0e-8a43-2f1c3c9d7e11', '/users/?/?'],
    ['/v1/%3Aid', '/v1/:id'],
  ])('keeps of the route %s what is a pattern', (written, kept) => {
    expect(tags(`route='${written}'`)).toEqual({ route: kept });
  });

  it.each([
    'free text',
    "a='1",
    "a='1' b='2'",
    "a='%zz'",
    `a='${'x'.repeat(300)}'`,
    `a='1'${",a='1'".repeat(1_000)}`,
  ])('reads nothing from %.40j', (comment) => {
    expect(tags(comment)).toEqual({});
  });
});
