/** Facts of a statement of which less is known than of one that was planned to its end. */
import type { PlanFacts } from './types.js';

const noFields: ReadonlySet<string> = new Set();

/** Of no more than its command: a plan's facts before anything was found out; `forbiddenFields` stays empty where no result can come. */
export function emptyFacts(command: string, forbiddenFields = noFields): PlanFacts {
  return {
    command,
    protectedData: false,
    tables: [],
    columns: {},
    maskedLabels: [],
    rules: [],
    outputs: undefined,
    forbiddenFields,
    consent: undefined,
    effect: undefined,
  };
}

/**
 * Of a statement that was refused, and runs as it came all the same since the policy only observes. FAIL-CLOSED: what it
 * reads was not followed to the end, so it may be anything.
 */
export function unfollowed(facts: PlanFacts): PlanFacts {
  return facts.protectedData ? facts : { ...facts, protectedData: true };
}
