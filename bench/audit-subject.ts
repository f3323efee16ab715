/**
 * `npx tsx bench/audit-subject.ts [EVENTS]`: how long `pgveil audit subject` takes and how much memory it needs, over a
 * stream in a real Redis and over a spool. It makes the events with the code that makes them in the proxy (a chain of one
 * instance), asks in a process of its own, and removes everything again. Two logs: a usual mix of statements, and the worst
 * there is, where every event has to be looked at because each may concern the subject.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { CHAIN_START, seal } from '../src/audit/chain.js';
import { eventSource, INTERRUPTED, statementEvent } from '../src/audit/event.js';
import { lifecycleEvent } from '../src/audit/lifecycle-event.js';
import type { ReadFrom } from '../src/audit/read/read-events.js';
import { encodeHeader, encodeRecord, recordKind, segmentName } from '../src/audit/spool-format.js';
import { searchSubject } from '../src/audit/subject/search.js';
import { subjectHmac, subjectKeyName } from '../src/audit/subject-hmac.js';
import type { SessionIdentity, StatementOutcome, StatementRecord } from '../src/audit/types.js';
import { startRedis } from '../src/cli/launch/redis.js';
import type { PlanFacts } from '../src/enforce/types.js';

const SUBJECTS = 100_000;
const STREAM = 'bench:audit';
const INSTANCE = 'bench-1';
const hmacKey = Buffer.alloc(32, 7);
const source = eventSource(INSTANCE, '0.1.0', subjectKeyName(hmacKey));

type Mix = 'usual' | 'worst';

interface Measured {
  readonly seconds: number;
  /** Of a processor: what an idle machine would take, about. */
  readonly processor: number;
  readonly megabytes: number;
  readonly attributed: number;
  readonly possible: number;
  readonly refused: number;
}

/** The same each time, so that figures can be compared. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const facts = (more: Partial<PlanFacts>): PlanFacts => ({
  command: 'SELECT',
  protectedData: true,
  tables: ['public.customers', 'public.orders'],
  subjectTables: ['public.customers', 'public.orders'],
  columns: {
    'public.customers.id': 'clear',
    'public.customers.email': 'masked',
    'public.customers.first_name': 'clear',
    'public.customers.phone': 'masked',
    'public.orders.customer_id': 'clear',
  },
  maskedLabels: ['contact.email', 'contact.phone'],
  rules: [
    'roles.support.masks.contact.email',
    'roles.support.masks.contact.phone',
    'subjects.public.customers',
  ],
  outputs: undefined,
  forbiddenFields: new Set(),
  consent: undefined,
  effect: undefined,
  ...more,
});
const reading = facts({});
const harmless = facts({ protectedData: false, tables: ['public.products'], subjectTables: [], columns: {} });
const text =
  'SELECT c.id, c.email, c.first_name, c.phone, o.id, o.placed_at FROM public.customers c JOIN public.orders o ON o.customer_id = c.id WHERE c.id = $1 ORDER BY o.placed_at DESC LIMIT ?';

function sessions(): readonly SessionIdentity[] {
  return Array.from({ length: 200 }, (_, index) => ({
    id: `session-${index}`,
    user: `crm_user_${index % 40}`,
    database: 'crm',
    applicationName: 'crm backend 4.2',
    client: { address: `10.0.${index % 8}.${index}`, port: 40_000 + index },
    upstream: { host: 'db.internal', port: 5432 },
    exempt: index % 20 === 0,
    role: index % 20 === 0 ? undefined : index % 3 === 0 ? 'marketing' : 'support',
    purpose: index % 20 === 0 ? undefined : index % 3 === 0 ? 'marketing' : 'support',
    legalBasis: index % 20 === 0 ? undefined : index % 3 === 0 ? 'consent' : 'contract',
    policy: { name: 'crm', version: '0123456789ab' },
  }));
}

function* events(
  count: number,
  mix: Mix,
): Generator<{ uid: string; time: number; sequence: number; json: string }> {
  const random = randomNumbers(42);
  const all = sessions();
  let prev = CHAIN_START;
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const session = all[Math.floor(random() * all.length)]!;
    const uid = `${INSTANCE}-${sequence.toString(36)}`;
    const time = 1_772_000_000_000 + sequence * 2_000;
    const draft =
      mix === 'usual' && random() < 0.02
        ? lifecycleEvent(source, uid, time, { kind: 'session-open', session })
        : statementEvent(source, uid, time, recordOf(session, mix, random), outcomeOf(session, mix, random));
    const { json, hash } = seal(draft, sequence, prev);
    prev = hash;
    yield { uid, time, sequence, json };
  }
}

function recordOf(session: SessionIdentity, mix: Mix, random: () => number): StatementRecord {
  const protectedText = mix === 'worst' || random() < 0.8;
  return {
    session,
    auditText: protectedText ? text : 'SELECT id, name FROM products WHERE id = ?',
    shapeId: protectedText ? `5e1ec7${Math.floor(random() * 500).toString(16)}` : '9e0d0c75',
    command: 'SELECT',
    tags: random() < 0.3 ? { action: 'show', controller: 'customers' } : {},
    decision: 'rewrite',
    facts: session.exempt ? undefined : protectedText ? reading : harmless,
  };
}

function outcomeOf(session: SessionIdentity, mix: Mix, random: () => number): StatementOutcome {
  const dice = random();
  const rows = 1 + Math.floor(random() * 10);
  const done = { status: 'success', rows, sqlstate: undefined, refusal: undefined, durationMs: 3 } as const;
  if (session.exempt || mix === 'worst' || dice < 0.05) return done;
  if (dice < 0.06) return INTERRUPTED;
  const many = dice < 0.061 ? 1_000 : rows;
  const hmacs = Array.from({ length: many }, () =>
    subjectHmac(hmacKey, String(Math.floor(random() * SUBJECTS))),
  );
  return { ...done, rows: many, subjects: { hmacs, truncated: many === 1_000 } };
}

async function fillRedis(url: string, count: number, mix: Mix): Promise<void> {
  const redis = new Redis(url);
  let batch = redis.pipeline();
  let size = 0;
  for (const { uid, sequence, json } of events(count, mix)) {
    batch.xadd(STREAM, '*', 'uid', uid, 'instance', INSTANCE, 'seq', String(sequence), 'event', json);
    if (++size < 1_000) continue;
    await batch.exec();
    batch = redis.pipeline();
    size = 0;
  }
  await batch.exec();
  redis.disconnect();
}

function fillSpool(directory: string, count: number, mix: Mix): void {
  const perSegment = 20_000;
  let records: Buffer[] = [];
  let number = 0;
  const write = (sequence: number): void => {
    const header = encodeHeader({ instance: INSTANCE, sequence, prev: CHAIN_START, open: {} });
    const file = join(directory, segmentName(++number));
    writeFileSync(file, header);
    appendFileSync(file, Buffer.concat(records));
    records = [];
  };
  for (const { uid, time, sequence, json } of events(count, mix)) {
    records.push(encodeRecord({ kind: recordKind.event, uid, sequence, time, json }));
    if (records.length === perSegment) write(sequence - perSegment);
  }
  if (records.length > 0) write(count - records.length);
}

/** In the child. */
async function ask(from: ReadFrom): Promise<void> {
  const started = performance.now();
  const before = process.cpuUsage();
  const answer = await searchSubject({ from, source: 'bench', subject: '4711', hmacKey });
  const count = (groups: readonly { readonly count: number }[]): number =>
    groups.reduce((sum, group) => sum + group.count, 0);
  const measured: Measured = {
    seconds: (performance.now() - started) / 1000,
    processor: (process.cpuUsage(before).user + process.cpuUsage(before).system) / 1e6,
    megabytes: process.resourceUsage().maxRSS / 1024,
    attributed: count(answer.attributed),
    possible: count(answer.possible),
    refused: count(answer.refused),
  };
  process.stdout.write(JSON.stringify(measured));
}

function askInChild(from: ReadFrom): Measured {
  const args = ['--import', 'tsx', import.meta.filename, '--ask', JSON.stringify(from)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Measured;
}

async function main(count: number): Promise<void> {
  console.log(
    '| log | where | s | processor s | peak MB | attributed | possible |\n|---|---|---|---|---|---|---|',
  );
  for (const mix of ['usual', 'worst'] as const) {
    const redis = await startRedis();
    const directory = mkdtempSync(join(tmpdir(), 'pgveil-bench-subject-'));
    try {
      await fillRedis(redis.url, count, mix);
      fillSpool(directory, count, mix);
      const where: readonly (readonly [string, ReadFrom])[] = [
        ['stream', { kind: 'stream', redis: redis.url, stream: STREAM }],
        ['spool', { kind: 'spool', directory }],
      ];
      for (const [name, from] of where) {
        const { seconds, processor, megabytes, attributed, possible } = askInChild(from);
        console.log(
          `| ${mix} | ${name} | ${seconds.toFixed(1)} | ${processor.toFixed(1)} | ${megabytes.toFixed(0)} | ${attributed} | ${possible} |`,
        );
      }
    } finally {
      await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

if (process.argv[2] === '--ask') await ask(JSON.parse(process.argv[3]!) as ReadFrom);
else await main(Number(process.argv[2] ?? 1_000_000));
