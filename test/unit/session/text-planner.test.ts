import { expect, test } from 'vitest';
import type { EnforceContext } from '../../../src/enforce/types.js';
import { Hold } from '../../../src/session/hold.js';
import type { Ports } from '../../../src/session/ports.js';
import { SessionState } from '../../../src/session/session-state.js';
import { TextPlanner } from '../../../src/session/text-planner.js';

test('a context that was awaited serves one message: the next sees the policy of its own time', async () => {
  const contexts = ['first', 'second'].map((version) => ({ version }) as unknown as EnforceContext);
  let asked = 0;
  let resumed: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (resumed = resolve));
  const ports = {
    contextFor: () => (asked++ === 0 ? Promise.resolve(contexts[0]) : contexts[1]),
    planner: { epoch: (_facts: unknown, context: unknown) => (context as { version: string }).version },
  } as unknown as Ports;
  const facts = { user: '', database: '', role: '', purpose: '', actor: new Map<string, string>() };
  const hold = new Hold(resumed, () => undefined);
  const planner = new TextPlanner(ports, facts, new SessionState([]), hold);
  expect(planner.awaitContext()).toBe(true);
  await done;
  expect([planner.awaitContext(), planner.epoch()]).toEqual([false, 'first']);
  planner.forget();
  expect([planner.awaitContext(), planner.epoch()]).toEqual([false, 'second']);
});
