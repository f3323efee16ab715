/** The console where the verifiers are a file's: it answers while the database server does not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../../src/cli/launch/free-port.js';
import { startScramWorld } from '../auth/support.js';

it('shows and proves without the server, and databases stay out of reach', async () => {
  const closed = await freePort();
  const world = await startScramWorld(18, {
    proxy: { upstreamPort: closed },
    flags: (_db, folder) => {
      const path = join(folder, 'userlist.txt');
      writeFileSync(path, '"crm_admin" "admin"\n');
      return { 'auth.mode': 'scram', 'auth.verifiers.from': 'file', 'auth.verifiers.path': path };
    },
  });
  try {
    const client = world.client('crm_admin', 'admin', { database: 'pgveil' });
    await client.connect();
    expect((await client.query('SHOW VERSION')).rows).toHaveLength(1);
    expect((await client.query('SHOW CLIENTS')).rows).toHaveLength(1);
    await expect(client.query('SELECT * FROM customers')).rejects.toMatchObject({ code: '42601' });
    await client.end();
    expect(await world.logIn('crm_admin', 'guess', { database: 'pgveil' })).toContain('28P01');
    expect(await world.logIn('nobody', 'admin', { database: 'pgveil' })).toContain('28P01');
    expect(await world.logIn('crm_admin', 'admin')).toContain('08006');
  } finally {
    await world.stop();
  }
});
