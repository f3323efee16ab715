/** The same messages sent to the server and through the proxy: an exempt client gets the same bytes, a governed one the same answers. */
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type pg from 'pg';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresServer, versionsOfLongTests } from '../../support/servers.js';
import * as s from '../session/support.js';
import { converse, type Cut, describeStep, type Outcome, shape, type Step } from './conversation.js';
import { randomScript } from './grammar.js';
import { exemptScripts, scripts } from './scripts.js';

const SEEDS = Number(process.env['PGVEIL_SEEDS'] ?? 8);
const FIRST = Number(process.env['PGVEIL_FIRST_SEED'] ?? 1);
const users = ['postgres', 'crm_admin', 'crm_support'] as const;
const cuts: readonly Cut[] = ['whole', 'messages', 'pieces'];

/** All bytes; a notification names the process that sent it, which here is the session itself. */
function stable({ bytes, processId }: Outcome): Buffer {
  const own = Buffer.alloc(4);
  own.writeInt32BE(processId);
  return Buffer.from(
    bytes
      .toString('latin1')
      .replaceAll(new RegExp(`A\\0\\0\\0.${escaped(own.toString('latin1'))}`, 'gs'), 'A'),
    'latin1',
  );
}

function escaped(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex').replaceAll(/../g, '\\x$&');
}

/** A server's log, and how far it had been written when a conversation began. */
interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

/**
 * Where the statements that the server has logged as executed by a process, and those of the audit, are not the same. An
 * event without a text stands for any: what SQL's PREPARE and DECLARE have made is not followed in an exempt session.
 */
async function misnamed(log: LogPlace, processId: number, audit: s.RecordingAudit): Promise<string[]> {
  const events = new Map<string, number>();
  const fetches: string[] = [];
  for (const { record } of audit.statements) {
    add(events, plain(record.auditText));
    if (record.command === 'FETCH') fetches.push(plain(record.auditText));
  }
  const ran = new Set<string>();
  const wrong: string[] = [];
  // The whole suite writes to the one log: what stood in it before takes ten times the time of the conversation.
  for await (const line of createInterface({ input: createReadStream(log.file, { start: log.offset }) })) {
    if (!line.includes(` [${processId}] `)) continue;
    const text = /LOG: {2}(?:statement|execute [^:]*): (.+)$/.exec(line)?.[1];
    if (text === undefined || OWN.test(text)) continue;
    ran.add(plain(text));
    // The event of a FETCH names the text of its cursor, where the server logs the FETCH.
    const named = /^FETCH\b/i.test(text) ? (fetches.shift() ?? plain(text)) : plain(text);
    if (!take(events, named) && !take(events, '')) wrong.push(`not audited: ${text}`);
  }
  for (const { record, outcome } of audit.statements)
    if (outcome.status === 'success' && plain(record.auditText) !== '' && !ran.has(plain(record.auditText)))
      wrong.push(`audited, and never run: ${record.auditText}`);
  return wrong;
}

function add(counts: Map<string, number>, text: string): void {
  counts.set(text, (counts.get(text) ?? 0) + 1);
}

function take(counts: Map<string, number>, text: string): boolean {
  const left = counts.get(text) ?? 0;
  if (left > 0) counts.set(text, left - 1);
  return left > 0;
}

/** What the proxy asks at log-in, and what it has fail in the place of a refused statement. */
const OWN = /^SET standard_conforming_strings = on; SELECT pg_catalog|^SELECT "pgveil_/;

function plain(text: string): string {
  return text.replaceAll(/\s*(?:;\s*)+/g, ';').replace(/;$/, '');
}

describe.each(versionsOfLongTests)('messages through the proxy on PostgreSQL %i', (version) => {
  const tableCuts: readonly Cut[] = version === 18 ? ['whole', 'messages'] : ['pieces'];
  let db: TestDatabase;
  let proxy: s.Proxy;
  let keeper: pg.Client;
  const log = postgresServer(version).logFile;

  beforeAll(async () => {
    db = await createDatabase(version);
    await db.query('CREATE TABLE public.t (i int); GRANT ALL ON public.t TO PUBLIC');
    keeper = await db.connect();
    proxy = await s.startProxy(db);
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });

  async function run(
    at: { host: string; port: number },
    user: (typeof users)[number],
    script: readonly Step[],
    cut: Cut,
  ): Promise<Outcome> {
    await keeper.query('TRUNCATE public.t');
    const parameters = {
      user,
      database: db.name,
      client_encoding: 'UTF8',
      standard_conforming_strings: 'on',
    };
    return converse(at, parameters, passwords[user], script, cut);
  }

  async function same(
    script: readonly Step[],
    cut: Cut,
    who: readonly (typeof users)[number][] = users,
  ): Promise<string[]> {
    const wrong: string[] = [];
    for (const user of who) {
      const direct = await run(db, user, script, 'whole');
      proxy.audit.statements.length = 0;
      const logged = { file: log, offset: statSync(log).size };
      const through = await run(proxy, user, script, cut).catch((error: unknown) => String(error));
      if (typeof through === 'string') {
        wrong.push(`${user}: ${through}`);
        continue;
      }
      const [expected, actual] = [shape(direct.messages), shape(through.messages)];
      if (JSON.stringify(actual) !== JSON.stringify(expected)) {
        const at = expected.findIndex((line, index) => line !== actual[index]);
        wrong.push(
          `${user}: message ${at}\n  direct  ${expected.slice(at, at + 4).join('\n          ')}\n  through ${actual.slice(at, at + 4).join('\n          ')}`,
        );
      } else if (user !== 'crm_support' && !stable(through).equals(stable(direct)))
        wrong.push(`${user}: other bytes`);
      if (user === 'crm_admin') continue;
      const names = await misnamed(logged, through.processId, proxy.audit);
      wrong.push(...names.map((one) => `${user}: ${one}`));
    }
    return wrong;
  }

  test.each(Object.entries(scripts))('%s', async (_name, script) => {
    for (const cut of tableCuts) expect(await same(script, cut), cut).toEqual([]);
  });

  test.each(Object.entries(exemptScripts))('exempt: %s', async (_name, script) => {
    for (const cut of tableCuts) expect(await same(script, cut, ['postgres', 'crm_admin']), cut).toEqual([]);
  });

  const seeds = Array.from({ length: SEEDS }, (_one, index) => FIRST + index);
  test.each(seeds)('random script %i', async (seed) => {
    const script = randomScript(seed);
    const wrong = await same(script, cuts[seed % cuts.length]!);
    if (wrong.length > 0) wrong.push(...script.map(describeStep));
    expect(wrong).toEqual([]);
  });
});
