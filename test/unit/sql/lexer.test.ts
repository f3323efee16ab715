import { describe, expect, it } from 'vitest';
import { fromBytes, toByteString } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { defaultSqlLimits } from '../../../src/sql/limits.js';
import type { LexedText, SqlProblem } from '../../../src/sql/types.js';

function lexed(text: string): LexedText {
  const outcome = lex(toByteString(text));
  if (!outcome.ok) throw new Error(`${outcome.problem.kind}: ${text.slice(0, 100)}`);
  return outcome.lexed;
}

function problem(text: string): SqlProblem {
  const outcome = lex(toByteString(text));
  if (outcome.ok) throw new Error(`lexed: ${text.slice(0, 100)}`);
  return outcome.problem;
}

describe('comments', () => {
  it('keep newlines, which decide on string continuation', () => {
    expect(lexed("'a' --x\n'b'").text).toBe("'a'    \n'b'");
    expect(lexed("'a' --x\n'b'").tokens).toHaveLength(1);
    expect(lexed('1 /* a\nb */ 2').text).toBe('1     \n     2');
  });

  it('never join two constants that the server keeps apart', () => {
    for (const text of ["select 'a' /*x*/\n'b'", "select 'a'/*\n*/'b'", "select 'a' --x\n/*y*/ 'b'"]) {
      expect(problem(text)).toMatchObject({ kind: 'syntax' });
    }
    expect(lexed("select 'a' /*x*/ , \n 'b'").tokens).toHaveLength(4);
  });

  it('nest, and the last block comment is kept for its tags', () => {
    expect(lexed('select 1 /* a */ /* b /* c */ d */ -- e').trailingComment).toBe(' b /* c */ d ');
    expect(lexed('select 1 -- e').trailingComment).toBeUndefined();
  });
});

describe('refusals', () => {
  it.each<[string, SqlProblem['kind'], number]>([
    ["select U&'x'", 'ambiguous-lexeme', 7],
    ['select u&"x"', 'ambiguous-lexeme', 7],
    ['select 1_000', 'ambiguous-lexeme', 7],
    ['select 0x1F', 'ambiguous-lexeme', 7],
    ['select 0o7', 'ambiguous-lexeme', 7],
    ['select 0b1', 'ambiguous-lexeme', 7],
    ['select 1a', 'ambiguous-lexeme', 7],
    ['select 1.5e', 'ambiguous-lexeme', 7],
    ['select $1a', 'ambiguous-lexeme', 7],
    ['select $65536', 'ambiguous-lexeme', 7],
    ['select\v1', 'ambiguous-lexeme', 6],
    ["select 'x", 'unterminated', 7],
    ["select E'x\\'", 'unterminated', 7],
    ['select "x', 'unterminated', 7],
    ['select $a$x$b$', 'unterminated', 7],
    ['select /* /* */', 'unterminated', 7],
    ['select ""', 'syntax', 7],
    ['select \0', 'nul-byte', 7],
  ])('%j is %s at byte %i', (text, kind, at) => {
    expect(problem(text)).toMatchObject({ kind, at });
  });

  it.each(['61ff', '61c3', '61c080', '61eda080', '61f4908080'])(
    'invalid UTF-8 %s is told with its offset',
    (hex) => {
      const outcome = lex(fromBytes(Buffer.from(hex, 'hex')));
      expect(outcome).toMatchObject({ ok: false, problem: { kind: 'invalid-utf8', at: 1 } });
    },
  );
});

describe('bounds', () => {
  it.each<[string, string, SqlProblem['kind']]>([
    ['brackets', `select ${'('.repeat(100_000)}1${')'.repeat(100_000)}`, 'too-deep'],
    ['subscripts', `select ${'array['.repeat(1_000)}1${']'.repeat(1_000)}`, 'too-deep'],
    ['CASE', `select ${'case when true then '.repeat(1_000)}1${' end'.repeat(1_000)}`, 'too-deep'],
    ['CASE with columns named end', `select ${'case when a.end then '.repeat(1_000)}1`, 'too-deep'],
    ['a chain of +', `select 1${'+1'.repeat(50_000)}`, 'too-deep'],
    ['a chain of NOT', `select ${'not '.repeat(50_000)}true`, 'too-deep'],
    ['a chain of casts', `select 1${'::int'.repeat(50_000)}`, 'too-deep'],
    ['a chain of OPERATOR()', `select 1${' operator(pg_catalog.+) 1'.repeat(30_000)}`, 'too-deep'],
    ['a chain of UNION over lists', `select 1, 2${' union select 1, 2'.repeat(30_000)}`, 'too-deep'],
    ['a chain of JOIN over AND', `select 1 from a${' join b on x and y'.repeat(30_000)}`, 'too-deep'],
    ['a chain of BETWEEN over AND', `select a${' is true between 1 and 2'.repeat(30_000)}`, 'too-deep'],
    [
      'chains spread over levels',
      `select ${`(${'1+'.repeat(30)}`.repeat(200)}1${')'.repeat(200)}`,
      'too-deep',
    ],
    ['ten megabytes', `select '${'x'.repeat(10_000_000)}'`, 'too-long'],
    ['tokens', `select 1${',1'.repeat(300_000)}`, 'too-many-tokens'],
  ])('refuse %s, quickly', (_, text, kind) => {
    const started = performance.now();
    expect(problem(text).kind).toBe(kind);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it.each([
    ['an IN list', `select 1 where a in (1${',1'.repeat(20_000)})`],
    ['OR', `select 1 where a = 1${' or a = 1'.repeat(5_000)}`],
    ['AND', `select 1 where a like 'x'${" and a like 'x'".repeat(5_000)}`],
    ['WHEN', `select case${' when a = 1 then b + 1'.repeat(5_000)} end`],
    ['rows', `insert into t values (1, -1)${', (1, -1)'.repeat(20_000)}`],
    ['statements', 'select 1 + 1;'.repeat(5_000)],
    ['brackets', `select ${'('.repeat(200)}1${')'.repeat(200)}`],
    ['a chain of ||', `select a${" || 'x'".repeat(1_500)}`],
  ])('allow long %s', (_, text) => {
    expect(lex(toByteString(text)).ok).toBe(true);
  });

  it('take configured limits', () => {
    expect(lex(toByteString('select 1'), { ...defaultSqlLimits, tokens: 1 }).ok).toBe(false);
    expect(lex(toByteString('select 1'), { ...defaultSqlLimits, statementBytes: 8 }).ok).toBe(true);
  });
});

it('the shape masks literals by kind and keeps the rest', () => {
  const text = "SELECT  a /* c */, 'x', N'x', 1, 1.5, 99999999999, B'0', $1 FROM \"T\"";
  expect(lexed(text).shape).toBe("SELECT a , ' , 'n , 0 , 0. , 00 , '#b , $1 FROM \"T\"");
});

it('a token is found by its offset', () => {
  const { tokens } = lexed('select a, b');
  expect([0, 7, 8, 9, 10, 11].map((offset) => tokens.at(offset))).toEqual([0, 1, 2, -1, 3, -1]);
  expect(() => tokens.kind(4)).toThrow(RangeError);
});
