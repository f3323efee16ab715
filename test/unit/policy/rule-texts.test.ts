import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ruleTexts } from '../../../src/policy/rule-texts.js';
import { loadText, problemLines, testKey } from './support.js';

const base = readFileSync('policies/crm.yaml', 'utf8').replace(
  'masks:\n  email_partial',
  `masks:
  pseudonym: { kind: hash, key: { env: PGVEIL_TEST_KEY } }
  town: { kind: constant, value: canary-town }
  names: { kind: fake, key: { env: PGVEIL_TEST_KEY }, values: [canary-ann, canary-bob] }
  shape: { kind: regex, pattern: canary-(.), replace: 'canary-\\1' }
  social: { kind: jsonb, paths: { "->'canary'": redact } }
  own: { kind: expression, sql: "pg_catalog.upper('canary-' || value)" }
  email_partial`,
);

function rulesOf(text: string, maxBytes?: number): Readonly<Record<string, string>> {
  const outcome = loadText(text);
  if (!outcome.ok) throw new Error(problemLines(outcome).join('\n'));
  return ruleTexts(outcome.set.content, maxBytes);
}

/** Paths whose text differs. */
function changed(text: string, maxBytes?: number): string[] {
  const before = rulesOf(base, maxBytes);
  const after = rulesOf(text, maxBytes);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((path) => before[path] !== after[path])
    .sort();
}

function replaced(from: string, to: string): string {
  expect(base).toContain(from);
  return base.replace(from, to);
}

describe('the texts of a policy set', () => {
  it('say what holds, path by path', () => {
    expect(rulesOf(base)).toMatchObject({
      mode: 'enforce',
      'columns.public.customers.email': 'contact.email',
      'columns.public.customers.profile->"social"': 'free_text',
      'labels."contact.email".dpv': 'dpv-pd:EmailAddress',
      'subjects.public.order_items': 'order_id to public.orders.id',
      'masks.last4': expect.stringMatching(/^partial keep_last=4 sha256:[0-9a-f]{16}$/) as string,
      'consent.given': 'given, renewed',
      'purposes.marketing.consent': 'marketing_email',
      'retention.public.leads': 'created_at keep 24 months',
      'roles.support.masks.contact.email': 'email_partial',
      'roles.support.masks.*': 'redact',
      'roles.marketing.deny': 'public.payments',
      'sessions.2': 'user=crm_support role=support',
    });
  });

  it('hold no constant of a mask, no condition and no key', () => {
    const all = JSON.stringify(rulesOf(base));
    expect(all).not.toContain('canary');
    expect(all).not.toContain('restricted_at IS');
    expect(all).not.toContain(testKey);
  });

  it.each<readonly [string, string, string, readonly string[]]>([
    ['a mask', 'contact.phone: last4', 'contact.phone: clear', ['roles.support.masks.contact.phone']],
    [
      'how a mask is searched',
      'contact.phone: last4',
      'contact.phone: { mask: last4, where: equality }',
      ['roles.support.masks.contact.phone'],
    ],
    ["a mask's constant", 'canary-town', 'canary-city', ['masks.town']],
    [
      "a mask's key",
      'hash, key: { env: PGVEIL_TEST_KEY }',
      'digits, key: { env: PGVEIL_TEST_KEY }',
      ['masks.pseudonym'],
    ],
    ['a condition', 'restricted_at IS NOT NULL', 'restricted_at IS NULL', ['restricted.when']],
    [
      'a labelled column',
      'public.leads.email',
      'public.leads.mail',
      ['columns.public.leads.email', 'columns.public.leads.mail'],
    ],
    ['a legal basis', 'legal_basis: contract', 'legal_basis: public_task', ['purposes.support.legal_basis']],
    ['a status that is consent', '[given, renewed]', '[given]', ['consent.given']],
    ['a period', '24 months', '12 months', ['retention.public.leads']],
    ['a session', 'crm_support, role: support', 'crm_helpdesk, role: support', ['sessions.2']],
    [
      'a review',
      'review_by: 2027-06-30\n  marketing',
      'review_by: 2028-06-30\n  marketing',
      ['roles.support.review_by'],
    ],
    ['the mode', 'mode: enforce', 'mode: observe', ['mode']],
    ['the default of columns', 'unlabelled: clear', 'unlabelled: deny', ['unlabelled']],
  ])('differ at one place when %s changes', (_, from, to, paths) => {
    expect(changed(replaced(from, to))).toEqual(paths);
  });

  it('are told together, and still differ where a rule differs, when there are too many of them', () => {
    const small = rulesOf(base, 900);
    expect(Buffer.byteLength(JSON.stringify(small))).toBeLessThan(900);
    expect(small['roles']).toMatch(/^\d+ rules sha256:/);
    expect(changed(replaced('contact.phone: last4', 'contact.phone: clear'), 900)).toEqual(['roles']);
  });

  it('keep two rules apart whose names only look alike', () => {
    const roles = `version: 1
unlabelled: clear
unlisted_tables: allow
purposes: { p: { legal_basis: contract } }
roles:
  a: { purposes: [p], owner: one }
  'a.purposes': { purposes: [p], owner: two }
sessions: [{ user: u, role: a }, { user: v, role: 'a.purposes' }]
`;
    expect(rulesOf(roles)).toMatchObject({ 'roles.a.owner': 'one', 'roles."a.purposes".owner': 'two' });
  });
});
