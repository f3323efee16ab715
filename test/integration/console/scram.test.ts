/** The console where the proxy ends the log-in itself. */
import { expect, it } from 'vitest';
import { startScramWorld } from '../auth/support.js';

it('serves who has proved a password to the proxy, and nobody else', async () => {
  const world = await startScramWorld(18);
  try {
    const client = world.client('crm_admin', 'admin', { database: 'pgveil' });
    await client.connect();
    expect((await client.query('SHOW VERSION')).rows).toHaveLength(1);
    await client.end();
    expect(await world.logIn('crm_admin', 'guess', { database: 'pgveil' })).toContain('28P01');
  } finally {
    await world.stop();
  }
});
