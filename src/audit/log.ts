/**
 * The audit log as the session sees it (AuditPort): says what has to be on disk before a statement goes on, and hands
 * everything to the spool. Owns the choice between strict and relaxed; knows no bytes, no sockets, no metrics.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AuditPort,
  AuditTicket,
  DropReason,
  LifecycleEvent,
  StatementOutcome,
  StatementRecord,
} from './types.js';
import type { EventDraft } from './chain.js';
import { CheckpointWriter, type CheckpointOptions } from './checkpoint-writer.js';
import { Drops } from './drops.js';
import { eventSource, INTERRUPTED, statementEvent, type EventSource } from './event.js';
import { lifecycleEvent } from './lifecycle-event.js';
import { Shipper } from './redis.js';
import type { SettingsVerdict } from './redis-settings.js';
import type { RedisTarget } from './redis-target.js';
import { StreamTrimmer, type TrimPolicy } from './redis-trim.js';
import { Spool } from './spool.js';
import type { AppendEntry } from './spool-entry.js';
import type { SpoolLimits } from './spool-limits.js';
import { waitForSpool } from './spool-lock.js';

export interface AuditLogOptions {
  readonly spoolDirectory: string;
  readonly durability: 'strict' | 'relaxed';
  /** pgveil's version, for `metadata.product`. */
  readonly version: string;
  /** Names the key of subjects' HMACs (subjectKeyName). */
  readonly subjectKey?: string;
  /** Names the chain; absent: a name that stays with the spool directory. */
  readonly instance?: string;
  /** Absent: the spool alone is the log. */
  readonly redis?: {
    readonly target: RedisTarget;
    readonly stream: string;
    /** Takes a Redis in strict durability whose settings lose acknowledged events. */
    readonly acceptLossy?: boolean;
    /** Absent: this one removes nothing from the stream. */
    readonly trim?: TrimPolicy & { readonly everyMs?: number };
  };
  readonly limits?: Partial<SpoolLimits>;
  /** Entries that may wait in memory while the spool takes nothing. */
  readonly maxQueued?: number;
  /** How long the end of a statement that has run is held back from its client while the spool takes nothing. */
  readonly patienceMs?: number;
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
  /** It fails because audit.spool_limits.bytes is reached. */
  readonly spoolAtLimit: boolean;
  /** Undefined without Redis. */
  readonly redisUp: boolean | undefined;
  /** Bytes not yet shipped; without Redis all bytes of the spool. */
  readonly spoolBytes: number;
  readonly lagSeconds: number;
  /** The settings of Redis lose events that it has acknowledged; undefined without Redis, or while nobody knows. */
  readonly redisLossy: boolean | undefined;
  /** And that should have kept pgveil from starting. */
  readonly redisRefused: boolean;
  /** Events that Redis had acknowledged, lost, and been sent once more. */
  readonly shippedAgain: number;
  /** Events appended by this process. */
  readonly events: number;
  /** Events that could be kept nowhere because the spool took none for too long. */
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

/** In strict durability pgveil does not start with a Redis that forgets. */
export class LossyRedisError extends Error {
  override readonly name = 'LossyRedisError';

  constructor(losses: readonly string[]) {
    super(
      `${losses.join('; ')}. With audit.durability: strict pgveil does not start with such a Redis: change its settings, or write audit.accept_lossy_redis: true`,
    );
  }
}

/** How long a start waits for Redis to show its settings. One that is down is judged when it is back. */
const FIRST_VERDICT_MS = 3_000;

/** Opens the spool, closes what a crash left open, and starts shipping. Rejects when the spool cannot be used. */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const tell = (level: AuditStateChange['level'], message: string): void =>
    options.onState?.({ level, message });
  let shipper: Shipper | undefined;
  const drops = new Drops();
  const lock = await waitForSpool(options.spoolDirectory, (message) => tell('warn', message));
  const spool = new Spool({
    directory: options.spoolDirectory,
    lock,
    instance: options.instance,
    limits: options.limits ?? {},
    shipping: options.redis !== undefined,
    ...(options.maxQueued === undefined ? {} : { maxQueued: options.maxQueued }),
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
    onState: (failure) => {
      if (failure !== undefined) {
        tell('error', failureText(failure));
        return;
      }
      tell('info', 'audit spool can be written again');
      tellDrops();
    },
    onDurable: () => {
      shipper?.wake();
      tellDrops();
    },
    onLost: (cause) => {
      const name = cause instanceof Error ? cause.name : 'unknown';
      drop('bug', Date.now(), `bug: an audit event could not be built (${name})`);
    },
    announce: async (expiring) => {
      const event = lifecycle(source, { kind: 'expiry', ...expiring });
      await append({ ...event, until: 'synced', beyondLimit: true });
      await checkpoints?.sign();
    },
    onWarning: (message) => tell('warn', message),
  });
  const source = eventSource(spool.instance, options.version, options.subjectKey);

  function drop(reason: DropReason, time: number, why: string): void {
    drops.note(reason, time);
    const { total } = drops;
    // The first one, and then every thousandth: loud, but no second flood while the disk is full.
    if (total === 1 || total % 1000 === 0) tell('error', `${total} audit events are lost: ${why}`);
  }

  function keep(entry: AppendEntry): boolean {
    const taken = spool.append(entry);
    if (!taken && entry.content.kind === 'event') {
      const reason = spool.atLimit ? 'limit' : 'disk';
      drop(reason, entry.time, 'the spool cannot be written and its memory is full');
    }
    return taken;
  }

  /**
   * As soon as the spool takes events again, or at the very end. Beyond the limit, as one that were left waiting there could
   * be dropped itself, and with it the number that it tells.
   */
  function tellDrops(atEnd = false): void {
    if (!drops.pending || (spool.failure !== undefined && !atEnd)) return;
    for (const event of drops.take()) {
      if (!spool.append({ ...lifecycle(source, event), beyondLimit: true })) drops.putBack(event);
    }
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

  await closeInterrupted(spool, source, tell);
  const checkpoints =
    options.checkpoints === undefined ? undefined : new CheckpointWriter(spool, source, options.checkpoints);
  let verdict: SettingsVerdict | undefined;
  const mustKeep = options.durability === 'strict' && options.redis?.acceptLossy !== true;
  let trimmer: StreamTrimmer | undefined;
  if (options.redis !== undefined) {
    const { target, stream, trim } = options.redis;
    let decided = (): void => undefined;
    const first = new Promise<void>((resolve) => (decided = resolve));
    let starting = true;
    const ship = (shipper = new Shipper({
      target,
      stream,
      spool,
      onState: (up, reason) => {
        if (up) {
          tell('info', 'Redis is reachable, audit events are shipped');
          return;
        }
        tell(
          'warn',
          `Redis is unreachable, audit events wait in the spool: ${reason ?? 'connection closed'}`,
        );
        decided();
      },
      onProblem: tell,
      onVerdict: (found) => {
        verdict = found;
        for (const warning of found.warnings) tell('warn', warning);
        // At the start they are the reason not to start.
        if (!starting || !mustKeep) for (const loss of found.losses) tell(mustKeep ? 'error' : 'warn', loss);
        decided();
      },
    }));
    if (mustKeep) {
      await Promise.race([first, sleep(FIRST_VERDICT_MS, undefined, { ref: false })]);
      if (verdict !== undefined && verdict.losses.length > 0) {
        checkpoints?.close();
        await ship.close(0);
        spool.release();
        throw new LossyRedisError(verdict.losses);
      }
    }
    starting = false;
    if (trim !== undefined) {
      trimmer = new StreamTrimmer({
        redis: ship.redis,
        stream,
        policy: trim,
        ...(trim.everyMs === undefined ? {} : { everyMs: trim.everyMs }),
        record: async (instances, entries) => {
          await append({
            ...lifecycle(source, { kind: 'trim', stream, entries, instances }),
            until: 'synced',
          });
          await checkpoints?.sign();
          await ship.passed(spool.durable);
        },
        onWarning: (message) => tell('warn', message),
      });
    }
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
        bytes: heldBytes(record, outcome),
        content: { kind: 'event', draft },
        until: waits ? 'written' : 'queued',
      };
      if (waits) {
        const written = handled(append(entry));
        return outcome.status === 'refused' ? written.catch(() => undefined) : written;
      }
      keep(entry);
      return undefined;
    },

    lifecycle(event: LifecycleEvent): void {
      keep(lifecycle(source, event));
    },

    state: () => ({
      instance: spool.instance,
      spoolFailing: spool.failure !== undefined,
      spoolAtLimit: spool.atLimit,
      redisUp: shipper?.up,
      spoolBytes: spool.bytesBehind(shipper?.position),
      lagSeconds: shipper?.lagSeconds(Date.now()) ?? 0,
      redisLossy: verdict === undefined ? undefined : verdict.losses.length > 0,
      redisRefused: mustKeep && (verdict?.losses.length ?? 0) > 0,
      shippedAgain: shipper?.shippedAgain ?? 0,
      events: spool.events,
      lost: drops.total,
    }),

    async close(deadlineMs = 5_000) {
      // A clock that is set meanwhile is not to make the stop longer or shorter.
      const until = performance.now() + deadlineMs;
      checkpoints?.close();
      trimmer?.close();
      try {
        await spool.drainWithin(deadlineMs);
        for (const { time } of spool.discardQueued())
          drop('limit', time, 'pgveil stops while the spool is full');
        tellDrops(true);
        await spool.drainWithin(Math.max(0, until - performance.now()));
      } catch (error) {
        // No event can tell of these: the log and the metrics must.
        const left = spool.discardQueued().filter(({ content }) => content.kind === 'event');
        for (const { time } of left) drops.note('disk', time);
        if (left.length > 0)
          tell(
            'error',
            `${left.length} audit events are lost: pgveil stops while the spool cannot be written`,
          );
        throw error;
      } finally {
        await shipper?.close(Math.max(0, until - performance.now()));
        spool.release();
      }
    },
  };
}

function lifecycle(source: EventSource, event: LifecycleEvent): AppendEntry {
  const uid = randomUUID();
  const time = Date.now();
  return {
    uid,
    time,
    content: { kind: 'event', draft: () => lifecycleEvent(source, uid, time, event) },
    until: 'queued',
  };
}

/** What an outcome that waits keeps in memory: two bytes for a character at most, as many texts are shared with plans. */
function heldBytes({ auditText }: StatementRecord, { subjects }: StatementOutcome): number {
  return 2 * auditText.length + SUBJECT_BYTES * (subjects?.hmacs.length ?? 0);
}

/** A string of 22 characters and its place in the list. */
const SUBJECT_BYTES = 48;

/** An intent whose outcome a crash has swallowed becomes an event with the status Interrupted; what was cut is one too. */
async function closeInterrupted(
  spool: Spool,
  source: EventSource,
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
  if (intents.length > 0 || tornBytes > 0 || damage.length > 0) {
    const event = { kind: 'recovered', tornBytes, damage, interrupted: intents.length } as const;
    spool.append({ ...lifecycle(source, event), beyondLimit: true });
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
  return cause === undefined ? failure.message : `${failure.message} (${cause.code ?? cause.message})`;
}
