/** A consent or a retention period that ends while a transaction is open has ended for its next statement. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { crmPolicy, governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

it.each(postgresVersions)('an open transaction does not stop the clock of guards on %i', async (version) => {
  const policy = crmPolicy.replace(
    'roles:\n  support:\n',
    'roles:\n  support:\n    rows: { public.orders: "placed_at > now()" }\n',
  );
  const crm = await governed(version, { policy });
  try {
    await crm.db.query(
      `UPDATE consents SET expires_at = clock_timestamp() + interval '3 seconds' WHERE customer_id = 3;
       UPDATE leads SET created_at = clock_timestamp() - interval '24 months' + interval '3 seconds' WHERE id = 1;
       UPDATE orders SET placed_at = clock_timestamp() + interval '3 seconds' WHERE id = 10`,
    );
    const sessions = {
      customers: crm.session('marketing'),
      leads: crm.session('support'),
      orders: crm.session('support'),
    };
    const ids = async (table: keyof typeof sessions): Promise<unknown[]> => {
      const { rows } = await crm.run(`SELECT id FROM ${table} ORDER BY id`, sessions[table]);
      return (rows as { id: number }[]).map(({ id }) => id);
    };
    for (const session of [sessions.customers, sessions.leads]) await crm.run('BEGIN', session);
    expect(await ids('customers')).toContain(3);
    expect(await ids('leads')).toContain(1);
    expect(await ids('orders')).toContain(10);
    await pause(3_100);
    expect(await ids('customers')).not.toContain(3);
    expect(await ids('leads')).not.toContain(1);
    expect(await ids('orders')).not.toContain(10);
    for (const session of [sessions.customers, sessions.leads]) await crm.run('COMMIT', session);
  } finally {
    await crm.close();
  }
});
