/**
 * What a governed client sends, message by message, and what goes upstream in its place.
 * It owns planning, refusing and announcing; answers are read in backend.ts. It touches no sockets.
 */
import type { PlanFacts, QueryPlan, Refusal } from '../enforce/types.js';
import { openFrame } from '../wire/codec.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { frontendTypes } from '../wire/message-types.js';
import { close as closeCodec, describe as describeCodec } from '../wire/messages/describe-close.js';
import { execute as executeCodec } from '../wire/messages/execute.js';
import { parse as parseCodec } from '../wire/messages/parse.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import type { Answer } from './answers.js';
import { announceEffect, awaitsNames, settleEffect, sourceOf } from './effects.js';
import type { Hold } from './hold.js';
import {
  closeStatementFrame,
  describePortalFrame,
  parseFrame,
  poisonParseFrame,
  queryFrame,
} from './messages.js';
import { makePoison, poisonSql, type Poison } from './poison.js';
import type { Ports } from './ports.js';
import type { Prepared } from './prepared.js';
import { emptyFacts, refusals } from './refusals.js';
import type { SessionState } from './session-state.js';
import type { RunDecision, RunLedger, StatementRun, TextFacts } from './statement-run.js';
import type { TextPlanner } from './text-planner.js';
import type { EnforcedSql } from '../enforce/types.js';

const type = frontendTypes;
const ignoredText: TextFacts = { auditText: '', shapeId: '', tags: {} };
/** The server refuses two commands in one Parse with 42601; so it does for these. */
const twoCommands = 'SELECT 1;SELECT 1' as unknown as EnforcedSql;

/** A message whose statements have their intents, while the audit makes them safe. */
interface Begun {
  readonly plan: QueryPlan | undefined;
  readonly runs: StatementRun[];
  failed: boolean;
}

/** @throws ProtocolViolation where the server would read another text than the planner, or none */
function queryText(frame: Buffer): Buffer {
  const end = frame.length - 1;
  if (end < 5 || frame.indexOf(0, 5) !== end)
    throw new ProtocolViolation('malformed query message: its text does not end where the message does');
  return frame.subarray(5, end);
}

function newMark(): Prepared['guard'] {
  return { passed: false, asked: 0 };
}

export interface FrontendPorts {
  readonly ports: Ports;
  readonly state: SessionState;
  readonly ledger: RunLedger;
  readonly hold: Hold;
  /** After this event, ask the server to send what it has: a message waits for an answer. */
  wantFlush(): void;
  terminate(): void;
  forward(buffer: Buffer): void;
}

export interface GovernedPorts extends FrontendPorts {
  readonly planner: TextPlanner;
}

export class GovernedFrontend implements FrameSink {
  private readonly to: GovernedPorts;
  private readonly state: SessionState;
  private begun: Begun | undefined;

  constructor(to: GovernedPorts) {
    this.to = to;
    this.state = to.state;
  }

  bytes(buffer: Buffer): void {
    this.to.forward(buffer);
  }

  oversized(messageType: number): readonly Buffer[] {
    if (this.state.answers.skipping) return [];
    const refusal = refusals.tooLarge(this.to.ports.limits.statementBytes);
    return messageType === type.query
      ? this.refuseQuery(refusal)
      : this.refuseExtended(refusal, ignoredText, emptyFacts('UNKNOWN'));
  }

  message(messageType: number, frame: Buffer): Verdict {
    const verdict = this.take(messageType, frame);
    if (verdict !== 'hold') this.release();
    return verdict;
  }

  /**
   * INVARIANT(nothing-left-over): what was kept for a message that waited is for that message alone. An error that came
   * meanwhile may have had it dropped, and the next message must not run under its plan or its audit event.
   */
  private release(): void {
    const { begun } = this;
    this.to.planner.forget();
    if (begun === undefined) return;
    this.begun = undefined;
    if (begun.failed) return;
    for (const run of begun.runs) {
      settleEffect(run, this.state, undefined);
      this.to.ledger.finish(run, 'failure')?.catch(() => undefined);
    }
  }

  private take(messageType: number, frame: Buffer): Verdict {
    const { state } = this;
    if (messageType === type.terminate) {
      this.to.terminate();
      return 'stop';
    }
    if (state.copyAwaited !== undefined) return this.waitForAnswers();
    // The server ignores both while it reads COPY data (CopyGetData in src/backend/commands/copyfromparse.c), and so
    // sends no ReadyForQuery for them.
    if (state.copyIn && (messageType === type.sync || messageType === type.flush)) return 'drop';
    // ignore_till_sync in src/backend/tcop/postgres.c: nothing but Sync is read after an error.
    if (state.answers.skipping && messageType !== type.sync) return 'drop';
    switch (messageType) {
      case type.query:
        return this.query(frame);
      case type.parse:
        return this.parse(frame);
      case type.bind:
        return this.bind(frame);
      case type.execute:
        return this.execute(frame);
      case type.describe: {
        const { target, name } = describeCodec.decode(openFrame(frame, 'describe'));
        const prepared =
          target === 'statement' ? state.statements.expected(name) : state.portals.expected(name)?.prepared;
        if (prepared !== undefined) prepared.guard.asked = state.batch;
        state.answers.push({ kind: 'describe', target, name, swallow: false });
        return 'pass';
      }
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
        // Outside of COPY the server ignores both. Otherwise its end, or that of another COPY in the same text, comes next.
        if (state.copyIn) state.copyAwaited = state.answers.head;
        state.copyIn = false;
        return 'pass';
      case type['function-call']:
        return this.refuseQuery(refusals.functionCall());
      default:
        // A password message after log-in: the server would end the connection as well.
        this.to.terminate();
        return 'stop';
    }
  }

  private query(frame: Buffer): Verdict {
    const { state } = this;
    let begun = this.begun;
    if (begun === undefined) {
      if (state.pathUnsettled) return this.waitForAnswers();
      const plan = this.to.planner.plan(queryText(frame));
      if (plan === 'hold') return 'hold';
      // Its statements are one stretch: the first failure ends it, and the next message is read.
      state.batch++;
      if (plan.plans.some((one) => awaitsNames(one.facts.effect, state))) return this.waitForAnswers();
      begun = { plan, runs: this.beginStatements(plan), failed: false };
      const wait = this.waitForAudit(begun);
      if (wait !== undefined) return wait;
    }
    this.begun = undefined;
    if (begun.failed) return this.refuseQuery(refusals.auditUnavailable());
    const { runs } = begun;
    const plan = begun.plan!;
    const answer: Answer = { kind: 'query', runs, single: false, at: 0 };
    state.answers.push(answer);
    state.batch++;
    if (runs.some((run) => run.record.command === 'COPY')) state.copyAwaited = answer;
    if (this.observes(plan)) return 'pass';
    const texts = runs.map((run, index) => {
      const one = plan.plans[index]!;
      if (run.poison !== undefined) return poisonSql(run.poison);
      return one.kind === 'refuse' ? poisonSql(makePoison(one.refusal)) : one.sql;
    });
    // INVARIANT(enforced-sql-only): a text without statements goes as an empty one, not as what the client wrote.
    return [queryFrame(texts.length === 1 ? texts[0]! : (texts.join(';') as EnforcedSql))];
  }

  /** The statements up to the first that is refused, each with its intent written. */
  private beginStatements(plan: QueryPlan): StatementRun[] {
    const runs: StatementRun[] = [];
    const observing = this.observes(plan);
    for (const one of plan.plans) {
      const refusal = one.kind === 'refuse' ? one.refusal : undefined;
      const decision: RunDecision = observing ? 'observe' : one.kind === 'refuse' ? 'deny' : one.kind;
      const run = this.begin(plan, one.facts, decision, observing ? undefined : refusal, plan.epoch);
      runs.push(run);
      if (run.poison !== undefined) break;
    }
    return runs;
  }

  private begin(
    text: TextFacts,
    facts: PlanFacts,
    decision: RunDecision,
    refusal: Refusal | undefined,
    epoch: string,
  ): StatementRun {
    const source = sourceOf(facts, this.state, epoch);
    const own = source.ok ? this.fullFor(facts) : source.refusal;
    const why = refusal ?? (decision === 'observe' ? undefined : own);
    const poison = why === undefined ? undefined : makePoison(why);
    const prepared: Prepared = {
      text,
      command: facts.command,
      decision,
      facts,
      epoch,
      parse: undefined,
      guard: newMark(),
    };
    const changes = poison === undefined ? announceEffect(facts.effect, prepared, this.state) : undefined;
    return this.to.ledger.begin({
      text,
      command: facts.command,
      decision: poison === undefined ? decision : 'deny',
      facts,
      source: source.ok ? source.facts : facts,
      poison,
      statementChange: changes?.statementChange,
      portalChange: changes?.portalChange,
    });
  }

  private fullFor(facts: PlanFacts): Refusal | undefined {
    return facts.effect?.kind === 'prepare' && this.state.preparedFull ? refusals.preparedFull() : undefined;
  }

  /** Strict durability: the message waits until the intents are on disk; when they cannot be, it is refused. */
  private waitForAudit(begun: Begun): 'hold' | undefined {
    const waits: Promise<void>[] = [];
    for (const run of begun.runs) if (run.ticket.ready !== undefined) waits.push(run.ticket.ready);
    if (waits.length === 0) return undefined;
    this.begun = begun;
    return this.to.hold.until(
      Promise.all(waits),
      () => undefined,
      () => {
        begun.failed = true;
        for (const run of begun.runs) this.abandon(run, refusals.auditUnavailable());
      },
    );
  }

  private parse(frame: Buffer): Verdict {
    const message = parseCodec.decode(openFrame(frame, 'parse'));
    if (this.state.pathUnsettled) return this.waitForAnswers();
    const plan = this.to.planner.plan(message.sql);
    if (plan === 'hold') return 'hold';
    const prepared = this.preparedBy(plan, message.sql, message.parameterTypes);
    if (!prepared.ok) return this.refuseExtended(prepared.refusal, plan, prepared.facts, message.statement);
    if (this.state.preparedFull)
      return this.refuseExtended(refusals.preparedFull(), plan, prepared.value.facts!);
    const change = this.state.statements.announce(message.statement, prepared.value, this.state.batch);
    this.state.answers.push({ kind: 'parse', change, swallow: false, poison: undefined, run: undefined });
    if (this.observes(plan)) return 'pass';
    return [parseFrame(message.statement, prepared.sql, message.parameterTypes)];
  }

  private preparedBy(
    plan: QueryPlan,
    sql: Buffer,
    parameterTypes: readonly number[],
  ):
    | { readonly ok: true; readonly value: Prepared; readonly sql: EnforcedSql }
    | { readonly ok: false; readonly refusal: Refusal; readonly facts: PlanFacts } {
    const observing = this.observes(plan);
    const one = plan.plans[0];
    if (one?.kind === 'refuse' && !observing && plan.plans.length === 1)
      return { ok: false, refusal: one.refusal, facts: one.facts };
    const facts = one?.facts ?? emptyFacts('EMPTY');
    const value: Prepared = {
      text: plan,
      command: facts.command,
      decision: observing ? 'observe' : one === undefined || one.kind === 'refuse' ? 'forward' : one.kind,
      facts,
      epoch: plan.epoch,
      parse: { sql: Buffer.from(sql), parameterTypes },
      guard: newMark(),
    };
    if (plan.plans.length > 1) return { ok: true, value, sql: twoCommands };
    return {
      ok: true,
      value,
      sql: one === undefined || one.kind === 'refuse' ? ('' as EnforcedSql) : one.sql,
    };
  }

  private bind(frame: Buffer): Verdict {
    const { state } = this;
    const body = openFrame(frame, 'bind');
    const portal = body.cstring();
    const name = body.cstring();
    if (state.statements.unsettled(name, state.batch)) return this.waitForAnswers();
    const prepared = state.statements.expected(name);
    if (prepared === undefined)
      return this.refuseExtended(refusals.unknownPrepared(), ignoredText, emptyFacts('BIND'));
    if (this.to.planner.awaitContext()) return 'hold';
    const epoch = this.to.planner.epoch();
    if (prepared.epoch === epoch || this.to.planner.observing) {
      this.announcePortal(portal, name, prepared);
      return 'pass';
    }
    return this.bindAgain(frame, portal, name, prepared);
  }

  /** Policy or catalog have changed since Parse: the client's own text is planned again and takes the old one's place. */
  private bindAgain(frame: Buffer, portal: string, name: string, old: Prepared): Verdict {
    if (old.parse === undefined)
      return this.refuseExtended(refusals.stalePrepared(), old.text, old.facts ?? emptyFacts(old.command));
    if (this.state.pathUnsettled) return this.waitForAnswers();
    const plan = this.to.planner.plan(old.parse.sql);
    if (plan === 'hold') return 'hold';
    const again = this.preparedBy(plan, old.parse.sql, old.parse.parameterTypes);
    if (!again.ok) return this.refuseExtended(again.refusal, plan, again.facts);
    const { answers, statements } = this.state;
    answers.push({
      kind: 'close',
      statement: statements.announce(name, undefined, this.state.batch),
      portal: undefined,
      swallow: true,
    });
    const change = statements.announce(name, again.value, this.state.batch);
    answers.push({ kind: 'parse', change, swallow: true, poison: undefined, run: undefined });
    this.announcePortal(portal, name, again.value);
    return [closeStatementFrame(name), parseFrame(name, again.sql, old.parse.parameterTypes), frame];
  }

  private announcePortal(portal: string, statement: string, prepared: Prepared): void {
    const { transaction, batch } = this.state;
    const change = this.state.portals.announce(portal, { prepared, transaction, declared: false }, batch);
    this.state.answers.push({ kind: 'bind', statement, change });
  }

  private execute(frame: Buffer): Verdict {
    const { state } = this;
    const { portal: name } = executeCodec.decode(openFrame(frame, 'execute'));
    let begun = this.begun;
    if (begun === undefined) {
      if (state.portals.unsettled(name, state.batch)) return this.waitForAnswers();
      const portal = state.portals.expected(name);
      if (portal?.prepared.facts === undefined)
        return this.refuseExtended(refusals.unknownPortal(), ignoredText, emptyFacts('EXECUTE'));
      const { prepared } = portal;
      if (awaitsNames(portal.prepared.facts.effect, state)) return this.waitForAnswers();
      if (this.to.planner.awaitContext()) return 'hold';
      const epoch = this.to.planner.epoch();
      // A portal that outlived its transaction (WITH HOLD) and its policy shows rows under the old one.
      const stale =
        prepared.epoch !== epoch && portal.transaction !== state.transaction && !this.to.planner.observing;
      const refusal = stale ? refusals.stalePortal() : undefined;
      const run = this.begin(prepared.text, portal.prepared.facts, prepared.decision, refusal, epoch ?? '');
      begun = { plan: undefined, runs: [run], failed: false };
      const wait = this.waitForAudit(begun);
      if (wait !== undefined) return wait;
    }
    this.begun = undefined;
    const run = begun.runs[0]!;
    if (begun.failed)
      return this.refuseExtended(
        refusals.auditUnavailable(),
        run.record,
        run.source ?? emptyFacts(run.record.command),
      );
    if (run.poison !== undefined) return this.poisonExtended(run.poison, run);
    const frames = this.isGuarded(name, run) ? 'pass' : [this.describePortal(name), frame];
    const answer: Answer = { kind: 'execute', portal: name, run };
    state.answers.push(answer);
    if (run.record.command === 'COPY') state.copyAwaited = answer;
    return frames;
  }

  /** A RowDescription of what the portal returns has passed the guard, or comes before its first row. */
  private isGuarded(portal: string, run: StatementRun): boolean {
    const facts = run.facts!;
    if (facts.forbiddenFields.size === 0 || run.record.decision === 'observe') return true;
    // What EXECUTE and FETCH return may be another's each time.
    if (facts.effect?.kind === 'execute' || facts.effect?.kind === 'fetch') return false;
    const guard = this.state.portals.expected(portal)?.prepared.guard;
    return guard === undefined || guard.passed || guard.asked === this.state.batch;
  }

  /**
   * INVARIANT(guard-on-the-wire): Execute brings rows without a RowDescription, so where the client does not ask for one
   * the proxy does, once for each prepared statement, and keeps the answer.
   */
  private describePortal(name: string): Buffer {
    this.state.answers.push({ kind: 'describe', target: 'portal', name, swallow: true });
    return describePortalFrame(name);
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
    return 'pass';
  }

  private observes(plan: QueryPlan): boolean {
    // A text that could not be planned has no epoch: it is refused in any mode.
    return plan.epoch !== '' && this.to.planner.observing;
  }

  private waitForAnswers(): 'hold' {
    this.to.wantFlush();
    return 'hold';
  }

  private abandon(run: StatementRun, refusal: Refusal): void {
    settleEffect(run, this.state, undefined);
    this.to.ledger.finish(run, 'refused', refusal.sqlstate, refusal)?.catch(() => undefined);
  }

  private refusedRun(refusal: Refusal, text: TextFacts, facts: PlanFacts): StatementRun {
    const poison = makePoison(refusal);
    const run = this.to.ledger.begin({
      text,
      command: facts.command,
      decision: 'deny',
      facts,
      source: facts,
      poison,
    });
    // A refusal is no access, so it waits for no disk.
    run.ticket.ready?.catch(() => undefined);
    return run;
  }

  /** In the place of a Query or FunctionCall. */
  private refuseQuery(refusal: Refusal): readonly Buffer[] {
    const run = this.refusedRun(refusal, ignoredText, emptyFacts('UNKNOWN'));
    this.state.answers.push({ kind: 'query', runs: [run], single: false, at: 0 });
    this.state.batch++;
    return [queryFrame(poisonSql(run.poison!))];
  }

  /** In the place of any message of the extended protocol. */
  private refuseExtended(
    refusal: Refusal,
    text: TextFacts,
    facts: PlanFacts,
    statement?: string,
  ): readonly Buffer[] {
    const run = this.refusedRun(refusal, text, facts);
    return this.poisonExtended(run.poison!, run, statement);
  }

  private poisonExtended(poison: Poison, run: StatementRun, statement?: string): readonly Buffer[] {
    this.state.answers.push({ kind: 'parse', change: undefined, swallow: false, poison, run });
    return [poisonParseFrame(poison, statement)];
  }
}
