/** What somebody without a password learns of the policy. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bySettings, policyText } from '../claims/support.js';
import { startScramWorld, type ScramWorld } from './support.js';

let world: ScramWorld;

beforeAll(async () => {
  world = await startScramWorld(18, { policies: policyText([bySettings]) });
});
afterAll(() => world.stop());

it.each([
  ['a role that it may not claim', '-c pgveil.role=boss', /^42501 .*it may claim "agent", /],
  ['a purpose that is none', '-c pgveil.purpose=none', /^42501 .*the purposes are/],
  ['a setting that governed sessions may not change', '-c role=postgres', /^42501 .*governed session/],
])('%s is spoken of once the password is proven', async (_, options, refused) => {
  expect(await world.logIn('crm_support', 'support', { options })).toMatch(refused);
  expect(await world.logIn('crm_support', 'wrong', { options })).toBe(
    '28P01 password authentication failed for user "crm_support"',
  );
});

it('who is exempt is not told from who is governed', async () => {
  const seen = async (user: string): Promise<string | undefined> => {
    const client = await world.raw(user, [['options', '-c role=postgres']]);
    const first = await client.next();
    client.end();
    return first?.frame.toString('latin1');
  };
  expect(await seen('crm_support')).toBe(await seen('crm_admin'));
});
