/** What the log says of a stop, so that an operator can tell an ordered one from a crash. */
import type { Logger } from '../observe/log.js';

export async function tellClosing(
  closed: Promise<void>,
  graceMs: number,
  logger: Pick<Logger, 'info'>,
): Promise<void> {
  logger.info(
    { graceSeconds: graceMs / 1000 },
    'pgveil stops: it takes no new connections, and open transactions may finish',
  );
  await closed;
  logger.info({}, 'pgveil has stopped');
}
