/** MERGE into protected tables: withheld rows match nothing, and every reference to the target is masked (DESIGN 5.2). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

import { judgesWrites, startWriteWorlds, type WriteWorlds } from '../support/write-worlds.js';

const people = 'generate_series(1, 6) s(id)';

/** Statements of PostgreSQL 15; each leaves what it leaves over tables that hold what the role sees. */
const everyVersion = [
  `MERGE INTO customers c USING ${people} ON c.id = s.id WHEN MATCHED THEN UPDATE SET region = 'x'`,
  `MERGE INTO customers USING ${people} ON customers.id = s.id WHEN MATCHED THEN UPDATE SET region = first_name, first_name = region`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED THEN UPDATE SET minutes = minutes + 1 WHEN NOT MATCHED THEN INSERT (customer_id, minutes) VALUES (1, s.id)`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED THEN DELETE`,
  `MERGE INTO calls AS c USING ${people} ON s.id = c.customer_id AND c.minutes < 10 WHEN MATCHED AND s.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET minutes = 0 WHEN NOT MATCHED AND s.id = 3 THEN INSERT VALUES (3, 77, 'new') WHEN NOT MATCHED THEN DO NOTHING`,
  `MERGE INTO calls c USING ${people} ON c.body = '***' AND c.customer_id = s.id WHEN MATCHED THEN UPDATE SET minutes = length(c.body)`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id AND c.body LIKE '%canary%' WHEN MATCHED THEN DELETE`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id AND length(c.body) < 4 WHEN MATCHED AND c.body IS NOT NULL THEN UPDATE SET minutes = 1 / (length(c.body) - 2)`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED AND 1 / (length(c.body) - 13) < 0 THEN DELETE`,
  `MERGE INTO calls c USING ${people} ON 1 / (length(c.body) - 13) < 0 AND c.customer_id = s.id WHEN MATCHED THEN DELETE`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED AND c.body::int > 0 THEN DELETE`,
  `MERGE INTO calls c USING ${people} ON c.body::int = s.id WHEN MATCHED THEN DELETE`,
  `MERGE INTO orders o USING ${people} ON o.customer_id = s.id AND 1 / o.total >= 0 WHEN MATCHED THEN UPDATE SET total = 1 / (o.total - 4.50)`,
  `MERGE INTO orders o USING ${people} ON o.customer_id = s.id WHEN MATCHED AND o.status::int = 1 THEN DELETE`,
  `MERGE INTO tickets t USING customers c ON c.id = t.customer_id WHEN MATCHED THEN UPDATE SET region = c.email || t.subject`,
  `MERGE INTO tickets t USING customers c ON c.notes = t.subject WHEN MATCHED THEN UPDATE SET region = 'same'`,
  `MERGE INTO customers c USING customers d ON c.id = d.id WHEN MATCHED THEN UPDATE SET first_name = d.notes, last_name = c.email`,
  `MERGE INTO customers c USING customers d ON c.email = d.email AND c.id <> d.id WHEN MATCHED THEN UPDATE SET region = 'twin'`,
  `MERGE INTO customers c USING (SELECT id, notes, email FROM customers WHERE notes LIKE '%*%') d ON c.id = d.id WHEN MATCHED AND c.notes = d.notes AND c.email = d.email THEN UPDATE SET region = 'same'`,
  `MERGE INTO customers c USING orders o JOIN order_items i ON i.order_id = o.id AND i.line = 1 ON c.id = o.customer_id AND o.id < 14 WHEN MATCHED THEN UPDATE SET region = o.status || i.quantity`,
  `MERGE INTO calls c USING (VALUES (1, 'a'), (2, 'b'), (3, 'c')) AS s(id, v) ON c.customer_id = s.id WHEN MATCHED THEN UPDATE SET body = '***', minutes = 1 WHEN NOT MATCHED THEN INSERT VALUES (1, s.id, s.v)`,
  `MERGE INTO calls c USING (VALUES (1, '***'), (2, 'b'), (3, 'c')) AS s(id, v) ON c.customer_id = s.id WHEN MATCHED THEN UPDATE SET (minutes, body) = (s.id, s.v)`,
  `MERGE INTO calls c USING ${people} ON (SELECT max(t.subject) FROM tickets t WHERE t.customer_id = c.customer_id) = '***' AND c.customer_id = s.id WHEN MATCHED THEN UPDATE SET minutes = (SELECT count(*) FROM tickets t WHERE t.subject = c.body)`,
  `MERGE INTO calls c USING ${people} ON CASE WHEN c.minutes > 6 THEN c.customer_id ELSE 0 END = s.id WHEN MATCHED AND CASE WHEN s.id = 3 THEN true END THEN UPDATE SET minutes = CASE WHEN c.body IS NULL THEN 1 ELSE 2 END WHEN NOT MATCHED THEN DO NOTHING`,
  `MERGE INTO calls c USING (VALUES ('EU'), ('US')) AS s(r) ON EXISTS (SELECT FROM customers x WHERE x.id = c.customer_id AND x.region = s.r AND minutes < 10) WHEN MATCHED THEN UPDATE SET minutes = 0`,
  `MERGE INTO calls c USING (VALUES (1), (1)) AS s(id) ON c.customer_id = s.id WHEN MATCHED THEN UPDATE SET minutes = 0`,
  `MERGE INTO calls c USING (VALUES (2), (2)) AS s(id) ON c.customer_id = s.id WHEN MATCHED AND false THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1, 1, NULL)`,
  `WITH s AS (SELECT id, notes FROM customers) MERGE INTO calls c USING s ON s.id = c.customer_id WHEN MATCHED THEN UPDATE SET minutes = length(s.notes)`,
  `MERGE INTO ONLY calls c USING ${people} ON false WHEN NOT MATCHED THEN INSERT (customer_id, minutes) VALUES (1, s.id)`,
  `MERGE INTO app_log l USING customers c ON l.message = c.notes WHEN NOT MATCHED THEN INSERT (message) VALUES (c.notes)`,
] as const;

/** From PostgreSQL 17: NOT MATCHED BY SOURCE, RETURNING, MERGE in WITH; from 18 OLD and NEW. */
const newVersions = [
  `MERGE INTO calls c USING (VALUES (2)) AS s(id) ON c.customer_id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), *`,
  `MERGE INTO calls c USING (VALUES (1)) AS s(id) ON c.customer_id = s.id WHEN NOT MATCHED BY SOURCE AND c.minutes > 1 THEN UPDATE SET minutes = 0 RETURNING c.customer_id, minutes`,
  `MERGE INTO calls c USING (VALUES (1), (2)) AS s(id) ON c.customer_id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (1, s.id, 'n') WHEN MATCHED THEN UPDATE SET minutes = s.id RETURNING merge_action(), s.id, minutes`,
  `MERGE INTO calls c USING (VALUES (1, 'x')) AS s(id, v) ON c.minutes = s.id WHEN NOT MATCHED BY SOURCE AND c.body LIKE '%canary%' THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (3, s.id, s.v)`,
  `MERGE INTO calls c USING (VALUES (99)) AS s(id) ON c.minutes = s.id WHEN NOT MATCHED BY SOURCE AND c.body::int > 0 THEN DELETE WHEN NOT MATCHED THEN DO NOTHING`,
  `MERGE INTO calls c USING (VALUES (99)) AS s(id) ON c.customer_id = s.id WHEN NOT MATCHED BY SOURCE AND 1 / (c.minutes - 7) > 5 THEN DELETE`,
  `MERGE INTO calls c USING (VALUES (99)) AS s(id) ON false WHEN NOT MATCHED BY SOURCE THEN UPDATE SET minutes = 1 WHEN NOT MATCHED THEN INSERT VALUES (1, s.id, NULL) RETURNING merge_action(), c.*, s.*`,
  `WITH m AS (MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1, 0, NULL) RETURNING merge_action() AS a, c.*) SELECT a, count(*), sum(minutes) FROM m GROUP BY a`,
  `WITH m AS (MERGE INTO calls c USING (VALUES (2)) AS s(id) ON c.customer_id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING c.body, c.customer_id) SELECT t.id FROM m JOIN tickets t ON t.subject = m.body AND t.customer_id = m.customer_id`,
  `MERGE INTO tickets t USING customers s ON t.customer_id = s.id WHEN MATCHED THEN UPDATE SET region = s.region RETURNING *`,
] as const;

const newest = [
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED THEN UPDATE SET minutes = minutes + 1 RETURNING old.minutes, new.minutes, old.body, new.body`,
  `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED THEN DELETE RETURNING WITH (OLD AS o, NEW AS n) merge_action(), o.*, n.*`,
] as const;

describe.each(postgresVersions)('MERGE on PostgreSQL %i', (version) => {
  const statements = version === 18 ? [...everyVersion, ...newVersions, ...newest] : everyVersion;
  let plain: Governed;
  let worlds: WriteWorlds;
  beforeAll(async () => {
    worlds = await startWriteWorlds(version);
    plain = worlds.plain;
  });
  afterAll(() => worlds.stop());

  judgesWrites(() => worlds, statements);

  async function stored(sql: string, select: string): Promise<unknown[]> {
    await plain.raw('BEGIN', 'support');
    try {
      await plain.run(sql, plain.session('support'));
      return (await plain.raw(select, 'support')).rows as unknown[];
    } finally {
      await plain.raw('ROLLBACK', 'support');
    }
  }

  it('keeps what a saved mask would overwrite, and stores every other value', async () => {
    const sql =
      "MERGE INTO calls c USING (VALUES (1, '***'), (2, 'new')) AS s(id, v) ON c.customer_id = s.id WHEN MATCHED AND s.id = 1 THEN UPDATE SET body = s.v WHEN MATCHED THEN UPDATE SET body = s.v, minutes = 0";
    expect(
      await stored(sql, 'SELECT body, minutes FROM calls WHERE customer_id < 3 ORDER BY customer_id'),
    ).toEqual([
      { body: 'canary-call-1', minutes: 5 },
      { body: 'new', minutes: 0 },
    ]);
  });

  it.each<[string, string]>([
    [
      'a denied column in a condition',
      "MERGE INTO payments p USING customers c ON p.card_number = '4111-1111-1111-1001' WHEN MATCHED THEN DELETE",
    ],
    [
      'a denied column in SET',
      'MERGE INTO payments p USING customers c ON p.customer_id = c.id WHEN MATCHED THEN UPDATE SET card_number = NULL',
    ],
    [
      'a denied column in INSERT',
      "MERGE INTO payments p USING customers c ON false WHEN NOT MATCHED THEN INSERT (id, customer_id, amount, card_number) VALUES (9, 1, 1, '4111')",
    ],
    [
      'a denied column in INSERT without a list',
      "MERGE INTO payments p USING customers c ON false WHEN NOT MATCHED THEN INSERT VALUES (9, 1, '4111', 1)",
    ],
    [
      'a value computed from the mask that it would replace',
      `MERGE INTO calls c USING ${people} ON c.customer_id = s.id WHEN MATCHED THEN UPDATE SET body = c.body || '!'`,
    ],
    [
      'a whole row of the target',
      `MERGE INTO calls c USING ${people} ON c::text LIKE '%canary%' WHEN MATCHED THEN DELETE`,
    ],
    [
      'a name that stands for one of ours',
      `MERGE INTO calls pgveil_g0_c USING ${people} ON true WHEN MATCHED THEN DELETE`,
    ],
    [
      'the consents',
      'MERGE INTO consents c USING customers s ON c.customer_id = s.id WHEN MATCHED THEN DELETE',
    ],
  ])('refuses %s', async (_name, sql) => {
    await expect(plain.run(sql, plain.session('support'))).rejects.toBeInstanceOf(Refused);
  });

  it('lets a denied column be when nothing is written to it', async () => {
    const sql =
      'MERGE INTO payments p USING customers c ON p.customer_id = c.id WHEN MATCHED THEN UPDATE SET amount = 0';
    expect(await stored(sql, 'SELECT count(*)::int AS n FROM payments WHERE amount = 0')).toEqual([{ n: 3 }]);
  });
});
