/** The bucket mask on whole numbers, near zero and at both ends of each type, against the exact lower end. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Column } from '../../../src/catalog/types.js';
import { bucketMask } from '../../../src/policy/masks/bucket.js';
import type { MaskContext } from '../../../src/policy/masks/mask-kind.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';

const types = [
  { name: 'int2', type: 'smallint', low: -32768n },
  { name: 'int4', type: 'integer', low: -2147483648n },
  { name: 'int8', type: 'bigint', low: -9223372036854775808n },
] as const;
const sizes = [1, 7, 10, 40_000, 3_000_000_000, 1e12];

describe.each(postgresVersions)('bucket on whole numbers on PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let client: pg.Client;
  beforeAll(async () => {
    db = await createDatabase(version);
    client = await db.connect();
  });
  afterAll(() => db.drop());

  it.each(types.flatMap((each) => sizes.map((size) => [each.name, size, each] as const)))(
    '%s by %d',
    async (_name, size, { name, type, low }) => {
      const column = { baseTypeName: name, baseType: type, type, typeCategory: 'N' } as unknown as Column;
      const sql = bucketMask.sql({ kind: 'bucket', size }, column, {} as MaskContext)('v');
      const step = BigInt(size);
      const values = [
        -41_000n,
        -100n,
        -7n,
        -1n,
        0n,
        1n,
        6n,
        7n,
        13n,
        40_001n,
        -low - 1n,
        -low - 2n,
        low + step * 2n,
      ]
        .concat([low, low + 1n, low + 8n].filter((value) => value - (((value % step) + step) % step) < low))
        .filter((value) => value >= low && value <= -low - 1n);
      for (const value of values) {
        const exact = value - (((value % step) + step) % step);
        const { rows } = await client.query<{ m: string; t: string }>(
          `SELECT (${sql})::text AS m, pg_typeof(${sql})::text AS t FROM (SELECT ${value < 0n ? `'${value}'` : value}::${type} AS v) x`,
        );
        expect([value, rows[0]]).toEqual([value, { m: String(exact < low ? low : exact), t: type }]);
      }
    },
  );
});
