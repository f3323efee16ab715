import { expect, test } from 'vitest';
import { NameTable } from '../../../src/session/name-table.js';

test('what is on its way is expected, and actual only once confirmed', () => {
  const names = new NameTable<number>();
  const one = names.announce('a', 1, 1);
  expect([names.expected('a'), names.actual('a')]).toEqual([1, undefined]);
  names.confirm(one);
  const two = names.announce('a', 2, 1);
  expect([names.expected('a'), names.actual('a')]).toEqual([2, 1]);
  names.withdraw(two);
  expect(names.expected('a')).toBe(1);
});

test('a removal of all names hides what came before it', () => {
  const names = new NameTable<number>();
  names.confirm(names.announce('a', 1, 1));
  const all = names.announce(undefined, undefined, 1);
  const b = names.announce('b', 2, 1);
  expect([names.expected('a'), names.expected('b')]).toEqual([undefined, 2]);
  names.confirm(all);
  names.confirm(b);
  expect([names.actual('a'), names.actual('b')]).toEqual([undefined, 2]);
});

test('thousands of changes in order leave nothing behind', () => {
  const names = new NameTable<number>();
  const sent = Array.from({ length: 5000 }, (_, n) => names.announce('', n, 1));
  for (const change of sent) names.confirm(change);
  expect([names.actual(''), names.expected('')]).toEqual([4999, 4999]);
});

test('what is on its way from another batch leaves a name unsettled', () => {
  const table = new NameTable<string>();
  const change = table.announce('a', 'one', 1);
  expect([table.unsettled('a', 1), table.unsettled('a', 2), table.unsettled('b', 2)]).toEqual([
    false,
    true,
    false,
  ]);
  table.confirm(change);
  expect(table.unsettled('a', 2)).toBe(false);
  table.announce(undefined, undefined, 2);
  expect(table.unsettled('a', 3)).toBe(true);
});

test('names are cut as the server cuts them', () => {
  const table = new NameTable<string>();
  const long = 'x'.repeat(63);
  table.confirm(table.announce(`${long}a`, 'one', 1));
  expect([table.actual(`${long}b`), table.expected(long)]).toEqual(['one', 'one']);
});

test('the weight is that of what is known and on its way', () => {
  const table = new NameTable<string>((value) => value.length);
  table.confirm(table.announce('a', 'xxx', 1));
  const refused = table.announce('a', 'xxxxx', 1);
  expect(table.weight).toBe(8);
  table.withdraw(refused);
  table.withdraw(refused);
  expect(table.weight).toBe(3);
  table.confirm(table.announce('a', 'x', 1));
  expect(table.weight).toBe(1);
  table.confirm(table.announce(undefined, undefined, 1));
  expect(table.weight).toBe(0);
});
