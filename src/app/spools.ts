/**
 * Where each worker's audit spool is. The first worker has audit.spool itself, so that a folder of a single process
 * goes on as it is; the others have a folder below it each. Folders of workers that are no more are adopted: what is in
 * them is closed, shipped and left. It knows no events.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditLog, AuditState } from '../audit/log.js';

const FOLDER = /^worker-(\d{1,4})$/;

/** @param worker - from 1 on */
export function spoolOf(spool: string, worker: number): string {
  return worker === 1 ? spool : join(spool, `worker-${worker}`);
}

/** The folders of workers beyond the last one. */
export function leftSpools(spool: string, workers: number): string[] {
  if (!existsSync(spool)) return [];
  return readdirSync(spool, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && Number(FOLDER.exec(entry.name)?.[1] ?? 0) > workers)
    .map((entry) => join(spool, entry.name))
    .sort();
}

export interface Adopted {
  /** For the metrics: the first worker's own, with what these hold and have counted. How Redis is its own one tells. */
  withTheirs(own: AuditState): AuditState;
  close(): Promise<void>;
}

/**
 * Opens what is left over, which closes its interrupted intents, and ships it. Each is let go once everything of it is
 * in Redis; without Redis at once, since the spool is the log then.
 */
export async function adoptSpools(
  spool: string,
  workers: number,
  open: (directory: string) => Promise<AuditLog>,
): Promise<Adopted> {
  const logs = new Set<AuditLog>();
  /** Of those let go: counters never go back, and without Redis their bytes stay where they are. */
  let past: Held = { events: 0, lost: 0, shippedAgain: 0, spoolBytes: 0, lagSeconds: 0 };
  for (const directory of leftSpools(spool, workers)) logs.add(await open(directory));
  const letGo = async (): Promise<void> => {
    for (const log of logs) {
      const { redisUp, spoolBytes } = log.state();
      if (redisUp !== undefined && spoolBytes > 0) continue;
      logs.delete(log);
      past = together(past, log.state());
      await log.close();
    }
    if (logs.size === 0) clearInterval(timer);
  };
  const timer = setInterval(() => {
    letGo().catch(() => undefined); // The log has told it.
  }, 1_000).unref();
  await letGo();
  return {
    withTheirs: (own) => ({
      ...own,
      ...[...logs].reduce((held, log) => together(held, log.state()), together(past, own)),
    }),
    close: async () => {
      clearInterval(timer);
      await Promise.all([...logs].map((log) => log.close()));
    },
  };
}

type Held = Pick<AuditState, 'events' | 'lost' | 'shippedAgain' | 'spoolBytes' | 'lagSeconds'>;

function together(one: Held, other: Held): Held {
  return {
    events: one.events + other.events,
    lost: one.lost + other.lost,
    shippedAgain: one.shippedAgain + other.shippedAgain,
    spoolBytes: one.spoolBytes + other.spoolBytes,
    lagSeconds: Math.max(one.lagSeconds, other.lagSeconds),
  };
}
