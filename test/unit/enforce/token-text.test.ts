import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPlanner } from '../../../src/enforce/planner.js';
import type { Planner } from '../../../src/enforce/types.js';
import { defaultSqlLimits } from '../../../src/sql/limits.js';
import { openParser, type Parser } from '../../../src/sql/parse.js';

describe('a text that names a token is not told as it came', () => {
  let parser: Parser;
  let planner: Planner;
  beforeAll(async () => {
    parser = await openParser();
    planner = createPlanner({ parser, limits: defaultSqlLimits });
  });
  afterAll(() => parser.close());

  it.each([
    "SET pgveil.token = 'abcdef'",
    'SET pgveil.token TO "abcdef"',
    'SET "pgveil"."token" TO "abcdef"',
    'set PGVEIL /* x */ . /* y */ Token to "abcdef"',
    'SET "pgveil.token" TO "abcdef"; SELECT 1 /* abcdef */',
    'SET pgveil.token TO abcdef nonsense',
  ])('%s', (sql) => {
    expect(JSON.stringify(planner.describe(Buffer.from(sql)))).not.toContain('abcdef');
  });
});
