import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setImmediate as tick } from 'node:timers/promises';
import { toByteString } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { defaultSqlLimits } from '../../../src/sql/limits.js';
import { openParser } from '../../../src/sql/parse.js';
import type { Parser } from '../../../src/sql/parse.js';
import type { LexedText, ParseOutcome } from '../../../src/sql/types.js';
import { corpus } from './corpus.js';
import { loadOracle, oracleTree } from './oracle.js';

let parser: Parser;

beforeAll(async () => {
  await loadOracle();
  parser = await openParser();
});

afterAll(() => parser.close());

const unbounded = { ...defaultSqlLimits, nesting: 1e9, operatorChain: 1e9 };

function lexed(text: string): LexedText {
  const outcome = lex(toByteString(text), unbounded);
  if (!outcome.ok) throw new Error(outcome.problem.message);
  return outcome.lexed;
}

const parse = (text: string): ParseOutcome => parser.parse(lexed(text));
const overflowing = `select 1${'+1'.repeat(40_000)}`;

describe('statements', () => {
  it('are those of the parser, each with its tokens', () => {
    const text = lexed(";; select 'é' ; /* c */ select b from t ;;");
    const outcome = parser.parse(text);
    if (!outcome.ok) throw new Error(outcome.problem.message);
    const spans = outcome.statements.map(({ firstToken, endToken }) =>
      text.text.slice(text.tokens.start(firstToken), text.tokens.end(endToken - 1)),
    );
    expect(spans).toEqual([toByteString("select 'é'"), 'select b from t']);
  });

  it('of the corpus all pass the check of the tree’s shape, here and in the worker', async () => {
    for (const text of corpus) {
      const outcome = lex(toByteString(text));
      if (!outcome.ok || oracleTree(text) === undefined) continue;
      const here = parser.parse(outcome.lexed);
      expect(here, text).toMatchObject({ ok: true });
      expect(await parser.parseLarge(outcome.lexed), text).toEqual(here);
    }
  });

  it.each(['', '  ', ';;', '/* nothing */'])('are none in %j', (text) => {
    expect(parse(text)).toEqual({ ok: true, statements: [] });
  });
});

describe('a syntax error', () => {
  it.each([
    ['select é from from', 15, 'syntax error at or near "from"'],
    ["select f(a 'sécret' 1", 21, 'syntax error'],
    ['select a b4c5 d6e7', 14, 'syntax error'],
    ['select (', 8, 'syntax error at end of input'],
    ['select 1 12345', 9, 'syntax error'],
    ['selekt', 0, 'syntax error'],
  ])('in %j is at byte %i and quotes no word of the client', (text, at, message) => {
    expect(parse(text)).toEqual({ ok: false, problem: { kind: 'syntax', message, at } });
  });
});

describe('containment', () => {
  it('the parser answers after fifty stack overflows', async () => {
    for (let round = 0; round < 50; round += 1) {
      expect(parse(overflowing)).toMatchObject({ ok: false, problem: { kind: 'parser-failure' } });
      if (round % 2 === 0) await tick();
    }
    await tick();
    expect(parse('select 1')).toMatchObject({ ok: true });
  });

  it('the statement after a failure finds the spare instance', async () => {
    await tick();
    expect(parse(overflowing).ok).toBe(false);
    expect(parse('select 1').ok).toBe(true);
  });

  it('whatever the lexer lets through by default does not overflow this thread', () => {
    const { nesting, operatorChain } = defaultSqlLimits;
    for (const text of [
      `select a${' collate "C"'.repeat(operatorChain)}`,
      `select ${'(select '.repeat(nesting)}1${')'.repeat(nesting)}`,
      `select ${'not '.repeat(operatorChain - 5)}${'(select '.repeat(nesting)}1${')'.repeat(nesting)}`,
      `select 1${' union select 1'.repeat(operatorChain)}`,
    ]) {
      const outcome = lex(toByteString(text));
      expect(outcome.ok && parser.parse(outcome.lexed).ok).toBe(true);
    }
  });

  it('a worker that misses its deadline is replaced, and waiting statements are answered', async () => {
    const impatient = await openParser({ deadlineMs: 1 });
    const slow = lexed(`select 1${',f(a,b)'.repeat(50_000)}`);
    const outcomes = await Promise.all([impatient.parseLarge(slow), impatient.parseLarge(slow)]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ ok: false, problem: { kind: 'parser-failure' } });
    await impatient.close();
    expect(await impatient.parseLarge(slow)).toMatchObject({ ok: false });
    expect(await parser.parseLarge(slow)).toMatchObject({ ok: true });
  });

  it('large texts ask for the worker', () => {
    expect(parser.needsWorker(lexed('select 1'))).toBe(false);
    expect(parser.needsWorker(lexed(`select '${'x'.repeat(40_000)}'`))).toBe(true);
    expect(parser.needsWorker(lexed(`select 1${',1'.repeat(10_000)}`))).toBe(true);
  });

  it('twenty thousand statements, good and bad, do not grow the process', () => {
    const good = lexed('select a, b from t where c = 1');
    const bad = lexed('select from from');
    const both = (): boolean => parser.parse(good).ok && !parser.parse(bad).ok;
    for (let round = 0; round < 2_000; round += 1) expect(both()).toBe(true);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 10_000; round += 1) if (!both()) throw new Error('parsed differently');
    expect(process.memoryUsage().rss - before).toBeLessThan(96 * 1024 * 1024);
  });
});
