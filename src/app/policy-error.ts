/** Policies or certificates that nothing can be started with. */
import type { PolicyProblem } from '../policy/types.js';

/** Something that the configuration names cannot be used, so there is nothing to start with. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(
    problems: readonly PolicyProblem[],
    where: 'the policies' | 'TLS' | 'auth.verifiers' | 'audit.checkpoints' = 'the policies',
  ) {
    super(`${problems.length} problems with ${where}`);
    this.problems = problems;
  }
}
