import { readFileSync } from 'node:fs';
import type { Node } from '@pgsql/types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateNodeFields } from '../../../scripts/generate-node-fields.js';
import { toByteString } from '../../../src/sql/byte-string.js';
import { checkShape } from '../../../src/sql/check-shape.js';
import { sameTree } from '../../../src/sql/compare.js';
import { lex } from '../../../src/sql/lexer.js';
import { defaultSqlLimits } from '../../../src/sql/limits.js';
import { openParser } from '../../../src/sql/parse.js';
import type { Parser } from '../../../src/sql/parse.js';
import { walk } from '../../../src/sql/walk.js';
import type { Visit } from '../../../src/sql/walk.js';

let parser: Parser;
beforeAll(async () => {
  parser = await openParser();
});
afterAll(() => parser.close());

async function tree(text: string): Promise<Node> {
  const outcome = lex(toByteString(text), { ...defaultSqlLimits, operatorChain: 10_000 });
  if (!outcome.ok) throw new Error(outcome.problem.message);
  const parsed = await parser.parseLarge(outcome.lexed);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.statements[0]!.node;
}

function visits(node: Node, kind: string): Visit[] {
  const found: Visit[] = [];
  walk(node, {
    enter(visit) {
      if (visit.kind === kind) found.push(visit);
      return undefined;
    },
  });
  return found;
}

const names = (node: Node): unknown[] => visits(node, 'RangeVar').map((visit) => visit.body['relname']);

it('node-fields.ts is what the generator writes', async () => {
  const committed = readFileSync(new URL('../../../src/sql/node-fields.ts', import.meta.url), 'utf8');
  expect(committed).toBe(await generateNodeFields());
});

describe('walk', () => {
  it.each([
    ['select 1 from a union select 1 from b', ['a', 'b']],
    ['insert into a select * from b returning (select 1 from c)', ['a', 'b', 'c']],
    ['with x as (select * from a) select distinct * from b', ['b', 'a']],
    ['merge into a using b on true when matched then delete', ['a', 'b']],
    ['select json_objectagg(k: (select 1 from a)) from b', ['a', 'b']],
  ])('finds tables under tagged and untagged fields of %j', async (text, expected) => {
    expect(names(await tree(text))).toEqual(expected);
  });

  it('skips on request, and leaves in reverse order', async () => {
    const node = await tree('select (select 1 from a) from b');
    const log: string[] = [];
    walk(node, {
      enter(visit) {
        log.push(`+${visit.kind}`);
        return visit.kind === 'SubLink' ? 'skip' : undefined;
      },
      leave: (visit) => void log.push(`-${visit.kind}`),
    });
    expect(log.join(' ')).toBe(
      '+SelectStmt +ResTarget +SubLink -SubLink -ResTarget +RangeVar -RangeVar -SelectStmt',
    );
  });

  it('survives deep and wide trees, as checkShape and sameTree do', async () => {
    for (const [text, constants] of [
      [`select 1${'+1'.repeat(5_000)}`, 5_001],
      [`select a in (1${',1'.repeat(99_999)})`, 100_000],
    ] as const) {
      const node = await tree(text);
      expect(visits(node, 'A_Const').length).toBe(constants);
      expect(checkShape(node)).toBeUndefined();
      const copy = await tree(text);
      // Vitest's own matchers recurse, so they do not get to see the tree.
      expect(copy === node).toBe(false);
      expect(sameTree(node, copy)).toBe(true);
    }
  });
});

describe('checkShape', () => {
  it.each<[string, object]>([
    ['a node', { FutureStmt: {} }],
    ['a field', { SelectStmt: { future: 1 } }],
    ['a field that every object inherits', { SelectStmt: { toString: 1 } }],
    ['a kind that every object inherits', { constructor: {} }],
    ['a nested node', { SelectStmt: { whereClause: { Future: {} } } }],
    ['a field below an untagged node', { SelectStmt: { larg: { future: [] } } }],
    ['two tags', { SelectStmt: { whereClause: { A_Star: {}, Null: {} } } }],
    ['an object for a scalar', { RangeVar: { relname: { SelectStmt: {} } } }],
    ['a list for a node', { SelectStmt: { whereClause: [] } }],
    ['a node for a list', { SelectStmt: { targetList: { A_Star: {} } } }],
  ])('INVARIANT(known-nodes-only): refuses %s that is unknown', (_, node) => {
    expect(checkShape(node as Node)).toMatchObject({ kind: 'unknown-node' });
  });
});

describe('sameTree', () => {
  it.each([
    ['select a from t', 'select  a  from  t', true],
    ['select 1 in (1,2)', 'select 1 in ( 1 , 2 )', true],
    ['select a from t', 'select a from s.t', false],
    ['select a from t', 'select a, b from t', false],
    ['select a from only t', 'select a from t', false],
    ["select 'a'", "select 'b'", false],
    ['select distinct a', 'select a', false],
    ["create tablespace x location '/a'", "create tablespace x location '/b'", false],
  ])('of %j and %j is %s', async (a, b, expected) => {
    const [left, right] = [await tree(a), await tree(b)];
    expect([sameTree(left, right), sameTree(right, left)]).toEqual([expected, expected]);
  });
});
