/**
 * Wires the stations together: the proxy in one process. `pgveil serve`, the demo and the tests start it here.
 * It decides nothing about statements and speaks no protocol; ARCHITECTURE.md says who does.
 */
import { createBinder } from './app/binder.js';
import { PolicyKeeper, type Bound } from './app/policy-keeper.js';
import { logProblems, tellKept, tellLoaded, type PolicyNews } from './app/policy-loading.js';
import { readinessChecks } from './app/readiness.js';
import { overdueReviews } from './app/reviews.js';
import { sessionObserver } from './app/session-observer.js';
import { countUnlabelled } from './app/unlabelled.js';
import { watchFiles } from './app/watch-files.js';
import { openAuditLog, type AuditLog } from './audit/log.js';
import type { RefreshReport } from './catalog/database-catalog.js';
import { CatalogSource } from './catalog/source.js';
import type { Config } from './config/schema.js';
import { createPlanner } from './enforce/planner.js';
import { startAdmin } from './observe/admin.js';
import { createLogger, type Logger, type LogLevel } from './observe/log.js';
import { createMetrics, type Metrics } from './observe/metrics.js';
import { loadPolicies, type LoadedPolicySet } from './policy/load.js';
import type { PolicyProblem } from './policy/types.js';
import { defaultLimits } from './session/ports.js';
import { startListener, type Listener } from './session/server.js';
import { defaultSqlLimits } from './sql/limits.js';
import { openParser } from './sql/parse.js';

export interface App {
  readonly ports: { readonly proxy: number; readonly admin: number };
  /** Loads the policies again; the problems for which those in force were kept, or none. */
  reload(): Promise<readonly PolicyProblem[]>;
  /** Sessions may finish their transactions within `graceMs`; then everything is closed and the spool is synced. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

export interface AppOptions {
  readonly version: string;
  readonly logLevel?: LogLevel;
  /** How often the policy folder is looked at; 0 never. */
  readonly watchMs?: number;
}

/** The policies cannot be used, so there is nothing to start with. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(`the policies have ${problems.length} problems`);
    this.problems = problems;
  }
}

/** A catalog that could not be confirmed for this many refresh intervals decides about nobody's data any more. */
const STALE_INTERVALS = 10;
const LEAST_STALE_MS = 60_000;
/** Events wait in the spool meanwhile; beyond this somebody should look. */
const AUDIT_LAG_LIMIT_SECONDS = 300;

/** Resolves when clients can connect. Rejects with a PolicyError, or with a sentence about what could not be had. */
export async function startApp(config: Config, options: AppOptions): Promise<App> {
  const logger = createLogger({ level: options.logLevel ?? 'info', base: { version: options.version } });
  const loaded = loadPolicies(config.policies);
  if (!loaded.ok) throw new PolicyError(loaded.problems);

  // What has started is stopped in the opposite order, at the end and when a later part cannot start.
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) {
      await stop().catch((error: unknown) => {
        logger.error({ error }, 'a part of pgveil did not stop cleanly');
      });
    }
  };
  try {
    const audit = await startAudit(config, options, logger);
    stops.push(() => audit.close());
    const parser = await openParser();
    stops.push(() => parser.close());
    const limits = { ...defaultSqlLimits, statementBytes: config.limits.statement_bytes };
    const bind = createBinder(parser, limits);
    const home = databaseOf(config.catalog.url);
    const metrics = createMetrics(
      { version: options.version },
      {
        audit: () => audit.state(),
        catalogAgeSeconds: () => finite(catalogs.ageMs(home) / 1000),
        policyReviewsOverdue: () => overdueReviews(keeper.policies, new Date()).length,
        unlabelledColumns: () => unlabelled.get(home) ?? 0,
      },
    );
    const news: PolicyNews = { logger, metrics, audit };
    const unlabelled = new Map<string, number>();

    const catalogs = new CatalogSource({
      url: config.catalog.url,
      refreshMs: config.catalog.refresh,
      staleAfterMs: Math.max(LEAST_STALE_MS, STALE_INTERVALS * config.catalog.refresh),
      onChange: (database, catalog) => {
        keeper.catalogChanged(database, catalog);
      },
      onRefresh: (report) => {
        tellRefresh(report, logger, metrics);
      },
    });
    stops.push(() => catalogs.stop());
    const keeper = new PolicyKeeper<LoadedPolicySet>({
      initial: loaded.set,
      bind,
      catalogs,
      home,
      onBound: (database, bound) => {
        tellBound(database, bound, logger);
        const catalog = catalogs.current(database);
        if (bound.ok && catalog !== undefined)
          unlabelled.set(database, countUnlabelled(bound.policy, catalog));
        else unlabelled.delete(database);
      },
      onUnreadable: (database, error) => {
        logger.error({ database, error }, 'the catalog cannot be read, governed statements are refused');
      },
    });
    // A database that cannot be reached now may come later; one that the policy does not fit is a mistake to tell now.
    await catalogs.open(home).catch(() => undefined);
    const misfits = keeper.unbound.get(home);
    if (misfits !== undefined) throw new PolicyError(misfits);
    tellLoaded(news, loaded.set, loaded.warnings);

    const reloadNow = async (): Promise<readonly PolicyProblem[]> => {
      // The change may name a table that was made a moment ago; what cannot be read again is bound as it was known.
      await Promise.allSettled(catalogs.databases().map((database) => catalogs.refreshNow(database)));
      const again = loadPolicies(config.policies);
      const problems = again.ok ? keeper.replace(again.set) : again.problems;
      metrics.policyReload(problems.length === 0 ? 'loaded' : 'kept-last-good');
      if (problems.length > 0) tellKept(news, keeper.policies, problems);
      else tellLoaded(news, keeper.policies, again.ok ? again.warnings : []);
      return problems;
    };
    // One at a time, so that the last one asked for is the last one in force.
    let reloading: Promise<unknown> = Promise.resolve();
    const reload = (): Promise<readonly PolicyProblem[]> => {
      const next = reloading.then(reloadNow);
      reloading = next.catch((error: unknown) => {
        logger.error({ error }, 'the policies could not be loaded again, those in force stay in force');
      });
      return next;
    };
    const watchMs = options.watchMs ?? 1_000;
    if (watchMs > 0) {
      const watch = watchFiles(config.policies, watchMs, () => {
        reload().catch(() => undefined); // Already told.
      });
      stops.push(() => {
        watch.close();
        return Promise.resolve();
      });
    }

    const listener = await listen(config, {
      planner: createPlanner({ parser, limits }),
      audit,
      observer: sessionObserver(metrics),
      logger,
      policyIdentity: () => keeper.policies,
      matchSession: (who) => keeper.policies.matchSession(who),
      contextFor: (database) => keeper.contextFor(database),
      noteDdl: (database) => {
        catalogs.noteDdl(database);
      },
      refreshCatalog: async (database) => {
        await catalogs.refreshNow(database);
      },
    });
    let graceMs = 0;
    let draining = false;
    stops.push(() => listener.close({ graceMs }));
    const admin = await startAdmin({
      ...config.admin,
      registry: metrics.registry,
      checks: readinessChecks({
        upstream: config.upstream,
        home,
        catalogAgeMs: () => catalogs.ageMs(home),
        catalogStale: () => catalogs.isStale(home),
        unbound: () => [...keeper.unbound.keys()],
        audit: () => audit.state(),
        auditLagLimitSeconds: AUDIT_LAG_LIMIT_SECONDS,
        draining: () => draining,
      }),
    });
    // Health is answered until the end, so that whoever watches sees the drain.
    stops.splice(stops.length - 1, 0, () => admin.stop());
    logger.info(
      {
        listen: `${listener.host}:${listener.port}`,
        admin: admin.url,
        upstream: `${config.upstream.host}:${config.upstream.port}`,
      },
      'pgveil accepts connections',
    );

    let closing: Promise<void> | undefined;
    return {
      ports: { proxy: listener.port, admin: admin.port },
      reload,
      close(how = {}) {
        graceMs = how.graceMs ?? 0;
        draining = true;
        closing ??= stopAll();
        return closing;
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

function startAudit(config: Config, options: AppOptions, logger: Logger): Promise<AuditLog> {
  const { redis, stream, spool, durability } = config.audit;
  return openAuditLog({
    spoolDirectory: spool,
    durability,
    version: options.version,
    ...(redis === undefined ? {} : { redis: { url: redis, stream } }),
    onState: ({ level, message }) => {
      logger[level]({}, `audit: ${message}`);
    },
  });
}

type Parts = Omit<Parameters<typeof startListener>[0], 'host' | 'port' | 'limits' | 'upstream'>;

async function listen(config: Config, parts: Parts): Promise<Listener> {
  const { host, port } = config.listen;
  const { limits } = config;
  try {
    return await startListener({
      ...parts,
      host,
      port,
      upstream: config.upstream,
      limits: {
        ...defaultLimits,
        connections: limits.connections,
        connectionsPerUser: limits.connections_per_user,
        connectionsPerAddress: limits.connections_per_address,
        statementBytes: limits.statement_bytes,
        // PostgreSQL's own bound is two bytes below 1 GiB (MaxAllocSize in memutils.h).
        messageBytes: Math.min(limits.message_bytes, defaultLimits.messageBytes),
        authTimeoutMs: limits.auth_timeout,
        startupTimeoutMs: limits.idle_in_handshake,
      },
    });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: 'another process listens there: stop it or set listen.port',
      EACCES: 'this port needs privileges: set listen.port to one above 1023',
      EADDRNOTAVAIL: 'this machine has no such address: set listen.host',
    };
    const reason = reasons[code] ?? `${code}: check listen.host and listen.port`;
    throw new Error(`the proxy cannot listen on ${host}:${port}; ${reason}`, { cause });
  }
}

function tellRefresh(report: RefreshReport, logger: Logger, metrics: Metrics): void {
  metrics.catalogRefresh(report.reason);
  const { database, reason, seconds, error } = report;
  if (report.result === 'failed') {
    logger.warn({ database, reason, error }, 'the catalog could not be read, the last one is kept');
  } else if (report.result === 'changed') {
    logger.info({ database, reason, seconds }, 'the catalog was read');
  }
}

function tellBound(database: string, bound: Bound, logger: Logger): void {
  if (bound.ok) return;
  logProblems(logger, bound.problems);
  logger.error(
    { database, problems: bound.problems.length },
    'the policy does not fit this database, its governed statements are refused until it does',
  );
}

function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
