/** `audit report` over what a real proxy has written of real statements: its figures are what was executed. */
import { createColors } from 'picocolors';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { reportSchema, type Report } from '../../../src/audit/report/schema.js';
import { registerReport } from '../../../src/cli/commands/audit-report.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { redisServer } from '../../support/servers.js';

let proxy: Proxy;
const rows = { support: 0, marketing: 0, admin: 0 };

beforeAll(async () => {
  proxy = await startProxy(18);
  const support = await proxy.connect('crm_support', { application_name: 'evil | `app`' });
  for (const sql of [
    'SELECT id, email FROM customers ORDER BY id LIMIT 3',
    'SELECT id, first_name FROM customers WHERE id = 2',
    "SELECT count(*) FROM customers WHERE notes = 'canary-literal'",
  ]) {
    rows.support += (await support.query(sql)).rows.length;
  }
  await expect(support.query('SELECT * FROM payments')).rejects.toThrow('pgveil');
  await expect(support.query('DROP TABLE customers')).rejects.toThrow('pgveil');
  const marketing = await proxy.connect('crm_marketing');
  rows.marketing += (await marketing.query('SELECT id, email FROM customers')).rows.length;
  const admin = await proxy.connect('crm_admin');
  rows.admin += (await admin.query('SELECT id FROM customers LIMIT 2')).rows.length;
  await expect(proxy.connect('crm_support', { password: 'wrong' })).rejects.toThrow();
  await Promise.all([support.end(), marketing.end(), admin.end()]);
  await vi.waitFor(
    async () => expect((await kinds()).filter((kind) => kind === 'Disconnect')).toHaveLength(3),
    { timeout: 10_000 },
  );
});
afterAll(() => proxy.stop());

async function kinds(): Promise<unknown[]> {
  return (await proxy.events()).map((event) => (event as unknown as { activity_name: string }).activity_name);
}

async function run(...args: string[]): Promise<{ code: number; out: string }> {
  const colours = createColors(false);
  let out = '';
  let code = -1;
  const io = {
    out: (text: string) => void (out += text),
    err: () => undefined,
    colours,
    errColours: colours,
  };
  const program = new Command().exitOverride();
  registerReport(program, io, (exit) => void (code = exit));
  const source = ['--redis', redisServer().url, '--stream', proxy.stream];
  await program.parseAsync(['report', ...source, ...args], { from: 'user' });
  return { code, out };
}

async function json(...args: string[]): Promise<Report> {
  const { code, out } = await run('--format', 'json', ...args);
  expect(code).toBe(0);
  return reportSchema.parse(JSON.parse(out));
}

describe('audit report', () => {
  it('counts what was executed and refused, by whom, and what could have been exposed', async () => {
    const report = await json('--breach');
    const of = (actor: string): Report['actors'][number] => report.actors.find((one) => one.actor === actor)!;
    expect(of('crm_support')).toMatchObject({ succeeded: 3, refused: 2, rows: rows.support });
    expect(of('crm_support').applications.names).toEqual(['evil | `app`']);
    expect(of('crm_marketing')).toMatchObject({ succeeded: 1, refused: 0, rows: rows.marketing });
    expect(of('crm_admin').rows).toBe(rows.admin);
    const total = rows.support + rows.marketing + rows.admin;
    expect(report.statements).toMatchObject({ rows: total, refused: 2, failed: 0, interrupted: 0 });
    expect(report.events).toMatchObject({
      'session-open': 3,
      'session-close': 3,
      'failed-login': 1,
      'policy-load': 1,
      other: 0,
    });
    expect(report.refusals.map(({ reason }) => reason).sort()).toEqual([
      'column-denied',
      'statement-not-allowed',
    ]);
    expect(report.consent).toMatchObject([
      {
        role: 'marketing',
        legal_basis: 'consent',
        consent: 'marketing_email',
        source: 'public.consents',
        rule: 'purposes.marketing.consent',
        rule_text: 'marketing_email',
        rows: rows.marketing,
      },
    ]);
    expect(report.policies.versions).toMatchObject([{ loads: 1, rules: expect.any(Number) as number }]);
    expect(report.exposure.clear).toContainEqual(
      expect.objectContaining({ column: 'public.customers.first_name', labels: ['identity.name'], rows: 1 }),
    );
    const email = report.exposure.masked.find(({ column }) => column === 'public.customers.email');
    expect(email).toMatchObject({
      labels: ['contact.email'],
      dpv: ['dpv-pd:EmailAddress'],
      rows: 3 + rows.marketing,
    });
    expect(report.exposure.subjects.hmacs).toHaveLength(report.exposure.subjects.distinct);
    expect(report.exposure.unattributed.groups.map(({ why }) => why)).toContain('exempt');
    expect(report.integrity).toMatchObject({ result: 'intact-unsigned', problems: { total: 0 } });
    expect(JSON.stringify(report)).not.toContain('canary-literal');
  });

  it('finds the rules of a policy that was loaded before the period', async () => {
    const events = await proxy.events();
    const times = events.map((event) => (event as unknown as { time: number }).time);
    const since = new Date(Math.min(...times) + 1).toISOString();
    const report = await json('--since', since);
    expect(report.policies.versions).toMatchObject([{ loads: 0, rules: expect.any(Number) as number }]);
    expect(report.policies.timeline).toMatchObject([{ before_period: true }]);
  });

  it('gives the same text twice, with no name as markup and no literal', async () => {
    const [first, second] = [await run(), await run()];
    expect(second.out).toBe(first.out);
    expect(first.out).toContain('`evil \\u{7c} \\u{60}app\\u{60}`');
    expect(first.out).toContain('signatures were NOT verified');
    expect(first.out).not.toContain('canary-literal');
  });
});
