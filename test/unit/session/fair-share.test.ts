import { expect, test } from 'vitest';
import { FairShare } from '../../../src/session/fair-share.js';
import { Hold } from '../../../src/session/hold.js';
import { SessionState } from '../../../src/session/session-state.js';
import { UnderWayLimit } from '../../../src/session/under-way-limit.js';
import { frontendTable } from '../../../src/wire/frame-table.js';
import { Framer, type FrameSink } from '../../../src/wire/framer.js';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';

const MESSAGES = 500;
const flood = Buffer.concat(new Array<Buffer>(MESSAGES).fill(encodeFrontend({ kind: 'sync' })));
const table = frontendTable({ interest: ['sync'], maxInterestingBytes: 100 });

/** Takes half a millisecond for each message. */
function busySink(seen: () => void): FrameSink {
  return {
    bytes: () => undefined,
    oversized: () => [],
    message: () => {
      const until = performance.now() + 0.5;
      while (performance.now() < until);
      seen();
      return 'pass';
    },
  };
}

test('what comes in one chunk is worked through in many turns of the event loop', async () => {
  let seen = 0;
  const framer = new Framer(table);
  const done = new Promise<void>((resolve, reject) => {
    const hold = new Hold(() => {
      if (framer.resume(share)) resolve();
    }, reject);
    const share = new FairShare(
      busySink(() => seen++),
      hold,
    );
    framer.push(flood, share);
  });
  const atEachTurn: number[] = [seen];
  while (seen < MESSAGES) {
    await new Promise((resolve) => setImmediate(resolve));
    atEachTurn.push(seen);
  }
  await done;
  const steps = atEachTurn.slice(1).map((at, index) => at - atEachTurn[index]!);
  expect(atEachTurn[0]).toBeLessThan(20);
  expect(Math.max(...steps)).toBeLessThan(20);
  expect(seen).toBe(MESSAGES);
});

test('what was spent long ago counts too, so that many small chunks in one turn are no way around it', () => {
  let seen = 0;
  let waited = 0;
  const framer = new Framer(table);
  const hold = new Hold(
    () => undefined,
    () => undefined,
  );
  const share = new FairShare(
    busySink(() => seen++),
    hold,
  );
  for (let sent = 0; sent < 20 && !framer.held; sent++)
    if (!framer.push(encodeFrontend({ kind: 'sync' }), share)) waited++;
  expect(seen).toBeLessThan(20);
  expect(waited).toBe(1);
});

test('a client waits when too many of its messages have no answer yet, and goes on with the answers', () => {
  const state = new SessionState({ path: [] });
  let flushes = 0;
  const inner: FrameSink = {
    bytes: () => undefined,
    oversized: () => [],
    message: () => {
      state.answers.push({ kind: 'sync' });
      return 'pass';
    },
  };
  const sink = new UnderWayLimit({
    inner,
    state,
    wantFlush: () => {
      flushes++;
    },
  });
  const framer = new Framer(table);
  for (let sent = 0; sent < 20; sent++) framer.push(flood, sink);
  expect(state.answers.pending).toBe(4096);
  expect(flushes).toBeGreaterThan(0);
  expect(framer.held).toBe(true);
  for (let answered = 0; answered < 20 * MESSAGES; answered++) {
    state.answers.shift();
    framer.resume(sink);
    expect(state.answers.pending).toBeLessThanOrEqual(4096);
  }
  expect(framer.held).toBe(false);
  expect(state.answers.pending).toBe(0);
});

test('nobody waits who is in the middle of a COPY, or says goodbye', () => {
  const state = new SessionState({ path: [] });
  for (let sent = 0; sent < 5000; sent++) state.answers.push({ kind: 'sync' });
  const inner: FrameSink = { bytes: () => undefined, oversized: () => [], message: () => 'pass' };
  const sink = new UnderWayLimit({ inner, state, wantFlush: () => undefined });
  const shown = (message: Parameters<typeof encodeFrontend>[0]): unknown => {
    const frame = encodeFrontend(message);
    return sink.message(frame[0]!, frame);
  };
  expect(shown({ kind: 'sync' })).toBe('hold');
  expect(shown({ kind: 'terminate' })).toBe('pass');
  expect(shown({ kind: 'copy-done' })).toBe('pass');
  state.copyIn = true;
  expect(shown({ kind: 'sync' })).toBe('pass');
});
