/**
 * Documents of which a role sees places masked (DESIGN 5.2, "jsonb per path"): what it writes back keeps the stored value
 * wherever its mask still stands, whatever else of the document changed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readValueToken } from '../../src/errors/value-token.js';
import { crmPolicy, governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const setup = `
  CREATE TABLE papers (id int PRIMARY KEY, doc jsonb, made jsonb, plain json, many jsonb);
  CREATE TABLE open_papers (id int PRIMARY KEY, doc jsonb);
  INSERT INTO papers (id) VALUES (1);
  INSERT INTO open_papers VALUES (1, '{"secret": "s"}');
  GRANT SELECT, INSERT, UPDATE, DELETE ON papers, open_papers TO crm_support;`;

/** doc by labels on paths, made by a mask of kind jsonb over the whole column, plain by a constant. */
const policy = crmPolicy
  .replace(
    'labels:',
    `labels:
  paper.secret: ["public.papers.doc->'secret'"]
  paper.email: ["public.papers.doc->'contact'->'email'"]
  paper.pin: ["public.papers.doc->'contact'->'pin'", "public.papers.doc->'list'->'0'"]
  paper.phone: ["public.papers.doc->'phones'->'0'"]
  paper.gone: ["public.papers.doc->'gone'"]
  paper.made: [public.papers.made]
  paper.plain: [public.papers.plain]
  paper.many: ["public.papers.many->'0'", "public.papers.many->'k'", "public.papers.many->'2'", "public.papers.many->'-1'", "public.papers.many->'-2'"]
  paper.second: ["public.papers.many->'1'"]
  open.secret: ["public.open_papers.doc->'secret'"]`,
  )
  .replace(
    'last4:',
    `nothing: { kind: "null" }
  places: { kind: jsonb, paths: { "->'contact'->'email'": email_partial, "->'pin'": deny } }
  fixed: { kind: constant, value: '{"a": [1, 2]}' }
  last4:`,
  )
  .replaceAll(
    'masks: { ',
    'masks: { paper.email: email_partial, paper.pin: deny, paper.phone: last4, paper.gone: nothing, paper.made: places, paper.plain: fixed, paper.many: deny, paper.second: redact, open.secret: { mask: redact, write: allow }, ',
  );

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const stored: Json = {
  tier: 'gold',
  secret: 'canary',
  contact: { email: 'ada@example.com', pin: 4711, city: 'Bonn' },
  phones: ['0151-1234', '0151-5678'],
  list: ['hidden', 'shown'],
  gone: { deep: [1] },
};
const shown: Json = {
  tier: 'gold',
  secret: '***',
  contact: { email: 'a***@example.com', city: 'Bonn' },
  phones: ['*****1234', '0151-5678'],
  list: ['shown'],
  gone: null,
};
const hidden = { contact: { pin: 4711 } };

describe.each(postgresVersions)('documents with masked places on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { setup, policy });
  });
  afterAll(() => crm.close());

  /** Stores a document, has the governed role write, and gives what is stored then, or why not. */
  async function outcome(
    before: Json | undefined,
    sql: string,
    values: unknown[] = [],
    column = 'doc',
  ): Promise<unknown> {
    await crm.raw('BEGIN', 'support');
    try {
      const text = before === undefined ? 'NULL' : `'${JSON.stringify(before).replaceAll("'", "''")}'`;
      await crm.raw(`UPDATE papers SET ${column} = ${text} WHERE id = 1`, 'support');
      await crm.run(sql, crm.session('support'), values);
      const { rows } = await crm.raw(`SELECT ${column} AS d FROM papers WHERE id = 1`, 'support');
      return (rows[0] as { d: unknown }).d;
    } catch (error) {
      const problem = readValueToken((error as Error).message);
      if (problem === undefined) throw error;
      return `${problem.problem} for ${problem.column}`;
    } finally {
      await crm.raw('ROLLBACK', 'support');
    }
  }
  const update = 'UPDATE papers SET doc = $1 WHERE id = 1';
  const writeBack = (before: Json | undefined, document: Json): Promise<unknown> =>
    outcome(before, update, [JSON.stringify(document)]);

  it('shows the places masked', async () => {
    await crm.raw('BEGIN', 'support');
    await crm.raw(`UPDATE papers SET doc = '${JSON.stringify(stored)}'`, 'support');
    const { rows } = await crm.run('SELECT doc FROM papers WHERE id = 1', crm.session('support'));
    await crm.raw('ROLLBACK', 'support');
    expect(rows).toEqual([{ doc: shown }]);
  });

  const withoutFirst = { ...shown, list: [] };
  it.each<[string, Json, Json]>([
    [
      'a visible key changes',
      { ...shown, tier: 'silver', list: [] },
      { ...stored, tier: 'silver', list: ['hidden'] },
    ],
    [
      'a masked place gets a new value',
      { ...withoutFirst, secret: 'new' },
      { ...stored, secret: 'new', list: ['hidden'] },
    ],
    ['a masked place is removed', { tier: 'gold', list: [] }, { tier: 'gold', list: ['hidden'] }],
    [
      'a nested place gets a new value',
      { ...withoutFirst, contact: { email: 'b@x.org', city: 'Bonn' } },
      { ...stored, list: ['hidden'], contact: { email: 'b@x.org', pin: 4711, city: 'Bonn' } },
    ],
    [
      'another mask is a value',
      { ...withoutFirst, contact: { email: 'b***@x.org' } },
      { ...stored, list: ['hidden'], contact: { email: 'b***@x.org', pin: 4711 } },
    ],
    ['the parent is emptied: what was not shown stays', { contact: {} }, hidden],
    ['the parent is removed, and all that is below', { tier: 'gold' }, { tier: 'gold' }],
    ['the parent becomes a scalar', { contact: 'none' }, { contact: 'none' }],
    ['the parent becomes a list', { contact: ['a***@example.com'] }, { contact: ['a***@example.com'] }],
    [
      'a list keeps its masked place',
      { phones: ['*****1234', 'new', 'more'] },
      { phones: ['0151-1234', 'new', 'more'] },
    ],
    ['a mask at another place is a value', { phones: ['0', '*****1234'] }, { phones: ['0', '*****1234'] }],
    ['a mask without a value keeps what it hides', { gone: null }, { gone: { deep: [1] } }],
    ['a mask without a value can be replaced', { gone: 1 }, { gone: 1 }],
    ['the document becomes a scalar', 5, 5],
    ['the document becomes a list', ['***'], ['***']],
    ['the document becomes JSON null', null, null],
  ])('%s', async (_name, document, expected) => {
    expect(await writeBack(stored, document)).toEqual(expected);
  });

  it.each<[string, Json, Json]>([
    ['a key that looks masked where nothing is stored', { secret: '***' }, { secret: '***' }],
    ['an empty document', {}, {}],
  ])('into a stored document without the places: %s', async (_name, document, expected) => {
    expect(await writeBack({ tier: 'gold' }, document)).toEqual(expected);
    expect(await writeBack(undefined, document)).toEqual(expected);
    expect(await writeBack(5, document)).toEqual(expected);
    expect(await writeBack({ secret: null, contact: [], gone: null }, document)).toEqual(expected);
  });

  it.each<[string, Json]>([
    ['at a denied key', { contact: { pin: 1 } }],
    ['JSON null at a denied key', { contact: { pin: null } }],
    ['at a denied index of a list', { list: ['shown'] }],
  ])('something %s is refused', async (_name, document) => {
    expect(await writeBack(stored, document)).toBe('denied for public.papers.doc');
    expect(await writeBack({}, document)).toBe('denied for public.papers.doc');
    const insert = 'INSERT INTO papers (id, doc) VALUES (2, $1)';
    expect(await outcome(stored, insert, [JSON.stringify(document)])).toBe('denied for public.papers.doc');
  });

  it('places of a list that are taken out do not move others into view, and go back where they were', async () => {
    for (const [list, seen] of [
      [
        ['a', 'b', 'c', 'd', 'e', 'f'],
        ['***', 'd'],
      ],
      [['a', 'b', 'c'], []],
      [['a'], []],
    ] as const) {
      await crm.raw('BEGIN', 'support');
      await crm.raw(`UPDATE papers SET many = '${JSON.stringify(list)}'`, 'support');
      const { rows } = await crm.run('SELECT many FROM papers', crm.session('support'));
      await crm.raw('ROLLBACK', 'support');
      expect(rows).toEqual([{ many: seen }]);
    }
    const sql = 'UPDATE papers SET many = many WHERE id = 1';
    expect(await outcome(['a'], sql, [], 'many')).toEqual(['a']);
  });

  it('NULL is a value of the client’s', async () => {
    expect(await outcome(stored, update, [null])).toBe(null);
    expect(await outcome(undefined, update, [null])).toBe(null);
  });

  it.each<[string, string, Json]>([
    [
      'jsonb_set',
      `doc = jsonb_set(doc - 'list', '{tier}', '"new"')`,
      { ...stored, tier: 'new', list: undefined as unknown as Json },
    ],
    [
      '||',
      `doc = (doc - 'list') || '{"tier": "new"}'`,
      { ...stored, tier: 'new', list: undefined as unknown as Json },
    ],
    [
      '#-',
      "doc = (doc - 'list') #- '{contact,city}'",
      { ...stored, list: undefined as unknown as Json, contact: { email: 'ada@example.com', pin: 4711 } },
    ],
    [
      'a row',
      `(plain, doc) = ('1', (doc - 'list') || '{"tier": "new"}')`,
      { ...stored, tier: 'new', list: undefined as unknown as Json },
    ],
    ['a query', `(id, doc) = (SELECT 1, '{"secret": "***"}'::jsonb)`, { secret: 'canary' }],
    ['COALESCE', "doc = COALESCE(doc - 'list', '{}')", { ...stored, list: undefined as unknown as Json }],
  ])('%s over the shown document keeps the masked places', async (_name, set, expected) => {
    const wanted: unknown = JSON.parse(JSON.stringify(expected));
    expect(await outcome(stored, `UPDATE papers SET ${set} WHERE id = 1`)).toEqual(wanted);
  });

  it('an upsert and a MERGE keep the masked places', async () => {
    const document = JSON.stringify({ secret: '***', contact: { email: 'a***@example.com' } });
    const kept = { secret: 'canary', contact: { email: 'ada@example.com', pin: 4711 } };
    const upsert =
      'INSERT INTO papers (id, doc) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET doc = EXCLUDED.doc';
    expect(await outcome(stored, upsert, [document])).toEqual(kept);
    const merge =
      'MERGE INTO papers p USING (SELECT 1 AS id, $1::jsonb AS doc) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET doc = s.doc';
    expect(await outcome(stored, merge, [document])).toEqual(kept);
  });

  it.each<[string, string, unknown]>([
    [
      'INSERT of a masked place',
      `INSERT INTO papers (id, doc) VALUES (2, '{"secret": "***"}')`,
      'mask for public.papers.doc',
    ],
    [
      'INSERT of a masked nested place',
      `INSERT INTO papers (id, doc) VALUES (2, '{"contact": {"email": "x***@y.z"}}')`,
      'mask for public.papers.doc',
    ],
    [
      'INSERT of a document without them',
      `INSERT INTO papers (id, doc) VALUES (2, '{"tier": "***"}')`,
      { tier: 1 },
    ],
    [
      'INSERT by a MERGE',
      `MERGE INTO papers p USING (SELECT 3 AS id) s ON p.id = s.id WHEN NOT MATCHED THEN INSERT (id, doc) VALUES (s.id, '{"secret": "***"}')`,
      'mask for public.papers.doc',
    ],
  ])('%s', async (_name, sql, expected) => {
    expect(await outcome({ tier: 1 }, sql)).toEqual(expected);
  });

  it('a mask of kind jsonb over the whole column is written back by place', async () => {
    const before = { contact: { email: 'ada@example.com' }, pin: 1, a: 1 };
    const sql = 'UPDATE papers SET made = $1 WHERE id = 1';
    const write = (document: Json): Promise<unknown> =>
      outcome(before, sql, [JSON.stringify(document)], 'made');
    expect(await write({ contact: { email: 'a***@example.com' }, a: 2 })).toEqual({ ...before, a: 2 });
    expect(await write({ contact: { email: 'c@d.e' } })).toEqual({ contact: { email: 'c@d.e' }, pin: 1 });
    expect(await write({ pin: 2 })).toBe('denied for public.papers.made');
  });

  it('json is compared without its spacing, and keeps order and repeated keys where it is stored', async () => {
    const before = { deep: 1 };
    const sql = 'UPDATE papers SET plain = $1 WHERE id = 1';
    for (const same of ['{"a": [1, 2]}', '{"a":[1,2]}', '{ "a" : [ 1 , 2 ] }']) {
      expect(await outcome(before, sql, [same], 'plain')).toEqual(before);
    }
    expect(await outcome(before, sql, ['{"a":[1,3]}'], 'plain')).toEqual({ a: [1, 3] });
    await crm.raw('BEGIN', 'support');
    await crm.run(sql, crm.session('support'), ['{"b": 1, "a": 1,  "b": "\\u0000"}']);
    const { rows } = await crm.raw('SELECT plain::text AS t FROM papers', 'support');
    await crm.raw('ROLLBACK', 'support');
    expect(rows).toEqual([{ t: '{"b": 1, "a": 1,  "b": "\\u0000"}' }]);
  });

  it('a place with write: allow takes its mask as a value', async () => {
    await crm.raw('BEGIN', 'support');
    await crm.run(`UPDATE open_papers SET doc = '{"secret": "***"}'`, crm.session('support'));
    const { rows } = await crm.raw('SELECT doc FROM open_papers', 'support');
    await crm.raw('ROLLBACK', 'support');
    expect(rows).toEqual([{ doc: { secret: '***' } }]);
  });

  it("SET doc['key'] is refused, and the HINT names what works", async () => {
    const [plan] = (await crm.plan(`UPDATE papers SET doc['tier'] = '1'`, crm.session('support'))).plans;
    expect(plan).toMatchObject({
      kind: 'refuse',
      refusal: { hint: expect.stringContaining('jsonb_set') as string },
    });
  });

  it('whatever document is stored, reading it and writing it back changes nothing, and no error tells of it', async () => {
    const keys = fc.constantFrom('tier', 'secret', 'contact', 'email', 'pin', 'phones', 'gone', 'list', 'x');
    const json = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constant(null),
        fc.integer(),
        fc.constantFrom('***', 'a@b.c', ''),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(json, async (document) => {
        // A denied index of a list shifts the rest of it, so what comes back is refused and not guessed.
        const isList =
          typeof document === 'object' &&
          document !== null &&
          'list' in document &&
          Array.isArray(document['list']) &&
          document['list'].length > 1;
        const result = await outcome(document, 'UPDATE papers SET doc = doc WHERE id = 1');
        expect(result).toEqual(isList ? 'denied for public.papers.doc' : document);
      }),
      { numRuns: 60 },
    );
  });
});
