import { describe, expect, it } from 'vitest';
import { byteStringToText, fromBytes, toByteString, toBytes } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { auditText, shapeId } from '../../../src/sql/shape.js';
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

describe('auditText', () => {
  it('holds no literal in any form', () => {
    const literals = [
      "'CANARY'",
      "E'CANARY\\''",
      "N'CANARY'",
      '$$CANARY$$',
      '$x$CANARY$x$',
      "B'CANARY'",
      "'a'\n'CANARY'",
      "'a'--CANARY\n'b'",
    ];
    for (const literal of literals)
      expect(auditText(lexed(`select ${literal}, 4711, 47.11 /*CANARY*/ --CANARY`))).toBe('select ?, ?, ?');
  });

  it('keeps names, parameters and the spacing as one blank', () => {
    expect(auditText(lexed('  SELECT\n\t"É"."b" /* c */ FROM  é  WHERE a=$1;'))).toBe(
      'SELECT "É"."b" FROM é WHERE a=$1;',
    );
  });
});

it('shapeId is equal for texts that differ in literals only', () => {
  const id = shapeId(lexed("select a where b = 1 and c = 'x'"));
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(shapeId(lexed("select  a where b = 2 and c = 'y' -- z"))).toBe(id);
  expect(shapeId(lexed("select a where b = 1 and d = 'x'"))).not.toBe(id);
});

describe('sqlcommenterTags', () => {
  const tags = (comment: string): Record<string, string> =>
    Object.fromEntries(sqlcommenterTags(toByteString(comment)));

  it('reads URL-encoded pairs', () => {
    expect(tags("action='%2Fparam*d',controller='index' , user='J%C3%B6rg\\'s'")).toEqual({
      action: '/param*d',
      controller: 'index',
      user: "Jörg's",
    });
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
