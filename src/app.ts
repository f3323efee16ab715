/**
 * The proxy in one process: its stations, the admin endpoint and the watch over its policies. The demo and the tests
 * start it here, and `pgveil serve` where there is one worker; app/workers/primary.ts is the same for several.
 */
import { PolicyError } from './app/policy-error.js';
import { inTurn, oneWaiting } from './app/reload.js';
import { startStations, type Whole } from './app/stations.js';
import { encryptionFiles } from './app/encryption.js';
import { tellClosing } from './app/tell-closing.js';
import { filesSeen, watchFiles } from './app/watch-files.js';
import type { Origins } from './config/load.js';
import type { Config } from './config/schema.js';
import { startAdmin } from './observe/admin.js';
import { createLogger, type LogLevel } from './observe/log.js';
import type { PolicyProblem } from './policy/types.js';

export { PolicyError };

export interface App {
  readonly ports: { readonly proxy: number; readonly admin: number };
  /** Loads the policies again; the problems for which those in force were kept, or none. */
  reload(): Promise<readonly PolicyProblem[]>;
  /**
   * Sessions may finish their transactions within `graceMs`; then everything is closed and the spool is synced.
   * A second call without grace hastens the first.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

export interface AppOptions {
  readonly version: string;
  readonly logLevel?: LogLevel;
  /** Where log lines go; standard error when absent. */
  readonly logTo?: { write(line: string): void };
  /** Where each setting came from, for the console. */
  readonly origins?: Origins;
  /** How often the policy folder is looked at; 0 never. */
  readonly watchMs?: number;
}

/** Resolves when clients can connect. Rejects with a PolicyError, or with a sentence about what could not be had. */
export async function startApp(config: Config, options: AppOptions): Promise<App> {
  const { version } = options;
  const seen = filesSeen(config.policies, encryptionFiles(config));
  const logger = createLogger({
    level: options.logLevel ?? 'info',
    base: { version },
    ...(options.logTo === undefined ? {} : { destination: options.logTo }),
  });
  const alone: Whole = {
    samples: () => stations.metrics.registry.getMetricsAsJSON(),
    clients: () => Promise.resolve(stations.clients()),
    reload: () => reload(),
  };
  const { origins } = options;
  const stations = await startStations(config, {
    version,
    logger,
    origins,
    worker: 1,
    workers: 1,
    whole: alone,
  });
  const queue = inTurn(
    (work: () => Promise<readonly PolicyProblem[]>) => work(),
    (error) => {
      logger.error({ error }, 'the policies could not be loaded again, those in force stay in force');
    },
  );
  const reload = oneWaiting(queue, async () => {
    const prepared = await stations.prepareReload();
    if (prepared.problems.length === 0) prepared.commit();
    else prepared.keep(prepared.problems);
    return prepared.problems;
  });
  try {
    const { host, port } = await stations.listen();
    const { registry } = stations.metrics;
    const admin = await startAdmin({ ...config.admin, registry, checks: stations.checks });
    const watchMs = options.watchMs ?? 1_000;
    const watch =
      watchMs === 0
        ? undefined
        : watchFiles(
            config.policies,
            watchMs,
            () => {
              reload().catch(() => undefined); // Already told.
            },
            encryptionFiles(config),
            seen,
          );
    logger.info(
      {
        listen: `${host}:${port}`,
        admin: admin.url,
        upstream: `${config.upstream.host}:${config.upstream.port}`,
      },
      'pgveil accepts connections',
    );
    let closing: Promise<void> | undefined;
    return {
      ports: { proxy: port, admin: admin.port },
      reload,
      close({ graceMs = 0 } = {}) {
        watch?.close();
        // Health is answered until the end, so that whoever watches sees the drain.
        const closed = stations.close({ graceMs });
        closing ??= tellClosing(
          closed.finally(() => admin.stop()),
          graceMs,
          logger,
        );
        return closing;
      },
    };
  } catch (error) {
    await stations.close({ graceMs: 0 });
    throw error;
  }
}
