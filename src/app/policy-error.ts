/** Policies that nothing can be started with. */
import type { PolicyProblem } from '../policy/types.js';

/** The policies cannot be used, so there is nothing to start with. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(`the policies have ${problems.length} problems`);
    this.problems = problems;
  }
}
