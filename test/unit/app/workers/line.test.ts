import { expect, test } from 'vitest';
import { Line } from '../../../../src/app/workers/line.js';

interface Left {
  double: { ask: number; answer: number };
  fail: { ask: null; answer: null };
  never: { ask: null; answer: null };
  [name: string]: { ask: unknown; answer: unknown };
}

type Nothing = Readonly<Record<string, { ask: unknown; answer: unknown }>>;

function pair(): {
  ask: Line<Left, Nothing>;
  told: number[];
  answers: Line<Nothing, Left>;
} {
  const told: number[] = [];
  const ask: Line<Left, Nothing> = new Line((packet) => queueMicrotask(() => answers.received(packet)), {});
  const answers: Line<Nothing, Left> = new Line((packet) => queueMicrotask(() => ask.received(packet)), {
    double: (n: number) => {
      told.push(n);
      return Promise.resolve(n * 2);
    },
    fail: () => Promise.reject(new Error('it went wrong')),
    never: () => new Promise<null>(() => undefined),
  } as never);
  return { ask, told, answers };
}

test('answers belong to their questions, failures and silence are told, and telling waits for nothing', async () => {
  const { ask, told } = pair();
  expect(await Promise.all([1, 2, 3].map((n) => ask.ask('double', n)))).toEqual([2, 4, 6]);
  await expect(ask.ask('fail', null)).rejects.toThrow('it went wrong');
  await expect(ask.ask('never', null, 10)).rejects.toThrow('no answer to "never" within 10 ms');
  await expect(ask.ask('unknown', null)).rejects.toThrow('nobody answers "unknown"');
  ask.tell('double', 9);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(told).toEqual([1, 2, 3, 9]);
});

test('what waits for a process that has gone fails, and nothing is sent to it', async () => {
  const { ask } = pair();
  const waiting = ask.ask('never', null);
  ask.close();
  await expect(waiting).rejects.toThrow('has gone');
  await expect(ask.ask('double', 1)).rejects.toThrow('has gone');
  ask.tell('double', 1);
});

test('what a process had said before its end and is heard after it does nothing any more', () => {
  const told: number[] = [];
  const line = new Line<Nothing, Left>(() => undefined, { double: (n: number) => told.push(n) } as never);
  const ask = { line: 'ask', id: 0, name: 'double', value: 1 };
  line.received(ask);
  line.close();
  line.received(ask);
  expect(told).toEqual([1]);
});

test('an answer that comes too late is given to whoever has to put it right, once', async () => {
  const packets: { id: number }[] = [];
  const line = new Line<Left, Nothing>((packet) => packets.push(packet as { id: number }), {});
  const late: number[] = [];
  await expect(line.ask('double', 2, 1, (answer) => late.push(answer))).rejects.toThrow('no answer');
  for (let n = 0; n < 2; n++) line.received({ line: 'answer', id: packets[0]!.id, value: 4 });
  expect(late).toEqual([4]);
});

test.each([null, 'text', 7, {}, { line: 'answer', id: 99, value: 1 }])(
  'a message of somebody else, %j, is passed over',
  (message) => {
    expect(() => pair().ask.received(message ?? {})).not.toThrow();
  },
);
