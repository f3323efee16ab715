import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openAuditLog, type AuditLogOptions } from '../../../src/audit/log.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import { recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { recoverSpool, scanSegment, listSegments } from '../../../src/audit/spool-recover.js';
import { Spool } from '../../../src/audit/spool.js';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { expectChain } from '../../unit/audit/chain-check.js';
import { inTemporaryDirectory, statement, success } from '../../unit/audit/samples.js';

function records(directory: string) {
  return [...listSegments(directory).keys()].flatMap((number) => [
    ...scanSegment(readFileSync(join(directory, segmentName(number)))).records,
  ]);
}

function events(directory: string): AuditEvent[] {
  return records(directory)
    .filter(({ kind }) => kind === recordKind.event)
    .map(({ json }) => JSON.parse(json) as AuditEvent);
}

function options(spoolDirectory: string, more: Partial<AuditLogOptions> = {}): AuditLogOptions {
  return { spoolDirectory, durability: 'strict', version: '0', ...more };
}

/** Runs the writer for a while, kills it with SIGKILL, and returns what it had been promised. */
async function writeAndKill(
  directory: string,
  forMs: number,
): Promise<{ intents: Set<string>; outcomes: Set<string> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/integration/audit/writer.ts', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const started = new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      // On a busy machine the first intent is told long before the first outcome.
      if (output.includes('outcome')) resolve();
    });
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await Promise.race([started, ended]);
  await sleep(forMs);
  child.kill('SIGKILL');
  await ended;
  const lines = output.split('\n').slice(0, -1);
  const named = (word: string) =>
    new Set(lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1)));
  return { intents: named('intent'), outcomes: named('outcome') };
}

describe('after kill -9', () => {
  it('every promised intent and outcome is there, open intents end as interrupted, the chain has no gap', () =>
    inTemporaryDirectory(async (directory) => {
      const intents = new Set<string>();
      const outcomes = new Set<string>();
      for (const forMs of [150, 23, 311]) {
        const promised = await writeAndKill(directory, forMs);
        expect(promised.outcomes.size).toBeGreaterThan(0);
        for (const uid of promised.intents) intents.add(uid);
        for (const uid of promised.outcomes) outcomes.add(uid);
      }
      const { intents: open } = recoverSpool(directory);
      await (await openAuditLog(options(directory))).close();

      const kept = new Map(events(directory).map((event) => [event.metadata.uid, event.status]));
      for (const uid of intents) expect(kept.has(uid)).toBe(true);
      for (const uid of outcomes) expect(kept.get(uid)).toBe('Success');
      for (const { uid } of open) expect(kept.get(uid)).toBe('Interrupted');
      expect(new Set(kept.keys()).size).toBe(events(directory).length);
      expectChain(records(directory));
      expect(recoverSpool(directory).intents).toEqual([]);
    }));

  it('and again in the middle of the next starts, the first that lives says what was cut and closes what was open', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openAuditLog(options(directory));
      const open = log.intent(statement());
      await open.ready;
      for (let count = 0; count < 3; count++) {
        const ticket = log.intent(statement());
        await ticket.ready;
        await log.outcome(ticket, statement(), success);
      }
      await log.close();
      const path = join(directory, segmentName(Math.max(...listSegments(directory).keys())));
      const whole = readFileSync(path);
      // A bit of an outcome flipped, and the end of a record once more: damage, and what a crash in a write leaves.
      const flipped = Buffer.from(whole);
      flipped[whole.indexOf(`"uid":"`)]! ^= 1;
      writeFileSync(path, Buffer.concat([flipped, whole.subarray(-700)]));
      // They got as far as the first segment of their own, and no event into it.
      const found = [1, 2, 3].map(() => {
        const spool = new Spool({ directory, instance: undefined });
        spool.release();
        return spool.recovered;
      });
      for (const { tornBytes, damage } of found)
        expect({ tornBytes, damage: damage.length }).toEqual({ tornBytes: 700, damage: 1 });
      expect(statSync(path).size).toBe(whole.length);
      await (await openAuditLog(options(directory))).close();
      await (await openAuditLog(options(directory))).close();
      const told = events(directory).flatMap(({ unmapped }) => (unmapped as Told).recovered ?? []);
      expect(told).toMatchObject([{ torn_bytes: 700, interrupted: 2, damage: [{}] }]);
      const ofOpen = events(directory).filter(({ metadata }) => metadata.uid === open.uid);
      expect(ofOpen.map(({ status }) => status)).toEqual(['Interrupted']);
    }));
});

interface Told {
  readonly recovered?: unknown;
}

describe('durability', () => {
  it('strict waits for protected data only, relaxed never', () =>
    inTemporaryDirectory(async (directory) => {
      const open = statement({ facts: undefined });
      const strict = await openAuditLog(options(join(directory, 'strict')));
      expect(strict.intent(open).ready).toBeUndefined();
      expect(strict.outcome({ uid: 'a', ready: undefined }, open, success)).toBeUndefined();
      expect(strict.intent(statement()).ready).toBeInstanceOf(Promise);
      expect(strict.outcome({ uid: 'b', ready: undefined }, statement(), success)).toBeInstanceOf(Promise);
      await strict.close();
      const relaxed = await openAuditLog(options(join(directory, 'relaxed'), { durability: 'relaxed' }));
      expect(relaxed.intent(statement()).ready).toBeUndefined();
      expect(relaxed.outcome({ uid: 'c', ready: undefined }, statement(), success)).toBeUndefined();
      await relaxed.close();
      expect(events(join(directory, 'strict')).map(({ metadata }) => metadata.uid)).toEqual(['a', 'b']);
      expect(events(join(directory, 'relaxed')).map(({ metadata }) => metadata.uid)).toEqual(['c']);
    }));

  it('lifecycle events are kept, and without Redis all bytes count as spool', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openAuditLog(options(directory));
      log.lifecycle({ kind: 'policy-load', result: 'loaded', name: 'crm', version: '1', problems: 0 });
      await log.close();
      expect(events(directory).map(({ activity_name }) => activity_name)).toEqual(['Policy load']);
      expect(log.state()).toMatchObject({ redisUp: undefined, events: 1, lost: 0, lagSeconds: 0 });
      expect(log.state().spoolBytes).toBeGreaterThan(500);
    }));
});
