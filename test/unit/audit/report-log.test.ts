/** `audit report` over logs that somebody has written with care: what it counts, what it tells, and its exit code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { createColors } from 'picocolors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAIN_START, seal, type EventDraft } from '../../../src/audit/chain.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { lifecycleEvent } from '../../../src/audit/lifecycle-event.js';
import { encodeHeader, encodeRecord, recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { reportSchema, type Report } from '../../../src/audit/report/schema.js';
import { registerReport } from '../../../src/cli/commands/audit-report.js';
import { session, statement, success } from './samples.js';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'pgveil-report-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = eventSource('i1', '0');
const NOON = Date.UTC(2026, 2, 1, 12);
const query = (time: number, uid = `u${time}`): EventDraft =>
  statementEvent(source, uid, time, statement(), success);
const opened = (time: number): EventDraft =>
  lifecycleEvent(source, `u${time}`, time, { kind: 'session-open', session });

interface Stored {
  readonly uid: string;
  readonly sequence: number;
  readonly json: string;
}

/** A chain of these events. */
function chained(drafts: readonly EventDraft[]): Stored[] {
  let prev = CHAIN_START;
  return drafts.map((draft, index) => {
    const { json, hash } = seal(draft, index + 1, prev);
    prev = hash;
    const { uid } = (JSON.parse(json) as { metadata: { uid: string } }).metadata;
    return { uid, sequence: index + 1, json };
  });
}

async function run(...args: string[]): Promise<{ code: number; out: string }> {
  const colours = createColors(false);
  let [out, code] = ['', -1];
  const io = {
    out: (text: string) => void (out += text),
    err: () => undefined,
    colours,
    errColours: colours,
  };
  const program = new Command().exitOverride();
  registerReport(program, io, (exit) => void (code = exit));
  await program.parseAsync(['report', '--spool', folder, ...args], { from: 'user' });
  return { code, out };
}

async function report(
  stored: readonly Stored[],
  ...args: string[]
): Promise<{ readonly code: number; readonly made: Report }> {
  const header = encodeHeader({ instance: 'i1', sequence: 0, prev: CHAIN_START, open: {} });
  const records = stored.map((each) => encodeRecord({ kind: recordKind.event, time: 1, ...each }));
  writeFileSync(join(folder, segmentName(1)), Buffer.concat([header, ...records]));
  const { code, out } = await run('--format', 'json', ...args);
  expect((await run(...args)).code).toBe(code);
  return { code, made: reportSchema.parse(JSON.parse(out)) };
}

describe('the report of a log', () => {
  it('without an event says that nothing was verified', async () => {
    const { code, made } = await report([]);
    expect([code, made.integrity.result, made.events.read]).toEqual([0, 'not-verifiable', 0]);
  });

  it('without a statement counts none', async () => {
    const { code, made } = await report(chained([opened(NOON), opened(NOON + 1)]));
    expect(code).toBe(0);
    expect(made.events).toMatchObject({ distinct: 2, 'session-open': 2, statement: 0 });
    expect(made).toMatchObject({ statements: { statements: 0 }, accesses: [], actors: [] });
  });

  it('has the first moment of the period in it, and not the one at its end, whatever the clock did', async () => {
    const times = [NOON + 60_000, NOON - 1, NOON, NOON + 59_999, NOON];
    const log = chained(times.map((time, index) => query(time, `u${index}`)));
    const period = ['--since', '2026-03-01T12:00', '--until', '2026-03-01T12:01'];
    const { code, made } = await report(log, ...period);
    expect(code).toBe(0);
    expect(made.statements.statements).toBe(3);
    expect(made.source.chains).toMatchObject([
      { first_sequence: 3, last_sequence: 5, first: '2026-03-01T12:00:00.000Z' },
    ]);
    const again = await report([...log, ...log.slice(2)], ...period);
    expect([again.code, again.made.statements, again.made.events.copies]).toEqual([0, made.statements, 3]);
  });

  it('of no time at all is refused before anything is read', async () => {
    const moment = '2026-03-01T12:00Z';
    await expect(run('--since', moment, '--until', moment)).rejects.toThrow('--since is not before --until');
  });

  it('counts an event whose entry was labelled as a copy of another one, and tells the label', async () => {
    const log = chained([query(NOON), query(NOON + 1)]);
    const { uid, sequence } = log[0]!;
    const { code, made } = await report([log[0]!, { ...log[1]!, uid, sequence }]);
    expect([code, made.statements.statements, made.events.copies]).toEqual([1, 2, 0]);
    expect(made.integrity.problems.first).toMatchObject([
      { kind: 'entry-differs', place: expect.stringMatching(/^segment 1 byte \d+$/) as string },
    ]);
  });

  it.each<[string, (log: Stored[]) => Stored[], string]>([
    ['an event deleted', (log) => [log[0]!, log[2]!], 'missing'],
    ['two events exchanged', (log) => [log[0]!, log[2]!, log[1]!], 'reordered'],
    ['a figure changed', (log) => [log[0]!, edited(log[1]!, '"rows":3', '"rows":0'), log[2]!], 'changed'],
    ['no JSON', (log) => [...log, { ...log[0]!, sequence: 4, json: '{"a":' }], 'unreadable'],
  ])('with %s ends with exit code 1 and names the place', async (_, tamper, kind) => {
    const log = tamper(chained([query(NOON), query(NOON + 1), query(NOON + 2)]));
    const { code, made } = await report(log);
    expect([code, made.integrity.result]).toEqual([1, 'problems']);
    const [first] = made.integrity.problems.first;
    expect([first?.kind, first?.place]).toEqual([kind, expect.stringMatching(/^segment 1 byte \d+$/)]);
  });

  it.each([
    ['"rows":3', '"rows":-3'],
    ['"rows":3', '"rows":1.5'],
    ['"rows":3', '"rows":"3"'],
    ['"rows":3', '"rows":[[]]'],
    ['"subjects":null', '"subjects":{"hmacs":"x","truncated":false}'],
    ['"subjects":null', '"subjects":{"hmacs":[{}],"truncated":false}'],
    ['"tables":["public.customers"]', '"tables":{"length":9}'],
    ['"public.customers.id":"clear"', '"public.customers.id":"shown"'],
    ['"name":"crm_marketing"', '"name":null'],
    ['"policy":{', '"policy":7,"policy_was":{'],
    ['"status":"Success"', '"status":"Lost"'],
    ['"columns":{', '"checkpoint":[],"columns":{'],
    ['"columns":{', '"alert":"x","columns":{'],
    [`"time":${NOON}`, '"time":"today"'],
    [`"time":${NOON}`, '"time":-1'],
    ['"sequence":1', '"sequence":9007199254740993'],
    ['"actor":{', '"actor":[],"actor_was":{'],
  ])('counts nothing of an event that says %s as %s, and tells where it stands', async (from, to) => {
    const [first] = chained([query(NOON)]);
    const { made } = await report([edited(first!, from, to)], '--since', '2026-02-01');
    expect(made.events.distinct).toBe(0);
    expect(made.statements).toMatchObject({ statements: 0, rows: 0 });
    expect(made.source.unreadable.first.map(({ place }) => place)).toEqual([
      expect.stringMatching(/^segment 1 byte \d+$/),
    ]);
  });
});

function edited(stored: Stored, from: string, to: string): Stored {
  expect(stored.json).toContain(from);
  return { ...stored, json: stored.json.replace(from, to) };
}
