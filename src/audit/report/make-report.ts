/** Reads a log once, verifies it and adds it up to a report on the way. Memory is bounded, however long the log. */
import { Distinct } from '../read/distinct.js';
import { readEvents, readItems, type ReadFrom } from '../read/read-events.js';
import type { StoredItem } from '../read/stored-event.js';
import type { PublicKeys } from '../verify/chain-check.js';
import { verifyEvents } from '../verify/verify.js';
import { ReportBuilder, type ReportOptions } from './build-report.js';
import { integrityOf } from './integrity.js';
import { reportEvent, reportEventOf } from './report-event.js';
import type { Report } from './schema.js';

export interface MakeReportOptions extends ReportOptions {
  readonly from: ReadFrom;
  /** Of checkpoints; none: signatures are not checked. */
  readonly keys: PublicKeys;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
}

/** Rejects when the source cannot be read to its end: half a report would look like a whole one. */
export async function makeReport(options: MakeReportOptions): Promise<Report> {
  const { from, since, until, keys, signal, onProgress } = options;
  const builder = new ReportBuilder(options);
  const items = readItems({ from, since, signal, onProgress });
  const result = await verifyEvents(items, {
    keys,
    // A spool is read whole, whatever the period.
    window: from.kind === 'stream' && since !== undefined,
    stream: from.kind === 'stream' ? from.stream : undefined,
    onItem: adding(builder, since, until),
  });
  if (builder.unexplainedPolicies > 0 && since !== undefined) await readEarlierPolicies(options, builder);
  return builder.finish(integrityOf(result));
}

/** Adds what lies in the period, of events that the verification has parsed. */
function adding(
  builder: ReportBuilder,
  since = -Infinity,
  until = Infinity,
): (item: StoredItem, json: unknown) => void {
  const distinct = new Distinct();
  return (item, json) => {
    if (item.kind === 'unreadable') builder.addUnreadable(item.place, item.message);
    if (item.kind !== 'event') return;
    const event = reportEventOf(json);
    // When it was is not known, so it is not left out for its time.
    if (event === undefined)
      builder.addUnreadable(item.event.place, 'what stands here is no event of pgveil');
    else if (event.time < since || event.time >= until) return;
    else if (distinct.first(event)) builder.add(event);
    else builder.addCopy();
  };
}

const POLICY_LOAD = Buffer.from('"policy_rules":');

/** Policies are loaded at the start of a proxy, which may lie long before the period. */
async function readEarlierPolicies(
  { from, since, signal, onProgress }: MakeReportOptions,
  builder: ReportBuilder,
): Promise<void> {
  // What is unreadable before the period is not the period's.
  const onProblem = (): void => undefined;
  for await (const batch of readEvents({ from, until: since, exact: true, signal, onProgress, onProblem })) {
    for (const stored of batch) {
      if (!stored.bytes.includes(POLICY_LOAD)) continue;
      const event = reportEvent(stored);
      if (event?.kind === 'policy-load') builder.addEarlierPolicies(event);
    }
    if (builder.unexplainedPolicies === 0) return;
  }
}
