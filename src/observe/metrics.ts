/**
 * Every metric of SPEC 7, behind small recording functions. Owns names, labels and buckets; imports nothing of ours.
 *
 * INVARIANT(metric-labels): labels hold words of the policy or of pgveil only, never SQL, users or values, and their
 * number is bounded.
 */
import { Counter, Gauge, Registry, type Aggregator } from 'prom-client';
import { CounterTally, HistogramTally, registerHistogram } from './tally.js';

export type Decision = 'forward' | 'rewrite' | 'deny' | 'observe';
export type ConnectionState = 'startup' | 'idle' | 'active' | 'draining';
export type Direction = 'from_client' | 'from_upstream';

/** Read when somebody scrapes. */
export interface MetricSources {
  readonly audit?: () => {
    readonly events: number;
    readonly lost?: number;
    readonly spoolBytes: number;
    readonly lagSeconds: number;
    readonly redisUp: boolean | undefined;
    readonly redisLossy?: boolean | undefined;
    readonly shippedAgain?: number;
  };
  readonly catalogAgeSeconds?: () => number | undefined;
  readonly policyReviewsOverdue?: () => number;
  readonly unlabelledColumns?: () => number;
}

/** What one statement is counted under; made once per role and kept by the session. */
export interface RoleMetrics {
  statement(decision: Decision, seconds: number, rows: number): void;
}

export interface Metrics {
  readonly registry: Registry;
  /** Exempt sessions count under role "". */
  forRole(role: string | undefined): RoleMetrics;
  enforced(cache: 'hit' | 'miss', seconds: number): void;
  maskedColumns(labels: readonly string[]): void;
  denied(reason: string): void;
  guardTrip(): void;
  connectionOpened(): void;
  connectionState(from: ConnectionState | undefined, to: ConnectionState | undefined): void;
  authFailure(reason: string): void;
  /** A result should have carried keys of data subjects, and they could not be read. */
  subjectsUnread(reason: string): void;
  upstreamError(): void;
  bytes(direction: Direction, count: number): void;
  policyLoaded(version: string): void;
  policyReload(result: 'loaded' | 'kept-last-good'): void;
  catalogRefresh(reason: string): void;
  /** By the kind of the rule: its name and its actor stand in the event. */
  alert(kind: string): void;
}

// From a look-up over the loopback to a report that runs for a minute.
const STATEMENT_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];
// From a cache hit to a large statement parsed in a worker.
const ENFORCE_BUCKETS = [
  0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1,
];
const MAX_LABEL_CHARS = 64;

export function createMetrics(build: { readonly version: string }, sources: MetricSources = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const tallies: CounterTally[] = [];
  const tally = (child: Counter.Internal): CounterTally => {
    const made = new CounterTally(child);
    tallies.push(made);
    return made;
  };
  const counter = (name: string, help: string, labelNames: string[] = [], aggregator: Aggregator = 'sum') =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      aggregator,
      collect: () => tallies.forEach((each) => each.flush()),
    });
  /** @param aggregator - what several workers' values are together */
  const gauge = (name: string, help: string, aggregator: Aggregator, read?: () => number | undefined) =>
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      ...(read === undefined
        ? {}
        : {
            collect(this: Gauge) {
              const value = read();
              if (value === undefined) this.remove();
              else this.set(value);
            },
          }),
    });

  const statements = counter('pgveil_statements_total', 'Statements, by decision and role', [
    'decision',
    'role',
  ]);
  const statementSeconds = new HistogramTally(STATEMENT_BUCKETS);
  registerHistogram(
    registry,
    'pgveil_statement_seconds',
    'From a statement’s arrival to the end of its result',
    undefined,
    new Map([['', statementSeconds]]),
  );
  const enforceSeconds = {
    hit: new HistogramTally(ENFORCE_BUCKETS),
    miss: new HistogramTally(ENFORCE_BUCKETS),
  };
  registerHistogram(
    registry,
    'pgveil_enforce_seconds',
    'Time to decide and rewrite a statement',
    'cache',
    new Map(Object.entries(enforceSeconds)),
  );
  const rowsReturned = counter('pgveil_rows_returned_total', 'Rows returned to clients, by role', ['role']);
  const masked = counter('pgveil_masked_columns_total', 'Columns shown masked, by label', ['label']);
  const denied = counter('pgveil_denied_total', 'Refused statements, by reason', ['reason']);
  const guardTrips = counter(
    'pgveil_guard_trips_total',
    'Connections cut because a masked column was about to leave: bugs',
  );
  const connections = new Gauge({
    name: 'pgveil_connections',
    help: 'Client connections, by state',
    labelNames: ['state'],
    registers,
  });
  const connectionsTotal = counter('pgveil_connections_total', 'Client connections accepted');
  const authFailures = counter('pgveil_auth_failures_total', 'Log-ins that failed, by reason', ['reason']);
  const subjectsUnread = counter(
    'pgveil_audit_subjects_unread_total',
    'Results whose data subjects could not be read from the rows, by reason',
    ['reason'],
  );
  const upstreamErrors = counter(
    'pgveil_upstream_errors_total',
    'Upstream connections that failed or were lost',
  );
  const bytes = counter('pgveil_bytes_total', 'Bytes received, by side', ['direction']);
  new Counter({
    name: 'pgveil_audit_events_total',
    help: 'Audit events appended to the spool',
    registers,
    collect() {
      this.reset();
      this.inc(sources.audit?.().events ?? 0);
    },
  });
  new Counter({
    name: 'pgveil_audit_dropped_total',
    help: 'Audit events that could be kept nowhere: the spool took none and the memory for them was used up',
    registers,
    collect() {
      this.reset();
      this.inc(sources.audit?.().lost ?? 0);
    },
  });
  gauge(
    'pgveil_audit_spool_bytes',
    'Bytes of the spool not yet shipped',
    'sum',
    () => sources.audit?.().spoolBytes ?? 0,
  );
  gauge(
    'pgveil_audit_lag_seconds',
    'Age of the oldest event not yet shipped',
    'max',
    () => sources.audit?.().lagSeconds ?? 0,
  );
  // Without Redis the spool is the log and there is nothing to be up: no sample then, so that no alert fires.
  gauge('pgveil_audit_redis_up', '1 while Redis is reachable', 'min', () => {
    const up = sources.audit?.().redisUp;
    return up === undefined ? undefined : Number(up);
  });
  gauge(
    'pgveil_audit_redis_lossy',
    '1 while the settings of Redis lose events that it has acknowledged',
    'max',
    () => {
      const lossy = sources.audit?.().redisLossy;
      return lossy === undefined ? undefined : Number(lossy);
    },
  );
  new Counter({
    name: 'pgveil_audit_shipped_again_total',
    help: 'Audit events that Redis had acknowledged, lost, and been sent again',
    registers,
    collect() {
      this.reset();
      this.inc(sources.audit?.().shippedAgain ?? 0);
    },
  });
  const policyInfo = new Gauge({
    name: 'pgveil_policy_info',
    help: 'The policy in force',
    aggregator: 'max',
    labelNames: ['version'],
    registers,
  });
  const policyReloads = counter(
    'pgveil_policy_reloads_total',
    'Policy loads, by result',
    ['result'],
    // Every worker loads them, and all of them together.
    'max',
  );
  gauge(
    'pgveil_policy_reviews_overdue',
    'Roles whose review date has passed',
    'max',
    () => sources.policyReviewsOverdue?.() ?? 0,
  );
  gauge(
    'pgveil_catalog_age_seconds',
    'Age of the catalog snapshot',
    'max',
    () => sources.catalogAgeSeconds?.() ?? 0,
  );
  const alerts = counter('pgveil_audit_alerts_total', 'Alerts, by the kind of their rule', ['kind']);
  const catalogRefreshes = counter('pgveil_catalog_refreshes_total', 'Catalog loads, by reason', ['reason']);
  gauge(
    'pgveil_unlabelled_columns',
    'Columns of protected tables without a label',
    'max',
    () => sources.unlabelledColumns?.() ?? 0,
  );
  new Gauge({
    name: 'pgveil_build_info',
    help: 'Version of pgveil and Node.js',
    aggregator: 'first',
    labelNames: ['version', 'node'],
    registers,
  })
    .labels(build.version, process.versions.node)
    .set(1);

  const states: Readonly<Record<ConnectionState, Gauge.Internal<string>>> = {
    startup: connections.labels('startup'),
    idle: connections.labels('idle'),
    active: connections.labels('active'),
    draining: connections.labels('draining'),
  };
  for (const state of Object.values(states)) state.set(0);
  const byteChildren: Readonly<Record<Direction, CounterTally>> = {
    from_client: tally(bytes.labels('from_client')),
    from_upstream: tally(bytes.labels('from_upstream')),
  };
  const roles = new Map<string, RoleMetrics>();
  const maskedChildren = new Map<string, CounterTally>();

  function makeRole(role: string): RoleMetrics {
    const label = word(role);
    const decisions: Readonly<Record<Decision, CounterTally>> = {
      forward: tally(statements.labels('forward', label)),
      rewrite: tally(statements.labels('rewrite', label)),
      deny: tally(statements.labels('deny', label)),
      observe: tally(statements.labels('observe', label)),
    };
    const rowCounter = tally(rowsReturned.labels(label));
    return {
      statement(decision, seconds, rows) {
        decisions[decision].inc();
        statementSeconds.observe(seconds);
        if (rows > 0) rowCounter.inc(rows);
      },
    };
  }

  return {
    registry,
    forRole(role = '') {
      let metrics = roles.get(role);
      if (metrics === undefined) {
        metrics = makeRole(role);
        roles.set(role, metrics);
      }
      return metrics;
    },
    enforced: (cache, seconds) => enforceSeconds[cache].observe(seconds),
    maskedColumns(labels) {
      for (const label of labels) {
        let child = maskedChildren.get(label);
        if (child === undefined) {
          child = tally(masked.labels(word(label)));
          maskedChildren.set(label, child);
        }
        child.inc();
      }
    },
    denied: (reason) => denied.labels(word(reason)).inc(),
    guardTrip: () => guardTrips.inc(),
    connectionOpened: () => connectionsTotal.inc(),
    connectionState(from, to) {
      if (from !== undefined) states[from].dec();
      if (to !== undefined) states[to].inc();
    },
    subjectsUnread: (reason) => subjectsUnread.labels(word(reason)).inc(),
    authFailure: (reason) => authFailures.labels(word(reason)).inc(),
    upstreamError: () => upstreamErrors.inc(),
    bytes: (direction, count) => byteChildren[direction].inc(count),
    policyLoaded(version) {
      policyInfo.reset();
      policyInfo.labels(word(version)).set(1);
    },
    policyReload: (result) => policyReloads.labels(result).inc(),
    alert: (kind) => alerts.labels(word(kind)).inc(),
    catalogRefresh: (reason) => catalogRefreshes.labels(word(reason)).inc(),
  };
}

/** A label is a word of ours; whatever looks like more (a message passed by mistake) is not shown. */
function word(label: string): string {
  return label.length <= MAX_LABEL_CHARS && /^[\w.:*+@/-]*$/.test(label) ? label : 'other';
}
