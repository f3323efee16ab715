import { describe, expect, it } from 'vitest';
import { CHAIN_START, seal } from '../../../src/audit/chain.js';
import { eventSource, INTERRUPTED, statementEvent } from '../../../src/audit/event.js';
import { formatEvent } from '../../../src/audit/format.js';
import { lifecycleEvent } from '../../../src/audit/lifecycle-event.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import type { StatementOutcome, StatementRecord } from '../../../src/audit/types.js';
import { session, statement, success } from './samples.js';

const source = eventSource('i', '0');
const time = Date.UTC(2026, 10, 21, 12, 0, 0);

function line(record: StatementRecord, outcome: StatementOutcome, color = false): string {
  const { json } = seal(statementEvent(source, 'u', time, record, outcome), 1, CHAIN_START);
  return formatEvent(JSON.parse(json) as AuditEvent, { color });
}

describe('a line of audit tail', () => {
  it('tells time, user, role, purpose, action, rows, tables, masked columns and query', () => {
    expect(line(statement(), success)).toBe(
      '2026-11-21T12:00:00.000Z  crm_marketing marketing/marketing  Query rewritten  3 rows  public.customers' +
        '  [public.Customers.É denied, public.customers.email masked]  SELECT id, email FROM customers WHERE id = ?',
    );
  });

  it.each([
    ['allowed', statement({ decision: 'forward' }), success],
    ['observed', statement({ decision: 'observe' }), success],
    ['interrupted', statement(), INTERRUPTED],
    ['failed 22012', statement(), { ...success, status: 'failure', sqlstate: '22012' }],
    ['denied', statement({ decision: 'deny' }), { ...success, status: 'refused' }],
  ] as const)('says %s', (word, record, outcome) => {
    expect(line(record, outcome)).toContain(`Query ${word}  `);
  });

  it('is coloured on demand only', () => {
    expect(line(statement(), success, true)).toContain('\u001b[');
    expect(line(statement(), success, false)).not.toContain('\u001b');
  });

  it('gives a terminal no escape sequence that a client has sent', () => {
    const evil = statement({
      session: { ...session, user: 'a\u001b[2J\u0007' },
      auditText: 'SELECT \u009b31m',
    });
    expect(line(evil, success)).not.toMatch(/\p{Cc}/u);
  });

  it('tells a session’s opening without rows or tables', () => {
    const { json } = seal(
      lifecycleEvent(source, 'u', time, { kind: 'session-open', session }),
      1,
      CHAIN_START,
    );
    expect(formatEvent(JSON.parse(json) as AuditEvent, { color: false })).toBe(
      '2026-11-21T12:00:00.000Z  crm_marketing marketing/marketing  Connect allowed',
    );
  });
});
