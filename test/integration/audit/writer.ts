/**
 * A process that audits statements until it is killed: `node --import tsx writer.ts DIRECTORY`.
 * Prints "intent UID" once an intent is promised to be on disk, and "outcome UID" once an outcome is written.
 */
import { writeSync } from 'node:fs';
import { openAuditLog } from '../../../src/audit/log.js';
import { statement, success } from '../../unit/audit/samples.js';

const log = await openAuditLog({
  spoolDirectory: process.argv[2]!,
  durability: 'strict',
  version: '0',
  limits: { segmentBytes: 20_000 },
});
const record = statement();

async function session(): Promise<void> {
  for (;;) {
    const ticket = log.intent(record);
    await ticket.ready;
    writeSync(1, `intent ${ticket.uid}\n`);
    await log.outcome(ticket, record, success);
    writeSync(1, `outcome ${ticket.uid}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, session));
