/**
 * One process's worth of the proxy: audit, parser, catalogs, policies, metrics and the listener, wired together.
 * It opens no admin endpoint and watches no files: who starts it does, for one process (app.ts) or for several
 * (app/workers). It decides nothing about statements and speaks no protocol; ARCHITECTURE.md says who does.
 */
import type { RefreshReport } from '../catalog/database-catalog.js';
import { CatalogSource } from '../catalog/source.js';
import type { Origins } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { createPlanner } from '../enforce/planner.js';
import type { Check } from '../observe/admin.js';
import type { Logger } from '../observe/log.js';
import { createMetrics, type Metrics } from '../observe/metrics.js';
import type { RowAllowances } from '../guard/row-allowance.js';
import { loadPolicies, type LoadedPolicySet } from '../policy/load.js';
import type { PolicyProblem } from '../policy/types.js';
import type { ClientFacts } from '../session/console/source.js';
import type { Ports } from '../session/ports.js';
import type { Listener } from '../session/server.js';
import type { Places } from '../session/places.js';
import { defaultSqlLimits } from '../sql/limits.js';
import { openParser } from '../sql/parse.js';
import { createConsoleSource } from './console-source.js';
import type { MetricSamples } from './console-stats.js';
import type { AlertOrders, AlertReport } from './alert-office.js';
import { openSubjects, startAlerts, startAudit } from './audit-station.js';
import { openAuthentication } from './authentication.js';
import { tellAuthentication } from './tell-authentication.js';
import { createBinder } from './binder.js';
import { tellCertificates } from './certificate-dates.js';
import { EncryptionKeeper, loadEncryption } from './encryption.js';
import { openListener } from './open-listener.js';
import { PolicyError } from './policy-error.js';
import { PolicyKeeper, type Bound } from './policy-keeper.js';
import { logProblems, tellLoaded, type PolicyNews } from './policy-loading.js';
import { readinessChecks } from './readiness.js';
import { policyReload, type PreparedReload } from './reload.js';
import { overdueReviews } from './reviews.js';
import { sessionObserver } from './session-observer.js';
import { adoptSpools } from './spools.js';
import { countUnlabelled } from './unlabelled.js';

/** What a worker shares with the others. */
export interface Shared {
  readonly places: Places;
  readonly rows: RowAllowances;
  readonly reportAlerts: (report: AlertReport) => Promise<AlertOrders>;
  /** A statement that changes the structure has passed; the others read their catalogs again too. */
  noteDdl(database: string): void;
}

/** What the console shows and does for all workers together. */
export interface Whole {
  samples(): Promise<readonly MetricSamples[]>;
  clients(): Promise<readonly ClientFacts[]>;
  reload(): Promise<readonly PolicyProblem[]>;
}

export interface StationOptions {
  readonly version: string;
  readonly logger: Logger;
  /** From 1 on. */
  readonly worker: number;
  readonly workers: number;
  /** Absent: this is the only process. */
  readonly shared?: Shared;
  readonly whole: Whole;
  readonly origins: Origins | undefined;
}

export interface Stations {
  readonly metrics: Metrics;
  readonly checks: Readonly<Record<string, Check>>;
  /** Of this process. */
  clients(): readonly ClientFacts[];
  /** Of the policies in force. */
  readonly policyVersion: () => string;
  /** Accepts connections from now on; gives the address in use. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Loads policies and what else a reload renews, and puts nothing in force yet. */
  prepareReload(): Promise<PreparedReload>;
  noteDdl(database: string): void;
  /** Sessions may finish their transactions within `graceMs`; a second call may only shorten it. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

/** A catalog that could not be confirmed for this many refresh intervals decides about nobody's data any more. */
const STALE_INTERVALS = 10;
const LEAST_STALE_MS = 60_000;

/** Rejects with a PolicyError, or with a sentence about what could not be had. */
export async function startStations(config: Config, options: StationOptions): Promise<Stations> {
  const { logger } = options;
  const loaded = loadPolicies(config.policies);
  if (!loaded.ok) throw new PolicyError(loaded.problems);
  const encryption = loadEncryption(config);
  if (!encryption.ok) throw new PolicyError(encryption.problems, 'TLS');
  const keys = new EncryptionKeeper(encryption.encryption);
  const opened = await openAuthentication(config);
  if (!opened.ok) throw new PolicyError(opened.problems, 'auth.verifiers');
  const { authentication } = opened;

  // What has started is stopped in the opposite order, at the end and when a later part cannot start.
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) {
      await stop().catch((error: unknown) => {
        logger.error({ error }, 'a part of pgveil did not stop cleanly');
      });
    }
  };
  if (authentication !== undefined) stops.push(() => authentication.close());
  // The same in every worker: one of them tells it.
  if (options.worker === 1) {
    tellCertificates(keys.certificates(), [], logger);
    tellAuthentication(config, authentication, logger);
  }
  try {
    const subjects = openSubjects(config, options);
    const audit = await startAudit(config, subjects, options);
    stops.push(() => audit.close());
    let auditState = () => audit.state();
    if (options.worker === 1) {
      const adopted = await adoptSpools(config.audit.spool, options.workers, (directory) =>
        startAudit(config, subjects, options, directory),
      );
      stops.push(() => adopted.close());
      auditState = () => adopted.withTheirs(audit.state());
    }
    const parser = await openParser();
    stops.push(() => parser.close());
    const limits = { ...defaultSqlLimits, statementBytes: config.limits.statement_bytes };
    const bind = createBinder(parser, limits);
    const home = databaseOf(config.catalog.url);
    const metrics = createMetrics(
      { version: options.version },
      {
        audit: () => auditState(),
        catalogAgeSeconds: () => finite(catalogs.ageMs(home) / 1000),
        policyReviewsOverdue: () => overdueReviews(keeper.policies, new Date()).length,
        unlabelledColumns: () => unlabelled.get(home) ?? 0,
      },
    );
    const alerts = await startAlerts(config, options, { policies: loaded.set, audit, metrics });
    stops.push(() => alerts.close());
    const news: PolicyNews = { logger, metrics, audit };
    let lastLoad = { at: new Date(), warnings: loaded.warnings.length };
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

    const console = createConsoleSource({
      config,
      origins: options.origins,
      version: options.version,
      samples: () => options.whole.samples(),
      clients: () => options.whole.clients(),
      policies: () => keeper.policies,
      loaded: () => lastLoad,
      bound: () => keeper.bound,
      unbound: () => [...keeper.unbound.keys()],
      serverVersion: () => versionText(catalogs.current(home)?.serverVersion),
      reload: () => options.whole.reload(),
    });
    const ports: Omit<Ports, 'upstream' | 'limits'> = {
      planner: createPlanner({ parser, limits }),
      subjects,
      audit: alerts.audit,
      observer: sessionObserver(metrics),
      logger,
      encryption: keys,
      authentication,
      policyIdentity: () => keeper.policies,
      matchSession: (who) => keeper.policies.matchSession(who),
      contextFor: (database) => keeper.contextFor(database),
      noteDdl: (database) => {
        catalogs.noteDdl(database);
        options.shared?.noteDdl(database);
      },
      console: { loginDatabase: home, source: console },
      refreshCatalog: async (database) => {
        await catalogs.refreshNow(database);
      },
    };
    let graceMs = 0;
    let closing: Promise<void> | undefined;
    let listener: Listener | undefined;
    return {
      metrics,
      clients: () => listener?.clients().map((client) => ({ ...client, worker: options.worker })) ?? [],
      checks: readinessChecks({
        upstream: config.upstream,
        home,
        catalogAgeMs: () => catalogs.ageMs(home),
        catalogStale: () => catalogs.isStale(home),
        unbound: () => [...keeper.unbound.keys()],
        audit: () => auditState(),
        auditLagLimitSeconds: config.audit.max_lag / 1000,
        draining: () => closing !== undefined,
      }),
      policyVersion: () => keeper.policies.version,
      async listen() {
        const opened = await openListener(config, ports, options.shared);
        listener = opened;
        stops.push(() => opened.close({ graceMs }));
        return opened;
      },
      async prepareReload() {
        const prepared = await policyReload(config.policies, { catalogs, keeper, news });
        const again = loadEncryption(config);
        const verifiers = await authentication?.prepareReload();
        return {
          ...prepared,
          problems: [
            ...prepared.problems,
            ...(again.ok ? [] : again.problems),
            ...(verifiers?.problems ?? []),
          ],
          commit() {
            prepared.commit();
            alerts.put(keeper.policies);
            if (again.ok) {
              if (options.worker === 1)
                tellCertificates(again.encryption.certificates, keys.certificates(), logger);
              keys.put(again.encryption);
            }
            verifiers?.commit();
            lastLoad = { at: new Date(), warnings: prepared.warnings };
          },
        };
      },
      noteDdl: (database) => {
        catalogs.noteDdl(database);
      },
      close(how) {
        if (closing !== undefined && how.graceMs === 0) listener?.shutDown();
        graceMs = how.graceMs;
        closing ??= stopAll();
        return closing;
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
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

/** server_version_num as people write it: 180004 is 18.4 (since PostgreSQL 10). */
function versionText(number: number | undefined): string | undefined {
  return number === undefined ? undefined : `${Math.floor(number / 10_000)}.${number % 10_000}`;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
