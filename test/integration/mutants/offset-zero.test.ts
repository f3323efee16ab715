/** OFFSET 0 keeps the client's conditions out of the derived table, but not out of the planner's look at statistics. */
import { vi } from 'vitest';
import { expectCaught } from './mutant.js';

vi.mock(import('../../../src/rewrite/guarded-relation.js'), async (original) => {
  const { plainWhere } = await import('./weakened-relation.js');
  return plainWhere(await original(), ' OFFSET 0');
});

expectCaught('OFFSET 0 in place of the guard in the values', 'marketing', { statistics: true });
