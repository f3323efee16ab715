import { expect, test } from 'vitest';
import type { SessionIdentity } from '../../../src/audit/types.js';
import type { EnforceContext } from '../../../src/enforce/types.js';
import type { SessionRule } from '../../../src/policy/types.js';
import { Hold } from '../../../src/session/hold.js';
import { IdentityBook } from '../../../src/session/identity-book.js';
import type { Ports } from '../../../src/session/ports.js';
import { SessionState } from '../../../src/session/session-state.js';
import { TextPlanner } from '../../../src/session/text-planner.js';

const rule: SessionRule = {
  place: { file: 'test', line: 1, column: 1 },
  exempt: false,
  audit: 'statements',
  role: 'support',
  purpose: 'support',
};

const contextOf = (version: string): EnforceContext =>
  ({ version, policy: { version, roles: new Map(), purposes: new Map() } }) as unknown as EnforceContext;

function plannerFor(ports: object, resumed: () => void = () => undefined): TextPlanner {
  const all = {
    matchSession: () => rule,
    policyIdentity: () => ({ name: 'test', version: '1' }),
    planner: { epoch: (_facts: unknown, context: unknown) => (context as { version: string }).version },
    ...ports,
  } as unknown as Ports;
  const identity = { user: 'u', database: 'd', client: { address: '127.0.0.1', port: 1 }, policy: {} };
  const book = new IdentityBook(identity as unknown as SessionIdentity, all);
  const hold = new Hold(resumed, () => undefined);
  return new TextPlanner(all, rule, book, new SessionState({ path: [] }), hold);
}

test('a context that was awaited serves one message: the next sees the policy of its own time', async () => {
  const contexts = ['first', 'second'].map(contextOf);
  let asked = 0;
  let resumed: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (resumed = resolve));
  const planner = plannerFor(
    { contextFor: () => (asked++ === 0 ? Promise.resolve(contexts[0]) : contexts[1]) },
    () => resumed(),
  );
  expect(planner.awaitContext()).toBe(true);
  await done;
  expect([planner.awaitContext(), planner.epoch()]).toEqual([false, 'first']);
  planner.forget();
  expect([planner.awaitContext(), planner.epoch()]).toEqual([false, 'second']);
});

test.each([
  ['no entry of the policy in force', undefined],
  ['an entry that exempts it', { ...rule, exempt: true, role: undefined, purpose: undefined }],
])('a live session that a reload leaves with %s acts in no role', (_what, later) => {
  let reloaded = false;
  const planner = plannerFor({
    contextFor: () => contextOf(reloaded ? '2' : '1'),
    matchSession: () => (reloaded ? later : rule),
  });
  const acting = (): string => {
    planner.forget();
    planner.awaitContext();
    return planner.stance().acting;
  };
  expect(acting()).toBe('["support","support",[]]');
  reloaded = true;
  expect(acting()).toBe('["","",[]]');
});
