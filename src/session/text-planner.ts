/**
 * From a client's text to a QueryPlan for this session, now: asks the planner, refreshes the catalog once when a
 * relation is unknown, and turns "not ready" into a refusal. It knows no messages.
 */
import type { EnforceContext, QueryPlan, SessionFacts } from '../enforce/types.js';
import type { Hold } from './hold.js';
import type { Ports } from './ports.js';
import type { RoleLimits } from './row-limiter.js';
import { refusals, refusedPlan } from './refusals.js';
import type { SessionState } from './session-state.js';

export class TextPlanner {
  private readonly ports: Ports;
  private readonly base: Omit<SessionFacts, 'searchPath'>;
  private readonly state: SessionState;
  private readonly hold: Hold;
  private context: EnforceContext | undefined;
  private contextKnown = false;
  private ready: QueryPlan | undefined;
  private refreshed = false;
  private facts: SessionFacts | undefined;

  constructor(ports: Ports, base: Omit<SessionFacts, 'searchPath'>, state: SessionState, hold: Hold) {
    this.ports = ports;
    this.base = base;
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
    if (
      !this.refreshed &&
      plan.plans.some((one) => one.kind === 'refuse' && one.refusal.code === 'unknown-relation')
    ) {
      const kept = plan;
      return this.hold.until(
        this.ports.refreshCatalog(this.base.database),
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

  /** Of the role, where the policy in force limits its rows. After `plan` or `awaitContext`. */
  rowLimits(): RoleLimits | undefined {
    const policy = this.context?.policy;
    const { user, role } = this.base;
    const limits = policy?.roles.get(role)?.limits;
    if (policy === undefined || limits === undefined || this.observing) return undefined;
    return { user, role, limits, openFunctions: policy.allowedFunctions.size > 0 };
  }

  get observing(): boolean {
    return this.context?.policy.mode === 'observe';
  }

  private currentContext(): EnforceContext | 'hold' | undefined {
    if (!this.contextKnown) {
      const context = this.ports.contextFor(this.base.database);
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
    const searchPath = this.state.path.current;
    if (this.facts?.searchPath !== searchPath) this.facts = { ...this.base, searchPath };
    return this.facts;
  }

  /** Call when the message is done with: what was awaited was for that message alone. */
  forget(): void {
    this.ready = undefined;
    this.refreshed = false;
    this.contextKnown = false;
  }
}
