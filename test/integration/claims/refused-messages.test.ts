/** The event of a message that is refused before any text is planned names who acts by the last claim. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { passwords } from '../../support/databases.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import { query, RawClient } from '../session/support.js';
import { bySettings, policyFolder } from './support.js';

describe.each(postgresVersions)('refused messages on PostgreSQL %i', (version) => {
  const policies = policyFolder([bySettings]);
  let proxy: Proxy;
  beforeAll(async () => {
    proxy = await startProxy(version, { policies: policies.path });
  });
  afterAll(async () => {
    await proxy.stop();
    policies.remove();
  });

  test('a function call behind a change of the role, in one write', async () => {
    const client = await RawClient.login(
      { host: '127.0.0.1', port: proxy.app.ports.proxy },
      { user: 'crm_support', database: proxy.db.name },
      passwords.crm_support,
    );
    client.send(query("SET pgveil.role = 'agent'"), query('SELECT 1'));
    client.send(query("SET pgveil.role = 'regional'"), {
      kind: 'function-call',
      functionOid: 1598,
      argumentFormats: [],
      arguments: [],
      resultFormat: 0,
    });
    await client.until('ready-for-query', 4);
    client.close();
    const denied = async (): Promise<unknown[]> =>
      (await proxy.events())
        .filter((event) => event.action_id === 2 && event.query_info !== undefined)
        .map((event) => event.unmapped['role']);
    await expect.poll(denied).toEqual(['regional']);
  });
});
