/**
 * The audit log as the session sees it (AuditPort): says what has to be on disk before a statement goes on, and hands
 * everything to the spool. Owns the choice between strict and relaxed; knows no bytes, no sockets, no metrics.
 */
import { randomUUID } from 'node:crypto';
import type { AuditPort, AuditTicket, LifecycleEvent, StatementOutcome, StatementRecord } from './types.js';
import type { EventDraft } from './chain.js';
import { CheckpointWriter, type CheckpointOptions } from './checkpoint-writer.js';
import { eventSource, INTERRUPTED, statementEvent } from './event.js';
import { lifecycleEvent } from './lifecycle-event.js';
import { Shipper } from './redis.js';
import type { RedisTarget } from './redis-target.js';
import { Spool } from './spool.js';
import type { AppendEntry } from './spool-entry.js';

export interface AuditLogOptions {
  readonly spoolDirectory: string;
  readonly durability: 'strict' | 'relaxed';
  /** pgveil's version, for `metadata.product`. */
  readonly version: string;
  /** Names the chain; absent: a name that stays with the spool directory. */
  readonly instance?: string;
  /** Absent: the spool alone is the log, and nothing of it is ever deleted. */
  readonly redis?: { readonly target: RedisTarget; readonly stream: string };
  readonly segmentBytes?: number;
  readonly maxQueued?: number;
  readonly retainSegments?: number;
  /** Absent: the chains are not signed. */
  readonly checkpoints?: CheckpointOptions;
  /** For the log; texts without values. */
  readonly onState?: (change: AuditStateChange) => void;
}

export interface AuditStateChange {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** For /readyz and the metrics. */
export interface AuditState {
  readonly instance: string;
  readonly spoolFailing: boolean;
  /** Undefined without Redis. */
  readonly redisUp: boolean | undefined;
  /** Bytes not yet shipped; without Redis all bytes of the spool. */
  readonly spoolBytes: number;
  readonly lagSeconds: number;
  /** Events appended by this process. */
  readonly events: number;
  /** Events that could be kept nowhere because the disk failed for too long. */
  readonly lost: number;
}

export interface AuditLog extends AuditPort {
  state(): AuditState;
  /** Writes, syncs and ships what there is within the deadline; unshipped events stay in the spool. */
  close(deadlineMs?: number): Promise<void>;
}

/** The statement that was waiting must be refused with 57P03. */
export class AuditUnavailableError extends Error {
  override readonly name = 'AuditUnavailableError';
}

/** Opens the spool, closes what a crash left open, and starts shipping. Rejects when the spool cannot be used. */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const tell = (level: AuditStateChange['level'], message: string): void =>
    options.onState?.({ level, message });
  let shipper: Shipper | undefined;
  let lost = 0;
  const spool = new Spool({
    directory: options.spoolDirectory,
    instance: options.instance,
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    ...(options.maxQueued === undefined ? {} : { maxQueued: options.maxQueued }),
    onState: (failure) =>
      failure === undefined
        ? tell('info', 'audit spool can be written again')
        : tell('error', failureText(failure)),
    onDurable: () => shipper?.wake(),
    onLost: (cause) =>
      lose(`bug: an audit event could not be built (${cause instanceof Error ? cause.name : 'unknown'})`),
  });
  const source = eventSource(spool.instance, options.version);

  function lose(why: string): void {
    lost++;
    // The first one, and then every thousandth: loud, but no second flood while the disk is full.
    if (lost === 1 || lost % 1000 === 0) tell('error', `${lost} audit events are lost: ${why}`);
  }

  function keep(entry: AppendEntry): boolean {
    const taken = spool.append(entry);
    if (!taken && entry.content.kind === 'event') lose('the spool cannot be written and its memory is full');
    return taken;
  }

  function append(entry: AppendEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (failure: Error | undefined): void => {
        if (failure === undefined) resolve();
        else reject(unavailable(failure));
      };
      if (!keep({ ...entry, done })) reject(unavailable(spool.failure));
    });
  }

  await closeInterrupted(spool, tell);
  const checkpoints =
    options.checkpoints === undefined ? undefined : new CheckpointWriter(spool, source, options.checkpoints);
  if (options.redis !== undefined) {
    shipper = new Shipper({
      ...options.redis,
      spool,
      retainSegments: options.retainSegments ?? 4,
      onState: (up, reason) =>
        up
          ? tell('info', 'Redis is reachable, audit events are shipped')
          : tell(
              'warn',
              `Redis is unreachable, audit events wait in the spool: ${reason ?? 'connection closed'}`,
            ),
      onWarning: (message) => tell('warn', message),
    });
  }

  return {
    intent(record: StatementRecord): AuditTicket {
      const uid = randomUUID();
      if (record.facts?.protectedData !== true) return { uid, ready: undefined };
      if (options.durability === 'relaxed') {
        // FAIL-CLOSED: a full disk refuses rather than drops, in relaxed durability too, once memory is used up.
        return { uid, ready: spool.full ? rejected(unavailable(spool.failure)) : undefined };
      }
      const time = Date.now();
      const json = (): string => JSON.stringify(statementEvent(source, uid, time, record, INTERRUPTED));
      return {
        uid,
        ready: handled(append({ uid, time, content: { kind: 'intent', json }, until: 'synced' })),
      };
    },

    outcome(
      ticket: AuditTicket,
      record: StatementRecord,
      outcome: StatementOutcome,
    ): Promise<void> | undefined {
      const time = Date.now();
      const draft = (): EventDraft => statementEvent(source, ticket.uid, time, record, outcome);
      const waits = options.durability === 'strict' && record.facts?.protectedData === true;
      const entry: AppendEntry = {
        uid: ticket.uid,
        time,
        content: { kind: 'event', draft },
        until: waits ? 'written' : 'queued',
      };
      if (waits) return handled(append(entry));
      keep(entry);
      return undefined;
    },

    lifecycle(event: LifecycleEvent): void {
      const uid = randomUUID();
      const time = Date.now();
      keep({
        uid,
        time,
        content: { kind: 'event', draft: () => lifecycleEvent(source, uid, time, event) },
        until: 'queued',
      });
    },

    state: () => ({
      instance: spool.instance,
      spoolFailing: spool.failure !== undefined,
      redisUp: shipper?.up,
      spoolBytes: spool.bytesBehind(shipper?.position),
      lagSeconds: shipper?.lagSeconds(Date.now()) ?? 0,
      events: spool.events,
      lost,
    }),

    async close(deadlineMs = 5_000) {
      const until = Date.now() + deadlineMs;
      checkpoints?.close();
      try {
        await spool.drainWithin(deadlineMs);
      } finally {
        await shipper?.close(Math.max(0, until - Date.now()));
        spool.release();
      }
    },
  };
}

/** An intent whose outcome a crash has swallowed becomes an event with the status Interrupted. */
async function closeInterrupted(
  spool: Spool,
  tell: (level: AuditStateChange['level'], message: string) => void,
): Promise<void> {
  const { tornBytes, damage, intents } = spool.recovered;
  if (tornBytes > 0) tell('warn', `audit spool ended in an unfinished write: ${tornBytes} bytes cut`);
  for (const hole of damage) {
    tell(
      'error',
      `audit spool is damaged: ${hole.bytes} bytes at offset ${hole.offset} of segment ${hole.segment} are unreadable`,
    );
  }
  if (intents.length === 0) return;
  tell('warn', `${intents.length} statements had no outcome when pgveil stopped; recorded as interrupted`);
  for (const intent of intents) {
    const draft = (): EventDraft => JSON.parse(intent.json) as EventDraft;
    spool.append({ uid: intent.uid, time: intent.time, content: { kind: 'event', draft }, until: 'synced' });
  }
  await spool.drain();
}

function unavailable(cause: Error | undefined): AuditUnavailableError {
  return new AuditUnavailableError('audit spool takes no events', { cause });
}

function rejected(error: Error): Promise<void> {
  return handled(Promise.reject(error));
}

/** A session that has gone leaves its promise unawaited; its rejection is no bug of the process. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}

function failureText(failure: Error): string {
  const cause = failure.cause as NodeJS.ErrnoException | undefined;
  return cause?.code === undefined ? failure.message : `${failure.message} (${cause.code})`;
}
