/** Guessing gets slow, for who guesses alone. */
import { expect, it } from 'vitest';
import { FailureDelays } from '../../../../src/session/auth/failure-delays.js';

it('delays one address and user after five failures, up to a bound, and nobody else', () => {
  const delays = new FailureDelays();
  const seen: number[] = [];
  for (let failure = 0; failure < 14; failure++) {
    seen.push(delays.delayMs('10.0.0.1', 'a', failure));
    delays.failed('10.0.0.1', 'a', failure);
  }
  expect(seen).toEqual([0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3000, 3000, 3000, 3000]);
  expect(delays.delayMs('10.0.0.2', 'a', 20)).toBe(0);
  expect(delays.delayMs('10.0.0.1', 'b', 20)).toBe(0);
});

it('forgets after a minute without a failure, and after the right password', () => {
  const delays = new FailureDelays();
  for (let failure = 0; failure < 8; failure++) delays.failed('10.0.0.1', 'a', 0);
  expect(delays.delayMs('10.0.0.1', 'a', 60_000)).toBeGreaterThan(0);
  expect(delays.delayMs('10.0.0.1', 'a', 60_001)).toBe(0);
  for (let failure = 0; failure < 8; failure++) delays.failed('10.0.0.1', 'a', 0);
  delays.succeeded('10.0.0.1', 'a');
  expect(delays.delayMs('10.0.0.1', 'a', 1)).toBe(0);
});

it('delays an address that tries many users, and takes an IPv6 network for one', () => {
  const delays = new FailureDelays();
  for (let user = 0; user < 50; user++) delays.failed(`2001:db8::${user.toString(16)}`, `user ${user}`, 0);
  expect(delays.delayMs('2001:0db8:0:0:ffff::1', 'another', 1)).toBe(100);
  expect(delays.delayMs('2001:db8:0:1::1', 'another', 1)).toBe(0);
});

it('remembers a bounded number', () => {
  const delays = new FailureDelays();
  for (let at = 0; at < 30_000; at++) delays.failed('10.0.0.1', `user ${at}`, 0);
  expect(delays.delayMs('10.0.0.1', 'user 1', 1)).toBe(3000);
  expect(delays.delayMs('10.0.0.2', 'user 1', 1)).toBe(0);
});
