/** Facts of a statement of which no more is known than its command. */
import type { PlanFacts } from './types.js';

const noFields: ReadonlySet<string> = new Set();

/** A plan's facts before anything was found out; `forbiddenFields` stays empty where no result can come. */
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
