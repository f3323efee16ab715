/** An UPDATE or DELETE whose values are masked but whose rows are not guarded touches and counts withheld rows. */
import { vi } from 'vitest';
import { expectCaught } from './mutant.js';

vi.mock(import('../../../src/rewrite/write-condition.js'), async (original) => ({
  ...(await original()),
  rewriteCondition: () => undefined,
}));

expectCaught('writes without their row guard', 'marketing');
