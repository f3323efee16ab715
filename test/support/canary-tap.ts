/**
 * INVARIANT(no-canary): over the whole suite, no byte that pgveil writes to a governed client's socket holds a protected
 * value. Vitest loads this before each test file; it listens where the session writes to its client.
 */
import { afterAll, expect, vi } from 'vitest';
import type { Channel } from '../../src/session/channel.js';
import { canariesIn, governedLogins, longestCanary } from './canary.js';

interface Sighting {
  readonly user: string;
  readonly tokens: readonly string[];
  readonly test: string;
}

interface TapState {
  readonly sightings: Sighting[];
  allowed: string | undefined;
  bytes: number;
}

/**
 * Files that share a process (vitest.config.ts) share the module that is listened to as well, and it keeps the tap of the
 * first of them: so what is seen stands beside all modules, and each file begins with nothing.
 */
const shared = globalThis as { pgveilCanaryTap?: TapState };
const state = (shared.pgveilCanaryTap ??= { sightings: [], allowed: undefined, bytes: 0 });
const { sightings } = state;
sightings.length = 0;
state.allowed = undefined;
state.bytes = 0;

vi.mock(import('../../src/session/channel.js'), async (original) => {
  const channel = await original();
  return {
    ...channel,
    adoptSocket: (socket, events) => {
      const tap = new Tap();
      const adopted = channel.adoptSocket(socket, {
        ...events,
        chunk: (bytes) => {
          tap.sent(bytes);
          events.chunk(bytes);
        },
        drained: () => events.drained(),
        closed: (error) => events.closed(error),
      });
      return tapped(adopted, tap);
    },
  };
});

function tapped(channel: Channel, tap: Tap): Channel {
  const write = channel.write.bind(channel);
  channel.write = (buffers) => {
    for (const buffer of buffers) tap.received(buffer);
    write(buffers);
  };
  return channel;
}

/** One connection: who it is, what it sent, and the end of what it received. */
class Tap {
  private user: string | undefined;
  private request = '';
  private tail = '';

  sent(bytes: Buffer): void {
    if (this.user !== undefined && !governedLogins.has(this.user)) return;
    this.request += bytes.toString('latin1');
    // The StartupMessage is among the first bytes, behind an SSLRequest at most (manual, 54.7).
    this.user ??= /\0user\0([^\0]+)\0/.exec(this.request)?.[1];
    // What a client wrote itself it may read back; a bound keeps soaks small.
    if (this.request.length > 4_000_000) this.request = this.request.slice(-1_000_000);
  }

  received(bytes: Buffer): void {
    if (this.user === undefined || !governedLogins.has(this.user)) return;
    state.bytes += bytes.length;
    const text = this.tail + bytes.toString('latin1');
    this.tail = text.slice(-longestCanary);
    look(this.user, text, this.request);
  }
}

/** Notes every protected value in what a governed log-in received and did not send itself. */
export function look(user: string, received: string, sent: string): void {
  const tokens = canariesIn(received, sent);
  if (tokens.length === 0 || state.allowed !== undefined) return;
  sightings.push({ user, tokens, test: expect.getState().currentTestName ?? '' });
}

/** For a file whose policy shows the values on purpose; the reason stands in the call. */
export function canariesMayPass(reason: string): void {
  state.allowed = reason;
}

/** How many bytes were looked at in this file, so that a test can prove the tap to be in place. */
export function tappedBytes(): number {
  return state.bytes;
}

/** What was seen so far; taking it clears it, for the test of the tap itself. */
export function takeSightings(): readonly Sighting[] {
  return sightings.splice(0);
}

afterAll(() => {
  expect(sightings, 'protected values reached a governed client').toEqual([]);
});
