import { describe, expect, it } from 'vitest';
import { layoutSql } from '../../../src/cli/explain/layout-sql.js';

describe('explain shows long SQL in lines', () => {
  it('a clause and an item of a sub-select each', () => {
    const sql = `SELECT c.a, c.b FROM (SELECT t."a" AS "a", left(t.b, 1) AS b FROM s.t t CROSS JOIN LATERAL (SELECT 1 AS x) g WHERE t.c) c ORDER BY 1`;
    expect(layoutSql(sql, 20)).toBe(
      [
        'SELECT c.a, c.b',
        'FROM (',
        '  SELECT t."a" AS "a",',
        '  left(t.b, 1) AS b',
        '  FROM s.t t',
        '  CROSS JOIN LATERAL (',
        '    SELECT 1 AS x',
        '  ) g',
        '  WHERE t.c',
        ') c',
        'ORDER BY 1',
      ].join('\n'),
    );
  });
  it('and leaves short SQL alone', () => {
    expect(layoutSql('SELECT a FROM t', 20)).toBe('SELECT a FROM t');
  });
  it.each([
    `SELECT 'x, ( FROM  y' || "FROM  (" || E'it\\'s  FROM' || $a$ ( FROM  $a$ FROM t`,
    `SELECT 'it''s  ( here' FROM t WHERE a = '  '`,
  ])('never inside a literal or a quoted name: %s', (sql) => {
    const laid = layoutSql(sql, 5);
    expect(laid.replace(/\n */, ' ').replace(/\n */, ' ')).toBe(sql);
  });
});
