/**
 * Names in writes: the target of a write stays the table itself, so a reference to it that is overlooked reads the stored
 * value. Each case tried to hide such a reference, or to have a name of pgveil's own mean something else.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

type Role = 'support' | 'marketing';

describe.each(postgresVersions)('names in writes on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());

  async function write(role: Role, sql: string): Promise<{ rows: unknown[]; names: string[] }> {
    await crm.raw('BEGIN', role);
    try {
      const result = await crm.run(sql, crm.session(role), undefined, 'array');
      return { rows: result.rows as unknown[], names: result.fields.map((field) => field.name) };
    } finally {
      await crm.raw('ROLLBACK', role);
    }
  }

  const set = (value: string): string =>
    `UPDATE customers SET region = (${value}) WHERE id = 1 RETURNING region`;

  it.each<[string, Role, string]>([
    ['a star in a subquery of SET', 'support', set('SELECT q.notes FROM (SELECT customers.*) q')],
    [
      'a star in a subquery of RETURNING',
      'support',
      "UPDATE customers SET region = 'x' RETURNING (SELECT q.notes FROM (SELECT customers.*) q)",
    ],
    [
      'old.* in a subquery',
      'support',
      "UPDATE customers SET region = 'x' RETURNING (SELECT q.notes FROM (SELECT old.*) q)",
    ],
    [
      'new.* in a subquery, as text',
      'support',
      "UPDATE customers SET region = 'x' RETURNING ARRAY(SELECT q::text FROM (SELECT new.*) q)",
    ],
    [
      'a star in EXISTS',
      'support',
      "DELETE FROM tickets WHERE EXISTS (SELECT 1 FROM (SELECT tickets.*) q WHERE q.subject LIKE '%lid%')",
    ],
    [
      'a star of a denied column',
      'support',
      'DELETE FROM payments RETURNING (SELECT q FROM (SELECT payments.*) q)',
    ],
    ['a bare name beside unnest', 'support', set('SELECT notes FROM unnest(ARRAY[1]) g')],
    ['the same with ordinality', 'support', set('SELECT notes FROM unnest(ARRAY[1]) WITH ORDINALITY')],
    ['a bare name in an aggregate', 'support', set('SELECT max(g || notes) FROM unnest(ARRAY[1]) g')],
    [
      'a function called like the column, whose row has other columns',
      'support',
      set("SELECT notes::text FROM unnest(ARRAY[ROW(1, 'a', 2)::products]) notes"),
    ],
    [
      'the same with an alias list',
      'support',
      set("SELECT notes::text FROM unnest(ARRAY[ROW(1, 'a', 2)::products]) notes(a)"),
    ],
    [
      'a subquery called like the column',
      'support',
      set('SELECT notes::text FROM (SELECT * FROM unnest(ARRAY[1])) notes'),
    ],
    [
      'a WITH query called like the column',
      'support',
      set('WITH notes AS (SELECT * FROM unnest(ARRAY[1])) SELECT notes::text FROM notes'),
    ],
    [
      'a table called like the column, beside a function',
      'support',
      set('SELECT notes::text FROM products notes, unnest(ARRAY[1]) g LIMIT 1'),
    ],
    [
      'a joined function',
      'support',
      set('SELECT notes FROM products p JOIN unnest(ARRAY[1]) g ON true LIMIT 1'),
    ],
    [
      'a denied column beside a function',
      'support',
      'UPDATE payments SET amount = 1 RETURNING (SELECT card_number FROM unnest(ARRAY[1]) g)',
    ],
    ['a whole row beside a function', 'support', set('SELECT customers::text FROM unnest(ARRAY[1]) g')],
    ['a bare system column beside a function', 'support', set('SELECT ctid::text FROM unnest(ARRAY[1]) g')],
    [
      'an alias that is the name of the consents inside the guard',
      'marketing',
      "UPDATE customers AS pgveil_g0_c SET region = 'x'",
    ],
    ['the same for DELETE', 'marketing', 'DELETE FROM tickets pgveil_g0_c'],
    ['the same for INSERT', 'marketing', "INSERT INTO tickets AS pgveil_o VALUES (1, 2, 'EU', 'x')"],
    [
      'an alias that is the name inside the write-back',
      'support',
      "UPDATE customers AS pgveil_v SET email = 'x' WHERE id = 1",
    ],
    [
      'an output of a subquery that is named by the column in a cast',
      'support',
      set('SELECT notes FROM (SELECT customers.notes::text) q'),
    ],
    [
      'an output of a subquery that is named by the column in brackets',
      'support',
      set('SELECT notes FROM (SELECT (customers.notes)) q'),
    ],
    [
      'an output of a subquery that is named by the column in a CASE',
      'support',
      set('SELECT notes FROM (SELECT CASE WHEN true THEN NULL ELSE customers.notes END) q'),
    ],
    ['a field of a whole row', 'support', set('(customers).notes')],
    ['a whole row as a function argument', 'support', set('SELECT to_jsonb(customers)::text')],
    ['OLD as a whole row', 'support', "UPDATE customers SET region = 'x' RETURNING old"],
    ['a field of OLD', 'support', "UPDATE customers SET region = 'x' RETURNING (old).notes"],
    [
      'OLD under another name as a whole row',
      'support',
      "UPDATE customers SET region = 'x' RETURNING WITH (OLD AS o) o",
    ],
    [
      'a field of NEW under another name, in a subquery',
      'support',
      "UPDATE customers SET region = 'x' RETURNING WITH (NEW AS n) (SELECT (n).notes)",
    ],
    [
      'a bare column in a subquery over another table of the name',
      'support',
      set('SELECT max(t.subject || notes) FROM tickets t, products customers'),
    ],
    [
      'a bare column in a subquery over a WITH query of the name',
      'support',
      set('WITH customers AS (SELECT 1 AS n) SELECT notes FROM customers'),
    ],
  ])('refuses %s', async (_name, role, sql) => {
    await expect(write(role, sql)).rejects.toBeInstanceOf(Refused);
  });

  it.each<[string, string, unknown[], string[]]>([
    [
      'RETURNING of a subquery with a star',
      "UPDATE customers c SET region = 'x' FROM (SELECT 1 AS a, 2 AS b) q WHERE c.id = q.a RETURNING q.*, c.email",
      [[1, 2, 'a***@example.com']],
      ['a', 'b', 'email'],
    ],
    [
      'ONLY with brackets',
      "UPDATE ONLY (customers) SET region = 'x' WHERE id = 1 RETURNING email",
      [['a***@example.com']],
      ['email'],
    ],
    [
      'an alias that is a keyword',
      "UPDATE customers AS set SET region = 'x' WHERE set.id = 1 RETURNING set.email",
      [['a***@example.com']],
      ['email'],
    ],
    [
      'output names that are keywords',
      'UPDATE customers SET region = \'x\' WHERE id = 1 RETURNING email AS returning, notes AS "where", phone AS where, id set, id end',
      [['a***@example.com', '***', '***********0001', 1, 1]],
      ['returning', 'where', 'where', 'set', 'end'],
    ],
    [
      'a name of the subquery itself beside a function',
      'UPDATE customers SET region = (SELECT g::text FROM unnest(ARRAY[7]) g) WHERE id = 1 RETURNING region',
      [['7']],
      ['region'],
    ],
    [
      'an output of a subquery that is named by the column',
      'UPDATE customers SET region = (SELECT notes FROM (SELECT customers.notes) q) WHERE id = 1 RETURNING region',
      [['***']],
      ['region'],
    ],
    [
      'an output that is named two subqueries further in',
      'UPDATE customers SET region = (SELECT notes FROM (SELECT (SELECT customers.notes)) q) WHERE id = 1 RETURNING region',
      [['***']],
      ['region'],
    ],
    [
      'XML elements that are named by the column',
      "UPDATE customers SET region = 'x' WHERE id = 1 RETURNING (SELECT xmlforest(customers.notes)::text)",
      [['<notes>***</notes>']],
      ['xmlforest'],
    ],
    [
      'a bare column inside a subquery',
      'UPDATE customers SET region = (SELECT t.id || notes FROM tickets t WHERE t.customer_id = customers.id) WHERE id = 1 RETURNING region',
      [['1***']],
      ['region'],
    ],
    [
      'table.column beside a function',
      'UPDATE customers SET region = (SELECT g || customers.notes FROM unnest(ARRAY[7]) g) WHERE id = 1 RETURNING region',
      [['7***']],
      ['region'],
    ],
  ])('understands %s', async (_name, sql, rows, names) => {
    expect(await write('support', sql)).toEqual({ rows, names });
  });

  it.each<[string, boolean]>([
    ['COPY payments FROM STDIN', false],
    ['COPY payments (id, card_number) FROM STDIN', false],
    ['COPY payments (id, customer_id, amount) FROM STDIN', true],
    ['COPY customers FROM STDIN WHERE notes IS NULL', true],
    ['COPY customers FROM STDIN WHERE (SELECT max(notes) FROM customers) IS NULL', true],
    ["COPY customers FROM '/etc/passwd'", false],
  ])('%s: %s', async (sql, runs) => {
    const [plan] = (await crm.plan(sql, crm.session('support'))).plans;
    expect(plan!.kind !== 'refuse').toBe(runs);
  });

  it('lets DEFAULT VALUES through to a table with a denied column', async () => {
    await expect(write('support', 'INSERT INTO payments DEFAULT VALUES')).rejects.toMatchObject({
      code: '23502',
    });
  });
});
