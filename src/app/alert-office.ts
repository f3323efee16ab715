/**
 * Where alerts are made, once for all workers: takes their counts, has them judged, and gives each alert to the worker
 * whose counts made it, which writes it into its chain. It keeps an alert until that worker says that it has, and gives it
 * to another when that one has gone. It also keeps the past of actors over a restart.
 */
import { join } from 'node:path';
import type { ActorCounts, Alert } from '../audit/alerts/alert.js';
import { readHistory, writeHistory } from '../audit/alerts/history-file.js';
import { AlertJudge } from '../audit/alerts/judge.js';
import type { Logger } from '../observe/log.js';
import type { AlertRule } from '../policy/alert-rules.js';

export interface AlertReport {
  /** Where others are in force than those that this reporter has named last. */
  readonly rules?: readonly AlertRule[];
  readonly counts: readonly ActorCounts[];
  /** The last alert that the reporter has written. */
  readonly written: number;
}

/** What the reporter has to write, by number. */
export type AlertOrders = readonly { readonly id: number; readonly alert: Alert }[];

export interface AlertOfficeOptions {
  /** Of the audit. */
  readonly spool: string;
  readonly logger: Logger;
  readonly now?: () => number;
}

interface Open {
  id: number;
  readonly alert: Alert;
  /** Undefined: whoever reports next writes it. */
  reporter: number | undefined;
}

const SAVE_MS = 60_000;
/** Alerts wait only while every worker is down. */
const MAX_OPEN = 10_000;

export function historyFile(spool: string): string {
  return join(spool, 'alert-history.jsonl');
}

export async function openAlertOffice(options: AlertOfficeOptions): Promise<AlertOffice> {
  const file = historyFile(options.spool);
  const read = await readHistory(file);
  if (read.kind === 'damaged')
    options.logger.warn(
      { file, reason: read.reason },
      'what actors did before cannot be read, alerts of kind volume begin anew: until there is a past again, only at_least counts',
    );
  return new AlertOffice(new AlertJudge(read.kind === 'read' ? read.saved : []), file, options);
}

export class AlertOffice {
  private readonly judge: AlertJudge;
  private readonly file: string;
  private readonly logger: Logger;
  private readonly now: () => number;
  private open: Open[] = [];
  private lastId = 0;
  private nextOverflow = 1;
  private changed = false;
  private saving: Promise<void> | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(judge: AlertJudge, file: string, { logger, now = Date.now }: AlertOfficeOptions) {
    this.judge = judge;
    this.file = file;
    this.logger = logger;
    this.now = now;
    this.timer = setInterval(() => void this.save(), SAVE_MS).unref();
  }

  /** @param reporter - which worker */
  report(reporter: number, { rules, counts, written }: AlertReport): AlertOrders {
    if (rules !== undefined) this.judge.put(rules);
    this.open = this.open.filter((one) => one.reporter !== reporter || one.id > written);
    for (const alert of this.judge.add(counts, this.now()))
      this.open.push({ id: ++this.lastId, alert, reporter });
    if (counts.length > 0) this.changed = true;
    this.tellOverflow();
    this.boundOpen();
    for (const one of this.open) one.reporter ??= reporter;
    return this.open.filter((one) => one.reporter === reporter).map(({ id, alert }) => ({ id, alert }));
  }

  /** The worker has ended, and what it has not confirmed may be lost: better twice than never. */
  gone(reporter: number): void {
    for (const one of this.open) {
      if (one.reporter !== reporter) continue;
      one.reporter = undefined;
      // Above what the next reporter has written already.
      one.id = ++this.lastId;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.save();
    await this.save();
    if (this.open.length > 0)
      this.logger.error({ alerts: this.open.length }, 'alerts were judged that no worker has confirmed');
  }

  private save(): Promise<void> {
    if (this.saving !== undefined) return this.saving;
    if (!this.changed) return Promise.resolve();
    this.changed = false;
    this.saving = writeHistory(this.file, this.judge.saved())
      .catch((error: unknown) => {
        this.changed = true;
        this.logger.warn({ error, file: this.file }, 'what actors did could not be written down for alerts');
      })
      .finally(() => {
        this.saving = undefined;
      });
    return this.saving;
  }

  private tellOverflow(): void {
    const { overflows } = this.judge;
    // The first one, and then every ten thousandth.
    if (overflows < this.nextOverflow) return;
    this.nextOverflow = overflows + 10_000;
    this.logger.warn(
      { counted: overflows },
      'more actors than alert rules tell apart: those that come now are counted together with the others of their login',
    );
  }

  private boundOpen(): void {
    if (this.open.length <= MAX_OPEN) return;
    const lost = this.open.splice(0, this.open.length - MAX_OPEN);
    this.logger.error({ alerts: lost.length }, 'alerts are lost, because no worker has taken them for long');
  }
}
