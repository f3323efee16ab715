/**
 * One worker's part in alerts: sends what its statements have been counted as once a moment, and writes the alerts that
 * come back, as events of its chain, into the log and the metrics. No statement waits for any of it.
 */
import type { Alert } from '../audit/alerts/alert.js';
import { alertText } from '../audit/alerts/alert-text.js';
import { AlertTally } from '../audit/alerts/tally.js';
import { watchedAudit } from '../audit/alerts/watched-audit.js';
import type { AuditPort } from '../audit/types.js';
import type { Logger } from '../observe/log.js';
import type { Metrics } from '../observe/metrics.js';
import type { AlertRule } from '../policy/alert-rules.js';
import type { AlertOrders, AlertReport } from './alert-office.js';

/** What is in force. */
interface Policies {
  readonly name: string;
  readonly version: string;
  readonly alerts: readonly AlertRule[];
}

export interface AlertReporterOptions {
  readonly report: (report: AlertReport) => AlertOrders | Promise<AlertOrders>;
  readonly policies: Policies;
  readonly audit: AuditPort;
  readonly metrics: Pick<Metrics, 'alert'>;
  readonly logger: Logger;
  readonly everyMs?: number;
}

const EVERY_MS = 1_000;
/** For the last report. */
const CLOSE_MS = 2_000;

export class AlertReporter {
  /** The audit as sessions are to see it. */
  readonly audit: AuditPort;
  private readonly options: AlertReporterOptions;
  private readonly tally = new AlertTally();
  private readonly timer: NodeJS.Timeout;
  private policies: Policies;
  private untold = true;
  private written = 0;
  private unconfirmed = false;
  private reporting: Promise<void> | undefined;
  private broken = false;

  constructor(options: AlertReporterOptions) {
    this.options = options;
    this.policies = options.policies;
    this.tally.put(this.policies.alerts);
    this.audit = watchedAudit(options.audit, this.tally, (error) => this.bug(error));
    this.timer = setInterval(() => void this.report(), options.everyMs ?? EVERY_MS).unref();
  }

  /** Others are in force. */
  put(policies: Policies): void {
    this.policies = policies;
    this.untold = true;
    this.tally.put(policies.alerts);
  }

  /** Never rejects. One at a time: what is counted meanwhile comes with the next. */
  report(): Promise<void> {
    if (this.tally.isEmpty && !this.untold && !this.unconfirmed) return Promise.resolve();
    this.reporting ??= this.send().finally(() => {
      this.reporting = undefined;
    });
    return this.reporting;
  }

  /** After the last statement, and before the audit is closed. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    const over = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
    await Promise.race([this.finish(), over]);
  }

  private async finish(): Promise<void> {
    // What was under way, what has been counted since, and the word that its alerts are written.
    await this.reporting;
    await this.report();
    await this.report();
  }

  private async send(): Promise<void> {
    const rules = this.untold ? { rules: this.policies.alerts } : {};
    this.untold = false;
    const counts = this.tally.take();
    try {
      this.write(await this.options.report({ ...rules, counts, written: this.written }));
    } catch (error) {
      // The primary has gone, and this worker goes too.
      this.untold = true;
      this.options.logger.error(
        { error, actors: counts.length },
        'what actors did in this moment could not be judged for alerts',
      );
    }
  }

  private write(orders: AlertOrders): void {
    this.unconfirmed = false;
    for (const { id, alert } of orders) {
      if (id <= this.written) continue;
      this.tell(alert);
      this.written = id;
      this.unconfirmed = true;
    }
  }

  private tell(alert: Alert): void {
    const { name, version } = this.policies;
    this.options.audit.lifecycle({ kind: 'alert', alert, policy: { name, version } });
    this.options.metrics.alert(alert.kind);
    const { user, role, address } = alert.actor;
    this.options.logger.warn(
      {
        rule: alert.rule,
        kind: alert.kind,
        severity: alert.severity,
        user,
        role,
        address,
        window: alert.window,
      },
      alertText(alert),
    );
  }

  private bug(error: unknown): void {
    if (this.broken) return;
    this.broken = true;
    this.options.logger.error({ error }, 'bug: statements could not be counted for alerts');
  }
}
