/**
 * The configuration as a zod schema: every key, its default, and what this release refuses because it does not do it
 * yet. A promise in a config that nothing keeps would be worse than an error.
 */
import { z } from 'zod';
import { authSchema } from './auth-schema.js';
import { redisSchema, trimSchema } from './redis-schema.js';
import { checkpointsSchema } from './checkpoints-schema.js';
import { spoolLimitsSchema } from './spool-limits-schema.js';
import { subjectsSchema } from './subjects-schema.js';
import { listenTlsSchema, upstreamTlsSchema } from './tls-schema.js';
import { parseByteSize, parseDuration } from './units.js';

const duration = (fallback: string) =>
  z
    .string()
    .regex(/^\d{1,9} ?(ms|s|m|min|h|d)$/, 'is no duration; write for example 30s, 250ms or 5m')
    .transform((text) => parseDuration(text) ?? 0)
    .prefault(fallback);

const byteSize = (fallback: string, most: number) =>
  z
    .union([z.string(), z.int()])
    .transform((value, refinement) => {
      const bytes = parseByteSize(String(value));
      if (bytes !== undefined && bytes > 0 && bytes <= most) return bytes;
      refinement.addIssue({ code: 'custom', message: 'is no usable size; write for example 1MiB or 64kB' });
      return z.NEVER;
    })
    .prefault(fallback);

const port = z.int().min(0).max(65_535);
const host = z.string().min(1);

const url = (...schemes: string[]): z.ZodString =>
  z.string().refine(
    (text) => {
      try {
        return schemes.includes(new URL(text).protocol);
      } catch {
        return false;
      }
    },
    `is no such URL; write ${schemes.map((one) => `${one}//…`).join(' or ')}`,
  );

const workersError = {
  error: 'is no number of workers; write workers: auto, or a whole number from 1 to 64',
};

export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      host: host.default('127.0.0.1'),
      port: port.default(6432),
      tls: listenTlsSchema.optional(),
    })
    .prefault({}),
  upstream: z
    .strictObject({
      host: host.default('127.0.0.1'),
      port: port.min(1).default(5432),
      /** What stands between pgveil and PostgreSQL. */
      pooler: z.enum(['none', 'session', 'transaction']).default('none'),
      tls: upstreamTlsSchema.optional(),
    })
    .prefault({}),
  auth: authSchema.prefault({}),
  catalog: z.strictObject({
    url: url('postgres:', 'postgresql:'),
    refresh: duration('30s'),
  }),
  policies: z.string().min(1).default('./policies'),
  audit: z
    .strictObject({
      redis: redisSchema.optional(),
      /** Starts in strict durability with a Redis whose settings lose acknowledged events. */
      accept_lossy_redis: z.boolean().default(false),
      trim: trimSchema.optional(),
      /** Beyond it /readyz says no. */
      max_lag: duration('5m'),
      stream: z.string().min(1).default('pgveil:audit'),
      spool: z.string().min(1).default('./var/audit'),
      spool_limits: spoolLimitsSchema.prefault({}),
      durability: z.enum(['strict', 'relaxed']).default('strict'),
      checkpoints: checkpointsSchema.optional(),
      subjects: subjectsSchema.prefault({}),
    })
    .prefault({}),
  admin: z.strictObject({ host: host.default('127.0.0.1'), port: port.default(9188) }).prefault({}),
  /** auto: as many as there are processors. 1: one process. */
  workers: z
    .union([z.literal('auto'), z.int().min(1, workersError).max(64, workersError)], workersError)
    .default('auto'),
  limits: z
    .strictObject({
      connections: z.int().min(1).max(100_000).default(2000),
      connections_per_user: z.int().min(1).max(100_000).optional(),
      connections_per_address: z.int().min(1).max(100_000).optional(),
      statement_bytes: byteSize('1MiB', 64 * 1024 ** 2),
      message_bytes: byteSize('1GiB', 1024 ** 3),
      auth_timeout: duration('10s'),
      idle_in_handshake: duration('10s'),
    })
    .prefault({}),
});

/** The effective configuration. Durations are in milliseconds, sizes in bytes. */
export type Config = z.infer<typeof configSchema>;
