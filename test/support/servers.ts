/** Where the run's servers are. Started by global-setup.ts. */
import { inject } from 'vitest';
import type { PostgresVersion } from '../../src/cli/launch/postgres-binaries.js';

export interface ProvidedPostgres {
  readonly version: PostgresVersion;
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  /** Holds every statement that any test had executed (log_statement = all). */
  readonly logFile: string;
}

export interface ProvidedRedis {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** The versions that tests run on, for `describe.each(postgresVersions)`. */
export const postgresVersions = [18, 15] as const;

/**
 * The same for tests of half a minute: `npm test` runs them on 18 to stay below its ten minutes, `npm run test:versions`
 * (CI runs it too) on both.
 */
export const versionsOfLongTests: readonly (15 | 18)[] =
  process.env['PGVEIL_ALL_VERSIONS'] === '1' ? postgresVersions : [18];

export function postgresServer(version: 15 | 18): ProvidedPostgres {
  return inject(version === 18 ? 'postgres18' : 'postgres15');
}

/** Shared by all test files of the run: use keys of your own, never FLUSHALL. */
export function redisServer(): ProvidedRedis {
  return inject('redis');
}
