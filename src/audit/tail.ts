/** Follows the audit stream for `pgveil audit tail`. Knows nothing of terminals; format.ts makes lines of events. */
import type { AuditEvent } from './ocsf.js';
import { readStream } from './redis-stream.js';
import type { RedisTarget } from './redis-target.js';

export interface TailOptions {
  readonly target: RedisTarget;
  readonly stream: string;
  /** `$`: from now on; `0`: from the start; or the id of the last entry seen. */
  readonly from: string;
  readonly signal: AbortSignal;
  /** Redis went away; the tail goes on where it was once it is back. */
  readonly onWarning?: (message: string) => void;
}

export interface TailedEvent {
  /** The entry's id in the stream. */
  readonly id: string;
  /** As it stands in the stream, for `--format json`. */
  readonly json: string;
  readonly event: AuditEvent;
}

/** Calls back per event, in order and each once, until the signal. Rejects when Redis refuses the first connection. */
export async function tailStream(options: TailOptions, onEvent: (event: TailedEvent) => void): Promise<void> {
  // At-least-once delivery repeats a batch at most right after the first copy, so a short memory is enough.
  const seen = new Set<string>();
  await readStream(options, (id, fields) => {
    const uid = fields.get('uid');
    const json = fields.get('event');
    if (uid === undefined || json === undefined || seen.has(uid)) return;
    seen.add(uid);
    if (seen.size > 4_096) seen.delete(seen.values().next().value!);
    const event = parse(json);
    if (event === undefined)
      options.onWarning?.(`stream entry ${id} holds no event of pgveil and is left out`);
    else onEvent({ id, json, event });
  });
}

function parse(json: string): AuditEvent | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && 'unmapped' in value
      ? (value as AuditEvent)
      : undefined;
  } catch {
    return undefined;
  }
}
