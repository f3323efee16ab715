/**
 * Slows down guessing: after a few failed log-ins from one address for one user, further ones from there wait before
 * they are looked at, the right password as long as a wrong one. Nobody is locked out, and other addresses do not wait.
 */
import { isIPv6 } from 'node:net';

/** Failures are forgotten when none has come for this long. */
const WINDOW_MS = 60_000;
/** Free of delay, per address and user. */
const FREE_FAILURES = 5;
/** Free of delay, per address over all users: a proxy or a NAT may stand for many people. */
const FREE_FAILURES_OF_ADDRESS = 50;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 3_000;
/** What is remembered costs a bounded amount of memory; the longest unseen are forgotten first. */
const MAX_REMEMBERED = 10_000;

interface Failures {
  count: number;
  lastAt: number;
}

class FailureCounts {
  private readonly known = new Map<string, Failures>();
  private readonly free: number;

  constructor(free: number) {
    this.free = free;
  }

  add(key: string, now: number): void {
    const failures = this.get(key, now) ?? { count: 0, lastAt: now };
    failures.count++;
    failures.lastAt = now;
    this.known.delete(key);
    this.known.set(key, failures);
    if (this.known.size <= MAX_REMEMBERED) return;
    for (const oldest of this.known.keys()) {
      this.known.delete(oldest);
      break;
    }
  }

  forget(key: string): void {
    this.known.delete(key);
  }

  delayMs(key: string, now: number): number {
    const beyond = (this.get(key, now)?.count ?? 0) - this.free;
    return beyond < 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** Math.min(beyond, 20), LONGEST_DELAY_MS);
  }

  private get(key: string, now: number): Failures | undefined {
    const failures = this.known.get(key);
    if (failures === undefined || now - failures.lastAt <= WINDOW_MS) return failures;
    this.known.delete(key);
    return undefined;
  }
}

export class FailureDelays {
  private readonly ofUsers = new FailureCounts(FREE_FAILURES);
  private readonly ofAddresses = new FailureCounts(FREE_FAILURES_OF_ADDRESS);

  failed(address: string, user: string, now: number): void {
    this.ofUsers.add(keyOf(address, user), now);
    this.ofAddresses.add(networkOf(address), now);
  }

  /** The failures of the address over other users stay. */
  succeeded(address: string, user: string): void {
    this.ofUsers.forget(keyOf(address, user));
  }

  /** How long the next log-in has to wait. */
  delayMs(address: string, user: string, now: number): number {
    return Math.max(
      this.ofUsers.delayMs(keyOf(address, user), now),
      this.ofAddresses.delayMs(networkOf(address), now),
    );
  }
}

function keyOf(address: string, user: string): string {
  return `${networkOf(address)}\0${user}`;
}

/** Whoever has one IPv6 address has its /64. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('%', 1)[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const filled = address.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left;
  return filled
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':');
}
