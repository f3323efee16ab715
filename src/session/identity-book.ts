/** Under which role, purpose and policy a session's statements are audited, now that a claim or a reload may change them. */
import type { SessionEncryption, SessionIdentity } from '../audit/types.js';
import type { EnforceContext, SessionFacts } from '../enforce/types.js';
import type { Ports } from './ports.js';

/** Identities that are remembered: each is rendered once for the audit. */
const MAX_KNOWN = 50;

export class IdentityBook {
  /** Of a statement that is begun now. */
  current: SessionIdentity;
  private readonly ports: Ports;
  private readonly known = new Map<string, SessionIdentity>();

  constructor(login: SessionIdentity, ports: Ports) {
    this.current = login;
    this.ports = ports;
  }

  /** Told at the end of the log-in, before any statement. */
  encrypted(encryption: SessionEncryption): void {
    this.current = { ...this.current, encryption };
  }

  /** Told at the end of a governed log-in, when the policy is bound to the database; it may be another than at its begin. */
  grounded({ policy }: EnforceContext): void {
    const { purpose } = this.current;
    this.current = {
      ...this.current,
      legalBasis: purpose === undefined ? undefined : policy.purposes.get(purpose)?.legalBasis,
      policy: this.ports.policyIdentity(),
    };
  }

  /** From here on statements run for these facts. */
  turn(session: SessionFacts, context: EnforceContext): void {
    this.current = this.of(session, context);
  }

  /** The identity of one statement that was planned for these facts. */
  of({ role, purpose, actor }: SessionFacts, context: EnforceContext): SessionIdentity {
    const policy = this.ports.policyIdentity();
    const { current } = this;
    const actorName = actor.get('name');
    if (
      (current.role ?? '') === role &&
      (current.purpose ?? '') === purpose &&
      current.actorName === actorName &&
      current.policy.version === policy.version
    )
      return current;
    const key = JSON.stringify([role, purpose, actorName, policy.name, policy.version]);
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const identity: SessionIdentity = {
      ...current,
      role: role === '' ? undefined : role,
      purpose: purpose === '' ? undefined : purpose,
      actorName,
      legalBasis: context.policy.purposes.get(purpose)?.legalBasis,
      policy: { name: policy.name, version: policy.version },
    };
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(key, identity);
    return identity;
  }
}
