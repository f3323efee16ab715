/**
 * From a client's text to a QueryPlan for this session, now: asks the planner, refreshes the catalog once when a
 * relation is unknown, and turns "not ready" into a refusal. It knows no messages.
 */
import { factsOf } from '../enforce/claims.js';
import { actingKey } from '../enforce/epoch.js';
import { closedParameter } from '../enforce/operators-and-types.js';
import type {
  EnforceContext,
  PlanFacts,
  QueryPlan,
  Refusal,
  SessionFacts,
  Standing,
  TokenOutcome,
} from '../enforce/types.js';
import type { SessionRule } from '../policy/types.js';
import type { Hold } from './hold.js';
import type { IdentityBook } from './identity-book.js';
import type { Ports } from './ports.js';
import type { RoleLimits } from './row-limiter.js';
import { refusals, refusedPlan } from './refusals.js';
import type { SessionState } from './session-state.js';
import type { Stance } from './statement-starts.js';
import { verifyToken } from './token.js';

const noTokens: ReadonlyMap<string, TokenOutcome> = new Map();

export class TextPlanner {
  private readonly ports: Ports;
  private readonly identities: IdentityBook;
  private readonly state: SessionState;
  private readonly hold: Hold;
  /** Of the policy in force. */
  private rule: SessionRule | undefined;
  private ruleVersion: string | undefined;
  private context: EnforceContext | undefined;
  private contextKnown = false;
  private ready: QueryPlan | undefined;
  private refreshed = false;
  private facts: SessionFacts | undefined;
  /** Verified for the message under way; a token is verified again for the next. */
  private tokens = noTokens;

  constructor(ports: Ports, rule: SessionRule, identities: IdentityBook, state: SessionState, hold: Hold) {
    this.ports = ports;
    this.rule = rule;
    this.identities = identities;
    this.state = state;
    this.hold = hold;
  }

  /** 'hold': the same message will be shown again. Otherwise the plan, and what was kept for it is forgotten. */
  plan(sql: Uint8Array): QueryPlan | 'hold' {
    let plan = this.ready;
    if (plan === undefined) {
      const context = this.currentContext();
      if (context === 'hold') return 'hold';
      if (context === undefined) {
        this.forget();
        return refusedPlan(this.ports.planner, sql, refusals.catalogStale());
      }
      const startedAt = performance.now();
      const outcome = this.ports.planner.plan(sql, this.sessionFacts(), context);
      if (outcome instanceof Promise) return this.hold.until(outcome, (value) => (this.ready = value));
      this.ports.observer.planned((performance.now() - startedAt) / 1000, outcome.cache);
      plan = outcome;
    }
    if (plan.awaitsToken !== undefined) return this.verify(plan.awaitsToken);
    if (
      !this.refreshed &&
      plan.plans.some((one) => one.kind === 'refuse' && one.refusal.code === 'unknown-relation')
    ) {
      const kept = plan;
      return this.hold.until(
        this.ports.refreshCatalog(this.identities.current.database),
        () => {
          this.refreshed = true;
          this.ready = undefined;
          this.contextKnown = false;
        },
        () => {
          this.refreshed = true;
          this.ready = kept;
        },
      );
    }
    this.forget();
    return plan;
  }

  /** True: catalog and policy are being loaded, and the same message will be shown again. */
  awaitContext(): boolean {
    return this.currentContext() === 'hold';
  }

  /** What a plan made now would carry as its epoch; undefined while there is no context. After `awaitContext`. */
  epoch(): string | undefined {
    return this.context === undefined
      ? undefined
      : this.ports.planner.epoch(this.sessionFacts(), this.context);
  }

  /** Whom a statement that is started now acts for. After `plan` or `awaitContext`. */
  stance(): Stance {
    const epoch = this.epoch() ?? '';
    const { facts } = this;
    return { epoch, acting: facts === undefined ? '' : actingKey(facts), identity: this.identities.current };
  }

  /** Of one statement of a plan that was made for the message under way. */
  stanceOf(plan: QueryPlan, index: number): Stance {
    const planned = plan.plannedFor?.[index];
    if (planned === undefined || this.context === undefined) return { ...this.stance(), epoch: plan.epoch };
    const { session, epoch } = planned;
    return { epoch, acting: actingKey(session), identity: this.identities.of(session, this.context) };
  }

  /** Why a message that declares parameters of these types is refused. After `plan`. */
  closedParameter(types: readonly number[], facts: PlanFacts): Refusal | undefined {
    if (this.context === undefined || this.observing || types.length === 0) return undefined;
    return closedParameter(types, facts, this.context.catalog, this.context.policy);
  }

  /** Of the role, where the policy in force limits its rows. After `plan` or `awaitContext`. */
  rowLimits(): RoleLimits | undefined {
    const policy = this.context?.policy;
    if (policy === undefined || this.observing) return undefined;
    const { user, role } = this.sessionFacts();
    const limits = policy.roles.get(role)?.limits;
    if (limits === undefined) return undefined;
    return { user, role, limits, openFunctions: policy.allowedFunctions.size > 0 };
  }

  /** FAIL-CLOSED: a text in which the role changes to or from one with limits cannot be counted as one. */
  mixesLimits(plan: QueryPlan): boolean {
    const roles = new Set((plan.plannedFor ?? []).map(({ session }) => session.role));
    const limited = [...roles].some((role) => this.context?.policy.roles.get(role)?.limits !== undefined);
    return roles.size > 1 && limited;
  }

  get observing(): boolean {
    return this.context?.policy.mode === 'observe';
  }

  private currentContext(): EnforceContext | 'hold' | undefined {
    if (!this.contextKnown) {
      const context = this.ports.contextFor(this.identities.current.database);
      if (context instanceof Promise) {
        const keep = (value: EnforceContext | undefined): void => {
          this.context = value;
          this.contextKnown = true;
        };
        // FAIL-CLOSED: a catalog that cannot be loaded means that statements are refused.
        return this.hold.until(context, keep, () => keep(undefined));
      }
      this.context = context;
    }
    // An awaited context serves the message it was awaited for; the next message asks again.
    return this.context;
  }

  private sessionFacts(): SessionFacts {
    const { context } = this;
    const standing = this.standing();
    const known = this.facts?.standing;
    const same =
      known !== undefined &&
      known.rule === standing.rule &&
      known.tokens === standing.tokens &&
      stillTrue(known, standing);
    if (!same || this.facts === undefined) {
      const { user, database } = this.identities.current;
      this.facts = factsOf({ user, database }, standing);
      if (context !== undefined) this.identities.turn(this.facts, context);
    }
    return this.facts;
  }

  private standing(): Omit<Standing, 'gap'> {
    const { state } = this;
    return {
      rule: this.ruleInForce(),
      settings: state.settings,
      failed: state.transactionFailed,
      tokens: this.tokens,
      now: Date.now(),
      sharedServer: state.sharedServer,
    };
  }

  /** A reload may have changed what this session may be; FAIL-CLOSED: what it takes away is gone at once. */
  private ruleInForce(): SessionRule | undefined {
    const version = this.context?.policy.version;
    if (version !== this.ruleVersion) {
      this.ruleVersion = version;
      const { user, database, applicationName, certificateName, client } = this.identities.current;
      const { address } = client;
      const certificate = certificateName;
      const rule = this.ports.matchSession({ user, database, address, applicationName, certificate });
      this.rule = rule?.exempt === true ? undefined : rule;
      this.facts = undefined;
    }
    return this.rule;
  }

  private verify(token: string): 'hold' {
    const { claims } = this.rule ?? {};
    this.ready = undefined;
    // FAIL-CLOSED: only a rule that asks for tokens can have led here.
    if (claims?.by.kind !== 'token') throw new Error('a token was met where none is asked for');
    return this.hold.until(verifyToken(token, claims.by), (outcome) => {
      this.tokens = new Map(this.tokens).set(token, outcome);
    });
  }

  /** Call when the message is done with: what was awaited was for that message alone. */
  forget(): void {
    this.ready = undefined;
    this.refreshed = false;
    this.contextKnown = false;
    this.tokens = noTokens;
  }
}

/** The facts that were made at the one time are still true at the other. */
function stillTrue(known: Standing, { settings, now, failed }: Omit<Standing, 'gap'>): boolean {
  if (known.failed !== failed || known.settings !== settings) return false;
  const { token } = settings.current;
  if (token === undefined) return true;
  const valid = (at: number): boolean => at >= token.notBefore && at < token.expiresAt;
  return valid(known.now) === valid(now);
}
