/** Alerts in the whole proxy: what an insider does to get rows without being counted, and that each of it is counted. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { historyFile } from '../../../src/app/alert-office.js';
import { crmPolicy } from '../../support/governed.js';
import { startProxy, type AuditedEvent, type Proxy } from '../../support/proxy.js';

const ROWS = 2_000;
/** Whole hours away from now, in which no test runs. */
const soon = new Date(Date.now() + 6 * 3_600_000).getUTCHours();
const hour = (n: number): string => String(n % 24).padStart(2, '0');
const policy = `${crmPolicy
  .replace(
    '{ user: crm_support, role: support, purpose: support }',
    '{ user: crm_support, may: [support, desk], claims: settings }',
  )
  .replace(
    '\nsessions:',
    '\n  desk: { purposes: [support], masks: { identity.name: clear, "*": redact } }\nsessions:',
  )
  .replace(
    'contact.email: email_partial, contact.phone: last4',
    'contact.email: { mask: email_partial, where: equality }, contact.phone: last4',
  )}
alerts:
  bulk: { kind: volume, window: 24h, at_least: ${ROWS}, times: 10, severity: high }
  together: { kind: volume, window: 24h, at_least: ${3 * ROWS}, times: 10, per: login, roles: [support] }
  probing: { kind: refusals, window: 24h, over: 2 }
  guessing: { kind: equality_lookups, window: 24h, over: 4 }
  many: { kind: subjects, window: 24h, over: 20, roles: [desk] }
  night: { kind: hours, roles: [marketing], outside: "Mon-Sun ${hour(soon)}:00-${hour(soon + 1)}:00 UTC", severity: critical }
`;

interface AlertEvent extends AuditedEvent {
  readonly severity_id: number;
  readonly status_detail: string;
  readonly unmapped: {
    readonly role: string | null;
    readonly rules: readonly string[];
    readonly alert: {
      readonly rule: string;
      readonly actor: { readonly user: string; readonly role: string | null; readonly name: string | null };
      readonly observed: number;
    };
  };
}

let folder: string;
let proxy: Proxy;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pgveil-alerts-'));
  writeFileSync(join(folder, 'p.yaml'), policy);
  proxy = await startProxy(18, {
    policies: folder,
    flags: () => ({ 'audit.spool': join(folder, 'audit') }),
    setup: async (db) => {
      await db.query(
        "INSERT INTO customers (id, first_name, last_name) SELECT 100 + g, 'A', 'B' FROM generate_series(1, 30) g",
      );
    },
  });
});
afterAll(async () => {
  await proxy.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function alerts(): Promise<readonly AlertEvent[]> {
  return (await proxy.events()).filter((one): one is AlertEvent => 'alert' in one.unmapped);
}

/** Alerts of a claimed name, as `rule:observed`, once there are so many. */
async function alertsOf(name: string, count: number): Promise<readonly string[]> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = (await alerts())
      .map(({ unmapped }) => unmapped.alert)
      .filter(({ actor }) => actor.name === name)
      .map(({ rule, observed }) => `${rule}:${observed}`);
    if (found.length >= count || Date.now() > deadline) return found.sort();
    await sleep(50);
  }
}

async function acting(name: string, options: pg.ClientConfig = {}, role = 'support'): Promise<pg.Client> {
  const client = await proxy.connect('crm_support', options);
  await client.query(`SET pgveil.role = ${role}`);
  await client.query('SET pgveil.purpose = support');
  await client.query(`SET pgveil.actor = '{"name": "${name}"}'`);
  return client;
}

const many = (rows: number): string =>
  `SELECT g FROM (SELECT id FROM customers ORDER BY id LIMIT 1) c, generate_series(1, ${rows}) g`;
const failing = (rows: number): string => many(rows).replace('SELECT g', `SELECT 1/(${rows} - g)`);

/** Everything but what the insider came for. */
async function ignored(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined);
}

describe.concurrent('rows are counted, however they leave', () => {
  it.each<[string, (name: string) => Promise<void>]>([
    [
      'in pieces, over connections that come and go under other names',
      async (name) => {
        for (const part of [1, 2, 3, 4]) {
          const client = await acting(name, { application_name: `app ${part}` });
          await client.query(many(ROWS / 4));
          await client.end();
        }
      },
    ],
    [
      'through a cursor',
      async (name) => {
        const client = await acting(name);
        await client.query('BEGIN');
        await client.query(`DECLARE c CURSOR FOR ${many(ROWS)}`);
        for (let n = 0; n < 4; n += 1) await client.query(`FETCH ${ROWS / 4} FROM c`);
        await client.query('COMMIT');
      },
    ],
    [
      'through a portal that is fetched from piece by piece',
      async (name) => {
        const client = await acting(name);
        await client.query({ text: many(ROWS), rows: ROWS / 4 } as pg.QueryConfig);
      },
    ],
    [
      'through EXECUTE of a prepared statement',
      async (name) => {
        const client = await acting(name);
        await client.query(`PREPARE p AS ${many(ROWS / 2)}`);
        await client.query('EXECUTE p');
        await client.query('EXECUTE p');
      },
    ],
    [
      'in a result that ends with an error',
      async (name) => ignored((await acting(name)).query(failing(ROWS + 1))),
    ],
    [
      'in a COPY that ends with an error',
      async (name) => ignored((await acting(name)).query(`COPY (${failing(ROWS + 1)}) TO STDOUT`)),
    ],
  ])('%s', async (title, attack) => {
    await attack(title);
    expect(await alertsOf(title, 1)).toEqual([`bulk:${ROWS}`]);
  });

  it.each([
    ['a result', many(1_000_000)],
    ['a COPY', `COPY (${many(1_000_000)}) TO STDOUT`],
  ])('in the middle of %s, when the client hangs up before its end', async (name, sql) => {
    const client = await acting(name);
    const socket = client.connection.stream;
    let bytes = 0;
    socket.on('data', (data: Buffer) => {
      bytes += data.length;
      if (bytes > 300_000) socket.destroy();
    });
    void ignored(client.query(sql));
    const [alert = ''] = await alertsOf(name, 1);
    expect(alert).toMatch(/^bulk:\d+$/);
    // It did hang up in the middle.
    expect(Number(alert.slice(5))).toBeLessThan(1_000_000);
  });
});

describe.concurrent('probing is counted', () => {
  it.each<[string, readonly (string | readonly [string, readonly unknown[]])[], string]>([
    [
      'refusals of pgveil and of the server',
      ['SELECT * FROM payments', 'SELECT pg_read_file($$x$$)', 'DROP TABLE customers'],
      'probing:3',
    ],
    [
      'look-ups one by one, whether they find anybody or fail',
      [
        ...['a', 'b', 'c'].map((guess) => `SELECT id FROM customers WHERE email = '${guess}@canary.test'`),
        'PREPARE q AS SELECT id FROM customers WHERE email = $1',
        "EXECUTE q('d@canary.test')",
        "SELECT 1/(count(*) - count(*)) FROM customers WHERE email = 'e@canary.test'",
      ],
      'guessing:5',
    ],
    [
      'look-ups of a list',
      [
        "SELECT id FROM customers WHERE email IN ('a@canary.test', 'b@canary.test', 'c@canary.test') OR email = 'd' OR email = 'e'",
      ],
      'guessing:5',
    ],
    [
      'look-ups of a list that is hidden behind rows nobody asked for',
      [
        "SELECT id FROM customers WHERE email IN ('1', '2', '3', '4', '5') UNION ALL SELECT generate_series(1, 100)",
      ],
      'guessing:5',
    ],
    [
      'look-ups of an array, whose length only its value tells',
      [['SELECT id FROM customers WHERE email = ANY ($1)', [['a@canary.test']]]],
      'guessing:100',
    ],
  ])('%s', async (title, statements, expected) => {
    const client = await acting(title);
    for (const one of statements)
      await ignored(typeof one === 'string' ? client.query(one) : client.query(one[0], [...one[1]]));
    expect(await alertsOf(title, 1)).toEqual([expected]);
  });
});

describe('log-ins that fail are counted', () => {
  it('for the name and for the address', async () => {
    for (let n = 0; n < 3; n += 1) await ignored(proxy.connect('crm_support', { password: `guess ${n}` }));
    const nobody = { role: null, name: null, others: false };
    const probing = async (): Promise<readonly unknown[]> =>
      (await alerts()).map(({ unmapped: { alert } }) => [alert.rule, alert.actor, alert.observed]);
    await expect.poll(probing, { timeout: 20_000 }).toEqual(
      expect.arrayContaining([
        ['probing', { ...nobody, user: 'crm_support' }, 3],
        ['probing', { ...nobody, user: '', address: '127.0.0.1' }, 3],
      ]),
    );
  });
});

describe.concurrent('data subjects are counted by the keys in the rows', () => {
  it.each<[string, readonly string[]]>([
    ['in one result', ['SELECT * FROM customers WHERE id > 100']],
    [
      'once, however often and in whatever form they come, and the one too many',
      [
        'SELECT id FROM customers WHERE id BETWEEN 101 AND 120',
        'SELECT id::int8 AS who, first_name FROM customers WHERE id BETWEEN 101 AND 120',
        'COPY (SELECT id FROM customers WHERE id BETWEEN 111 AND 120) TO STDOUT',
        'SELECT id::text FROM customers WHERE id = 121',
      ],
    ],
    ['by rows, where somebody leaves out the key', ['SELECT first_name FROM customers WHERE id > 109']],
    [
      'by rows, where the key is hidden in something else',
      ['SELECT (id + 0), first_name FROM customers WHERE id > 109'],
    ],
  ])('%s', async (name, statements) => {
    const client = await acting(name, {}, 'desk');
    for (const sql of statements.slice(0, -1)) await client.query(sql);
    if (statements.length > 1) {
      await sleep(1_200);
      expect(await alertsOf(name, 0)).toEqual([]);
    }
    await client.query(statements.at(-1)!);
    expect(await alertsOf(name, 1)).toEqual(['many:21']);
  });
});

describe('rows are counted', () => {
  it('of an exempt session too', async () => {
    const admin = await proxy.connect('crm_admin');
    await admin.query(`SELECT generate_series(1, ${ROWS})`);
    await expect
      .poll(async () => (await alerts()).map(({ unmapped: { alert } }) => [alert.rule, alert.actor]))
      .toContainEqual(['bulk', { user: 'crm_admin', role: null, name: null, others: false }]);
  });

  it('of a login together, whatever names its sessions claim, and told once', async () => {
    const found = (await alerts()).filter(({ unmapped }) => unmapped.alert.rule === 'together');
    expect(found.map(({ unmapped }) => unmapped.alert.actor)).toEqual([
      { user: 'crm_support', role: null, name: null, others: false },
    ]);
  });
});

describe('access outside the hours of a role', () => {
  it('is an alert, and what touches no data is none', async () => {
    const client = await proxy.connect('crm_marketing');
    await client.query('SELECT 1');
    await sleep(1_100);
    const night = async (): Promise<readonly AlertEvent[]> =>
      (await alerts()).filter(({ unmapped }) => unmapped.alert.rule === 'night');
    expect(await night()).toEqual([]);
    await client.query('SELECT id FROM customers');
    await expect.poll(night, { timeout: 10_000 }).toMatchObject([
      {
        severity_id: 5,
        actor: { user: { name: 'crm_marketing' } },
        unmapped: { role: 'marketing', rules: ['alerts.night'], alert: { rule: 'night', observed: 1 } },
      },
    ]);
  });
});

describe('who is told', () => {
  it('Prometheus, without a name', async () => {
    const text = await (await fetch(`http://127.0.0.1:${proxy.app.ports.admin}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith('pgveil_audit_alerts_total'));
    expect(lines).toContain('pgveil_audit_alerts_total{kind="hours"} 1');
    expect(lines.join('\n')).not.toMatch(/crm_|copy/i);
  });

  it('nobody of a value: no event of an alert holds what was guessed', async () => {
    expect(JSON.stringify(await alerts())).not.toContain('canary.test');
  });

  it('once in a window, also over a reload that changes another rule and over a restart', async () => {
    const name = 'again';
    await (await acting(name)).query(many(ROWS));
    expect(await alertsOf(name, 1)).toEqual([`bulk:${ROWS}`]);
    writeFileSync(join(folder, 'p.yaml'), policy.replace('over: 20, roles', 'over: 21, roles'));
    expect(await proxy.app.reload()).toEqual([]);
    await (await acting(name)).query(many(ROWS));
    await sleep(1_500);
    expect(await alertsOf(name, 1)).toEqual([`bulk:${ROWS}`]);
    await proxy.app.close();
    const kept = readFileSync(historyFile(join(folder, 'audit')), 'utf8');
    expect(kept).toContain('"name":"again"');
    expect(kept).toMatch(/"count":4000,"told":\d+/);
  });
});
