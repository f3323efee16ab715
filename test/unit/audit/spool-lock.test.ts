import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { openAuditLog } from '../../../src/audit/log.js';
import { lockPace, lockSpool, SpoolLostError, waitForSpool } from '../../../src/audit/spool-lock.js';
import { recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { listSegments, scanSegment } from '../../../src/audit/spool-recover.js';
import { Spool } from '../../../src/audit/spool.js';
import { expectChain } from './chain-check.js';
import { inTemporaryDirectory, statement, success } from './samples.js';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function put(spool: Spool, uid: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const draft = () => statementEvent(eventSource('i', '0'), uid, 1, statement(), success);
    const done = (failure: Error | undefined): void => (failure === undefined ? resolve() : reject(failure));
    if (!spool.append({ uid, time: 1, content: { kind: 'event', draft }, until: 'synced', done }))
      reject(spool.failure ?? new Error('not taken'));
  });
}

function intent(spool: Spool, uid: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const json = () => JSON.stringify(statementEvent(eventSource('i', '0'), uid, 1, statement(), success));
    const done = (failure: Error | undefined): void => (failure === undefined ? resolve() : reject(failure));
    if (!spool.append({ uid, time: 1, content: { kind: 'intent', json }, until: 'synced', done }))
      reject(spool.failure ?? new Error('not taken'));
  });
}

const records = (directory: string) =>
  [...listSegments(directory).keys()].flatMap((number) => [
    ...scanSegment(readFileSync(join(directory, segmentName(number)))).records,
  ]);

/** What a process that is pid 1 there, as in a container, leaves in its lock. */
const ELSEWHERE = `1 4711 c0ffee 00000000-0000-4000-8000-000000000000 pid:[4026531836]\n`;
const quick = { ...lockPace, watchMs: 60, lookMs: 10 };
const HOUR = 3_600;

describe('INVARIANT(one-writer): the lock of a process in another container or on another machine', () => {
  it.each([
    { name: 'that ended long ago is taken over after a short look', age: HOUR, staleMs: 60_000 },
    { name: 'that ended just now is taken over once it was seen unrenewed', age: 0, staleMs: 200 },
    { name: 'whose clock is ahead is taken over all the same', age: -HOUR, staleMs: 200 },
  ])('$name, and the log says why it waits', ({ age, staleMs }) =>
    inTemporaryDirectory(async (directory) => {
      const path = join(directory, 'lock');
      writeFileSync(path, ELSEWHERE);
      const then = Date.now() / 1000 - age;
      utimesSync(path, then, then);
      expect(() => lockSpool(directory)).toThrow('of another container or machine');
      const told: string[] = [];
      const began = performance.now();
      const lock = await waitForSpool(directory, (message) => told.push(message), { ...quick, staleMs });
      expect(performance.now() - began).toBeGreaterThanOrEqual(Math.min(quick.watchMs, staleMs));
      expect(told).toEqual([
        expect.stringMatching(/locked by a process of another container or machine; if/),
      ]);
      expect(readFileSync(path, 'utf8')).toMatch(`${process.pid} `);
      lock.release();
      expect(existsSync(path)).toBe(false);
    }),
  );

  it.each([
    { name: 'renews it', change: (path: string, turn: number) => utimesSync(path, turn, turn) },
    {
      name: 'is followed by yet another',
      change: (path: string, turn: number) => writeFileSync(path, ELSEWHERE.replace('c0ffee', `${turn}`)),
    },
  ])('who $name keeps its spool: the one that starts is refused', ({ change }) =>
    inTemporaryDirectory(async (directory) => {
      const path = join(directory, 'lock');
      writeFileSync(path, ELSEWHERE);
      let turn = 0;
      const renewal = setInterval(() => change(path, ++turn), 20);
      const opening = waitForSpool(directory, () => undefined);
      await expect(opening).rejects.toThrow(
        /is in use by a process of another container or machine: .*set audit\.spool/,
      );
      clearInterval(renewal);
      expect(readFileSync(path, 'utf8')).toMatch('1 4711 ');
    }),
  );

  it('that lets it go meanwhile is waited for no longer', () =>
    inTemporaryDirectory(async (directory) => {
      writeFileSync(join(directory, 'lock'), ELSEWHERE);
      const lock = await waitForSpool(directory, () => rmSync(join(directory, 'lock')));
      lock.release();
    }));
});

describe('INVARIANT(one-writer): the lock of a process that has ended in this container', () => {
  it.each([
    ['as this version writes it', (line: string) => line.replace(/^\S+ \S+/, '4194999 1')],
    ['as the version before wrote it', () => '4194999 1 c0ffee\n'],
  ])('%s is taken over at once', (_, left) =>
    inTemporaryDirectory(async (directory) => {
      const path = join(directory, 'lock');
      const before = lockSpool(directory);
      const line = readFileSync(path, 'utf8');
      before.release();
      writeFileSync(path, left(line));
      lockSpool(directory).release();
      writeFileSync(path, left(line));
      const told: string[] = [];
      (await waitForSpool(directory, (message) => told.push(message))).release();
      expect(told).toEqual([]);
    }),
  );
});

describe('INVARIANT(one-writer): a taker that was killed while it removed a stale lock', () => {
  it.each([
    { name: 'here keeps nobody out', line: '4194999 1\n', age: 0, takes: true },
    { name: 'elsewhere keeps nobody out once it is old', line: ELSEWHERE, age: HOUR, takes: true },
    { name: 'elsewhere may still be at it while it is new', line: ELSEWHERE, age: 0, takes: false },
  ])('$name', ({ line, age, takes }) =>
    inTemporaryDirectory((directory) => {
      writeFileSync(join(directory, 'lock'), '4194999 1\n');
      const turn = join(directory, 'lock.taking');
      writeFileSync(turn, line);
      utimesSync(turn, Date.now() / 1000 - age, Date.now() / 1000 - age);
      if (takes) lockSpool(directory).release();
      else expect(() => lockSpool(directory)).toThrow('other processes are taking it');
      expect(existsSync(turn)).toBe(!takes);
    }),
  );
});

describe('INVARIANT(one-writer): a holder', () => {
  it('makes its lock again where somebody removes it, also while nothing is written', () =>
    inTemporaryDirectory(async (directory) => {
      const path = join(directory, 'lock');
      const lock = lockSpool(directory, { pace: { ...lockPace, renewMs: 10 } });
      const line = readFileSync(path, 'utf8');
      rmSync(path);
      await expect.poll(() => existsSync(path), { timeout: 10_000 }).toBe(true);
      expect(readFileSync(path, 'utf8')).toBe(line);
      lock.release();
    }));

  it('that finds another one’s lock, or none after it stood still, has lost the spool for good', () =>
    inTemporaryDirectory(async (directory) => {
      const path = join(directory, 'lock');
      const pace = { ...lockPace, renewMs: 1e6, trustMs: 0 };
      const displaced = lockSpool(directory, { pace });
      writeFileSync(path, ELSEWHERE);
      expect(() => displaced.check()).toThrow(SpoolLostError);
      rmSync(path);
      expect(() => displaced.hold()).toThrow(SpoolLostError);
      displaced.release();
      const still = lockSpool(directory, { pace: { ...pace, staleMs: 20 } });
      rmSync(path);
      await sleep(20);
      expect(() => still.check()).toThrow(SpoolLostError);
      expect(existsSync(path)).toBe(false);
      still.release();
    }));

  it('looks often enough: whoever takes a lock over has watched it for longer than its holder trusts it', () => {
    const { renewMs, trustMs, watchMs, staleMs } = lockPace;
    expect(2 * renewMs).toBeLessThan(trustMs);
    expect(trustMs).toBeLessThan(watchMs);
    expect(2 * watchMs).toBeLessThan(staleMs);
  });
});

/** `unshare` makes the namespace that a container has: this needs the rights of root, and fails without them. */
async function inOtherNamespace(directory: string) {
  const script = `
    import { createInterface } from 'node:readline';
    import { lockPace, lockSpool } from './src/audit/spool-lock.ts';
    import { Spool } from './src/audit/spool.ts';
    const directory = ${JSON.stringify(directory)};
    const lock = lockSpool(directory, { pace: { ...lockPace, renewMs: 100, trustMs: 300 } });
    const spool = new Spool({ directory, instance: 'i', lock });
    const content = { kind: 'intent', json: () => '{}' };
    const say = (text) => process.stdout.write(text + '\\n');
    createInterface({ input: process.stdin }).on('line', (uid) => {
      const done = (failure) => say(failure === undefined ? 'kept' : failure.message);
      if (!spool.append({ uid, time: 1, content, until: 'synced', done })) done(spool.failure);
    });
    say('up as ' + process.pid);`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script];
  const child: ChildProcess = spawn('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', ...node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  let ended = false;
  child.once('exit', () => (ended = true));
  child.stdout!.on('data', (data: Buffer) => (said += data.toString()));
  const next = async (): Promise<string> => {
    await expect.poll(() => said.includes('\n') || ended, { timeout: 15_000 }).toBe(true);
    const [line = '', ...rest] = said.split('\n');
    said = rest.join('\n');
    return line;
  };
  expect(await next()).toBe('up as 1');
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim());
  return {
    put: (uid: string) => {
      child.stdin!.write(`${uid}\n`);
      return next();
    },
    async stop() {
      process.kill(pid, 'SIGSTOP');
      const state = () => readFileSync(`/proc/${pid}/stat`, 'latin1');
      await expect.poll(state, { timeout: 10_000 }).toMatch(/\) T /);
    },
    goOn: () => process.kill(pid, 'SIGCONT'),
    async kill() {
      if (ended) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('INVARIANT(one-writer): two containers that share a spool by mistake', () => {
  it('never write together: the second is refused, and the first, once it stood still and was replaced, for good', () =>
    inTemporaryDirectory(async (directory) => {
      const other = await inOtherNamespace(directory);
      try {
        expect(await other.put('a')).toBe('kept');
        const told: string[] = [];
        const second = openAuditLog({
          spoolDirectory: directory,
          durability: 'strict',
          version: '0',
          onState: ({ message }) => told.push(message),
        });
        await expect(second).rejects.toThrow(/in use by a process of another container or machine/);
        expect(told).toEqual([expect.stringMatching(/is locked by a process of another container/)]);
        expect(await other.put('b')).toBe('kept');

        await other.stop();
        const pace = { ...lockPace, watchMs: 400, staleMs: 800 };
        const lock = await waitForSpool(directory, () => undefined, pace);
        const spool = new Spool({ directory, instance: 'i', lock });
        expect(spool.recovered.intents.map(({ uid }) => uid)).toEqual(['a', 'b']);
        await put(spool, 'a');
        other.goOn();
        expect(await other.put('c')).toMatch('was taken by another process while this one stood still');
        await intent(spool, 'd');
        await put(spool, 'd');
        spool.release();
        // Nobody has it now; but the chain has gone on without that one.
        expect(await other.put('e')).toMatch('was taken by another process');
        expect(existsSync(join(directory, 'lock'))).toBe(false);
      } finally {
        await other.kill();
      }
      const kept = records(directory).filter(({ kind }) => kind === recordKind.event);
      expect(kept.map(({ uid }) => uid)).toEqual(['a', 'd']);
      expectChain(records(directory));
    }));
});
