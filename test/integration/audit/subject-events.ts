/** The events of the tests of `audit subject`: all that can happen to one person. */
import { CHAIN_START, seal } from '../../../src/audit/chain.js';
import { eventSource, INTERRUPTED, statementEvent } from '../../../src/audit/event.js';
import { lifecycleEvent } from '../../../src/audit/lifecycle-event.js';
import { encodeHeader, encodeRecord, recordKind } from '../../../src/audit/spool-format.js';
import { subjectHmac, subjectKeyName } from '../../../src/audit/subject-hmac.js';
import type {
  LifecycleEvent,
  SessionIdentity,
  StatementOutcome,
  StatementRecord,
} from '../../../src/audit/types.js';
import { facts, session, statement, success } from '../../unit/audit/samples.js';

export const hmacKey = Buffer.alloc(32, 5);
const source = eventSource('one', '0.1.0', subjectKeyName(hmacKey));
const shown = (...keys: string[]): StatementOutcome['subjects'] => ({
  hmacs: keys.map((key) => subjectHmac(hmacKey, key)),
  truncated: false,
});
const reading = { ...facts, subjectTables: ['public.customers'] };
const exempt: SessionIdentity = {
  ...session,
  user: 'dba',
  exempt: true,
  role: undefined,
  purpose: undefined,
  legalBasis: undefined,
};
const refusal = {
  code: 'column-denied',
  sqlstate: '42501',
  message: 'column "card_number" is denied',
  detail: '',
  hint: '',
  rule: 'roles.marketing.deny',
} as const;

type Told = readonly [StatementRecord, StatementOutcome] | LifecycleEvent;

const said = (record: Partial<StatementRecord>, outcome: Partial<StatementOutcome> = {}): Told => [
  statement({ facts: reading, tags: {}, ...record }),
  { ...success, ...outcome },
];

/** Everything that can happen to customer 42, and what cannot concern them. */
export const happened: readonly Told[] = [
  said({}, { subjects: shown('41', '42') }),
  said({}, { subjects: shown('42') }),
  said({ tags: { actor: 'jo' } }, { subjects: shown('42'), status: 'failure', sqlstate: '57014' }),
  said({ decision: 'observe' }, { subjects: { ...shown('42')!, truncated: true } }),
  said({}, { subjects: shown('43') }),
  said({}, { rows: 0 }),
  said({ facts: { ...facts, subjectTables: [], tables: ['public.products'] } }),
  said({ auditText: 'SELECT count(*) FROM customers' }),
  said({ auditText: 'SELECT id FROM customers' }, { subjects: { ...shown('43')!, truncated: true } }),
  said({}, INTERRUPTED),
  said({ command: 'UPDATE', auditText: 'UPDATE customers SET notes = ?' }),
  said({ session: exempt, facts: undefined, auditText: 'SELECT * FROM customers' }, { rows: 7 }),
  said({ session: exempt, facts: undefined, command: 'SET', auditText: 'SET x = ?' }, { rows: 0 }),
  { kind: 'session-open', session: exempt },
  { kind: 'session-open', session },
  { kind: 'dropped', events: 12, since: 1, until: 2, reason: 'disk' },
  said({ decision: 'deny' }, { status: 'refused', rows: 0, refusal }),
  said({ decision: 'deny' }, { status: 'refused', rows: 0, refusal }),
  said(
    { decision: 'deny', facts: { ...facts, tables: [], columns: {}, subjectTables: [] } },
    { status: 'refused', rows: 0, refusal },
  ),
  said(
    {
      decision: 'observe',
      command: 'DO',
      facts: { ...facts, tables: [], columns: {}, subjectTables: [], rules: ['pgveil:statements'] },
    },
    { rows: 0 },
  ),
];

export const START = Date.UTC(2026, 2, 1);

/** As the proxy writes them. */
export function sealed(): { uid: string; sequence: number; time: number; json: string }[] {
  let prev = CHAIN_START;
  return happened.map((one, index) => {
    const uid = `one-${index}`;
    const time = START + index * 60_000;
    const draft =
      'kind' in one
        ? lifecycleEvent(source, uid, time, one)
        : statementEvent(source, uid, time, one[0], one[1]);
    const { json, hash } = seal(draft, index + 1, prev);
    prev = hash;
    return { uid, sequence: index + 1, time, json };
  });
}

/** A segment with these events. */
export function segmentOf(events = sealed(), sequence = 0): Buffer {
  const header = encodeHeader({ instance: 'one', sequence, prev: CHAIN_START, open: {} });
  return Buffer.concat([
    header,
    ...events.map((event) => encodeRecord({ kind: recordKind.event, ...event })),
  ]);
}
