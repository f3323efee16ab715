/** The checks behind /readyz: upstream reachable, policies in force, catalog fresh, audit able to follow (SPEC 7). */
import { connect } from 'node:net';
import type { AuditState } from '../audit/log.js';
import type { Check, CheckResult } from '../observe/admin.js';

export interface ReadinessSources {
  readonly upstream: { readonly host: string; readonly port: number };
  /** The database of catalog.url, by which freshness is judged. */
  readonly home: string;
  readonly catalogAgeMs: () => number;
  readonly catalogStale: () => boolean;
  /** Databases whose catalog the policy does not fit. */
  readonly unbound: () => readonly string[];
  readonly audit: () => AuditState;
  readonly auditLagLimitSeconds: number;
  readonly draining: () => boolean;
}

export function readinessChecks(sources: ReadinessSources): Readonly<Record<string, Check>> {
  return {
    upstream: () => reachable(sources.upstream),
    catalog: () => catalogCheck(sources),
    policies: () => policyCheck(sources),
    audit: () => auditCheck(sources),
    accepting: () => (sources.draining() ? { ok: false, detail: 'shutting down' } : { ok: true }),
  };
}

/** A TCP connection is proof enough; a log-in would need a user of its own. */
function reachable(upstream: { readonly host: string; readonly port: number }): Promise<CheckResult> {
  return new Promise((resolve) => {
    const socket = connect({ ...upstream, timeout: 1_500 });
    const finish = (result: CheckResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => {
      finish({ ok: true });
    });
    socket.once('timeout', () => {
      finish({ ok: false, detail: 'the database server does not answer' });
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      finish({ ok: false, detail: `the database server cannot be reached (${error.code ?? error.name})` });
    });
  });
}

function catalogCheck({ catalogAgeMs, catalogStale }: ReadinessSources): CheckResult {
  const age = catalogAgeMs();
  if (!Number.isFinite(age))
    return { ok: false, detail: 'the catalog has not been read yet: check catalog.url' };
  const detail = `${Math.round(age / 1000)} s old`;
  return catalogStale()
    ? { ok: false, detail: `${detail}, too old: check catalog.url` }
    : { ok: true, detail };
}

function policyCheck({ home, unbound }: ReadinessSources): CheckResult {
  // Another database that the policy does not fit refuses its own governed statements and is no reason to stop traffic here.
  return unbound().includes(home)
    ? { ok: false, detail: 'the policy does not fit the database any more: see the log and run pgveil check' }
    : { ok: true };
}

function auditCheck({ audit, auditLagLimitSeconds }: ReadinessSources): CheckResult {
  const state = audit();
  if (state.spoolAtLimit) {
    return {
      ok: false,
      detail:
        'the audit spool has reached audit.spool_limits.bytes: see the log, and bring Redis back or raise it',
    };
  }
  if (state.spoolFailing)
    return { ok: false, detail: 'the audit spool cannot be written: check the disk of audit.spool' };
  if (state.redisRefused) {
    return {
      ok: false,
      detail:
        'the settings of Redis lose acknowledged events: see the log, or write audit.accept_lossy_redis: true',
    };
  }
  const detail = `${Math.round(state.lagSeconds)} s behind`;
  return state.lagSeconds > auditLagLimitSeconds
    ? { ok: false, detail: `${detail}, over the limit of ${auditLagLimitSeconds} s: check Redis` }
    : { ok: true, detail };
}
