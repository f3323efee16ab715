/** The tap under the whole suite sees what it is there for: each way in which a protected value could reach a governed client. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeSightings, tappedBytes } from '../../support/canary-tap.js';
import { crmPolicy } from '../../support/governed.js';
import { startProxy, type Proxy } from '../../support/proxy.js';

describe('the tap on the socket of a governed client', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-tap-'));
  let observing: Proxy;
  beforeAll(async () => {
    // Observing forwards statements unchanged, so protected values do pass.
    writeFileSync(join(folder, 'policy.yaml'), crmPolicy.replace('mode: enforce', 'mode: observe'));
    observing = await startProxy(18, { policies: folder });
  });
  afterAll(async () => {
    await observing.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['a mail address', 'SELECT email FROM customers WHERE id = 1'],
    ['a telephone number', 'SELECT phone FROM customers WHERE id = 2'],
    ['a handle inside jsonb', 'SELECT profile FROM customers WHERE id = 3'],
    ['a card', 'SELECT card_number FROM payments WHERE id = 1'],
    ['the subject of a ticket', 'SELECT subject FROM tickets WHERE id = 1'],
    ['the name of a person who is withheld', 'SELECT last_name FROM customers WHERE id = 5'],
  ])('reports %s', async (_what, sql) => {
    const client: pg.Client = await observing.connect('crm_support');
    await client.query(sql).catch(() => undefined);
    expect(takeSightings().map((each) => each.user)).toContain('crm_support');
    expect(tappedBytes()).toBeGreaterThan(0);
  });

  it('says nothing of what the client wrote itself, nor of what an exempt session reads', async () => {
    const support = await observing.connect('crm_support');
    await support.query(`SELECT 'canary-note-1'`);
    const admin = await observing.connect('crm_admin');
    await admin.query('SELECT * FROM customers');
    expect(takeSightings()).toEqual([]);
  });
});
