/** The same conversations with the whole application between: real plans, of a policy that hides nothing. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { passwords } from '../../support/databases.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import { versionsOfLongTests } from '../../support/servers.js';
import { converse, type Cut, describeStep, type Outcome, shape, type Step } from './conversation.js';
import { randomScript } from './grammar.js';
import { scripts } from './scripts.js';

const SEEDS = Number(process.env['PGVEIL_SEEDS'] ?? 6);
const FIRST = Number(process.env['PGVEIL_FIRST_SEED'] ?? 1001);
const users = ['crm_support', 'crm_marketing'] as const;

/** The documented exception: the server looks at the names of a utility statement when it runs, pgveil when it is parsed. */
function known(step: FrontendMessage): FrontendMessage {
  if (step.kind !== 'parse' || !step.sql.includes('no_such_table')) return step;
  return { ...step, sql: Buffer.from('SELECT 1/0') };
}

describe.each(versionsOfLongTests)('enforced conversations on PostgreSQL %i', (version) => {
  const cut: Cut = version === 18 ? 'messages' : 'whole';
  let proxy: Proxy;
  let keeper: pg.Client;

  beforeAll(async () => {
    proxy = await startProxy(version, {
      policies: 'test/integration/protocol/open-policy',
      setup: async (db) => {
        await db.query('CREATE TABLE public.t (i int); GRANT ALL ON public.t TO PUBLIC');
      },
    });
    keeper = await proxy.db.connect();
  });
  afterAll(() => proxy.stop());

  async function run(
    at: { host: string; port: number },
    user: (typeof users)[number],
    script: readonly Step[],
    how: Cut,
  ): Promise<Outcome> {
    await keeper.query('TRUNCATE public.t');
    const parameters = {
      user,
      database: proxy.db.name,
      client_encoding: 'UTF8',
      standard_conforming_strings: 'on',
    };
    return converse(at, parameters, passwords[user], script, how);
  }

  async function same(script: readonly Step[]): Promise<string[]> {
    const wrong: string[] = [];
    for (const user of users) {
      const direct = await run(proxy.db, user, script, 'whole');
      const through = await run({ host: '127.0.0.1', port: proxy.app.ports.proxy }, user, script, cut).catch(
        (error: unknown) => String(error),
      );
      if (typeof through === 'string') {
        wrong.push(`${user}: ${through}`);
        continue;
      }
      const [expected, actual] = [shape(direct.messages), shape(through.messages)];
      if (JSON.stringify(actual) === JSON.stringify(expected)) continue;
      const at = Math.max(
        0,
        expected.findIndex((line, index) => line !== actual[index]),
      );
      wrong.push(
        `${user}: message ${at}\n  direct  ${expected.slice(at, at + 4).join('\n          ')}\n  through ${actual.slice(at, at + 4).join('\n          ')}`,
      );
    }
    return wrong;
  }

  test.each(Object.entries(scripts))('%s', async (_name, script) => {
    expect(await same(script)).toEqual([]);
  });

  test.each(Array.from({ length: SEEDS }, (_one, index) => FIRST + index))(
    'random script %i',
    async (seed) => {
      const script = randomScript(seed).map(known);
      const wrong = await same(script);
      if (wrong.length > 0) wrong.push(...script.map(describeStep));
      expect(wrong).toEqual([]);
    },
  );
});
