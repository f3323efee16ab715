/** Certificates and application names in `sessions`: what matches, and what must not be written. */
import { describe, expect, it } from 'vitest';
import { loadText, problemLines } from './support.js';

const base = `version: 1
unlabelled: clear
unlisted_tables: allow
labels: { mail: [public.t.email] }
purposes: { p: { legal_basis: contract } }
roles: { r: { purposes: [p], masks: { mail: redact } } }
`;

describe('matching', () => {
  const outcome = loadText(`${base}sessions:
  - { certificate: ops, exempt: true }
  - { user: a, application_name: reports, exempt: true, audit: connections }
  - { user: b, certificate: '*', role: r }
  - { user: a, role: r }
`);
  if (!outcome.ok) throw new Error(problemLines(outcome).join('\n'));
  const { set } = outcome;
  it.each([
    ['c', 'ops', undefined, { exempt: true }],
    ['c', 'OPS', undefined, undefined],
    ['c', undefined, 'ops', undefined],
    ['c', undefined, 'reports', undefined],
    ['a', undefined, 'reports', { exempt: true, audit: 'connections' }],
    ['a', undefined, 'Reports', { exempt: false, role: 'r' }],
    ['a', undefined, undefined, { role: 'r' }],
    ['b', 'anybody', undefined, { role: 'r' }],
    ['b', undefined, undefined, undefined],
  ])('user %s, certificate %s, application %s', (user, certificate, applicationName, expected) => {
    const rule = set.matchSession({ user, database: 'd', address: '10.0.0.1', certificate, applicationName });
    if (expected === undefined) expect(rule).toBeUndefined();
    else expect(rule).toMatchObject(expected);
  });
});

describe('refused', () => {
  it.each([
    ['[{ application_name: x, role: r }]', 'is what the client says of itself'],
    ["[{ user: '*', application_name: x, role: r }]", 'is what the client says of itself'],
    [
      "[{ user: a, certificate: '*', role: r }, { user: a, certificate: x, role: r }]",
      'matches everything that this one does',
    ],
    [
      '[{ user: a, role: r }, { user: a, application_name: x, role: r }]',
      'matches everything that this one does',
    ],
  ])('%s', (sessions, expected) => {
    const outcome = loadText(`${base}sessions: ${sessions}\n`);
    expect(outcome.ok ? '' : problemLines(outcome).join('\n')).toContain(expected);
  });
});
