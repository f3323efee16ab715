/**
 * Appends events to the stream, whole batches or nothing, and keeps beside the stream how far each instance is in it.
 *
 * The head is the sequence and the uid of an instance's last event. It changes in the same step as the stream does, so
 * that whatever loses the end of the stream (a crash, a failover, a restored copy) loses the same end of the heads:
 * comparing it with the spool shows what is missing. A batch is taken only where the head is what the sender believes.
 * INVARIANT(ship-once): so neither a lost answer nor a second sender brings an event twice or out of order.
 */
import { describeRedisError, type RedisClient } from './redis-connection.js';
import type { RawRecord } from './spool-format.js';

/** `<sequence> <uid>` of an instance's last event; empty: none. */
export type StreamHead = string;

export function headOf(record: { readonly sequence: number; readonly uid: string }): StreamHead {
  return `${record.sequence} ${record.uid}`;
}

export function parseHead(head: StreamHead): { readonly sequence: number; readonly uid: string } {
  const [sequence = '0', uid = ''] = head.split(' ');
  return { sequence: Number(sequence), uid };
}

/** In the stream's own slot of a Cluster: a hash tag that is the whole key hashes as the key does. */
export function besideStream(stream: string, what: string): string {
  return /\{[^}]+\}/.test(stream) ? `${stream}:${what}` : `{${stream}}:${what}`;
}

/**
 * Redis runs a script whole and refuses its first write or none (redis.io, "Scripting with Lua"). The first one puts
 * back the head that stands there: a user who may not write it, and a server without memory, refuse before an event is
 * in. Heads of a stream that is gone (deleted, evicted) say nothing any more, nor do those of an empty one: a consumer's
 * XGROUP CREATE … MKSTREAM makes such a one again.
 */
const APPEND_SCRIPT = `local there = redis.call('XLEN', KEYS[1]) > 0
local head = there and redis.call('HGET', KEYS[2], ARGV[1]) or ''
if head ~= ARGV[2] then return head end
redis.call('HSET', KEYS[2], ARGV[1], head)
if not there then redis.call('DEL', KEYS[2]) end
for i = 4, #ARGV, 3 do
redis.call('XADD', KEYS[1], '*', 'uid', ARGV[i], 'instance', ARGV[1], 'seq', ARGV[i + 1], 'event', ARGV[i + 2])
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1`;

const HEAD = /^\d+ \S+$/;
const WAIT_MS = 500;
const LOOK_BACK_PAGES = 100;
/** An event may have megabytes, as a statement may. */
const LOOK_BACK_PAGE = 100;

export class StreamAppender {
  readonly #redis: RedisClient;
  readonly #stream: string;
  readonly #heads: string;
  readonly #instance: string;
  readonly #replicas: number;
  #scriptsForbidden = false;
  /** Another one after each loss of the connection. */
  #epoch = 0;

  constructor(redis: RedisClient, stream: string, instance: string, replicas: number) {
    this.#redis = redis;
    this.#stream = stream;
    this.#heads = besideStream(stream, 'heads');
    this.#instance = instance;
    this.#replicas = replicas;
    redis.on('close', () => this.#epoch++);
  }

  /** How far the stream is, as the server has it now. */
  async head(): Promise<StreamHead> {
    const { isEmpty, head } = await this.#look();
    if (isEmpty || HEAD.test(head)) return head;
    // Heads that were lost alone or that somebody has changed, or a stream from before there were any.
    const last = await this.#lastInStream();
    if (last !== head) await this.#redis.hset(this.#heads, this.#instance, last);
    return last;
  }

  /** True: all of them are in. False: the head is another one, and nothing was written. */
  async append(events: readonly RawRecord[], before: StreamHead): Promise<boolean> {
    const after = headOf(events.at(-1)!);
    if (!this.#scriptsForbidden) {
      try {
        const fields = events.flatMap((event) => [event.uid, String(event.sequence), event.json]);
        const keys = [this.#stream, this.#heads];
        return (
          (await this.#redis.eval(APPEND_SCRIPT, 2, ...keys, this.#instance, before, after, ...fields)) === 1
        );
      } catch (error) {
        // The script did not start: an ACL without +eval, or a server where the command was renamed away.
        if (!/^NOPERM.*'eval'|^ERR unknown command/.test(describeRedisError(error))) throw error;
        this.#scriptsForbidden = true;
      }
    }
    return this.#appendByTransaction(events, before, after);
  }

  /** Rejects unless so many replicas have all that was written. */
  async confirm(head: StreamHead): Promise<void> {
    if (this.#replicas === 0 || head === '') return;
    // WAIT counts from the connection's own last write, so there has to be one.
    const results = await this.#redis
      .pipeline()
      .hset(this.#heads, this.#instance, head)
      .wait(this.#replicas, WAIT_MS)
      .exec();
    for (const [error] of results ?? []) if (error !== null) throw error;
    const have = Number(results?.[1]?.[1] ?? 0);
    if (have < this.#replicas) {
      throw new Error(
        `${have} of ${this.#replicas} replicas (audit.redis.wait_replicas) have confirmed the events`,
      );
    }
  }

  /** Three times the processor time of the script. Between the look and the write only we write our head. */
  async #appendByTransaction(
    events: readonly RawRecord[],
    before: StreamHead,
    after: StreamHead,
  ): Promise<boolean> {
    const epoch = this.#epoch;
    const { isEmpty, head } = await this.#look();
    if (head !== before) return false;
    if (epoch !== this.#epoch) throw new Error('connection was lost');
    const transaction = this.#redis.multi();
    if (isEmpty) transaction.del(this.#heads);
    for (const { uid, sequence, json } of events) {
      const fields = ['uid', uid, 'instance', this.#instance, 'seq', String(sequence), 'event', json];
      transaction.xadd(this.#stream, '*', ...fields);
    }
    transaction.hset(this.#heads, this.#instance, after);
    const results = await transaction.exec();
    if (results === null) throw new Error('transaction was discarded');
    for (const [error] of results) if (error !== null) throw error;
    return true;
  }

  async #look(): Promise<{ readonly isEmpty: boolean; readonly head: StreamHead }> {
    const isEmpty = (await this.#redis.xlen(this.#stream)) === 0;
    const head = (await this.#redis.hget(this.#heads, this.#instance)) ?? '';
    return { isEmpty, head: isEmpty ? '' : head };
  }

  /** Among the newest entries; an instance that has none there is taken for one that has none at all. */
  async #lastInStream(): Promise<StreamHead> {
    let end = '+';
    for (let page = 0; page < LOOK_BACK_PAGES; page++) {
      const entries = await this.#redis.xrevrange(this.#stream, end, '-', 'COUNT', LOOK_BACK_PAGE);
      for (const [, [, uid = '', , instance, , sequence]] of entries) {
        if (instance === this.#instance) return headOf({ sequence: Number(sequence), uid });
      }
      const oldest = entries.at(-1)?.[0];
      if (oldest === undefined || oldest === end) break;
      end = oldest;
    }
    return '';
  }
}
