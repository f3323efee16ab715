/** What a userlist.txt says, and which of its lines are errors. */
import { describe, expect, it } from 'vitest';
import { readUserlist } from '../../../../src/session/auth/userlist.js';

const key = Buffer.alloc(32).toString('base64');
const verifier = `SCRAM-SHA-256$4096:c2FsdA==$${key}:${key}`;

describe('a userlist', () => {
  it('holds a user and a secret a line, with doubled quotes, comments and blank lines', () => {
    const read = readUserlist(`\ufeff"a" "b"\r\n; no\n# no\n\n  "q""q" "x""y" more\n"s" "${verifier}"`);
    expect(read.ok && [...read.secrets]).toEqual([
      ['a', 'b'],
      ['q"q', 'x"y'],
      ['s', verifier],
    ]);
  });

  it.each([
    ['a line of another form', 'a b', 'is not of the form'],
    ['no user', '"" "b"', 'names no user'],
    ['a zero byte in a name', '"a\0" "b"', 'names no user'],
    ['a user twice', '"a" "b"\n"a" "c"', 'for the second time'],
    ['a verifier that was cut, which is no password', `"a" "${verifier.slice(0, -9)}"`, 'not whole'],
    ['a verifier of no rounds', `"a" "${verifier.replace('4096', '0')}"`, 'not whole'],
  ])('%s is an error of its line, without its text', (_, text, problem) => {
    const read = readUserlist(text);
    expect(read).toMatchObject({ ok: false, line: text.split('\n').length });
    expect(!read.ok && read.problem).toContain(problem);
  });
});
