/**
 * Stops statements of roles with row limits (SPEC 3, `limits`). It stands before the Backend on the way back: admits
 * each row, asks the server for one row more than may be shown, and lets the server itself fail the statement when
 * that one comes. It knows no policies, only the numbers that the planner gives it.
 *
 * INVARIANT(row-limits): nothing behind a counted statement is sent before its end has been seen, so whatever it did is
 * still uncommitted when it has to fail. A Query is sent as Parse, Bind, Execute and a Sync at the end for the same
 * reason: the server would commit a Query's last statement before it tells of its end (exec_simple_query in
 * src/backend/tcop/postgres.c).
 */
import type { EnforcedSql, PlanFacts, Refusal } from '../enforce/types.js';
import { hourLimit, RowMeter, type RowLimits } from '../guard/row-meter.js';
import type { RowAllowance, RowAllowances } from '../guard/row-allowance.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { backendTypes } from '../wire/message-types.js';
import { toByteString } from '../wire/byte-string.js';
import type { Answer } from './answers.js';
import {
  countedQueryEnd,
  countedQueryFrames,
  executeAtMost,
  failingFrames,
  syncFrame,
} from './counted-frames.js';
import type { Hold } from './hold.js';
import { makePoison } from './poison.js';
import type { Portal } from './prepared.js';
import type { SessionState } from './session-state.js';
import { severityOf } from './severity.js';
import type { StatementRun } from './statement-run.js';

type QueryAnswer = Extract<Answer, { kind: 'query' }>;
type ExecuteAnswer = Extract<Answer, { kind: 'execute' }>;

/** The limits of the session's role at present, from the policy in force. */
export interface RoleLimits {
  readonly user: string;
  readonly role: string;
  readonly limits: RowLimits;
  /** The policy opens functions of users, which may return rows of any table without naming it. */
  readonly openFunctions: boolean;
}

export interface RowLimiterPorts {
  readonly inner: FrameSink;
  readonly state: SessionState;
  readonly windows: RowAllowances;
  readonly hold: Hold;
  toUpstream(buffer: Buffer): void;
  /** Makes the framer ask for each row from the next message on, or no more. */
  meterRows(on: boolean): void;
}

interface Counted {
  readonly answer: QueryAnswer | ExecuteAnswer;
  readonly role: RoleLimits;
  /** Of a Query: what its statements are sent as. */
  readonly texts: readonly EnforcedSql[];
  run: StatementRun;
  meter: RowMeter;
  portal: Portal | undefined;
  /** The statement that must fail has been sent. */
  failing: boolean;
  /** The Sync behind its last statement has been sent. */
  ended: boolean;
}

/** Statements that return no rows of a table, whatever they name. */
const ROWLESS: ReadonlySet<string> = new Set([
  'TRANSACTION',
  'SET',
  'SHOW',
  'SET CONSTRAINTS',
  'PREPARE',
  'DEALLOCATE',
  'DECLARE CURSOR',
  'CLOSE CURSOR',
  'DISCARD',
  'UNLISTEN',
  'EMPTY',
]);

/** Run only to show rows, so that without any left they need not run at all. */
const READING: ReadonlySet<string> = new Set(['SELECT', 'FETCH']);

export class RowLimiter implements FrameSink {
  private readonly to: RowLimiterPorts;
  private counted: Counted | undefined;
  /** Of what is counted. */
  private allowance: RowAllowance | undefined;
  /** What earlier fetches of a cursor or portal have shown. */
  private readonly shown = new WeakMap<Portal, number>();

  constructor(to: RowLimiterPorts) {
    this.to = to;
  }

  /** A counted statement is under way, and nothing may be sent behind it. */
  get busy(): boolean {
    return this.counted !== undefined;
  }

  /** A COPY stands later in the counted text, and the server has not been sent it yet. */
  get copyAhead(): boolean {
    const answer = this.counted?.answer;
    if (answer?.kind !== 'query') return false;
    return answer.runs.some((run, index) => index > answer.at && run.record.command === 'COPY');
  }

  /** Nothing more is counted; also when the session ends in the middle. */
  interrupt(): void {
    this.allowance?.end();
    this.allowance = undefined;
  }

  /** Before a statement begins: nothing is left of the hour. */
  refusal(facts: PlanFacts, source: PlanFacts, role: RoleLimits | undefined): Refusal | undefined {
    if (role === undefined || !READING.has(facts.command) || !counts(facts, source, role)) return undefined;
    return hourLimit(role.limits, role.role, this.windowOf(role), this.to.windows.now());
  }

  /** The rows of this statement have to be counted. */
  concerns(run: StatementRun, role: RoleLimits | undefined): role is RoleLimits {
    if (role === undefined || run.poison !== undefined || run.facts === undefined) return false;
    return counts(run.facts, run.source ?? run.facts, role);
  }

  /** In the place of a Query: its first statement; the others follow when their turn comes. */
  query(answer: QueryAnswer, texts: readonly EnforcedSql[], role: RoleLimits): readonly Buffer[] {
    const counted = this.begin(answer, answer.runs[0]!, texts, role);
    return countedQueryFrames(texts[0]!, counted.meter.ask);
  }

  /** In the place of an Execute. */
  execute(answer: ExecuteAnswer, frame: Buffer, role: RoleLimits): Buffer {
    const { meter } = this.begin(answer, answer.run, [], role);
    return executeAtMost(frame, meter.ask);
  }

  bytes(buffer: Buffer): void {
    this.to.inner.bytes(buffer);
  }

  oversized(type: number, bodyLength: number): readonly Buffer[] {
    return this.to.inner.oversized(type, bodyLength);
  }

  tap(type: number, chunk: Buffer, from: number, to: number, begins: boolean, ends: boolean): void {
    this.to.inner.tap?.(type, chunk, from, to, begins, ends);
  }

  /** Asked for each DataRow and CopyData while a statement is counted. */
  allows(): boolean | 'wait' {
    const { counted } = this;
    // Rows of a statement before it, which nobody counts, may still be on their way.
    if (counted === undefined || this.to.state.answers.head !== counted.answer) return true;
    const admitted = counted.meter.admit();
    if (admitted === 'wait') this.to.hold.until(counted.meter.more(), () => undefined);
    return admitted;
  }

  message(type: number, frame: Buffer): Verdict {
    const { counted } = this;
    const { inner, state } = this.to;
    if (counted === undefined) return inner.message(type, frame);
    if (state.answers.head !== counted.answer) {
      const verdict = inner.message(type, frame);
      // What came before has failed, and the server skips this statement too.
      if (verdict !== 'hold' && counted.run.finished) this.end();
      return verdict;
    }
    return this.own(type, frame, counted);
  }

  /** An answer to the counted statement itself. */
  private own(type: number, frame: Buffer, counted: Counted): Verdict {
    const { inner } = this.to;
    const { meter, run } = counted;
    switch (type) {
      case backendTypes['parse-complete']:
      case backendTypes['bind-complete']:
      case backendTypes['close-complete']:
      case backendTypes['no-data']:
        // The client sent a Query and knows nothing of these.
        return counted.answer.kind === 'query' ? 'drop' : inner.message(type, frame);
      case backendTypes['copy-done']:
        return meter.refusal === undefined ? 'pass' : 'drop';
      case backendTypes['portal-suspended']:
      case backendTypes['command-complete']: {
        if (type === backendTypes['portal-suspended']) meter.stopIfAsked();
        if (meter.refusal !== undefined) {
          if (!counted.failing) this.send(failingFrames(makePoison(meter.refusal)));
          counted.failing = true;
          return 'drop';
        }
        const verdict = inner.message(type, frame);
        if (verdict !== 'hold') this.completed(counted);
        return verdict;
      }
      case backendTypes['error-response']: {
        if (meter.refusal !== undefined && !severityOf(frame).fatal) run.stopped = meter.refusal;
        const verdict = inner.message(type, frame);
        if (verdict !== 'hold') this.failed(counted);
        return verdict;
      }
      case backendTypes['ready-for-query']: {
        const verdict = inner.message(type, frame);
        if (verdict !== 'hold') this.end();
        return verdict;
      }
      default:
        return inner.message(type, frame);
    }
  }

  private completed(counted: Counted): void {
    this.remember(counted);
    const { answer, texts, role } = counted;
    if (answer.kind === 'execute') {
      this.end();
      return;
    }
    // The Backend has moved on to the next statement of the text.
    const run = answer.runs[answer.at];
    const text = texts[answer.at];
    if (run === undefined || text === undefined) {
      counted.ended = true;
      this.to.toUpstream(countedQueryEnd);
      return;
    }
    this.aim(counted, run, role);
    this.send(countedQueryFrames(text, counted.meter.ask));
  }

  private failed(counted: Counted): void {
    this.remember(counted);
    if (counted.answer.kind === 'execute') this.end();
    // INVARIANT(one-sync): what fails at the commit fails behind the Sync, and a second one would be answered too.
    else if (!counted.ended) this.to.toUpstream(syncFrame);
  }

  private begin(
    answer: QueryAnswer | ExecuteAnswer,
    run: StatementRun,
    texts: readonly EnforcedSql[],
    role: RoleLimits,
  ): Counted {
    const portal = this.portalOf(answer, run);
    const meter = this.meterFor(portal, role);
    const counted = { answer, role, texts, run, meter, portal, failing: false, ended: false };
    this.counted = counted;
    this.allowance = this.windowOf(role);
    this.allowance.begin();
    if (answer.kind === 'query') answer.counted = true;
    this.to.meterRows(true);
    return counted;
  }

  private aim(counted: Counted, run: StatementRun, role: RoleLimits): void {
    counted.run = run;
    counted.portal = this.portalOf(counted.answer, run);
    counted.meter = this.meterFor(counted.portal, role);
  }

  private meterFor(portal: Portal | undefined, role: RoleLimits): RowMeter {
    return new RowMeter({
      limits: role.limits,
      role: role.role,
      window: this.windowOf(role),
      now: this.to.windows.now,
      shownBefore: portal === undefined ? 0 : (this.shown.get(portal) ?? 0),
    });
  }

  /** All fetches of a cursor, and all Executes of a portal, are one statement: otherwise they would walk around the limit. */
  private portalOf(answer: QueryAnswer | ExecuteAnswer, run: StatementRun): Portal | undefined {
    const { portals } = this.to.state;
    const effect = run.facts?.effect;
    // A Query's statements run one by one, while what all of them do to names is announced already.
    if (effect?.kind === 'fetch' && answer.kind === 'query') return portals.actual(toByteString(effect.name));
    if (effect?.kind === 'fetch') return portals.expected(toByteString(effect.name));
    return answer.kind === 'execute' ? portals.expected(answer.portal) : undefined;
  }

  private remember({ portal, meter }: Counted): void {
    if (portal !== undefined) this.shown.set(portal, (this.shown.get(portal) ?? 0) + meter.delivered);
  }

  private send(frames: readonly Buffer[]): void {
    for (const frame of frames) this.to.toUpstream(frame);
  }

  private windowOf({ user, role }: RoleLimits): RowAllowance {
    return this.to.windows.of(user, role);
  }

  private end(): void {
    this.counted = undefined;
    this.to.meterRows(false);
    this.interrupt();
  }
}

/** Rows of the system catalogs are not counted: drivers read them without being asked, and they hold nothing of a person. */
function counts(facts: PlanFacts, source: PlanFacts, role: RoleLimits): boolean {
  if (ROWLESS.has(facts.command) || source.silent === true) return false;
  return (
    role.openFunctions || source.tables.some((table) => !/^(?:pg_catalog|information_schema)\./.test(table))
  );
}
