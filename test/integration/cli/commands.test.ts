import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { folderWith, run, start, type Folder } from './run.js';

let database: TestDatabase;
let folder: Folder;

beforeAll(async () => {
  database = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
  folder = folderWith(`catalog: { url: "${database.url()}" }\n`);
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

const pgveil = (args: string[], env: Record<string, string> = {}): ReturnType<typeof run> =>
  run(args, { cwd: folder.path, env });

describe('exit codes and streams', () => {
  it.each<[string, string[], number, RegExp]>([
    ['help is fine', ['--help'], 0, /^Usage: pgveil/],
    ['each command has help', ['serve', '--help'], 0, /^Usage: pgveil serve/],
    ['the version', ['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  ])('%s', async (_, args, code, stdout) => {
    const result = await pgveil(args);
    expect(result).toMatchObject({ code, stderr: '' });
    expect(result.stdout).toMatch(stdout);
  });

  it.each<[string, string[], number, RegExp]>([
    ['an unknown command is wrong usage', ['frobnicate'], 2, /unknown command 'frobnicate'/],
    ['commands of later releases are unknown', ['diff', 'a', 'b'], 2, /unknown command 'diff'/],
    ['an unknown option is wrong usage', ['check', '--frob'], 2, /unknown option '--frob'/],
    ['a missing option is wrong usage', ['explain', 'SELECT 1'], 2, /--role <role>/],
    [
      'an unknown format is wrong usage',
      ['check', '--format', 'xml'],
      2,
      /Allowed choices are text, json, sarif/,
    ],
    [
      'an unknown role is wrong usage',
      ['explain', '--role', 'x', 'SELECT 1'],
      2,
      /no role "x"[^]*support, marketing/,
    ],
    [
      'a missing config is a bad config',
      ['serve', '-c', 'no.yaml'],
      78,
      /no\.yaml:1:1: error: .*does not exist/,
    ],
    ['no stream to follow is a bad config', ['audit', 'tail'], 78, /audit\.redis is not set[^]*fix: /],
    ['a missing test file is wrong usage', ['test', 'no.test.yaml'], 2, /"no\.test\.yaml" does not exist/],
  ])('%s', async (_, args, code, stderr) => {
    const result = await pgveil(args);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(stderr);
  });

  it('an unreachable database says which setting to look at, and never the password', async () => {
    const result = await pgveil(['check'], { PGVEIL_CATALOG_URL: 'postgres://u:hunter2@127.0.0.1:1/crm' });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/cannot connect to the database of catalog\.url: .*ECONNREFUSED[^]*fix: /);
    expect(result.stdout + result.stderr).not.toContain('hunter2');
  });
});

it.each([{ CI: 'true' }, { TERM: 'xterm-256color' }])(
  'writes no colours into a pipe under %j',
  async (env) => {
    const { finished } = start(['serve', '-c', 'no.yaml'], { env });
    expect((await finished).stderr).not.toContain('\u001b');
  },
);

describe('check', () => {
  it('has no error for the sample policy', async () => {
    const result = await pgveil(['check']);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/^0 errors, 1 warning\n$/m);
    expect(result.stdout).toMatch(/warning: view "public\.region_counts" is denied to every role/);
  });

  it('shows the effective configuration without secrets', async () => {
    const result = await pgveil(['check', '--show-config'], { PGVEIL_LISTEN_PORT: '7777' });
    expect(result.stdout).toContain('listen.port = 7777  (environment PGVEIL_LISTEN_PORT)');
    expect(result.stdout).toMatch(
      /^catalog\.url = postgres:\/\/postgres:\*\*\*@.*\(file pgveil\.yaml:1:\d+\)$/m,
    );
  });

  const policy = readFileSync('policies/crm.yaml', 'utf8');
  const bad: [string, string, string, RegExp, RegExp][] = [
    [
      'an unknown column',
      'customers.phone]',
      'customers.phon]',
      /has no column "phon"/,
      /fix: did you mean "phone"/,
    ],
    [
      'an unknown table',
      'public.leads.email',
      'public.lead.email',
      /no table "public\.lead"/,
      /fix: did you mean "public\.leads"/,
    ],
    [
      'an unknown key',
      'unlabelled: clear',
      'unlabeled: clear',
      /unknown key "unlabeled"/,
      /fix: did you mean "unlabelled"/,
    ],
    ['a mask that does not fit', 'contact.phone: last4', 'contact.phone: year', /year/, /fix: /],
    [
      'a mask that does not exist',
      'contact.phone: last4',
      'contact.phone: last5',
      /no mask "last5"/,
      /fix: did you mean "last4"/,
    ],
    [
      'a session that never matches',
      'user: crm_support, role: support }',
      'role: support }',
      /matches everything/,
      /fix: move/,
    ],
  ];
  it.each(bad)('%s gives file, line, column and the fix', async (_, before, after, message, fix) => {
    expect(policy).toContain(before);
    const text = policy.replace(before, after);
    const wrong = folderWith(`catalog: { url: "${database.url()}" }\n`);
    try {
      wrong.write('policies/crm.yaml', text);
      const result = await run(['check'], { cwd: wrong.path });
      expect(result.code).toBe(78);
      const place = /^policies\/crm\.yaml:(\d+):(\d+): error: (.*)$/m.exec(result.stdout);
      expect(place?.[3]).toMatch(message);
      expect(result.stdout).toMatch(fix);
      const line = text.split('\n')[Number(place?.[1]) - 1] ?? '';
      expect(Number(place?.[2])).toBeGreaterThan(0);
      expect(Number(place?.[2])).toBeLessThanOrEqual(line.length);
    } finally {
      wrong.remove();
    }
  });

  it('finds an unlabelled personal column, an overdue review and a missing consent index', async () => {
    const other = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
    const warned = folderWith(`catalog: { url: "${other.url()}" }\n`);
    try {
      await other.query('ALTER TABLE tickets ADD COLUMN reporter_email text');
      await other.query('DROP INDEX consents_newest');
      warned.write('policies/crm.yaml', policy.replace('review_by: 2027-06-30', 'review_by: 2020-06-30'));
      const result = await run(['check', '--format', 'json'], { cwd: warned.path });
      expect(result.code).toBe(0);
      const codes = (JSON.parse(result.stdout) as { problems: { code: string; text: string }[] }).problems;
      expect(codes.map((problem) => problem.code)).toEqual(
        expect.arrayContaining(['unlabelled-personal-column', 'review-overdue', 'consent-index-missing']),
      );
      expect(codes.find((problem) => problem.code === 'unlabelled-personal-column')?.text).toBe(
        'public.tickets.reporter_email',
      );
    } finally {
      warned.remove();
      await other.drop();
    }
  });

  it('works offline, and as SARIF', async () => {
    const wrong = folderWith('catalog: { url: "postgres://nobody@127.0.0.1:1/crm" }\n');
    try {
      expect(await run(['check', '--offline'], { cwd: wrong.path })).toMatchObject({ code: 0 });
      wrong.write('policies/crm.yaml', policy.replace('contact.phone: last4', 'contact.phone: last5'));
      const result = await run(['check', '--offline', '--format', 'sarif'], { cwd: wrong.path });
      expect(result.code).toBe(78);
      expect(JSON.parse(result.stdout)).toMatchObject({
        version: '2.1.0',
        runs: [{ results: [{ ruleId: 'unknown-mask', level: 'error' }] }],
      });
    } finally {
      wrong.remove();
    }
  });
});

describe('explain', () => {
  it('tells decision, rules, consent and what each output column is', async () => {
    const sql = 'SELECT c.id, c.email, lower(c.last_name) AS name FROM customers c';
    const result = await pgveil(['explain', '--role', 'marketing', sql]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const [head] = result.stdout.split('\nsql ');
    expect(head).toMatchInlineSnapshot(`
      "decision  rewrite
      rules     roles.marketing.masks
                purposes.marketing.consent
                restricted
      tables    public.customers
      consent   "marketing_email" in public.consents
      output    id     clear
                email  masked by email_partial (contact.email)
                name   masked by redact (identity.name)"
    `);
    expect(result.stdout).toContain('"public"."customers"');
  });

  it('tells why a statement is refused and what to do, and ends with 1', async () => {
    const result = await pgveil(['explain', '--role', 'support', 'SELECT card_number FROM payments']);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatchInlineSnapshot(`
      "decision  deny
      refusal   42501 pgveil: column "public.payments.card_number" is denied
                DETAIL: the policy denies label "payment.card" to this role
                HINT: leave it out; columns that can be read: id, customer_id, amount, paid_at
      rules     label:payment.card
                roles.support.masks
                restricted
      tables    public.payments
      "
    `);
  });

  it('prints JSON alone with --format json, its SQL as it would be sent', async () => {
    const args = [
      'explain',
      '--role',
      'support',
      '--format',
      'json',
      'SELECT phone FROM customers WHERE id = 1',
    ];
    const result = await pgveil(args);
    const explained = JSON.parse(result.stdout) as { statements: { sql: string }[] };
    expect(explained).toMatchObject({
      role: 'support',
      purpose: 'support',
      query_string: expect.not.stringContaining('1') as string,
      statements: [
        {
          decision: 'rewrite',
          output: [{ name: 'phone', exposure: 'masked', mask: 'last4', label: 'contact.phone' }],
        },
      ],
    });
    expect((await database.query(explained.statements[0]!.sql)).rows).toEqual([{ phone: '***********0001' }]);
  });
});

describe('policy tests', () => {
  const sampleTests = resolve('policies/crm.test.yaml');

  it('of the sample policy pass', async () => {
    const result = await pgveil(['test', sampleTests]);
    expect(result.stdout).not.toContain('FAIL');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/(\d+) of \1 policy tests passed/);
  });

  it('load their fixture in a transaction that leaves nothing behind', async () => {
    const empty = await createDatabase(18);
    try {
      folder.write(
        'fixture.test.yaml',
        `tests:
  - name: a restricted person is withheld
    fixture: ${resolve('fixtures/crm.sql')}
    as: { role: support }
    sql: SELECT id, email FROM customers WHERE id IN (4, 5)
    expect: { rows: [[4, d***@example.net]], row_count: 1, columns: { id: clear, email: masked } }
  - name: and one statement does not see another's writes
    fixture: ${resolve('fixtures/crm.sql')}
    as: { role: support }
    sql: INSERT INTO app_log (message) VALUES ('x')
    expect: { row_count: 1 }
  - name: not even in the same fixture
    fixture: ${resolve('fixtures/crm.sql')}
    as: { role: support }
    sql: SELECT count(*) FROM app_log
    expect: { same_as: "SELECT 0" }
`,
      );
      const result = await pgveil(['test', 'fixture.test.yaml'], { PGVEIL_CATALOG_URL: empty.url() });
      expect(result.stdout).toMatch(/3 of 3 policy tests passed/);
      const left = await empty.query("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace");
      expect(left.rowCount).toBe(0);
    } finally {
      await empty.drop();
    }
  });

  it('say what differs, in text, JSON and JUnit, and end with 1', async () => {
    folder.write(
      'wrong.test.yaml',
      `tests:
  - { name: wrong rows, as: { role: support }, sql: SELECT id FROM products ORDER BY id, expect: { rows: [[1], [2], [9]] } }
  - { name: wrong error, as: { role: support }, sql: SELECT 1, expect: { error: "42501" } }
  - { name: wrong role, as: { role: sales }, sql: SELECT 1, expect: { row_count: 1 } }
  - { name: commits, as: { role: support }, sql: COMMIT, expect: { row_count: 0 } }
`,
    );
    const text = await pgveil(['test', 'wrong.test.yaml']);
    expect(text.code).toBe(1);
    expect(text.stdout).toContain(
      'FAIL  wrong rows (wrong.test.yaml:2)\n      row 3: expected [9], got ["3"]\n',
    );
    expect(text.stdout).toContain('expected error 42501, got a result of 1 rows');
    expect(text.stdout).toContain('the policy has no role "sales"');
    expect(text.stdout).toContain('remove the transaction control');
    const json = await pgveil(['test', 'wrong.test.yaml', '--format', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ passed: 0, failed: 4, tests: [{ line: 2 }, {}, {}, {}] });
    const junit = await pgveil(['test', 'wrong.test.yaml', '--format', 'junit']);
    expect(junit.stdout).toMatch(/^<\?xml[^]*<testsuites tests="4" failures="4"/);
  });

  it('that are not well-formed give file, line, column and fix', async () => {
    folder.write(
      'broken.test.yaml',
      'tests:\n  - name: x\n    as: { role: support }\n    sqll: SELECT 1\n    expect: {}\n',
    );
    const result = await pgveil(['test', 'broken.test.yaml']);
    expect(result.code).toBe(78);
    expect(result.stderr).toMatch(/^broken\.test\.yaml:4:5: error: unknown key "sqll"/m);
  });

  it('of alert rules need no database, and say which alert is missing and which nobody expected', async () => {
    const nowhere = { PGVEIL_CATALOG_URL: 'postgres://nobody@127.0.0.1:1/crm' };
    folder.write('policies/alerts.yaml', readFileSync('docs/alerts.example.yaml', 'utf8'));
    folder.write(
      'alerts.test.yaml',
      `alerts:
  - { name: fine, as: { role: support }, accesses: [{ at: 2026-03-02T10:00, rows: 1 }], expect: [] }
  - name: wrong
    as: { role: support, actor: { name: ann } }
    accesses: [{ at: 2026-03-02T10:00, refused: 21 }]
    expect: [bulk]
`,
    );
    const result = await pgveil(['test', 'alerts.test.yaml'], nowhere);
    expect(result).toMatchObject({ code: 1, stderr: '' });
    expect(result.stdout).toBe(`ok    fine
FAIL  wrong (alerts.test.yaml:3)
      expected the alert "bulk", which did not come
      not expected: alert "probing": 21 refused statements and log-ins in 11 minutes, more than 20 (policy_test, support, ann; window from 2026-03-02T09:50:00.000Z)
1 of 2 policy tests passed
`);
  });
});
