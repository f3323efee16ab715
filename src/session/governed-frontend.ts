/**
 * What a governed client sends, message by message, and what goes upstream in its place.
 * It owns the order of messages and names; answers are read in backend.ts. It touches no sockets.
 */
import { emptyFacts } from '../enforce/empty-facts.js';
import type { EnforcedSql, QueryPlan, Refusal } from '../enforce/types.js';
import { openFrame } from '../wire/codec.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { frontendTypes } from '../wire/message-types.js';
import { bind as bindCodec } from '../wire/messages/bind.js';
import { close as closeCodec, describe as describeCodec } from '../wire/messages/describe-close.js';
import { execute as executeCodec } from '../wire/messages/execute.js';
import { parse as parseCodec } from '../wire/messages/parse.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { requireWellFormedRequest } from '../wire/well-formed.js';
import type { Answer } from './answers.js';
import { awaitsNames } from './effects.js';
import { CopyStretch } from './copy-stretch.js';
import type { FrontendPorts } from './frontend-ports.js';
import {
  closeUnnamed,
  describeUnnamed,
  LentStatements,
  unnamedBind,
  unnamedParse,
} from './lent-statements.js';
import { describePortalFrame, parseFrame, queryFrame } from './messages.js';
import { isOwnName } from './own-names.js';
import { parseAgain, type ParsedAgain } from './parse-again.js';
import { makePoison, poisonSql } from './poison.js';
import type { Portal, Prepared } from './prepared.js';
import { preparedFromPlan } from './prepared-from-plan.js';
import { refusals } from './refusals.js';
import { isGuarded } from './result-guard.js';
import { ignoredText, Refuser } from './refuser.js';
import { type Stance, StatementStarts } from './statement-starts.js';
import type { SessionState } from './session-state.js';
import type { TextPlanner } from './text-planner.js';

const type = frontendTypes;
/** CopyData goes past this station. */
const COPY_END: ReadonlySet<number> = new Set([type['copy-done'], type['copy-fail']]);

/** @throws ProtocolViolation where the server would read another text than the planner, or none */
function queryText(frame: Buffer): Buffer {
  const end = frame.length - 1;
  if (end < 5 || frame.indexOf(0, 5) !== end)
    throw new ProtocolViolation('malformed query message: its text does not end where the message does');
  return frame.subarray(5, end);
}

/** Why a portal may not be read on; undefined: it may. */
function staleness(
  { prepared, transaction }: Portal,
  { epoch, acting }: Stance,
  now: number,
): Refusal | undefined {
  if (prepared.acting !== acting) return refusals.foreignPortal();
  // A portal that outlived its transaction (WITH HOLD) and its policy shows rows under the old one.
  return prepared.epoch !== epoch && transaction !== now ? refusals.stalePortal() : undefined;
}

export interface GovernedPorts extends FrontendPorts {
  readonly planner: TextPlanner;
}

export class GovernedFrontend implements FrameSink {
  private readonly to: GovernedPorts;
  private readonly state: SessionState;
  private readonly starts: StatementStarts;
  private readonly refuse: Refuser;
  private readonly copy: CopyStretch;
  private readonly lent: LentStatements;

  constructor(to: GovernedPorts) {
    this.to = to;
    this.state = to.state;
    this.starts = new StatementStarts(to.state, to.ledger, to.hold, (facts, source) =>
      to.limiter.refusal(facts, source, to.planner.rowLimits()),
    );
    this.refuse = new Refuser(to.state, to.ledger);
    this.copy = new CopyStretch(to.state);
    this.lent = new LentStatements(to.state);
  }

  bytes(buffer: Buffer): void {
    this.to.forward(buffer);
  }

  /**
   * Asked for each CopyData. Of a counted text the server gets one statement after the other, so data waits for its COPY.
   *
   * INVARIANT(no-stray-copy): outside of COPY the server ignores COPY messages, but a statement_timeout that has run out
   * meanwhile is reported at the next message, and at these with a ReadyForQuery that answers nothing (SocketBackend in
   * src/backend/tcop/postgres.c). All answers behind it would be taken for those of other statements.
   */
  allows(): boolean | 'wait' {
    if (this.to.limiter.copyAhead && !this.state.copyIn && !this.state.failed) return 'wait';
    if (!this.state.copyIn && this.state.copyAwaited === undefined) return false;
    this.copy.goesOn();
    return true;
  }

  oversized(messageType: number): readonly Buffer[] {
    if (this.state.answers.skipping) return [];
    const refusal = refusals.tooLarge(this.to.ports.limits.statementBytes);
    return messageType === type.query
      ? this.refuse.query(refusal)
      : this.refuse.extended(refusal, ignoredText, emptyFacts('UNKNOWN'));
  }

  message(messageType: number, frame: Buffer): Verdict {
    const verdict = this.take(messageType, frame);
    if (verdict !== 'hold') {
      this.to.planner.forget();
      this.starts.release();
      this.copy.release();
    }
    return verdict;
  }

  late(): Buffer | undefined {
    return this.copy.late();
  }

  private take(messageType: number, frame: Buffer): Verdict {
    const { state } = this;
    if (state.copyAwaited !== undefined) return this.waitForAnswers();
    if (messageType === type.terminate) {
      // A counted Query is sent statement by statement, and the server would end before the last.
      if (this.to.limiter.busy && !state.copyIn) return this.waitForAnswers();
      // INVARIANT(nothing-lent-stays): the pooler takes the server session back at ReadyForQuery, and what it has been sent
      // behind the Sync already would be parted from what follows. Nothing has to be asked for: a ReadyForQuery comes.
      if (state.sharedServer && !state.copyIn && state.answers.endsPending) return 'hold';
      this.to.terminate();
      return 'stop';
    }
    if (state.copyIn && !COPY_END.has(messageType)) {
      // FAIL-CLOSED: a counted Query went as other messages, and the server would not answer in the client's terms.
      if (this.to.limiter.busy && messageType !== type.sync && messageType !== type.flush)
        throw new ProtocolViolation('a message that is not of COPY came while the server reads COPY data');
      return this.copy.message(messageType);
    }
    // Behind the error of the COPY comes its ReadyForQuery, or the end of the session, which what is written now would cut
    // off: a server that closes with bytes unread resets the connection.
    if (this.copy.asked && state.answers.head?.kind === 'query') return 'hold';
    // ignore_till_sync in src/backend/tcop/postgres.c: nothing but Sync is read after an error.
    if (state.answers.skipping && messageType !== type.sync) return 'drop';
    if (this.to.limiter.busy && !state.copyIn) return this.waitForAnswers();
    // FAIL-CLOSED: what the proxy reads only the beginning of, the server could read in another way.
    requireWellFormedRequest(frame);
    switch (messageType) {
      case type.query:
        return this.query(frame);
      case type.parse:
        return this.parse(frame);
      case type.bind:
        return this.bind(frame);
      case type.execute:
        return this.execute(frame);
      case type.describe:
        return this.describe(frame);
      case type.close:
        return this.close(frame);
      case type.sync:
        state.answers.push({ kind: 'sync' });
        state.batch++;
        return 'pass';
      case type.flush:
        return 'pass';
      case type['copy-done']:
      case type['copy-fail']:
        if (!state.copyIn) return 'drop';
        this.copy.goesOn();
        // Its end, or that of another COPY in the same text, comes next.
        state.copyAwaited = state.answers.head;
        // Of a Query that was sent as an Execute the server keeps the answer until it is asked.
        if (this.to.limiter.busy) this.to.wantFlush();
        state.copyIn = false;
        return 'pass';
      case type['function-call']:
        // Its event names who acts now, which a SET may just have changed.
        if (state.settingsUnsettled) return this.waitForAnswers();
        if (this.to.planner.awaitContext()) return 'hold';
        this.to.planner.stance();
        return this.refuse.query(refusals.functionCall());
      default:
        // The server would end the connection as well (SocketBackend in src/backend/tcop/postgres.c).
        throw new ProtocolViolation('a password message came after the log-in');
    }
  }

  private query(frame: Buffer): Verdict {
    const { state } = this;
    let begun = this.starts.take();
    if (begun === undefined) {
      if (state.settingsUnsettled) return this.waitForAnswers();
      const plan = this.to.planner.plan(queryText(frame));
      if (plan === 'hold') return 'hold';
      // Its statements are one stretch: the first failure ends it, and the next message is read.
      state.batch++;
      if (plan.plans.some((one) => awaitsNames(one.facts, state))) return this.waitForAnswers();
      if (this.to.planner.mixesLimits(plan)) return this.refuse.query(refusals.mixedLimits());
      const stanceOf = this.to.planner.stanceOf.bind(this.to.planner);
      begun = { plan, runs: this.starts.ofPlan(plan, this.observes(plan), stanceOf), refused: undefined };
      const wait = this.starts.wait(begun);
      if (wait !== undefined) return wait;
    }
    if (begun.refused !== undefined) return this.refuse.queryOf(begun.refused);
    const { runs } = begun;
    const plan = begun.plan!;
    const enforced = this.observes(plan) ? undefined : plan;
    const answer: Answer = { kind: 'query', runs, plan: enforced, single: false, at: 0 };
    state.answers.push(answer);
    state.batch++;
    if (runs.some((run) => run.record.command === 'COPY')) state.copyAwaited = answer;
    if (this.observes(plan)) return 'pass';
    const texts = runs.map((run, index) => {
      const one = plan.plans[index]!;
      if (run.poison !== undefined) return poisonSql(run.poison);
      return one.kind === 'refuse' ? poisonSql(makePoison(one.refusal)) : one.sql;
    });
    const { limiter, planner } = this.to;
    const role = planner.rowLimits();
    if (role !== undefined && runs.some((run) => limiter.concerns(run, role)))
      return limiter.query(answer, texts, role);
    // INVARIANT(enforced-sql-only): a text without statements goes as an empty one, not as what the client wrote.
    return [queryFrame(texts.length === 1 ? texts[0]! : (texts.join(';') as EnforcedSql))];
  }

  private parse(frame: Buffer): Verdict {
    const message = parseCodec.decode(openFrame(frame, 'parse'));
    if (this.state.settingsUnsettled) return this.waitForAnswers();
    if (this.lent.isTaken(message.statement))
      return this.refuse.extended(refusals.duplicatePrepared(), ignoredText, emptyFacts('PARSE'));
    const plan = this.to.planner.plan(message.sql);
    if (plan === 'hold') return 'hold';
    const prepared = preparedFromPlan(
      plan,
      message.sql,
      message.parameterTypes,
      this.observes(plan),
      this.to.planner.stance().acting,
    );
    const name = this.lent.nameOf(message.statement);
    if (!prepared.ok) return this.refuse.extended(prepared.refusal, plan, prepared.facts, name);
    const closed = this.to.planner.closedParameter(message.parameterTypes, prepared.value.facts!);
    if (closed !== undefined) return this.refuse.extended(closed, plan, prepared.value.facts!, name);
    const own = isOwnName(message.statement) ? refusals.ownName() : undefined;
    const full = this.state.preparedFull ? refusals.preparedFull() : undefined;
    if (own !== undefined || full !== undefined)
      return this.refuse.extended((own ?? full)!, plan, prepared.value.facts!);
    const change = this.state.statements.announce(message.statement, prepared.value, this.state.batch);
    const enforced = this.observes(plan) ? undefined : plan;
    const answer = { kind: 'parse', change, plan: enforced, swallow: false } as const;
    this.state.answers.push({ ...answer, poison: undefined, run: undefined });
    this.lent.parsed(prepared.value);
    if (enforced === undefined)
      return this.state.sharedServer ? [unnamedParse(message.sql, message.parameterTypes)] : 'pass';
    return [parseFrame(name, prepared.sql, message.parameterTypes)];
  }

  private bind(frame: Buffer): Verdict {
    const { state } = this;
    const body = openFrame(frame, 'bind');
    const portal = body.cstring();
    const name = body.cstring();
    if (state.settingsUnsettled || state.statements.unsettled(name, state.batch))
      return this.waitForAnswers();
    if (isOwnName(portal)) return this.refuse.extended(refusals.ownName(), ignoredText, emptyFacts('BIND'));
    const prepared = state.statements.expected(name);
    if (prepared === undefined)
      return this.refuse.extended(refusals.unknownPrepared(), ignoredText, emptyFacts('BIND'));
    if (this.to.planner.awaitContext()) return 'hold';
    const epoch = this.to.planner.epoch();
    const sent = state.sharedServer ? unnamedBind(frame) : frame;
    if ((prepared.epoch === epoch || this.to.planner.observing) && this.lent.has(prepared)) {
      this.announcePortal(portal, name, prepared, frame);
      return sent === frame ? 'pass' : [sent];
    }
    const again = this.parseAgain(name, prepared);
    if (!again.ok) return again.verdict;
    this.announcePortal(portal, name, again.value, frame);
    return [...again.frames, sent];
  }

  private parseAgain(name: string, old: Prepared): ParsedAgain {
    const { state, refuse, lent } = this;
    const { planner } = this.to;
    return parseAgain(name, old, { state, planner, refuse, lent, observes: (plan) => this.observes(plan) });
  }

  private announcePortal(portal: string, statement: string, prepared: Prepared, frame: Buffer): void {
    const { transaction, batch } = this.state;
    const resultFormats = this.readsFormats(prepared)
      ? bindCodec.decode(openFrame(frame, 'bind')).resultFormats
      : undefined;
    const opened: Portal = { prepared, transaction, declared: false, resultFormats };
    const change = this.state.portals.announce(portal, opened, batch);
    this.state.answers.push({ kind: 'bind', statement, change });
  }

  /** Its rows have to be read, or may have to: what EXECUTE and FETCH return is known when they run. */
  private readsFormats({ facts }: Prepared): boolean {
    return facts?.subjects !== undefined || facts?.effect !== undefined;
  }

  private execute(frame: Buffer): Verdict {
    const { state } = this;
    const { portal: name } = executeCodec.decode(openFrame(frame, 'execute'));
    let begun = this.starts.take();
    if (begun === undefined) {
      if (state.settingsUnsettled || state.portals.unsettled(name, state.batch)) return this.waitForAnswers();
      const portal = state.portals.expected(name);
      if (portal?.prepared.facts === undefined)
        return this.refuse.extended(refusals.unknownPortal(), ignoredText, emptyFacts('EXECUTE'));
      const { prepared } = portal;
      if (awaitsNames(portal.prepared.facts, state)) return this.waitForAnswers();
      if (this.to.planner.awaitContext()) return 'hold';
      const stance = this.to.planner.stance();
      const refusal = this.to.planner.observing ? undefined : staleness(portal, stance, state.transaction);
      const run = this.starts.begin(
        prepared.text,
        portal.prepared.facts,
        prepared.decision,
        refusal,
        stance,
        portal,
      );
      begun = { plan: undefined, runs: [run], refused: undefined };
      const wait = this.starts.wait(begun);
      if (wait !== undefined) return wait;
    }
    const run = begun.refused ?? begun.runs[0]!;
    if (run.poison !== undefined) return this.refuse.poison(run.poison, run);
    run.subjects?.bound(state.portals.expected(name)?.resultFormats);
    const describe = isGuarded(name, run, this.state) ? undefined : this.describePortal(name);
    const answer = { kind: 'execute', portal: name, run } as const;
    state.answers.push(answer);
    if (run.record.command === 'COPY') state.copyAwaited = answer;
    const { limiter, planner } = this.to;
    const role = planner.rowLimits();
    const sent = limiter.concerns(run, role) ? limiter.execute(answer, frame, role) : frame;
    if (describe !== undefined) return [describe, sent];
    return sent === frame ? 'pass' : [sent];
  }

  /**
   * INVARIANT(guard-on-the-wire): Execute brings rows without a RowDescription, so where the client does not ask for one
   * the proxy does, once for each prepared statement, and keeps the answer.
   */
  private describePortal(name: string): Buffer {
    this.state.answers.push({ kind: 'describe', target: 'portal', name, swallow: true });
    return describePortalFrame(name);
  }

  private describe(frame: Buffer): Verdict {
    const { state } = this;
    const { target, name } = describeCodec.decode(openFrame(frame, 'describe'));
    const prepared =
      target === 'statement' ? state.statements.expected(name) : state.portals.expected(name)?.prepared;
    if (prepared === undefined) {
      const names = target === 'statement' ? state.statements : state.portals;
      if (names.unsettled(name, state.batch)) return this.waitForAnswers();
      // FAIL-CLOSED: the server may know what the session does not, and would describe it.
      const refusal = target === 'statement' ? refusals.unknownPrepared() : refusals.unknownPortal();
      return this.refuse.extended(refusal, ignoredText, emptyFacts('DESCRIBE'));
    }
    const again =
      target === 'statement' && !this.lent.has(prepared) ? this.parseAgain(name, prepared) : undefined;
    if (again?.ok === false) return again.verdict;
    (again?.value ?? prepared).guard.asked = state.batch;
    state.answers.push({ kind: 'describe', target, name, swallow: false });
    if (target === 'portal' || !state.sharedServer) return 'pass';
    return [...(again?.frames ?? []), describeUnnamed];
  }

  private close(frame: Buffer): Verdict {
    const { target, name } = closeCodec.decode(openFrame(frame, 'close'));
    const { statements, portals, answers } = this.state;
    answers.push({
      kind: 'close',
      statement: target === 'statement' ? statements.announce(name, undefined, this.state.batch) : undefined,
      portal: target === 'portal' ? portals.announce(name, undefined, this.state.batch) : undefined,
      swallow: false,
    });
    if (target === 'portal' || !this.state.sharedServer) return 'pass';
    this.lent.closed();
    return [closeUnnamed];
  }

  private observes(plan: QueryPlan): boolean {
    // A text that could not be planned has no epoch: it is refused in any mode.
    // INVARIANT(token-stays): and one that names a token never goes on as it came.
    return plan.epoch !== '' && plan.secret !== true && this.to.planner.observing;
  }

  private waitForAnswers(): 'hold' {
    this.to.wantFlush();
    return 'hold';
  }
}
