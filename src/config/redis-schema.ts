/**
 * The keys `audit.redis` and `audit.trim`: where the audit stream is, how to be let in, and what may be removed from it.
 * Reads no files.
 */
import { z } from 'zod';
import { parseDuration } from './units.js';

const path = z.string().min(1);
const secret = z.string({ error: 'is no text; put it in quotes' }).min(1);

/** `host:port`; an IPv6 address in brackets. */
const ADDRESS = /^(\[[0-9a-fA-F:.%]+\]|[^\s:/@[\]]+):(\d{1,5})$/;
const addressError = 'is no list of addresses; write [host:port, host:port]';

const addresses = z
  .union([
    z.array(z.string().regex(ADDRESS, 'is no address; write host:port')).min(1, addressError),
    // As the environment spells it.
    z
      .string()
      .transform((text) => text.split(',').map((one) => one.trim()))
      .refine((list) => list.every((one) => ADDRESS.test(one)), addressError),
  ])
  .transform((list): readonly string[] => list);

const redisTls = z
  .strictObject({
    /** A file of authorities; absent: those that Node.js comes with. */
    ca: path.optional(),
    cert: path.optional(),
    key: path.optional(),
    /** The name in the certificate, where it is not the host that is connected to: a Sentinel or a Cluster tells addresses. */
    server_name: z.string().min(1).optional(),
    /** full: authority and name; ca: authority alone; none: encrypted to whoever answers. */
    verify: z.enum(['full', 'ca', 'none']).default('full'),
  })
  .superRefine((tls, refinement) => {
    if ((tls.cert === undefined) !== (tls.key === undefined))
      refinement.addIssue({
        code: 'custom',
        path: [tls.cert === undefined ? 'cert' : 'key'],
        message: 'is missing; a client certificate needs both cert and key',
      });
  });

const urlError = 'is no such URL; write redis://host:port, rediss://host:port or unix:///path/of/socket';

const redisUrl = z.string().refine((text) => {
  try {
    const { protocol, hostname, pathname } = new URL(text);
    if (protocol === 'unix:') return pathname.length > 1;
    return (protocol === 'redis:' || protocol === 'rediss:') && hostname !== '';
  } catch {
    return false;
  }
}, urlError);

const redisObject = z
  .strictObject({
    url: redisUrl.optional(),
    sentinels: addresses.optional(),
    /** What the Sentinels call the master. */
    name: z.string().min(1).optional(),
    cluster: addresses.optional(),
    username: z.string().min(1).optional(),
    password: secret.optional(),
    tls: redisTls.optional(),
    /** The Sentinels' own log-in and encryption. */
    sentinel: z
      .strictObject({
        username: z.string().min(1).optional(),
        password: secret.optional(),
        tls: redisTls.optional(),
      })
      .optional(),
    /** An event counts as shipped once so many replicas have it. */
    wait_replicas: z.int().min(0).max(10).default(0),
  })
  .superRefine((redis, refinement) => {
    const wrong = (key: string, message: string): void => {
      refinement.addIssue({ code: 'custom', path: [key], message });
    };
    const ways = (['url', 'sentinels', 'cluster'] as const).filter((way) => redis[way] !== undefined);
    if (ways.length === 0) wrong('url', 'is missing; name one of url, sentinels (with name) and cluster');
    if (ways.length > 1)
      wrong(ways[1]!, `does not go with ${ways[0]!}; name one of url, sentinels and cluster`);
    if (redis.sentinels !== undefined && redis.name === undefined)
      wrong('name', 'is missing; say what the Sentinels call the master, for example mymaster');
    if (redis.sentinels === undefined && redis.name !== undefined)
      wrong('name', 'belongs to sentinels; remove it');
    if (redis.sentinels === undefined && redis.sentinel !== undefined)
      wrong('sentinel', 'belongs to sentinels; remove it');
    if (redis.tls !== undefined && redis.url !== undefined && !redis.url.startsWith('rediss:'))
      wrong('tls', 'does not go with this URL; write rediss://… to encrypt, or remove tls');
  });

/** A URL, or what a URL cannot say. */
export const redisSchema = z.union([redisUrl, redisObject]);

export const trimSchema = z
  .strictObject({
    /** Entries older than this may be removed. */
    age: z
      .string()
      .regex(/^\d{1,9} ?(ms|s|m|min|h|d)$/, 'is no duration; write for example 400d')
      .transform((text) => parseDuration(text) ?? 0)
      .optional(),
    /** The oldest entries beyond so many may be removed. */
    length: z.int().min(1).optional(),
    /** A consumer group: only what it has acknowledged is removed. */
    behind_group: z.string().min(1).optional(),
  })
  .superRefine((trim, refinement) => {
    if (trim.age === undefined && trim.length === undefined)
      refinement.addIssue({
        code: 'custom',
        path: ['age'],
        message:
          'is missing; say how old (age: 400d) or how many (length: 1000000) entries are kept, or remove trim',
      });
  });
