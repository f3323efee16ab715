/** The rewrite that comes to mind first: the consent in a WHERE of the derived table, the values bare (DESIGN 5.1). */
import { vi } from 'vitest';
import { expectCaught } from './mutant.js';

vi.mock(import('../../../src/rewrite/guarded-relation.js'), async (original) => {
  const { plainWhere } = await import('./weakened-relation.js');
  return plainWhere(await original(), '');
});

expectCaught('a plain WHERE EXISTS in place of the guard in the values', 'marketing');
