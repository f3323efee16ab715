/** Statements and sessions for the audit tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlanFacts } from '../../../src/enforce/types.js';
import type { SessionIdentity, StatementOutcome, StatementRecord } from '../../../src/audit/types.js';

export const session: SessionIdentity = {
  id: 'c0ffee',
  user: 'crm_marketing',
  database: 'crm',
  applicationName: 'psql "ünïcode" \u2028',
  client: { address: '10.1.2.3', port: 54321 },
  upstream: { host: 'db.internal', port: 5432 },
  exempt: false,
  role: 'marketing',
  purpose: 'marketing',
  legalBasis: 'consent',
  policy: { name: 'crm', version: 'abc123' },
};

export const facts: PlanFacts = {
  command: 'SELECT',
  protectedData: true,
  tables: ['public.customers'],
  columns: {
    'public.customers.id': 'clear',
    'public.customers.email': 'masked',
    'public.Customers.É': 'denied',
  },
  maskedLabels: ['contact.email'],
  subjectTables: ['public.customers'],
  rules: ['roles.marketing.masks'],
  outputs: undefined,
  forbiddenFields: new Set(),
  consent: { purpose: 'marketing_email', source: 'public.consents' },
  effect: undefined,
};

export function statement(change: Partial<StatementRecord> = {}): StatementRecord {
  return {
    session,
    auditText: 'SELECT id, email\nFROM customers WHERE id = ?',
    shapeId: '0123456789abcdef',
    command: 'SELECT',
    tags: { traceparent: '00-1', actor: 'x', '10': 'b', '9': 'a' },
    decision: 'rewrite',
    facts,
    ...change,
  };
}

export const success: StatementOutcome = {
  status: 'success',
  rows: 3,
  sqlstate: undefined,
  refusal: undefined,
  durationMs: 1.25,
};

/** A directory that is removed when the callback ends. */
export async function inTemporaryDirectory(run: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pgveil-spool-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
