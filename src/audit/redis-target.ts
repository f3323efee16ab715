/** Where Redis is and how to be let in, as the configuration says it (config/redis-schema.ts). Plain data. */

export interface RedisTls {
  /** A file of authorities; absent: those that Node.js comes with. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly server_name?: string | undefined;
  readonly verify?: 'full' | 'ca' | 'none' | undefined;
}

export interface RedisDetails {
  /** One of url, sentinels (with name) and cluster. */
  readonly url?: string | undefined;
  readonly sentinels?: readonly string[] | undefined;
  readonly name?: string | undefined;
  readonly cluster?: readonly string[] | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: RedisTls | undefined;
  readonly sentinel?:
    | {
        readonly username?: string | undefined;
        readonly password?: string | undefined;
        readonly tls?: RedisTls | undefined;
      }
    | undefined;
  readonly wait_replicas?: number | undefined;
}

/** A URL, or what a URL cannot say. */
export type RedisTarget = string | RedisDetails;

export function redisDetails(target: RedisTarget): RedisDetails {
  return typeof target === 'string' ? { url: target } : target;
}
