/**
 * An insider who guesses by writing: whether a written value was kept or stored, refused or taken, must tell nothing. Each
 * statement runs against two databases that differ only in what the policy hides; rows, counts, errors and everything
 * that can be seen afterwards must be the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { otherSecrets } from '../support/hidden.js';
import { postgresVersions } from '../support/servers.js';

const tables = `
  CREATE TABLE papers (id int PRIMARY KEY, doc jsonb, size int GENERATED ALWAYS AS (length(doc::text)) STORED, CHECK (doc IS NOT NULL));
  INSERT INTO papers (id, doc) VALUES
    (1, '{"secret": "canary", "contact": {"pin": 1, "city": "Bonn"}, "n": "12"}'),
    (2, '{"contact": {"pin": {"deep": [1, 2]}}, "n": "x"}'), (3, '{"contact": {}}'), (4, '[]');
  GRANT SELECT, INSERT, UPDATE, DELETE ON papers TO crm_support;`;
const otherPapers = `
  UPDATE papers SET doc = '{"secret": "other and longer", "contact": {"city": "Bonn"}, "n": "34"}' WHERE id = 1;
  UPDATE papers SET doc = '{"contact": {"pin": "x"}, "n": 5}' WHERE id = 2;
  UPDATE papers SET doc = '{"contact": {"pin": null}}' WHERE id = 3;
  CLUSTER papers USING papers_pkey;`;
const policy = crmPolicy
  .replace(
    'labels:',
    `labels:
  paper.secret: ["public.papers.doc->'secret'", "public.papers.doc->'n'"]
  paper.pin: ["public.papers.doc->'contact'->'pin'"]
  paper.size: [public.papers.size]`,
  )
  .replaceAll('masks: { ', 'masks: { paper.pin: deny, ');

const statements = [
  // The real address, the mask, and what lies between.
  "UPDATE customers SET email = 'ada.canary1@example.com' WHERE id = 1 RETURNING email, xmax IS NULL",
  "UPDATE customers SET email = 'ada.canary1@example.com' WHERE id = 1 RETURNING email",
  "UPDATE customers SET email = 'a***@example.com' WHERE id = 1 RETURNING email, email = 'ada.canary1@example.com'",
  "UPDATE customers SET (email, notes) = ('a***@example.com', '***') RETURNING id, email, notes",
  "UPDATE customers SET (email, notes) = (SELECT 'a***@example.com', 'canary-note-1 likes tea' WHERE customers.id > 0) WHERE id = 1 RETURNING email, notes",
  "UPDATE customers SET phone = '+49-151-0000001' WHERE id = 1 RETURNING phone",
  "UPDATE customers SET birth_date = '1985-02-03', notes = left(notes, 1 + length(birth_date::text)) RETURNING id",
  "UPDATE customers SET birth_date = '1985-02-03' RETURNING id, birth_date",
  "UPDATE customers SET email = CASE WHEN email = 'a***@example.com' THEN email ELSE 'x' || id END RETURNING id, email",
  "UPDATE customers SET email = NULLIF(email, 'ada.canary1@example.com') RETURNING id, email",
  // An error in the value that a hidden one would provoke.
  'UPDATE customers SET email = (1 / (length(email) - 16))::text RETURNING id',
  "UPDATE customers SET region = 'x', email = repeat('y', 200 + length(notes)) RETURNING id",
  "INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', 'a***@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email RETURNING email",
  "INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', 'ada.canary1@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email RETURNING email",
  "INSERT INTO customers (id, first_name, last_name, email) VALUES (5, 'A', 'B', 'e***@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email RETURNING email",
  "INSERT INTO customers (id, first_name, last_name, email) VALUES (77, 'A', 'B', '***@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email RETURNING email",
  "INSERT INTO customers (id, first_name, last_name, email) SELECT 77, 'A', 'B', (SELECT email FROM customers WHERE id = 1) RETURNING email",
  "MERGE INTO customers c USING (SELECT 1 AS id) s ON c.id = s.id WHEN MATCHED THEN UPDATE SET email = 'ada.canary1@example.com', notes = '***'",
  // Documents: guesses at masked and denied places, and what is put back.
  'UPDATE papers SET doc = \'{"secret": "canary"}\' RETURNING id, doc',
  'UPDATE papers SET doc = \'{"secret": "***", "n": "***"}\' RETURNING id, doc, size',
  'UPDATE papers SET doc = doc RETURNING id, doc, size',
  "UPDATE papers SET doc = doc || '{\"x\": 1}' RETURNING id, doc #> '{contact}', doc ? 'secret', length(doc::text)",
  "UPDATE papers SET doc = doc - 'contact' RETURNING id, doc",
  "UPDATE papers SET doc = jsonb_set(doc, '{contact}', '{}') RETURNING id, doc",
  "UPDATE papers SET doc = jsonb_set(doc, '{contact,pin}', '1', true) RETURNING id, doc",
  "UPDATE papers SET doc = jsonb_set(doc, '{contact,pin,deep}', '1', true) RETURNING id, doc",
  "UPDATE papers SET doc = jsonb_insert(doc, '{contact,pin}', '1') RETURNING id, doc",
  "UPDATE papers SET doc = jsonb_build_object('secret', doc #> '{contact}', 'n', length(doc::text)) RETURNING id, doc",
  "UPDATE papers SET doc = to_jsonb(1 / (length(doc ->> 'secret') - 6)) RETURNING id",
  "UPDATE papers SET doc = CASE WHEN doc #> '{contact,pin}' IS NULL THEN doc ELSE NULL END RETURNING id, doc",
  "UPDATE papers SET doc = to_jsonb((doc ->> 'n')::int) WHERE id = 1 RETURNING id",
  'INSERT INTO papers (id, doc) SELECT id + 10, doc FROM papers RETURNING id, doc, size',
  'INSERT INTO papers (id, doc) VALUES (1, \'{"contact": {}}\') ON CONFLICT (id) DO UPDATE SET doc = papers.doc || EXCLUDED.doc RETURNING doc, size',
  'WITH w AS (UPDATE papers SET doc = doc || \'{"z": "***"}\' RETURNING *) SELECT * FROM w',
] as const;

const visible = [
  'SELECT * FROM customers ORDER BY id',
  'SELECT id, doc, doc::text, size FROM papers ORDER BY id',
] as const;

describe.each(postgresVersions)('guessing by writing on PostgreSQL %i', (version) => {
  let pair: readonly Governed[];
  beforeAll(async () => {
    pair = [
      await governed(version, { policy, setup: tables }),
      await governed(version, { policy, setup: tables + otherSecrets + otherPapers }),
    ];
  });
  afterAll(() => Promise.all(pair.map((each) => each.close())));

  const outcome = async (crm: Governed, sql: string): Promise<readonly unknown[]> => {
    const attempt = async (text: string): Promise<unknown> => {
      try {
        const result = await crm.run(text, crm.session('support'));
        const rows = result.rows.map((row) => JSON.stringify(row));
        return { rows: text === sql ? rows.sort() : rows, count: result.rowCount };
      } catch (error) {
        if (error instanceof Refused) return { refused: error.message };
        const { code, message, where } = error as Record<string, unknown>;
        return { code, message, where };
      }
    };
    await crm.raw('BEGIN', 'support');
    try {
      const first = await attempt(sql);
      if (typeof first === 'object' && first !== null && 'code' in first) return [first];
      const after: unknown[] = [];
      for (const text of visible) after.push(await attempt(text));
      return [first, ...after];
    } finally {
      await crm.raw('ROLLBACK', 'support');
    }
  };

  it.each(statements)('%s', async (sql) => {
    const [one, other] = await Promise.all(pair.map((crm) => outcome(crm, sql)));
    expect(other).toEqual(one);
    expect(JSON.stringify(one)).not.toMatch(/canary-|Secretname5|4711/);
  });

  it('the statements are not all refused', async () => {
    const outcomes: unknown[] = [];
    for (const sql of statements) outcomes.push((await outcome(pair[0]!, sql))[0]);
    const ran = outcomes.filter((each) => typeof each === 'object' && each !== null && 'count' in each);
    expect(ran.length).toBeGreaterThan(statements.length / 2);
  });
});
