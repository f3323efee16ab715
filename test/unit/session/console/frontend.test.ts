/** What the console's frontend does while its client does not read. */
import { expect, it } from 'vitest';
import { ConsoleFrontend } from '../../../../src/session/console/frontend.js';
import type { ConsoleSource } from '../../../../src/session/console/source.js';
import { Hold } from '../../../../src/session/hold.js';
import type { RunLedger } from '../../../../src/session/statement-run.js';
import { encodeFrontend } from '../../../../src/wire/frontend-message.js';

it('takes no message while its answers are not read, and takes it then', async () => {
  let congested = true;
  let answered = 0;
  let resumed: () => void = () => undefined;
  const again = new Promise<void>((resolve) => (resumed = resolve));
  const run = { ticket: { ready: undefined }, rows: 0 };
  const frontend = new ConsoleFrontend({
    source: {} as ConsoleSource,
    ledger: { begin: () => run, finish: () => undefined } as unknown as RunLedger,
    describe: () => ({ auditText: '', shapeId: '', tags: {} }),
    failed: (error) => expect.fail(String(error)),
    hold: new Hold(
      () => resumed(),
      (error) => expect.fail(String(error)),
    ),
    toClient: () => answered++,
    clientCongested: () => congested,
    terminate: () => undefined,
  });
  const frame = encodeFrontend({ kind: 'query', sql: Buffer.from('SHOW HELP') });
  expect(frontend.message(frame[0]!, frame)).toBe('hold');
  expect(frontend.idle).toBe(true);
  congested = false;
  expect(frontend.message(frame[0]!, frame)).toBe('hold');
  expect(frontend.idle).toBe(false);
  await again;
  // A description, eight rows, CommandComplete, ReadyForQuery; and the same message is not taken twice.
  expect(answered).toBe(11);
  expect(frontend.message(frame[0]!, frame)).toBe('drop');
  expect(answered).toBe(11);
});
