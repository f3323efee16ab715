import { expect, test } from 'vitest';
import { NameTable } from '../../../src/session/name-table.js';

test('what is on its way is expected, and actual only once confirmed', () => {
  const names = new NameTable<number>();
  const one = names.announce('a', 1);
  expect([names.expected('a'), names.actual('a')]).toEqual([1, undefined]);
  names.confirm(one);
  const two = names.announce('a', 2);
  expect([names.expected('a'), names.actual('a')]).toEqual([2, 1]);
  names.withdraw(two);
  expect(names.expected('a')).toBe(1);
});

test('a removal of all names hides what came before it', () => {
  const names = new NameTable<number>();
  names.confirm(names.announce('a', 1));
  const all = names.announce(undefined, undefined);
  const b = names.announce('b', 2);
  expect([names.expected('a'), names.expected('b')]).toEqual([undefined, 2]);
  names.confirm(all);
  names.confirm(b);
  expect([names.actual('a'), names.actual('b')]).toEqual([undefined, 2]);
});

test('thousands of changes in order leave nothing behind', () => {
  const names = new NameTable<number>();
  const sent = Array.from({ length: 5000 }, (_, n) => names.announce('', n));
  for (const change of sent) names.confirm(change);
  expect([names.actual(''), names.expected('')]).toEqual([4999, 4999]);
});
