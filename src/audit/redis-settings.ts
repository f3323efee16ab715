/**
 * Which settings of a Redis server lose events that it has acknowledged (DESIGN 7), read with INFO, and with CONFIG where
 * that is allowed; managed servers forbid it. Changes nothing.
 */
import { Cluster, Redis } from 'ioredis';
import { describeRedisError, type RedisClient } from './redis-connection.js';

export interface SettingsVerdict {
  /** Events are lost in an ordinary failure: a crash or memory pressure. */
  readonly losses: readonly string[];
  readonly warnings: readonly string[];
}

export type Settings = ReadonlyMap<string, string>;

const CONFIG_NAMES = [
  'appendonly',
  'appendfsync',
  'save',
  'maxmemory',
  'maxmemory-policy',
  'min-replicas-to-write',
];

/** Never rejects: what cannot be read is a warning. */
export async function readSettings(redis: RedisClient): Promise<Settings> {
  const settings = new Map<string, string>();
  try {
    for (const line of (await redis.info()).split(/\r?\n/)) {
      const [name = '', value] = line.split(':', 2);
      const known = INFO_NAMES[name];
      if (known !== undefined && value !== undefined) settings.set(known, value);
    }
    const aof = settings.get('appendonly');
    if (aof !== undefined) settings.set('appendonly', aof === '1' ? 'yes' : 'no');
  } catch {
    // An ACL without +info; CONFIG may do.
  }
  try {
    for (const name of CONFIG_NAMES) {
      const answer = (await redis.config('GET', name)) as unknown;
      if (Array.isArray(answer) && answer.length > 1) settings.set(name, String(answer[1]));
    }
  } catch (error) {
    settings.set('config-forbidden', describeRedisError(error));
  }
  return settings;
}

const INFO_NAMES: Readonly<Record<string, string>> = {
  aof_enabled: 'appendonly',
  maxmemory: 'maxmemory',
  maxmemory_policy: 'maxmemory-policy',
  connected_slaves: 'replicas',
  aof_last_write_status: 'aof-last-write',
};

/** Any master of a Cluster may come to serve the stream. */
export async function readVerdict(redis: RedisClient, waitReplicas: number): Promise<SettingsVerdict> {
  const servers: readonly RedisClient[] = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const verdicts = await Promise.all(
    servers.map(async (server) => {
      if (server instanceof Redis && server.status === 'wait') await server.connect().catch(() => undefined);
      return judge(await readSettings(server), waitReplicas);
    }),
  );
  return {
    losses: [...new Set(verdicts.flatMap(({ losses }) => losses))],
    warnings: [...new Set(verdicts.flatMap(({ warnings }) => warnings))],
  };
}

export function judge(settings: Settings, waitReplicas: number): SettingsVerdict {
  const losses: string[] = [];
  const warnings: string[] = [];
  const unknown = ['appendonly', 'maxmemory-policy'].filter((name) => !settings.has(name));
  const appendonly = settings.get('appendonly');
  const replicas = Number(settings.get('replicas') ?? 0);
  if (appendonly === 'no') {
    const save = settings.get('save') ?? '';
    losses.push(
      `Redis has appendonly off: events that it has acknowledged are lost when it crashes${save === '' ? '' : ', all since its last snapshot'}; run "redis-cli CONFIG SET appendonly yes" and "redis-cli CONFIG REWRITE", or start it with "--appendonly yes"`,
    );
  }
  if (appendonly === 'yes' && settings.get('appendfsync') === 'no') {
    warnings.push(
      'Redis has appendfsync off: a crash of its machine loses what the system had not written; set "appendfsync everysec" or "always"',
    );
  }
  if (settings.get('aof-last-write') === 'err')
    warnings.push('Redis cannot write its append-only file: repair its disk');
  const policy = settings.get('maxmemory-policy');
  if (policy?.startsWith('allkeys') === true) {
    const text = `Redis has maxmemory-policy "${policy}": it may evict the whole audit stream; run "redis-cli CONFIG SET maxmemory-policy noeviction" and "redis-cli CONFIG REWRITE"`;
    // Without a limit nothing is evicted, until somebody sets one.
    (settings.get('maxmemory') === '0' ? warnings : losses).push(text);
  }
  if (replicas > 0 && waitReplicas === 0 && Number(settings.get('min-replicas-to-write') ?? 0) === 0) {
    warnings.push(
      'Redis has replicas and does not wait for them: a failover loses the newest events, which pgveil ships again as long as its spool holds them; set audit.redis.wait_replicas, or min-replicas-to-write in Redis',
    );
  }
  const forbidden = settings.get('config-forbidden');
  if (forbidden !== undefined) {
    const which = unknown.length > 0 ? unknown : ['appendfsync', 'save', 'min-replicas-to-write'];
    warnings.push(
      `Redis does not show all its settings (${forbidden}): ${which.join(' and ')} could not be checked; make sure that it persists (appendonly yes) and evicts nothing (maxmemory-policy noeviction)`,
    );
  }
  return { losses, warnings };
}
