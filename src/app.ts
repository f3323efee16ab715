/**
 * The proxy in one process: its stations, the admin endpoint and the watch over its policies. The demo and the tests
 * start it here, and `pgveil serve` where there is one worker; app/workers/primary.ts is the same for several.
 */
import { type App, type Behind, filesToWatch, openFront } from './app/front.js';
import { PolicyError } from './app/policy-error.js';
import { inTurn, oneWaiting } from './app/reload.js';
import { startStations, type Whole } from './app/stations.js';
import type { Origins } from './config/load.js';
import type { Config } from './config/schema.js';
import { createLogger, type LogLevel } from './observe/log.js';
import type { PolicyProblem } from './policy/types.js';

export { type App, PolicyError };

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
  const seen = filesToWatch(config);
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
  const behind: Behind = {
    registry: stations.metrics.registry,
    listen: async () => ({ ...(await stations.listen()), checks: stations.checks }),
    reload,
    close: (graceMs) => stations.close({ graceMs }),
  };
  return openFront(config, behind, { logger, watchMs: options.watchMs, seen });
}
